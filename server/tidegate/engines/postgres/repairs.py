"""When the engine's schema is made again, because something of it is not there: it was dropped or renamed.

It asks no server. Invariant: a fault that making it again does not mend leads to one repair in `REPAIR_S`.
"""

from __future__ import annotations

from collections.abc import Callable

REPAIR_S = 10.0
MISSING = frozenset({"42P01", "42883", "42703", "3F000"})
"""The SQLSTATE of a table, a function, a column, a schema that is not there."""


class Repairs:
    """Of one gateway. `clock`: seconds on a clock that only goes forward."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._due = float("-inf")
        self.wanted = False
        """The next connection makes the schema again."""

    def failed(self, state: str | None) -> bool:
        """A statement failed that always works. Returns whether there is to be another connection, for a repair."""
        if state not in MISSING or self._clock() < self._due:
            return False
        self._due = self._clock() + REPAIR_S
        self.wanted = True
        return True
