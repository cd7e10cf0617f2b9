from __future__ import annotations

from typing import Any

import pytest

from tidegate.core.access.rules import RowAccess, allows, permission, require, require_role
from tidegate.core.errors import Refused
from tidegate.core.filters.tree import EVERYTHING, NOTHING, Filter, compile_filters
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
        (["role:admin", {"where": {}}], "admin"),
        (["role:nobody", "authenticated"], "ada admin"),
        ([], ""),
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
        (["role:admin", {"where": {}}], GUEST, "unauthenticated"),
        (["role:admin", {"where": {}}], ADA, "forbidden"),
        (None, GUEST, "forbidden"),
    ],
)
def test_signing_in_is_advised_only_where_it_could_help(rule: Any, user: Principal, code: str) -> None:
    with pytest.raises(Refused) as caught:
        require({"read": rule}, "read", user, "resource", "users")
    assert caught.value.code == code


def test_require_lets_pass() -> None:
    require({"read": "anyone"}, "read", GUEST, "resource", "users")


MINE = {"where": {"owner": "$user.id"}}
SHARED = {"where": {"shared": True}}


def rows(rule: Any, user: Principal = ADA, **hooks: Any) -> Filter:
    convert = {"owner": int, "shared": bool}
    return permission(RowAccess("notes", {"read": rule}, convert, hooks), "read", user, {})


def test_a_word_that_lets_a_user_pass_means_all_rows() -> None:
    assert rows("anyone") == rows([MINE, "authenticated"]) == rows(["role:admin", MINE], ADMIN) == EVERYTHING


def test_row_rules_mean_the_rows_that_meet_one_of_them() -> None:
    assert rows(MINE) == compile_filters({"owner": 1})
    assert rows([MINE, SHARED, "role:admin"]) == compile_filters({"or": [{"owner": 1}, {"shared": True}]})
    assert rows([MINE, SHARED], GUEST) == compile_filters({"shared": True})
    assert rows(MINE, GUEST) == NOTHING


@pytest.mark.parametrize("rule", ["role:admin", None, [], ["role:admin"]])
def test_a_user_that_no_rule_admits_is_refused(rule: Any) -> None:
    with pytest.raises(Refused) as caught:
        rows(rule)
    assert (caught.value.code, str(caught.value)) == ("forbidden", "resource 'notes': read is not allowed")


def test_the_applications_own_rule_narrows_and_never_widens() -> None:
    def hook(user: Principal, claims: Any) -> Filter:
        return compile_filters({"team": user.name})

    assert rows("anyone", read=hook) == compile_filters({"team": "Ada"})
    assert rows(MINE, read=hook) == compile_filters({"owner": 1, "team": "Ada"})
    assert rows(MINE, read=lambda user, claims: EVERYTHING) == rows(MINE)
    assert rows(MINE, read=lambda user, claims: NOTHING) == NOTHING
    assert rows("anyone", update=hook) == EVERYTHING
    with pytest.raises(Refused):
        rows("role:admin", read=hook)


@pytest.mark.parametrize(
    ("rule", "roles", "code"),
    [
        ("role:service", ["service"], None),
        (["authenticated", "role:service"], ["other", "service"], None),
        ("role:service", ["other"], "forbidden"),
        ("anyone", ["service"], "forbidden"),
        (["authenticated", {"where": {}}], ["service"], "forbidden"),
        (None, ["service"], "forbidden"),
        ("role:service", None, "unauthenticated"),
    ],
)
def test_without_being_joined_a_role_must_be_named(rule: Any, roles: list[str] | None, code: str | None) -> None:
    """`roles`: None for an anonymous user, whose roles never count."""
    user = Principal(id="u", name="U", roles=roles or ["service"], anonymous=roles is None)
    if code is None:
        require_role({"send": rule}, "send", user, "log-1")
        return
    with pytest.raises(Refused) as refused:
        require_role({"send": rule}, "send", user, "log-1")
    assert refused.value.code == code
