"""How late the event loop calls what is due: what every client waits for, whatever it asked.

Invariant: a delay is observed once, by the first look after it.
"""

from __future__ import annotations

from collections.abc import Callable

from tidegate.core.histogram import Histogram


class LoopLag:
    """`look` is to be called every `interval` seconds by a timer of the loop, whose clock is `now`."""

    def __init__(self, interval: float, now: Callable[[], float]) -> None:
        self.histogram = Histogram()
        self._interval = interval
        self._now = now
        self._looked = now()

    def look(self) -> None:
        now = self._now()
        self.histogram.observe(max(0.0, now - self._looked - self._interval))
        self._looked = now
