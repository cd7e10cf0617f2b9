"""Pairs about `x-access`: of messages, rooms and rows."""

from __future__ import annotations

from typing import Any

from tests.schema.compatibility.pairs import TEXT, Pair, ask, pair, room, rows, shut

OWN = {"where": {"name": "$user.id"}}
OPEN_OWN = {"where": {"or": [{"name": "$user.id"}, {"shared": True}]}}
BOTH_OWN = {"where": {"name": "$user.id", "shared": True}}
SCHEMA = shut({"text": TEXT})
ROW = {"name": {"type": "string", "maxLength": 9}, "shared": {"type": "boolean"}}


def send(name: str, old: Any, new: Any, *labels: str) -> Pair:
    """The rule for a message; None: there is no rule."""
    before, after = (ask({}, **{"x-access": {} if rule is None else {"send": rule}}) for rule in (old, new))
    return pair(f"a message: {name}", before, after, *labels)


def read(name: str, old: Any, new: Any, *labels: str) -> Pair:
    """The rule for reading rows; None: there is no rule."""
    before, after = (rows(ROW, **{"x-access": {} if rule is None else {"read": rule}}) for rule in (old, new))
    return pair(f"rows: {name}", before, after, *labels)


PAIRS = (
    send("anyone becomes a role", "anyone", "role:admin", "breaking ask /x-access/send"),
    send("anyone becomes authenticated", "anyone", "authenticated", "breaking ask /x-access/send"),
    send("a role becomes authenticated", "role:admin", "authenticated", "note ask /x-access/send"),
    send("another role", "role:admin", "role:clerk", "breaking ask /x-access/send"),
    send("a role more", "role:admin", ["role:clerk", "role:admin"], "note ask /x-access/send"),
    send("roles in another order", ["role:a", "role:b"], ["role:b", "role:a"]),
    send("a rule as a list", "role:a", ["role:a"]),
    send("no rule any more", "anyone", None, "breaking ask /x-access/send"),
    send("a rule where none was", None, "role:admin", "note ask /x-access/send"),
    send("a role that anyone includes", "anyone", ["anyone", "role:admin"]),
    read("anyone becomes authenticated", "anyone", "authenticated", "breaking rows /x-access/read"),
    read("anyone becomes the own rows", "anyone", OWN, "breaking rows /x-access/read"),
    read("the own rows become all", OWN, "anyone", "note rows /x-access/read"),
    read("more rows", OWN, OPEN_OWN, "note rows /x-access/read"),
    read("fewer rows", OPEN_OWN, OWN, "breaking rows /x-access/read"),
    read("fewer rows by another condition", OWN, BOTH_OWN, "breaking rows /x-access/read"),
    read("a condition less", BOTH_OWN, OWN, "note rows /x-access/read"),
    read("a role beside the own rows", OWN, ["role:admin", OWN], "note rows /x-access/read"),
    read("the own rows are not those of all users", OWN, "authenticated", "breaking rows /x-access/read"),
    read("no rule any more", "role:admin", None, "breaking rows /x-access/read"),
    pair(
        "rooms: fewer users join, more send",
        room(SCHEMA, access={"join": "anyone", "send": "role:a"}),
        room(SCHEMA, access={"join": "role:a", "send": ["role:a", "role:b"]}),
        "breaking room /x-access/join",
        "note room /x-access/send",
    ),
    pair(
        "rooms: sending is no longer allowed",
        room(SCHEMA),
        room(SCHEMA, access={"join": "anyone"}),
        "breaking room /x-access/send",
    ),
    pair(
        "rows: deleting is no longer allowed",
        rows(ROW),
        rows(ROW, **{"x-access": {a: "anyone" for a in ("read", "create", "update")}}),
        "breaking rows /x-access/delete",
    ),
)
