"""Who is told that a room is occupied or vacated by what this gateway said of its users.

A caller of `Engine.present` gets the change as its answer. A change that no caller waits for is told to the listener:
the answer was lost with its connection, or what the gateway said was written later, when the engine was back.

Where the engine's server lost everything, it does not know which rooms were told to be occupied. Each gateway knows it
of rooms in which the server had a user of this gateway. For a while (`find_out`) gateways say it with their users, and
the server tells no change of such a room; then any of them asks what has to be told (`decide`). From then on the server
knows what was told, and a gateway that comes back later with what it knows changes nothing.
Invariant: a room of which a gateway says nothing more has no part in what is to be found out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tidegate.core.rooms.ports import EngineListener, Occupancy

DECIDED_S = 600.0
"""For how long the server remembers that a room was decided. A gateway that is back later may tell a change again."""


class OwnOccupancy:
    """Of one gateway. `listener` is None while there is none."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock`: seconds on a clock that only goes forward."""
        self._clock = clock
        self.listener: EngineListener | None = None
        self._had: set[tuple[str, str]] = set()
        """Rooms and users of this gateway that the server has. A later change of one may be under way."""
        self._open: dict[str, bool] = {}
        """The rooms that are to be decided. True: this gateway knows that the room was told to be occupied."""
        self._lost: dict[str, str] = {}
        """Of each of these rooms in which the server had a user of this gateway, one such user, who may be gone."""
        self._has: set[str] = set()
        """The rooms among them of which the server has a word of this gateway since it lost everything."""
        self._until = float("-inf")
        """When the time to find out ends."""

    def took(self, room: str, user: str, *, present: bool) -> None:
        """The server says that it has what this gateway said of the user."""
        if room in self._open:
            self._has.add(room)
        if present:
            self._had.add((room, user))
        else:
            self._had.discard((room, user))

    def had(self, room: str, user: str) -> bool:
        """Whether the server has something of the user, as far as it answered."""
        return (room, user) in self._had

    def find_out(self, seconds: float) -> set[tuple[str, str]]:
        """The server lost everything. Returns the rooms and users that it had: each is to be said again, as it is now.

        What else is said in the next `seconds` is about rooms that are to be decided, too.
        """
        lost, self._had = self._had, set()
        for room, user in lost:
            # Where the room was to be decided already, it was not told what the server had of it since.
            self._open.setdefault(room, True)
            self._lost.setdefault(room, user)
        self._until = self._clock() + seconds
        self._has.clear()
        return lost | self._lost.items()

    def said(self, room: str) -> tuple[int, bool]:
        """To go with what is said of a user: for how many milliseconds gateways still find out what was told about the
        room (0: they do not), and whether this gateway knows that it was told to be occupied.
        """
        left = self._until - self._clock()
        if left <= 0:
            # What this gateway knows is said late rather than never, but once: another one may have decided already.
            return (1, self._open[room]) if room in self._open and room not in self._has else (0, False)
        return max(1, int(left * 1000)), self._open.setdefault(room, False)

    def left_open(self, room: str) -> None:
        """The server took what was said of a user in `room`, and it is open what was told about the room."""
        self._open.setdefault(room, False)
        self._has.add(room)

    def to_decide(self) -> list[str]:
        """The rooms of which the server is to be asked what has to be told, now that the time is over."""
        return [] if self._clock() < self._until else list(self._open)

    def decided(self, room: str, change: Occupancy) -> None:
        """The server says what has to be told about a room."""
        self._open.pop(room, None)
        self._lost.pop(room, None)
        self._has.discard(room)
        self.came(room, change)

    def came(self, room: str, change: Occupancy, answer: asyncio.Future[Occupancy] | None = None) -> None:
        """The server says what a change of presence in `room` changed. `answer`: of its caller, if one waits."""
        if answer is not None and not answer.done():
            answer.set_result(change)
        elif self.listener is not None and change == "occupied":
            self.listener.occupied(room)
        elif self.listener is not None and change == "vacated":
            self.listener.vacated(room)
