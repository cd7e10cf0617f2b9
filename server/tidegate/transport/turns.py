"""Connections with more to handle than one turn of theirs, and how much of that the event loop does before it turns.

They wait here, and nothing is read from them. Who used least of the loop while others waited comes first; the
connections of one payer follow each other. A connection that has handled all it had keeps its place while others wait,
and is read from again when it comes to it, so that its next bytes are no way around the queue. Bytes that arrive are
handled at once, until the time of the turn of the event loop is used up: the further ones wait here. It knows no
frames.
Invariant: one turn of the event loop spends no more than `SLICE_S` on what arrived, now or earlier, or a little more
where one turn of a connection does, however many wait; only small segments do not wait.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Callable
from typing import Protocol

log = logging.getLogger("tidegate.connection")

TURN_S = 0.002
"""Seconds after which the turn of one connection ends."""
SLICE_S = 0.004
"""Seconds of each turn of the event loop for all that wait here and for what arrives; while the loop is busy with
writing, one turn."""
SMALL_BYTES = 1024
"""What arrives and is no more does not wait for a later turn of the event loop: most requests are small, and cheap."""
LEAST_S = 0.0005
"""The least that a turn counts for: a clock may be too coarse to measure it."""


class QueuedConnection(Protocol):
    """A connection that may wait here."""

    def take_turn(self, *, others: bool) -> bool:
        """Handle one turn of what has arrived; it may wait again. Returns whether there was something to handle.

        `others`: other connections wait, so that one that has handled everything has to wait again, to be read from.
        """

    def abort(self) -> None:
        """Cut the connection off."""


class _Payer:
    """Who shares its turns: an address, or a connection."""

    __slots__ = ("connections", "used")

    def __init__(self, used: float) -> None:
        self.used = used
        """Its place in the order: the place of the newest turn when it came, and the seconds that it had since."""
        self.connections: dict[QueuedConnection, None] = {}


class Turns:
    """One listener's. `clock`: in seconds, and only goes forward."""

    def __init__(self, clock: Callable[[], float], busy: Callable[[], bool] = lambda: False) -> None:
        """`busy`: whether the loop has not written yet what earlier turns led to."""
        self._clock = clock
        self._busy = busy
        self._payer_of: dict[QueuedConnection, str] = {}
        self._payers: dict[str, _Payer] = {}
        self._order: list[tuple[float, int, str]] = []
        """A heap with each of the payers once, also those with nothing that waits: they are forgotten when they are
        first in the order, for then they are as good as new."""
        self._place = 0.0
        """Of the newest turn."""
        self._number = 0
        self._scheduled = self._serving = False
        self._at_once = 0.0
        """Seconds in this turn of the event loop that were spent outside of the queue."""
        self.full = False
        """What arrives has to wait for a later turn of the event loop."""

    def __len__(self) -> int:
        return len(self._payer_of)

    def wait(self, connection: QueuedConnection, payer: str) -> None:
        """`connection` has something to handle, in a later turn of the event loop."""
        if connection in self._payer_of:
            return
        self._payer_of[connection] = payer
        known = self._payers.get(payer)
        if known is None:
            known = self._payers[payer] = _Payer(self._place)
            self._put(payer, known)
        known.connections[connection] = None
        self._schedule()

    def spent(self, seconds: float) -> None:
        """A connection was handled at once when its bytes arrived, and that took long."""
        if self._serving:
            return
        self._at_once += seconds
        self.full = self._at_once + seconds >= SLICE_S
        self._schedule()

    def leave(self, connection: QueuedConnection) -> None:
        """The connection has ended."""
        payer = self._payer_of.pop(connection, None)
        if payer is not None:
            del self._payers[payer].connections[connection]

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._serve)

    def _put(self, name: str, payer: _Payer) -> None:
        self._number += 1
        heapq.heappush(self._order, (payer.used, self._number, name))

    def _serve(self) -> None:
        self._serving = True
        slice_s = left = LEAST_S if self._busy() else SLICE_S
        took = 0.0
        # Costly turns mostly follow each other: the next one will take as long as this one.
        while left > 0 and left >= took and self._payer_of:
            self._place, _, name = heapq.heappop(self._order)
            payer = self._payers[name]
            if not payer.connections:
                del self._payers[name]
                continue
            connection = next(iter(payer.connections))
            self.leave(connection)
            took = self._turn(connection)
            left -= took
            payer.used += took
            self._put(name, payer)
        self._scheduled = self._serving = False
        # What arrives later in this turn of the event loop has what is left of its time.
        self._at_once = slice_s - left
        self.full = self._at_once + took >= SLICE_S
        if self._payer_of or self._at_once:
            self._schedule()
        if not self._payer_of:
            self._payers.clear()
            self._order.clear()
            self._place = 0.0

    def _turn(self, connection: QueuedConnection) -> float:
        """Returns the seconds that it counts for."""
        began = self._clock()
        try:
            busy = connection.take_turn(others=bool(self._payer_of))
        except Exception:  # the boundary: the others must have their turns
            log.exception("what a client sent could not be handled")
            connection.abort()
            return TURN_S
        # One that is only read from again may have a whole turn when its next bytes arrive.
        return max(LEAST_S, self._clock() - began) if busy else TURN_S
