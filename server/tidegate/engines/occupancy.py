"""Who is told that a room is occupied or vacated by what this gateway said of its users.

A caller of `Engine.present` gets the change as its answer. A change that no caller waits for is told to the listener:
the answer was lost with its connection, or what the gateway said was written later, when the engine was back.
Invariant: a room that was occupied when the engine's server lost everything is not told as occupied by the gateways
that say their users again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from tidegate.core.rooms.ports import EngineListener, Occupancy


class OwnOccupancy:
    """Of one gateway. `listener` is None while there is none."""

    def __init__(self) -> None:
        self.listener: EngineListener | None = None
        self._had: set[tuple[str, str]] = set()
        """Rooms and users of this gateway that the server has. A later change of one may be under way."""
        self._lost: set[str] = set()
        """Rooms with a user of this gateway that the server lost, until it answers for the room again."""

    def took(self, room: str, user: str, *, present: bool) -> None:
        """The server says that it has what this gateway said of the user."""
        if present:
            self._had.add((room, user))
        else:
            self._had.discard((room, user))

    def emptied(self, rooms: Iterable[str]) -> None:
        """The server lost everything. `rooms`: those with a user of this gateway, who is said again."""
        self._lost.update({room for room, _ in self._had}.intersection(rooms))
        self._had.clear()

    def came(self, room: str, change: Occupancy, answer: asyncio.Future[Occupancy] | None = None) -> None:
        """The server says what a change of presence in `room` changed. `answer`: of its caller, if one waits."""
        if room in self._lost:
            self._lost.discard(room)
            if change == "occupied":
                change = None
        if answer is not None and not answer.done():
            answer.set_result(change)
        elif self.listener is not None and change == "occupied":
            self.listener.occupied(room)
        elif self.listener is not None and change == "vacated":
            self.listener.vacated(room)
