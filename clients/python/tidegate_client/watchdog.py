"""Notices a connection whose other end is gone, though nothing says so: a network that changed, a computer that slept.

Silence of two heartbeats and 5 s ends a connection. A reason to doubt it (an answer that is late, a clock that jumped)
lets the watchdog ask with a `ping`; whatever comes within 4 s is an answer. It knows neither requests nor rooms.
Invariant: it compares times, because timers stand still while a computer sleeps.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from .connection import Connection
from .options import Options

__all__ = ["Watchdog"]

DOUBT = 10.0
"""Seconds without an answer, or a third of the timeout of requests if that is less, which give reason to doubt."""
TICK = 5.0
"""Seconds between two looks at the clock."""
ANSWER = 4.0
"""Seconds for an answer to the ping."""
JUMP = 2.0
"""Seconds that a timer may be late; more is a jump of the clock, or a program that was busy."""


class Watchdog:
    """Watches one connection. `ping` sends a ping on it."""

    def __init__(self, connection: Connection, options: Options, ping: Callable[[], None]) -> None:
        self._connection = connection
        self._clock = options.clock
        self._doubt = min(DOUBT, options.request_timeout / 3)
        self._ping = ping

    async def run(self) -> None:
        """Watch until the connection is dropped, or the caller is cancelled."""
        connection = self._connection
        jumped = False
        while (left := connection.heard_at + connection.silence_allowed - self._clock.now()) > 0:
            doubted = self._doubted_in()
            if doubted > 0 and not jumped:
                jumped = await self._jumped_in(min(TICK, self._doubt, left, doubted))
            elif await self._answers():
                jumped = False
            else:
                connection.abort(f"no answer came within {ANSWER:g} s to a ping")
                return
        connection.abort(f"no message came for {connection.silence_allowed:g} s")

    def _doubted_in(self) -> float:
        """Seconds until an answer is late."""
        since = self._connection.unanswered_since
        return math.inf if since is None else since + self._doubt - self._clock.now()

    async def _answers(self) -> bool:
        """Whether anything comes after a ping."""
        heard = self._connection.heard
        self._ping()
        while await self._jumped_in(ANSWER):
            """The program did not run for a part of this time: wait again."""
        return self._connection.heard != heard

    async def _jumped_in(self, seconds: float) -> bool:
        """Wait. True if more time has passed than that."""
        before = self._clock.now()
        await self._clock.sleep(seconds)
        jumped = self._clock.now() - before > seconds + JUMP
        if jumped:
            await asyncio.sleep(0)  # what came meanwhile is read first
        return jumped
