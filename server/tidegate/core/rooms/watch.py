"""Who is told when a session joins a room and leaves it: a port, for what is done beside the protocol."""

from __future__ import annotations

from typing import Protocol

from tidegate.core.rooms.room import Room
from tidegate.core.session import Session


class Watch(Protocol):
    """It is told in the moment, and must not change a room."""

    def joined(self, session: Session, room: Room) -> None:
        """`session` is in `room`. It may be told again, for a `join` of a session that is in it."""

    def left(self, session: Session, room: Room) -> None:
        """`session` is not in `room` any more, or was not let in."""


class Unwatched:
    """No part of the gateway wants to know."""

    def joined(self, session: Session, room: Room) -> None: ...

    def left(self, session: Session, room: Room) -> None: ...
