"""Asks what is to be told about rooms after the server lost everything, once gateways have said what they know.

Several gateways may ask about a room; the server gives what is to be told to one of them. It does not know what is
told about other rooms. Invariant: each room of `OwnOccupancy.to_decide` is asked for until the server has answered.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from tidegate.core.rooms.ports import Occupancy
from tidegate.engines.occupancy import DECIDED_S, OwnOccupancy
from tidegate.engines.redis.keys import CHANGE, PRESENCE, TOLD
from tidegate.engines.redis.lua import DECIDE
from tidegate.engines.redis.resp import ReplyError
from tidegate.engines.redis.wire import Wire

UNANSWERED = 256
"""Questions that are under way at a time."""
RETRY_S = 1.0
"""When the rest is asked, at the latest."""
_OCCUPANCY: dict[bytes, Occupancy] = {b"occupied": "occupied", b"vacated": "vacated"}


class Decisions:
    """Of one gateway."""

    def __init__(self, wire: Wire, occupancy: OwnOccupancy) -> None:
        self._wire = wire
        self._occupancy = occupancy
        self._names: dict[str, str] = {}
        """By room: the question under way, or whose answer was lost. It keeps its name when it is asked again."""
        self._under_way: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None

    def after(self, seconds: float) -> None:
        """Ask in so many seconds, in the place of an earlier time."""
        self.close()
        self._timer = self._wire.loop.call_later(seconds, self.ask)

    def left_open(self, room: str) -> None:
        """A room is to be decided that the server lost when another gateway was connected, perhaps that one alone."""
        self._occupancy.left_open(room)
        if self._timer is None:
            self.after(RETRY_S)

    def ask(self) -> None:
        """Ask about some rooms, and again until there is none left."""
        self.close()
        wire, rooms = self._wire, self._occupancy.to_decide()
        for room in rooms:
            if wire.connection is None or wire.connection.full or len(self._under_way) >= UNANSWERED:
                break
            if room in self._under_way:
                continue
            name = self._names.setdefault(room, wire.new_epoch())
            keys = [*(wire.keys.of_room(room, part) for part in (PRESENCE, TOLD, CHANGE)), wire.keys.kept]
            self._under_way.add(room)
            decide = DECIDE.call(keys, name, wire.remembered_ms, wire.kept, wire.history, int(DECIDED_S * 1000))
            wire.connection.ask(decide, partial(self._answered, room))
        if rooms:
            self.after(RETRY_S)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _answered(self, room: str, reply: Any) -> None:
        self._under_way.discard(room)
        if isinstance(reply, bytes):
            del self._names[room]
            self._occupancy.decided(room, _OCCUPANCY.get(reply))
            if not self._under_way:
                self.ask()
        elif isinstance(reply, ReplyError):
            self._wire.failed(reply)
