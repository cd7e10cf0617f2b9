"""Sees that the clock was set, or that the gateway itself stood still, so that no deadline passes with that.

Deadlines of the core are seconds since the Unix epoch, as the times in messages are. A person or a time server sets
that clock; a process that was stopped, or whose machine was suspended, finds that minutes went by in which no client
could come back. It compares the clock with one that nothing sets.
"""

from __future__ import annotations

STOOD_STILL_S = 2.0
"""A longer time between two looks means that the gateway itself was stopped: it looks ten times a second."""
SET_S = 1.0
"""A time server adjusts the clock by less than this at a time."""


class ClockJumps:
    """To be asked regularly."""

    def __init__(self, wall: float, steady: float) -> None:
        """`wall`: seconds since the Unix epoch. `steady`: of a clock that only ever goes forward."""
        self._wall = wall
        self._steady = steady

    def shift(self, wall: float, steady: float) -> float:
        """By how many seconds every deadline has to move; 0.0 mostly."""
        by_clock, passed = wall - self._wall, steady - self._steady
        self._wall, self._steady = wall, steady
        if passed > STOOD_STILL_S:
            return by_clock
        jump = by_clock - passed
        return jump if abs(jump) > SET_S else 0.0
