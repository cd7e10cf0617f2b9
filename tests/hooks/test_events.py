"""What a hook is sent for what happened."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tidegate.core.rows.ports import Change
from tidegate.hooks.events import of_change, of_gap, of_life
from tidegate.hooks.hook import Hook
from tidegate_protocol import Principal

ANN = Principal(id="7", name="Ann", roles=["admin"], anonymous=False)


def hook(**changes: Any) -> Hook:
    given = {"name": "crm", "url": "https://crm.example/", "events": ("*",), "secret": "x" * 20}
    return Hook(**{**given, **changes})


def change(action: Any, old: Any = None, new: Any = None, **more: Any) -> Change:
    return Change(
        seq=5, time=1_767_225_600_123, resource="tasks", key={"id": 1}, action=action, old=old, new=new, **more
    )


def test_a_change_has_the_row_as_it_was_and_as_it_is() -> None:
    event = of_change(hook(), lambda _: True, change("update", {"id": 1, "n": 1}, {"id": 1, "n": 2}, actor="7"), "e1")
    assert event is not None
    assert (event.hook, event.type, event.key) == ("crm", "row.updated", 'row tasks {"id": 1}')
    assert json.loads(event.body) == {
        "type": "row.updated",
        "timestamp": "2026-01-01T00:00:00.123Z",
        "data": {
            "resource": "tasks", "key": {"id": 1}, "row": {"id": 1, "n": 2}, "old": {"id": 1, "n": 1},
            "position": {"epoch": "e1", "seq": 5}, "user": "7",
        },
    }  # fmt: skip


@pytest.mark.parametrize(
    ("of", "met", "wanted"),
    [
        ({}, (True, True), True),
        ({}, (True, False), True),
        ({}, (False, True), True),
        ({}, (False, False), False),
        ({"resources": ("tasks",)}, (True, True), True),
        ({"resources": ("users",)}, (True, True), False),
        ({"events": ("row.deleted",)}, (True, True), False),
    ],
)
def test_a_row_counts_where_it_meets_the_filter_before_or_afterwards(
    of: dict[str, Any], met: tuple[bool, bool], wanted: bool
) -> None:
    changed = change("update", {"met": met[0]}, {"met": met[1]})
    assert (of_change(hook(**of), lambda image: bool(image["met"]), changed, "e1") is not None) is wanted


def test_an_emptied_table_has_no_key_and_meets_every_filter() -> None:
    event = of_change(hook(), lambda _: False, change("reset"), "e1")
    assert event is not None
    assert json.loads(event.body)["data"] == {"resource": "tasks", "position": {"epoch": "e1", "seq": 5}}


def test_rooms_are_chosen_by_name_or_by_how_they_begin() -> None:
    chosen = hook(rooms=("chat-*", "lobby"))
    rooms = ["chat-1", "lobby", "lobby-2"]
    assert [room for room in rooms if of_life(chosen, "joined", room, "c1", ANN, 0)] == ["chat-1", "lobby"]


def test_events_of_a_connection_keep_their_order_and_so_do_those_of_a_room() -> None:
    keys = [
        event.key
        for event in (
            of_life(hook(), "connected", None, "c1", ANN, 0),
            of_life(hook(), "joined", "chat-1", "c1", ANN, 0),
            of_life(hook(), "occupied", "chat-1", "", None, 0),
        )
        if event is not None
    ]
    assert keys == ["connection c1", "connection c1", "room chat-1"]


def test_a_gap_says_from_where_to_where() -> None:
    assert json.loads(of_gap(hook(), 3, 9, "e2", 0).body)["data"] == {
        "after": {"epoch": "e2", "seq": 3},
        "position": {"epoch": "e2", "seq": 9},
    }
