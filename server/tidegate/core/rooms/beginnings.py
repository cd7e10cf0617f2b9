"""Rooms that begin again, because their engine lost messages: what members are told, and which answers still count."""

from __future__ import annotations

from tidegate.core.rooms.ports import Opened
from tidegate_protocol import Joined, RoomPosition


def began_again(room: str, head: RoomPosition) -> Joined:
    """For the members of a room whose messages were lost, and that goes on after `head`."""
    return Joined(room=room, position=head, recovered=False, replayed=0)


def unless_older(opened: Opened, began: RoomPosition | None) -> Opened:
    """An answer to a `join`, unless the room began again after it was given."""
    if began is None or (opened.head.epoch == began.epoch and opened.head.offset >= began.offset):
        return opened
    return Opened(began, None)
