"""Who is present through this worker, and which changes of rooms the hub has given it to tell.

A hub that was away is told all of it again, and which rooms were told to be occupied or vacated, as far as this worker
has heard. It knows no line.
Invariant: each change of a room that the hub gives to this worker is told once: to the caller, or to the listener where
no caller waits any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from itertools import chain
from typing import NamedTuple

import msgspec

from tidegate.core.rooms.ports import Answer, Occupancy, PresenceEntry
from tidegate.engines.hub import messages as say
from tidegate.engines.occupancy import OwnOccupancy
from tidegate.hub.calls import Calls

REMEMBERED_S = 120.0
"""How long a worker remembers a room that it has no user in any more, while another worker may be away that has."""
REMEMBERED = 16_384
"""Such rooms, at most."""
HUBS = 8
"""Of how many hubs a worker knows what it was given."""


_Changes = tuple[say.Change, ...]


class _Asked(NamedTuple):
    room: str
    answer: asyncio.Future[Occupancy] | None
    """Of the caller, if one waits."""


class OwnPresence:
    """Of one worker."""

    def __init__(self, calls: Calls, node: str, clock: Callable[[], float]) -> None:
        """`clock`: seconds on a clock that only goes forward."""
        self._calls = calls
        self._node = node
        self._clock = clock
        self._entries: dict[str, dict[str, PresenceEntry]] = {}
        """By room and user."""
        self._asked: dict[int, _Asked] = {}
        """By number: what the hub has not answered."""
        self._has: list[tuple[int, int]] = []
        """As in `messages.Earlier`."""
        self._changes: dict[str, _Changes] = {}
        """By room that the hub had a user of this worker in when it answered last: the room's last change, after the
        one before where another worker was given the last one, and perhaps lacks it."""
        self._lately: dict[str, tuple[float, _Changes]] = {}
        """The same of rooms that this worker has no user in any more, and since when; the first one the longest."""
        self.occupancy = OwnOccupancy(clock)

    def set(self, room: str, user: str, entry: PresenceEntry | None) -> None:
        if entry is not None:
            self._entries.setdefault(room, {})[user] = entry
        elif (users := self._entries.get(room)) is not None:
            users.pop(user, None)
            if not users:
                del self._entries[room]

    def said(self, room: str, user: str, entry: PresenceEntry | None) -> tuple[say.Present, Answer[Occupancy]]:
        """What to say to the hub, and its answer."""
        number, answer = self._calls.begin()
        self._asked[number] = _Asked(room, answer)
        return self._present(number, room, user, entry), answer

    def welcome(self, welcome: say.Welcome) -> None:
        """The hub's first word."""
        if not self._has or self._has[-1][0] != welcome.began:
            self._has.append((welcome.began, welcome.began))
            del self._has[:-HUBS]

    def lost(self) -> None:
        """The line ended. What the hub did, it says again, or the next hub finds out."""
        for number in self._asked:
            self._calls.settle(number, None)
        self._asked.clear()

    def said_again(self) -> Iterator[msgspec.Struct]:
        """What to say first over a new line."""
        self._forget()
        known = chain(((room, changes) for room, (_, changes) in self._lately.items()), self._changes.items())
        yield say.Earlier(self._has, [(room, change) for room, changes in known for change in changes])
        for room, users in self._entries.items():
            for user, entry in users.items():
                number, _ = self._calls.begin()
                self._asked[number] = _Asked(room, None)
                yield self._present(number, room, user, entry)
        yield say.AllPresent()

    def settled(self) -> None:
        """Every worker is back at the hub, which knows what became of rooms that this worker has no user in."""
        for room in [room for room in self._changes if room not in self._entries]:
            self._learn(room, None)

    def counted(self, counted: say.Counted) -> None:
        """The hub answered."""
        asked = self._asked.pop(counted.id, None)
        if asked is None:
            return
        if counted.occupancy is not None and counted.last is not None:
            self._given(counted.last)
        self._learn(asked.room, counted.last)
        if asked.answer is None:
            self._calls.settle(counted.id, None)
            self.occupancy.came(asked.room, counted.occupancy)
        else:
            self._calls.settle(counted.id, counted.occupancy)

    def changed(self, changed: say.Changed) -> say.Has | None:
        """The hub gave a change to this worker or to another one. Returns what to answer."""
        room, change = changed.room, changed.change
        given = change.node == self._node
        if given or room in self._changes or room in self._lately:
            self._learn(room, change)
        if not given:
            return None
        self._given(change)
        self.occupancy.came(room, "occupied" if change.occupied else "vacated")
        return say.Has(change.number)

    def _given(self, change: say.Change) -> None:
        self._has[-1] = self._has[-1][0], change.number

    def _learn(self, room: str, last: say.Change | None) -> None:
        """`last` is the last change of `room`."""
        _, lately = self._lately.pop(room, (0.0, ()))
        changes = self._changes.pop(room, lately)
        if last is not None and last not in changes:
            changes = (last,) if last.node == self._node else (*changes[-1:], last)
        if room in self._entries:
            self._changes[room] = changes
        elif changes:
            self._lately[room] = self._clock(), changes
            self._forget()

    def _forget(self) -> None:
        """What was so for long, or is too much."""
        now = self._clock()
        while self._lately:
            room, (since, _) = next(iter(self._lately.items()))
            if now - since < REMEMBERED_S and len(self._lately) <= REMEMBERED:
                break
            del self._lately[room]

    def _present(self, number: int, room: str, user: str, entry: PresenceEntry | None) -> say.Present:
        has = self._has[-1][1] if self._has else 0
        return say.Present(number, room, user, None if entry is None else say.Entry.of(entry), has)
