"""A room as a client sees it: replay, gaps, positions and members. No sockets."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate_client import Gap, PresenceChange
from tidegate_client.members import RoomState, read_message


def at(offset: int, epoch: str = "r") -> dict[str, Any]:
    return {"epoch": epoch, "offset": offset}


def joined(offset: int, *, recovered: bool = False, replayed: int = 0, epoch: str = "r", **more: Any) -> dict[str, Any]:
    return {"position": at(offset, epoch), "recovered": recovered, "replayed": replayed, **more}


def said(offset: int, epoch: str = "r") -> dict[str, Any]:
    sender = {"id": "7", "name": "Ann", "colour": "of the future"}
    return {
        "type": "message",
        "room": "chat-1",
        "from": "7",
        "sender": sender,
        "data": offset,
        "position": at(offset, epoch),
        "time": 1,
    }


def member(name: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "name": name.title(), "status": "online", "connections": 1, "since": 5, **more}


@pytest.fixture
def room() -> RoomState:
    """Joined at offset 3."""
    state = RoomState("chat-1")
    state.joined(joined(3))
    return state


def test_a_first_join_starts_at_the_head(room: RoomState) -> None:
    assert room.resume() == {"since": at(3)}
    message = room.message(said(4))
    assert message is not None
    assert (message.data, message.sender.name, message.replayed, message.gap) == (4, "Ann", False, False)
    assert room.resume() == {"since": at(4)}


def test_the_head_counts_only_after_the_replay(room: RoomState) -> None:
    room.message(said(4))
    room.joined(joined(9, recovered=True, replayed=2))
    assert room.resume() == {"since": at(4)}, "cut off here, the rest is asked for"
    first = room.message(said(5))
    assert first is not None
    assert first.replayed
    assert room.resume() == {"since": at(5)}
    second = room.message(said(8))
    assert second is not None
    assert not second.gap
    assert room.resume() == {"since": at(9)}
    third = room.message(said(10))
    assert third is not None
    assert not third.replayed


def test_nothing_missed_moves_to_the_head_at_once(room: RoomState) -> None:
    room.joined(joined(3, recovered=True))
    assert room.recovered is True
    assert room.resume() == {"since": at(3)}


def test_a_gap_is_marked_once(room: RoomState) -> None:
    room.joined(joined(1, epoch="s"))
    assert room.recovered is False
    assert room.resume() == {"since": at(1, "s")}
    marks = [message.gap for message in (room.message(said(2, "s")), room.message(said(3, "s"))) if message]
    assert marks == [True, False]


def test_at_the_head_there_is_no_gap_whatever_the_room_keeps(room: RoomState) -> None:
    room.joined(joined(3, recovered=False))
    message = room.message(said(4))
    assert message is not None
    assert not message.gap


def test_a_message_is_delivered_once(room: RoomState) -> None:
    assert room.message(said(4)) is not None
    assert room.message(said(4)) is None
    assert room.message(said(3)) is None
    assert room.resume() == {"since": at(4)}


def test_since_of_an_earlier_run() -> None:
    state = RoomState("chat-1", at(2))
    assert state.resume() == {"since": at(2)}
    state.joined(joined(3, recovered=True, replayed=1))
    assert state.message(said(2)) is None
    message = state.message(said(3))
    assert message is not None
    assert message.replayed


def test_joined_users_are_the_members(room: RoomState) -> None:
    change, _ = room.joined(joined(3, users=[member("ann"), member("bob", shoe_size=44)]))
    assert change == PresenceChange(reset=True), "who is there already has not just come"
    assert room.members["bob"].name == "Bob"
    change, _ = room.joined(joined(3, users=[member("ann", status="away"), member("cem")]))
    assert ids(change) == (["cem"], ["bob"], ["ann"])


def test_whole_presence_replaces(room: RoomState) -> None:
    assert room.presence({"users": [member("ann"), member("bob")]}).reset
    assert not room.presence({"users": [member("ann"), member("bob")]}), "the same again is no change"
    change = room.presence({"users": [member("bob")]})
    assert ids(change) == ([], ["ann"], [])
    assert list(room.members) == ["bob"]


def test_presence_diff(room: RoomState) -> None:
    room.presence({"users": [member("ann"), member("bob")]})
    diff = {"joined": [member("cem")], "left": [member("ann"), "never-here"], "changed": [member("bob", info={"x": 1})]}
    change = room.presence_diff(diff)
    assert ids(change) == (["cem"], ["ann"], ["bob"])
    assert list(room.members) == ["bob", "cem"]
    assert room.members["bob"].info == {"x": 1}


def test_a_member_who_left_and_came_back_is_there(room: RoomState) -> None:
    room.presence({"users": [member("ann")]})
    room.presence_diff({"joined": [member("ann", status="away")], "left": [member("ann")], "changed": []})
    assert room.members["ann"].status == "away"


def test_dropped_messages_are_a_gap(room: RoomState) -> None:
    assert room.gap({"room": "chat-1", "dropped": 4, "position": at(7)}) == Gap(4, at(7))
    assert room.resume() == {"since": at(7)}
    assert room.message(said(7)) is None
    message = room.message(said(8))
    assert message is not None
    assert message.gap


def test_a_pushed_joined_resets_the_position(room: RoomState) -> None:
    head = {"epoch": "s", "offset": 2}
    _, gap = room.joined({"position": head, "recovered": False, "replayed": 0})
    assert gap == Gap(position=head)
    assert room.resume() == {"since": head}
    messages = [room.message(said(number, "s")) for number in (2, 3, 4)]
    assert [message and message.gap for message in messages] == [None, True, False]


def ids(change: PresenceChange) -> tuple[list[str], list[str], list[str]]:
    joined, left, changed = ([who.id for who in found] for found in (change.joined, change.left, change.changed))
    return joined, left, changed


def test_from_alone_names_the_sender() -> None:
    assert read_message({"room": "x", "from": "7", "data": 1}).sender.id == "7"
