"""Rooms that begin again, because their engine lost messages: what members are told, and which answers still count."""

from __future__ import annotations

from tidegate.core.effects import Effect, Reply
from tidegate.core.rooms.ports import Opened
from tidegate.core.rooms.room import Held, Room
from tidegate.core.session import Session
from tidegate_protocol import Joined, RoomPosition


def began_again(room: str, head: RoomPosition) -> Joined:
    """For the members of a room whose messages were lost, and that goes on after `head`."""
    return Joined(room=room, position=head, recovered=False, replayed=0)


def begun(session: Session, room: Room, held: Held) -> list[Effect]:
    """What a session is told first that was held while its room began again; nothing where it did not."""
    return [] if held.began is None else [Reply(session, began_again(room.name, held.began))]


def unless_older(opened: Opened, began: RoomPosition | None) -> Opened:
    """An answer to a `join`, unless the room began again after it was given."""
    if began is None or (opened.head.epoch == began.epoch and opened.head.offset >= began.offset):
        return opened
    return Opened(began, None)
