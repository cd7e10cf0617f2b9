"""Who is present through this worker, and what of it the hub has answered.

A hub that was away is told all of it again, and asked what the changes did whose answers were lost. It knows no line.
Invariant: each change of a room that the hub answers is told once: to the caller, or to the listener where no caller
waits any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from tidegate.core.rooms.ports import Answer, Occupancy, PresenceEntry
from tidegate.engines.hub import messages as say
from tidegate.engines.occupancy import OwnOccupancy
from tidegate.hub.calls import Calls


class _Asked(NamedTuple):
    room: str
    answer: asyncio.Future[Occupancy] | None
    """Of the caller, if one waits."""


class OwnPresence:
    """Of one worker."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._entries: dict[str, dict[str, PresenceEntry]] = {}
        """By room and user."""
        self._asked: dict[int, _Asked] = {}
        """By number, the oldest first: what the hub has not answered."""
        self._in_doubt: dict[int, str] = {}
        """The same of earlier lines, with the room: perhaps the hub did it."""
        self._known: dict[str, None] = {}
        """Rooms that were told to be occupied: the hub had a user of this worker there when it answered last."""
        self.occupancy = OwnOccupancy()

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

    def lost(self) -> None:
        """The line ended."""
        for number, asked in self._asked.items():
            self._in_doubt[number] = asked.room
            self._calls.settle(number, None)
        self._asked.clear()

    def said_again(self) -> Iterator[msgspec.Struct]:
        """What to say first over a new line."""
        if self._known:
            yield say.Occupied(list(self._known))
        for number in self._in_doubt:
            yield say.WasPresent(number)
        for room, users in self._entries.items():
            for user, entry in users.items():
                number, _ = self._calls.begin()
                self._asked[number] = _Asked(room, None)
                yield self._present(number, room, user, entry)
        yield say.AllPresent()

    def settled(self) -> None:
        """Every worker is back at the hub: it needs to be told no more of rooms that this worker has no user in."""
        self._known = {room: None for room in self._known if room in self._entries}

    def counted(self, counted: say.Counted) -> None:
        """The hub answered."""
        asked = self._asked.pop(counted.id, None)
        room = self._in_doubt.pop(counted.id, None) if asked is None else asked.room
        if room is None:
            return
        if asked is not None and room in self._entries:
            self._known[room] = None
        elif asked is not None:
            self._known.pop(room, None)
        if asked is None or asked.answer is None:
            self._calls.settle(counted.id, None)
            self.occupancy.came(room, counted.occupancy)
        else:
            self._calls.settle(counted.id, counted.occupancy)

    def _present(self, number: int, room: str, user: str, entry: PresenceEntry | None) -> say.Present:
        oldest = next(iter(self._in_doubt), None) or next(iter(self._asked), number)
        return say.Present(number, room, user, None if entry is None else say.Entry.of(entry), oldest - 1)
