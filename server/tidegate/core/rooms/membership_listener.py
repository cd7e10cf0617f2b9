"""The port to what is done beside the protocol when a session joins a room or leaves it."""

from __future__ import annotations

from typing import Protocol

from tidegate.core.rooms.room import Room
from tidegate.core.session import Session


class MembershipListener(Protocol):
    """It is called while the membership changes, and must not change a room."""

    def joined(self, session: Session, room: Room) -> None:
        """`session` is in `room`. It may be called again, for a `join` of a session that is in it."""

    def left(self, session: Session, room: Room) -> None:
        """`session` is not in `room` any more, or was not let in."""


class NoListener:
    """Does nothing: no part of the gateway listens."""

    def joined(self, session: Session, room: Room) -> None: ...

    def left(self, session: Session, room: Room) -> None: ...
