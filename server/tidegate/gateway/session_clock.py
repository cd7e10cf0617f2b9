"""The clock by which sessions live: before it gives the time, it tells them of a jump.

After a standstill of the process the event loop serves what arrived meanwhile first, and its timers afterwards. A user
who left meanwhile would be measured by the new time, and then moved with the older deadlines.
Invariant: no deadline that began after a jump is moved with those before it.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from tidegate.core.clock_jumps import STOOD_STILL_S, ClockJumps
from tidegate.core.sessions import Sessions


class SessionClock:
    """`wall`: seconds since the Unix epoch."""

    def __init__(self, sessions: Sessions, wall: Callable[[], float]) -> None:
        self._sessions = sessions
        self._wall = wall
        self._jumps = ClockJumps(time.time(), time.monotonic())
        self._latest = wall() + STOOD_STILL_S
        """A time after that comes after a standstill, or after the clock was set."""

    def __call__(self) -> float:
        """Each request comes here: one clock is read."""
        now = self._wall()
        if now > self._latest:
            self.look()
            return self._wall()
        return now

    def look(self) -> None:
        """Look whether the clock was set, or the process stood still; to be called at least every 100 ms."""
        self._latest = self._wall() + STOOD_STILL_S
        if shift := self._jumps.shift(time.time(), time.monotonic()):
            self._sessions.shift(shift)
