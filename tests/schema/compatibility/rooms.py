"""Pairs about rooms: which names a pattern has, and what the rooms keep and tell."""

from __future__ import annotations

from typing import Any

from tests.schema.compatibility.pairs import TEXT, Folder, Schema, pair, room, shut

FREE: Schema = {}
STRICT = shut({"text": TEXT}, "text")
LOOSE = shut({"text": TEXT})


def chat(schema: Schema = STRICT, pattern: str = "chat-*", **more: Any) -> Folder:
    return room(schema, pattern, file="chat", **more)


def rest(schema: Schema = FREE, **more: Any) -> Folder:
    return room(schema, "*", file="rest", **more)


ADMINS = {"join": "role:admin", "send": "role:admin"}

PAIRS = (
    pair(
        "names of * get a strict schema",
        rest(),
        {**rest(), **chat()},
        "breaking chat /x-room/pattern",
        "breaking chat ",
        "breaking chat /required",
        "breaking chat /properties/text",
        "breaking chat /additionalProperties",
    ),
    pair(
        "names of * may be joined by admins only",
        rest(),
        {**rest(), **chat(FREE, access={"join": "role:admin", "send": "anyone"})},
        "breaking chat /x-room/pattern",
        "breaking chat /x-access/join",
    ),
    pair("names of * get the same schema", rest(STRICT), {**rest(STRICT), **chat(STRICT)}),
    pair(
        "names of * get a schema with an optional property more",
        rest(STRICT),
        {**rest(STRICT), **chat(shut({"text": TEXT, "n": TEXT}, "text"))},
    ),
    pair(
        "names of * get another history",
        rest(STRICT),
        {**rest(STRICT), **chat(STRICT, history={"size": 9, "ttl": 60})},
        "note chat /x-room/history",
    ),
    pair("all names of * get a pattern of their own", rest(STRICT), room(STRICT, "**", file="chat")),
    pair(
        "names return to *",
        {**rest(), **chat()},
        rest(),
        "breaking chat /x-room/pattern",
        "breaking rest ",
        "breaking chat /properties/text",
    ),
    pair("names return to a * with the same schema", {**rest(STRICT), **chat()}, rest(STRICT)),
    pair("names have no schema any more", chat(), room(STRICT, "talk-*", file="chat"), "breaking chat /x-room/pattern"),
    pair("names that had no schema", chat(), {**chat(), **room(FREE, "talk-*", file="talk")}),
    pair("* for the names that had no schema", chat(), {**chat(), **rest()}),
    pair("a pattern has more names", chat(pattern="chat-a*"), chat(pattern="chat-*")),
    pair("a pattern has fewer names", chat(pattern="chat-*"), chat(pattern="chat-a*"), "breaking chat /x-room/pattern"),
    pair(
        "a pattern has fewer names, and * has the others",
        {**rest(STRICT), **chat(pattern="chat-*")},
        {**rest(STRICT), **chat(pattern="chat-a*")},
    ),
    pair(
        "a pattern in two parts",
        chat(),
        {**room(STRICT, "chat-a*", file="left"), **room(LOOSE, "chat-b*", file="right"), **rest(STRICT)},
        "breaking right /x-room/pattern",
        "breaking right ",
    ),
    pair(
        "two patterns become one",
        {**room(STRICT, "chat-a*", file="left"), **room(STRICT, "chat-b*", file="right")},
        chat(),
    ),
    pair("a pattern that is written in another way", chat(), chat(pattern="chat-**")),
    pair(
        "a pattern that overlaps in the middle",
        room(STRICT, "*-team", file="team"),
        {**chat(LOOSE), **room(STRICT, "b*", file="team")},
        "breaking chat /x-room/pattern",
        "breaking chat ",
        "breaking team /x-room/pattern",
    ),
    pair(
        "a single name gets a schema",
        rest(STRICT),
        {**rest(STRICT), **chat(shut({"text": {"type": "string", "maxLength": 3}}, "text"), "lobby")},
        "breaking chat /x-room/pattern",
        "breaking chat /properties/text",
    ),
    pair("a room in another file", chat(), room(STRICT, "chat-*", file="talk")),
    pair(
        "a room in another file, with a shorter text",
        chat(),
        room(shut({"text": {"type": "string", "maxLength": 3}}, "text"), "chat-*", file="talk"),
        "breaking talk /properties/text",
    ),
    pair("presence is off", chat(), chat(presence=False), "note chat /x-room/presence"),
    pair("presence is on by default", chat(presence=False), chat(), "note chat /x-room/presence"),
    pair("presence is written", chat(), chat(presence=True)),
    pair(
        "a shorter history",
        chat(history={"size": 50, "ttl": 60}),
        chat(history={"size": 9, "ttl": 60}),
        "note chat /x-room/history",
    ),
    pair("no history", chat(history={"size": 50, "ttl": 60}), chat(), "note chat /x-room/history"),
    pair(
        "slow clients get the newest of each value",
        chat(slow="conflate"),
        chat(slow={"conflate": "/text"}),
        "note chat /x-room/slow",
    ),
    pair("slow clients lose messages", chat(), chat(slow="drop_oldest"), "note chat /x-room/slow"),
    pair("a strict pattern beside * stays", {**rest(), **chat()}, {**chat(), **rest()}),
    pair("a strict pattern beside * in other words", {**rest(), **chat()}, {**rest(), **chat(pattern="chat-**")}),
    pair(
        "* is stricter, beside a pattern",
        {**rest(), **chat()},
        {**rest(TEXT), **chat()},
        "breaking rest ",
    ),
    pair("a new kind of rooms", chat(), {**chat(), **room(STRICT, "b", file="b", access=ADMINS)}),
)
