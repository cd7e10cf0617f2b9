"""Rules of rooms, bound to a user and a room: what they say without rows, and which rows they ask for."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.core.access.room_rules import Condition, RoomAccess, RoomName, Verdict, decide
from tidegate.core.filters.tree import tree
from tidegate_protocol import Principal

ANN = Principal(id="7", name="Ann", roles=["lead"], anonymous=False)
GUEST = Principal(id="anon-1", name="Guest", roles=[], anonymous=True)
ROOM = RoomName("doc-7-x", "doc-{doc}-{part}", {"doc": "7", "part": "x"})
CLAIMS = {"teams": ["red", 7], "org": "acme", "paid": True, "none": []}
CONVERT = {"members": {"doc": int, "user": str, "team": str}}


def said(rule: Any, user: Principal = ANN, action: str = "join") -> Verdict:
    return decide(RoomAccess({action: rule}, CONVERT), action, user, CLAIMS, ROOM)


def asks(**where: Any) -> Verdict:
    return (Condition("members", tree(where)),)


def test_words_decide_at_once() -> None:
    assert said("anyone", GUEST) is True
    assert said(["authenticated", {"exists": {"resource": "members", "where": {}}}]) is True
    assert said("role:lead", GUEST) is False
    assert said(None) is False


@pytest.mark.parametrize(
    ("where", "holds"),
    [
        ({"doc": "7"}, True),
        ({"doc": 7}, True),
        ({"doc": "$user.id"}, True),
        ({"doc": "$room.part"}, False),
        ({"doc": {"in": "$user.teams"}}, True),
        ({"part": {"nin": ["y", "z"]}}, True),
        ({"part": {"ne": "x"}}, False),
        ({"$user.org": "acme"}, True),
        ({"$user.teams": "red"}, True),
        ({"$user.paid": True}, True),
        ({"$user.paid": 1}, False),
        ({"$user.missing": {"ne": "acme"}}, False),
        ({"part": {"ne": "$user.missing"}}, False),
        ({"part": {"nin": "$user.none"}}, False),
        ({"or": [{"part": "y"}, {"doc": "7"}]}, True),
        ({"and": [{"part": "x"}, {"doc": "8"}]}, False),
    ],
    ids=str,
)
def test_claims_and_parameters_decide_at_once(where: Any, holds: bool) -> None:
    assert said({"where": where}) is holds


def test_rows_are_asked_for_with_values_in_place_of_names() -> None:
    rule = {"exists": {"resource": "members", "where": {"doc": "$room.doc", "user": "$user.id"}}}
    assert said(rule) == asks(doc=7, user="7")
    assert said([rule, rule]) == asks(doc=7, user="7")
    assert said({"role": "lead", "where": {"part": "x"}, **rule}) == asks(doc=7, user="7")


def test_what_cannot_hold_asks_for_no_rows() -> None:
    for where in ({"doc": "$room.part"}, {"doc": {"ne": "$user.missing"}}, {"doc": "$room.missing"}):
        assert said({"exists": {"resource": "members", "where": where}}) is False
    exists = {"exists": {"resource": "members", "where": {"doc": 1}}}
    assert said({"role": "boss", **exists}) is False
    assert said({"role": "lead", **exists}, GUEST) is False
    assert said({"where": {"part": "y"}, **exists}) is False
    assert said({"role": "lead"}) is False


def test_members_may_see_members_and_history_where_no_rule_says_otherwise() -> None:
    access = RoomAccess({"join": "anyone"})
    assert [decide(access, action, GUEST, {}, ROOM) for action in ("send", "presence", "history")] == [
        False,
        True,
        True,
    ]


def test_what_the_application_says_only_narrows() -> None:
    for says in (True, False):
        access = RoomAccess({"join": "authenticated"}, hooks={"join": lambda user, claims, room, says=says: says})  # type: ignore[misc]
        assert decide(access, "join", ANN, {}, ROOM) is says
        assert decide(access, "join", GUEST, {}, ROOM) is False
        assert not access.plain
