"""The time of a gateway under test: that of the machine, and what the test lets pass besides.

Invariant: it only ever goes forward, and waits for the gateway's work in between as real time would.
"""

from __future__ import annotations

import asyncio
import time


class ShiftedClock:
    """`ahead`: by how many seconds the gateway is ahead of the machine."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def wall(self) -> float:
        """Seconds since the Unix epoch."""
        return time.time() + self.ahead

    def steady(self) -> float:
        """Seconds of a clock that nothing sets."""
        return time.monotonic() + self.ahead


class ShiftedLoop(asyncio.SelectorEventLoop):
    """An event loop whose timers live by a `ShiftedClock`."""

    def __init__(self, clock: ShiftedClock) -> None:
        self._shifted = clock
        super().__init__()

    def time(self) -> float:
        return self._shifted.steady()
