"""Strategies for the contract tests: valid and mutated messages, as bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

Message = dict[str, Any]

SEEDS: list[Message] = [
    {"type": "join", "room": "chat-1", "since": {"epoch": "e", "offset": 1}, "presence": "diff", "info": {"a": 1}},
    {"type": "leave", "room": "chat-1", "ref": 1},
    {"type": "message", "room": "chat-1", "data": {"text": "hello"}, "key": "k", "ref": "r"},
    {"type": "message", "room": "cursor-1", "data": {"x": 0.5, "y": 1}},
    {"type": "message", "room": "anything", "data": [1, None, {"a": True}]},
    {"type": "presence", "room": "a", "status": "away"},
    {"type": "history", "room": "a", "before": 3, "limit": 10},
    {"type": "subscribe", "resource": "users", "filters": {"status": "active"}, "snapshot": True, "fields": ["name"]},
    {"type": "unsubscribe", "subscription": "s"},
    {"type": "unsubscribe", "resource": "tasks", "filters": {"done": False, "notes": None}},
    {"type": "list", "resource": "tasks", "sort": [{"field": "title", "order": "desc"}], "limit": 3, "count": True},
    {"type": "get", "resource": "users", "ids": [1, 2]},
    {"type": "create", "resource": "users", "data": {"name": "A", "email": "a@example.com", "status": "active"}},
    {"type": "create", "resource": "tasks", "data": [{"user_id": 1, "title": "t", "tags": ["a"], "priority": 2}]},
    {"type": "update", "resource": "tasks", "id": 3, "data": {"notes": None, "done": True}, "if": {"title": "t"}},
    {"type": "delete", "resource": "tasks", "id": 3, "key": "k"},
    {"type": "authenticate", "token": "a.b.c"},
    {"type": "ping", "ref": 1},
]
"""Valid messages of the sample application."""
VALUES: list[Any] = [
    *(None, True, False, 0, -0.0, -1, 1, 5, 1.0, 2.0, 0.5, 0.07, 1e300, 1e-7, 2**53 - 1, 2**53, -(2**53), 10**25),
    *(1e25, 1e15, 999.99, 50, 51, 1000, "", "x", "a\n", "\n", "\0", "AB-1", "AB-1\n", "ab-1", "chat-2", "chat-", "odd"),
    *("users", "tasks", "things", "places", "id", "active", "thing", "x" * 64, "x" * 65, "\U0001f600" * 2, "é" * 3),
    *("\U0001f600" * 64, "\U0001f600" * 65, "2024-02-30", "2023-02-29", "2026-01-01", "2026-01-01T00:00:00Z"),
    *("2026-01-01t00:00:00z", "2016-12-31T23:59:60Z", "0001-01-01T00:00:00+01:00", "2026-01-01T24:00:00Z"),
    *("2026-01-01 00:00:00Z", "2026-01-01T00:00:00", "2026-01-01T00:00:00.1234567Z", "9999-12-31T23:59:59-01:00"),
    *("2026-1-1", "127.0.0.1", "127.0.0.01", "256.1.1.1", "::1", "a@b", "@", "a@b@c", "nobody"),
    *("6F1C2D3E-0000-4000-8000-000000000000", "6f1c2d3e00004000800000000000000000", "{6f1c2d3e-0000-4000-8000-0}"),
    *([], {}, [1], [1, "a"], [1, 2], ["a", "a"], [[]], [1, 1.0], [0, False], [{"at": 1}, {"at": 1.0}], ["x"]),
    *({"a": 1}, {"epoch": "e", "offset": 0}, [{"field": "id"}], {"text": "t"}, {"zone": 1, "slug": "a"}, {"kind": 1}),
    *({"depth": 1}, {"x_a": "abcd"}, {"x_a": "abc"}, {"": ""}, {"a/b": 1, "c~d": 2}),
]
NAMES = [
    *(
        "type",
        "ref",
        "room",
        "data",
        "resource",
        "filters",
        "id",
        "ids",
        "key",
        "sort",
        "fields",
        "text",
        "nonsense",
        "if",
    ),
    *("code", "price", "rank", "grade", "kind", "day", "at", "token", "address", "mail", "meta", "marks", "secret"),
    *("anything", "zone", "slug", "label", "tags", "n", "no", "long_name", "a/b~c", "", "x_1", "limit", "presence"),
]

LIKE: dict[type, list[Any]] = {
    kind: [value for value in VALUES if type(value) is kind] for kind in (str, int, float, list, dict, bool)
}
"""Values by type: a message with another value of the same type often stays valid."""


@st.composite
def mutated_messages(draw: st.DrawFn, seeds: list[Message]) -> bytes:
    """A seed with a new `ref` and up to three changes: something added, left out or replaced, anywhere in it."""
    message: Message = {**deepcopy(draw(st.sampled_from(seeds))), "ref": draw(st.integers(-999, 10**6))}
    changes: int = draw(st.integers(0, 3))
    for _ in range(changes):
        places: list[Any] = list(containers(message))
        target = draw(st.sampled_from(places))
        value = deepcopy(draw(st.sampled_from(VALUES)))
        if isinstance(target, list):
            place: int = draw(st.integers(0, len(target)))
            target[place : place + 1] = [value]
            continue
        # Most changes are to present properties: an unknown name always leads to the same refusal.
        known: int = draw(st.integers(0, 3))
        name: str = draw(st.sampled_from(list(target) if target and known else NAMES))
        change: str = draw(st.sampled_from(("drop", "any", "like", "like")))
        if name in target and change == "drop":
            del target[name]
        elif name in target and change == "like" and (like := LIKE.get(type(target[name]))):
            target[name] = deepcopy(draw(st.sampled_from(like)))
        else:
            target[name] = value
    return json.dumps(message).encode()


def containers(node: Any) -> Iterator[Any]:
    if isinstance(node, dict | list):
        yield node
        for value in node.values() if isinstance(node, dict) else node:
            yield from containers(value)
