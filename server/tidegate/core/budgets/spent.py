"""How long the threads that read a database worked for each connection.

Only the connections that had work done lately are remembered; an operator looks for those that cost much now.
Invariant: at most `MOST` connections are remembered, and `seconds` and `reads` count the work of all.
"""

from __future__ import annotations

from tidegate.core.budgets.payer import Payer

MOST = 10_000


class Spent:
    """Of one store. It belongs to the loop's thread."""

    def __init__(self, most: int = MOST) -> None:
        self.seconds = 0.0
        self.reads = 0
        self._most = most
        self._of: dict[str, float] = {}
        """By connection; the one that had work done last comes last."""

    def add(self, payer: Payer, seconds: float) -> None:
        """A read that `payer` asked for took `seconds`. Reads of the gateway itself belong to no connection."""
        self.seconds += seconds
        self.reads += 1
        if not payer.connection:
            return
        self._of[payer.connection] = self._of.pop(payer.connection, 0.0) + seconds
        if len(self._of) > self._most:
            del self._of[next(iter(self._of))]

    def of(self, connection: str) -> float:
        """Seconds that reads of this connection took."""
        return self._of.get(connection, 0.0)
