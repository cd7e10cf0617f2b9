"""Which values of an answer may differ from the recorded ones, and how pages and orders of messages are matched."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.support.cases import every_case
from tests.support.deadlines import DEADLINE_S
from tidegate.replay.compare import Difference, compare
from tidegate.replay.heard import Heard, is_open_snapshot, joined_pages, stream_of
from tidegate.replay.names import Names

EARLY, LATE = "2026-06-01T09:00:00.000000Z", "2026-11-28T03:00:00.123456Z"


def pointers(recorded: dict[str, Any], now: dict[str, Any], names: Names | None = None) -> list[str]:
    return [found.pointer for found in compare(recorded, now, names or Names(), None)]


CASES: dict[str, tuple[dict[str, Any], dict[str, Any], list[str]]] = {
    "equal": ({"rows": [{"a": 1}]}, {"rows": [{"a": 1}]}, []),
    "another value": ({"rows": [{"a": 1}]}, {"rows": [{"a": 2}]}, ["/rows/0/a"]),
    "true is not 1": ({"a": 1}, {"a": True}, ["/a"]),
    "1 is 1.0": ({"a": 1}, {"a": 1.0}, []),
    "a row more": ({"rows": []}, {"rows": [{"a": 1}]}, ["/rows/0"]),
    "a member that is gone": ({"a/b": 1}, {}, ["/a~1b"]),
    "positions, times and members of rooms": (
        {"position": {"seq": 1}, "time": 1, "users": [1], "scope": "a"},
        {"position": {"seq": 2}, "time": 2, "users": []},
        [],
    ),
    "a position in a history": (
        {"messages": [{"position": {"offset": 1}, "time": 1, "data": 1}]},
        {"messages": [{"position": {"offset": 2}, "time": 2, "data": 1}]},
        [],
    ),
    "a column of a row that is called time": ({"rows": [{"time": 1}]}, {"rows": [{"time": 2}]}, ["/rows/0/time"]),
    "the clock in a row": ({"rows": [{"at": EARLY}]}, {"rows": [{"at": LATE}]}, []),
    "a text in place of a time": ({"rows": [{"at": EARLY}]}, {"rows": [{"at": "now"}]}, ["/rows/0/at"]),
    "what is hidden": ({"identity": "•••", "secret": "•••"}, {"identity": "x", "secret": "y"}, []),
}


def test_what_may_differ() -> None:
    with every_case() as case:
        for name, (recorded, now, expected) in CASES.items():
            with case(name):
                assert pointers(recorded, now) == expected


def test_a_time_that_the_client_sent_must_come_back() -> None:
    names = Names()
    names.note_sent({"data": [{"due_at": EARLY}]})
    assert pointers({"rows": [{"due_at": EARLY}]}, {"rows": [{"due_at": LATE}]}, names) == ["/rows/0/due_at"]


def test_a_generated_key_stands_for_the_recorded_one_and_is_sent_in_its_place() -> None:
    names = Names()
    request = {"type": "create", "resource": "tasks", "data": {"title": "a"}}
    recorded, now = {"rows": [{"id": 11, "title": "a"}]}, {"rows": [{"id": 12, "title": "a"}]}
    assert compare(recorded, now, names, request) == []
    assert names.translated({"type": "update", "resource": "tasks", "id": 11, "data": {"id": 11}})["id"] == 12
    assert pointers({"data": {"id": 11}}, {"data": {"id": 12}}, names) == []
    assert pointers({"data": {"id": 11}}, {"data": {"id": 13}}, names) == ["/data/id"]


def test_a_value_stands_for_what_is_bound_as_the_same_thing() -> None:
    names = Names()

    def told(recorded: dict[str, Any], now: dict[str, Any], **request: Any) -> None:
        assert compare(recorded, now, names, request or None) == []

    made = {"type": "create", "resource": "tasks", "data": {}}
    told(
        {"rows": [{"id": 5}], "position": {"epoch": "a", "seq": 7}},
        {"rows": [{"id": 6}], "position": {"epoch": "b", "seq": 8}},
        **made,
    )
    told(
        {"type": "sent", "room": "x", "position": {"epoch": "r", "offset": 5}},
        {"type": "sent", "room": "x", "position": {"epoch": "q", "offset": 9}},
    )
    told(
        {"messages": [{"position": {"offset": 4}}]},
        {"messages": [{"position": {"offset": 2}}]},
        type="history",
        room="y",
    )
    told({"type": "subscribed", "subscription": "s1"}, {"type": "subscribed", "subscription": "s2"})
    cases: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"resource": "tasks", "ids": [5, 7]}, {"ids": [6, 7]}),
        ({"resource": "users", "id": 5}, {"id": 5}),
        ({"resource": "users", "id": "s1"}, {"id": "s1"}),
        ({"resource": "tasks", "since": {"epoch": "a", "seq": 7}}, {"since": {"epoch": "b", "seq": 8}}),
        ({"room": "x", "since": {"epoch": "r", "offset": 5}}, {"since": {"epoch": "q", "offset": 9}}),
        ({"room": "x", "before": 5}, {"before": 9}),
        ({"room": "y", "before": 4}, {"before": 2}),
        ({"room": "y", "before": 5}, {"before": 5}),
        ({"subscription": "s1"}, {"subscription": "s2"}),
    ]
    for recorded, now in cases:
        assert names.translated(recorded) == {**recorded, **now}
    assert pointers({"data": {"n": 7, "m": "s1"}}, {"data": {"n": 8, "m": "s2"}}, names) == ["/data/n", "/data/m"]


def test_what_the_client_gave_is_no_generated_value() -> None:
    request = {"type": "create", "data": {"title": "a"}}
    found = compare({"rows": [{"title": "a"}]}, {"rows": [{"title": "b"}]}, Names(), request)
    assert found == [Difference("/rows/0/title", "a", "b")]


def test_a_default_of_the_schema_is_no_generated_value_and_stands_for_no_other_one() -> None:
    names = Names()
    request = {"type": "create", "data": {"title": "a"}}
    made = "0b3c2a4e-1f0d-4c55-9a0e-6f2f3c7d8e90", "1c3c2a4e-1f0d-4c55-9a0e-6f2f3c7d8e91"
    recorded = {"rows": [{"id": made[0], "no": "17", "done": False, "status": "open", "rate": 0.5, "note": None}]}
    now = {"rows": [{"id": made[1], "no": "18", "done": True, "status": "shut", "rate": 1.5, "note": 1}]}
    found = [each.pointer for each in compare(recorded, now, names, request)]
    assert found == ["/rows/0/done", "/rows/0/status", "/rows/0/rate", "/rows/0/note"]
    assert pointers({"a": False, "b": "open"}, {"a": True, "b": "shut"}, names) == ["/a", "/b"]
    assert names.translated({"type": "delete", "id": made[0]})["id"] == made[1]


def test_an_anonymous_user_is_one_user() -> None:
    names = Names()
    guest = {"id": "anon-1", "name": "Guest 1", "anonymous": True}
    assert pointers({"user": guest}, {"user": {**guest, "id": "anon-9", "name": "Guest 9"}}, names) == []
    assert pointers({"from": "anon-1"}, {"from": "anon-9"}, names) == []
    assert pointers({"from": "anon-1"}, {"from": "anon-3"}, names) == ["/from"]


def test_the_pages_of_a_snapshot_are_one_message() -> None:
    first = {"type": "snapshot", "subscription": "s1", "rows": [1], "reset": True, "done": False, "scope": "a"}
    last = {"type": "snapshot", "subscription": "s1", "rows": [2], "reset": False, "done": True}
    assert is_open_snapshot(first)
    assert not is_open_snapshot(last)
    whole = joined_pages(first, last)
    assert (whole["rows"], whole["reset"], whole["done"]) == ([1, 2], True, True)


async def test_messages_are_found_by_what_they_belong_to() -> None:
    heard = Heard()
    for message in (
        {"type": "heartbeat"},
        {"type": "message", "room": "a", "data": 1},
        {"type": "message", "room": "b", "data": 2},
        {"type": "rows", "ref": "1", "rows": []},
        {"type": "snapshot", "subscription": "s1", "rows": [1], "reset": True, "done": False},
    ):
        heard.add(message)
    room = stream_of({"type": "message", "room": "b"})
    assert room is not None
    assert await heard.wait(room, 0, 1.0) == {"type": "message", "room": "b", "data": 2}
    assert await heard.wait(room, 1, 0.0) is None
    assert await heard.wait(("answer", "1"), 0, 1.0) == {"type": "rows", "ref": "1", "rows": []}
    assert stream_of({"type": "presence", "room": "a"}) is None
    snapshot = stream_of({"type": "snapshot", "subscription": "s1"})
    assert snapshot is not None
    assert await heard.wait(snapshot, 0, 0.0) is None, "its last page is not there"


async def test_a_wait_ends_with_what_comes_or_with_the_connection() -> None:
    heard = Heard()
    member = {"id": "1", "status": "online"}
    async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as tasks:
        present = tasks.create_task(heard.until(lambda: heard.members.entry("a", "1") == member, 2 * DEADLINE_S))
        await asyncio.sleep(0)
        heard.add({"type": "presence", "room": "a", "users": [member]})
        assert await present
        answer = tasks.create_task(heard.wait(("answer", "2"), 0, 2 * DEADLINE_S))
        await asyncio.sleep(0)
        heard.end("closed")
        assert await answer is None, "nothing more can come"
    assert heard.ended == "closed"
