from __future__ import annotations

from typing import Any

import pytest

from tidegate.core.access import allows, require
from tidegate.core.errors import Refused
from tidegate_protocol import Principal

GUEST = Principal(id="anon-1", name="Guest", roles=["admin"], anonymous=True)
ADA = Principal(id="1", name="Ada", roles=[], anonymous=False)
ADMIN = Principal(id="2", name="Root", roles=["admin"], anonymous=False)


@pytest.mark.parametrize(
    ("rule", "who"),
    [
        ("anyone", "guest ada admin"),
        ("authenticated", "ada admin"),
        ("role:admin", "admin"),
        ("role:", ""),
        ("everyone", ""),
        ({"where": {"owner_id": "$user.id"}}, ""),
        (None, ""),
    ],
)
def test_rules(rule: Any, who: str) -> None:
    users = {"guest": GUEST, "ada": ADA, "admin": ADMIN}
    assert " ".join(name for name, user in users.items() if allows({"read": rule}, "read", user)) == who


def test_what_no_rule_mentions_is_denied() -> None:
    assert not allows({"read": "anyone"}, "delete", ADMIN)


@pytest.mark.parametrize(
    ("rule", "user", "code"),
    [
        ("authenticated", GUEST, "unauthenticated"),
        ("role:admin", GUEST, "unauthenticated"),
        ("role:admin", ADA, "forbidden"),
        ({"where": {}}, GUEST, "forbidden"),
        (None, GUEST, "forbidden"),
    ],
)
def test_signing_in_is_advised_only_where_it_could_help(rule: Any, user: Principal, code: str) -> None:
    with pytest.raises(Refused) as caught:
        require({"read": rule}, "read", user, "resource", "users")
    assert caught.value.code == code


def test_require_lets_pass() -> None:
    require({"read": "anyone"}, "read", GUEST, "resource", "users")
