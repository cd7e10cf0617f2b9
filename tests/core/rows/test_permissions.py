"""Which rows a session may read and write."""

from __future__ import annotations

import pytest

from tests.core.rows.kit import ADMIN, GUEST, RESOURCES, client, client_of
from tidegate.core.access.claims import Claims
from tidegate.core.access.rules import RowAccess
from tidegate.core.errors import Refused
from tidegate.core.filters.tree import EVERYTHING, NOTHING, Filter, compile_filters
from tidegate.core.rows.named_rows import NamedRows
from tidegate.core.rows.permissions import Permissions, ResourceRules, Unrestricted
from tidegate_protocol import Principal


def test_a_key_is_a_scalar_or_an_object() -> None:
    assert NamedRows("id", [7, 8]) == ({"id": 7}, {"id": 8})
    assert NamedRows("id", [7, 8, 9])[1:] == [{"id": 8}, {"id": 9}]
    place = {"country": "NO", "city": "Bergen"}
    assert NamedRows("country", [place])[0] == place


def test_a_resource_that_the_schema_has_not_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        Permissions(RESOURCES).rules("nothing")
    assert (caught.value.code, caught.value.pointer) == ("unknown_resource", "/resource")


def test_a_permission_is_remembered_until_it_is_forgotten() -> None:
    permissions, session, notes = Permissions(RESOURCES), client_of("red"), RESOURCES["notes"]
    assert permissions.permitted(session, notes, "read") == compile_filters({"owner": "red"})
    assert permissions.permitted(session, notes, "read") is permissions.permitted(session, notes, "read")
    assert permissions.permitted(session, notes, "update") == compile_filters({"owner": "red"})
    session.become(ADMIN, {"team": "blue"})
    permissions.forget(session)
    permissions.forget(session)
    assert permissions.permitted(session, notes, "read") == compile_filters({"owner": "blue"})


def test_a_user_who_may_read_nothing_is_shown_nothing() -> None:
    permissions = Permissions(RESOURCES)
    assert permissions.readable(client(GUEST), RESOURCES["secrets"]) == NOTHING
    assert permissions.readable(client(ADMIN), RESOURCES["secrets"]) == EVERYTHING


def test_a_rule_of_the_application_that_fails_decides_nothing() -> None:
    def failing(user: Principal, claims: Claims) -> Filter:
        raise Refused("internal", "the rule failed")

    users = ResourceRules("users", ("id",), RowAccess("users", {"read": "anyone"}, hooks={"read": failing}))
    with pytest.raises(Refused) as caught:
        Permissions({"users": users}).readable(client(), users)
    assert caught.value.code == "internal"


def test_the_application_itself_may_do_everything_with_the_resources_that_there_are() -> None:
    unrestricted = Unrestricted(RESOURCES)
    assert unrestricted.permitted(client_of("red"), RESOURCES["notes"], "delete") is EVERYTHING
    assert unrestricted.readable(client_of("red"), RESOURCES["notes"]) is EVERYTHING
    with pytest.raises(Refused):
        unrestricted.rules("nothing")
