"""Which entries of members in a recording must come back, and which may be another one now."""

from __future__ import annotations

from typing import Any

from tests.support.cases import every_case
from tidegate.replay.presence import Members, Own

Message = dict[str, Any]

ADA: Message = {"id": "1", "name": "Ada", "status": "online", "connections": 1, "since": 5}
AWAY: Message = {**ADA, "status": "away"}
BO: Message = {"id": "2", "name": "Bo", "status": "online", "connections": 1, "since": 6}


def own(*requests: Message) -> Own:
    """A client that is Ada and has sent `requests`."""
    made = Own()
    made.told({"type": "authenticated", "user": {"id": "1"}, "ref": "sign-in"})
    for request in requests:
        made.sent(request)
    return made


def presence(*users: Message, **more: Any) -> Message:
    return {"type": "presence", "room": "a", "users": [*users], **more}


CASES: dict[str, tuple[Own, Message, tuple[str, Message] | None]] = {
    "the own entry of a list": (own(), presence(BO, ADA), ("/users/1", ADA)),
    "of a join": (own(), {"type": "joined", "users": [ADA], "ref": "a"}, ("/users/0", ADA)),
    "of a change": (own(), {"type": "presence_diff", "changed": [ADA], "joined": [BO]}, ("/changed/0", ADA)),
    "the last of two": (own(), {"type": "presence_diff", "joined": [ADA], "changed": [AWAY]}, ("/changed/0", AWAY)),
    "others": (own(), presence(BO), None),
    "what is no member": (own(), {"type": "presence", "users": [1, ADA]}, ("/users/1", ADA)),
    "what is no list": (own(), {"type": "presence", "users": {"1": ADA}}, None),
    "a second program of the user": (own(), presence({**ADA, "connections": 2}), None),
    **{
        f"while a request about it is not answered: {kind}": (own({"type": kind, "ref": "a"}), presence(ADA), None)
        for kind in ("authenticate", "join", "leave", "presence")
    },
    "in the answer to the only such request": (
        own({"type": "presence", "ref": "a"}),
        presence(ADA, ref="a"),
        ("/users/0", ADA),
    ),
    "while a request about rows is not answered": (own({"type": "list", "ref": "a"}), presence(ADA), ("/users/0", ADA)),
    "a message without members": (own(), {"type": "pong", "ref": "a"}, None),
    "a row of users": (own(), {"type": "rows", "users": [ADA]}, None),
}


def test_which_entries_must_come_back() -> None:
    with every_case() as case:
        for name, (client, message, expected) in CASES.items():
            with case(name):
                assert client.told(message) == expected


def test_a_client_that_becomes_another_user_has_the_entry_of_that_one() -> None:
    client = own()
    client.told({"type": "assigned", "user": {"id": "3"}})
    assert client.told(presence(ADA, BO)) == ("/users/0", ADA)
    client.told({"type": "authenticated", "user": {"id": "2"}, "ref": "b"})
    assert client.told(presence(ADA, BO)) == ("/users/1", BO)


def test_members_are_kept_as_the_gateway_tells_them() -> None:
    members = Members()
    members.told({"type": "joined", "room": "a", "users": [ADA], "ref": "a"})
    assert members.entry("a", "1") == ADA
    assert members.entry("b", "1") == members.entry("a", "2") == {}
    members.told({"type": "presence_diff", "room": "a", "joined": [BO], "changed": [AWAY], "left": []})
    assert (members.entry("a", "1"), members.entry("a", "2")) == (AWAY, BO)
    members.told({"type": "presence_diff", "room": "a", "joined": [], "changed": [], "left": [ADA]})
    assert members.entry("a", "1") == {}
    members.told(presence(ADA))
    assert (members.entry("a", "1"), members.entry("a", "2")) == (ADA, {})
    members.told({"type": "joined", "room": "a", "users": [BO], "ref": "b"})
    assert (members.entry("a", "1"), members.entry("a", "2")) == ({}, BO)
    members.told(presence(ADA))
    members.told({"type": "joined", "room": "a", "position": {"offset": 1}})
    assert members.entry("a", "1") == ADA, "a gap of messages tells no members"
