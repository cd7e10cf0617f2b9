"""How many small reads one thread gets at a time.

Handing a small read to a thread costs several times what the read takes, where the database is part of this process.
So a thread gets several, as long as all of them together are quick: each is answered after the last one.
Invariant: after a slow disk, or large rows, a read waits for few others.
"""

from __future__ import annotations

SHORT_S, LONG_S = 0.001, 0.002
"""Reads that took less in all may become more; those that took longer become fewer."""


class ReadBatchSize:
    """Of the reads of one class and table."""

    def __init__(self, most: int) -> None:
        self.size = self._most = most

    def took(self, reads: int, seconds: float) -> None:
        """A thread did `reads` reads at a time."""
        if seconds > LONG_S:
            self.size = max(1, reads // 2)
        elif seconds < SHORT_S and self.size < self._most:
            self.size = min(2 * self.size, self._most)
