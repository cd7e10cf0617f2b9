"""Rooms that begin again, because their engine lost messages: what members are told, and which answers still count."""

from __future__ import annotations

from tidegate.core.effects import Effect, Reply, SendEncoded
from tidegate.core.rooms.effects import JoinReplay
from tidegate.core.rooms.ports import Opened
from tidegate.core.rooms.room import Held, Room
from tidegate.core.session import Session
from tidegate_protocol import Joined, RoomPosition


def began_again(room: str, head: RoomPosition) -> Joined:
    """For the members of a room whose messages were lost, and that goes on after `head`."""
    return Joined(room=room, position=head, recovered=False, replayed=0)


def begun(session: Session, room: Room, held: Held) -> list[Effect]:
    """What a session is told first that was held while its room began again; nothing where it did not, or was told."""
    if held.began is None or not held.lost:
        return []
    held.lost = False
    return [Reply(session, began_again(room.name, held.began))]


def unless_older(opened: Opened, began: RoomPosition | None) -> Opened:
    """An answer to a `join`, unless the room began again after it was given, or the session is at a later place."""
    if began is None or (opened.head.epoch == began.epoch and opened.head.offset >= began.offset):
        return opened
    return Opened(began, None)


def before_answer(join: JoinReplay, opened: Opened, held: Held) -> list[Effect]:
    """What a held session is sent before the answer to `join`, where another `join` let it into the room already.

    It was sent nothing of the room since then. What the answer does not replay is sent here; first, that the room began
    again: its messages would otherwise follow those that the session has, and leave a gap that was not told.
    """
    enters, before = held.take(opened.head.offset)
    effects: list[Effect] = []
    if not enters and opened.missed is None and not held.too_much:
        if before or join.ref is None:
            effects += begun(join.session, join.room, held)
        if before:
            effects.append(SendEncoded(join.session, before))
    held.began, held.lost = opened.head, False  # the answer says it
    return effects
