"""How many bytes the change log has, without reading it twice: what was measured is kept as blocks of changes.

A pass measures only what is newer than the last one, and forgets what was pruned. It knows no database.
Invariant: the blocks are in the order of their positions, and what is newer than the last block is not measured.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

BLOCK_BYTES = 16 * 1024 * 1024
"""A block is pruned in one transaction, which writers wait for: it has few bytes."""
BLOCKS = 64
"""A log of the largest size has at least this many blocks, so that pruning overshoots by little."""
ENTRY_BYTES = 100
"""What a change takes beside its key and its images, about."""


class LogSize:
    """The measured part of one change log. For one thread at a time."""

    def __init__(self, limit: int, changes: int) -> None:
        """`limit`: bytes of the log, at most. `changes`: of one block, at most."""
        self.measured_to = 0
        """The position of the newest measured change."""
        self.bytes = 0
        self._limit = limit
        self._block_bytes = min(BLOCK_BYTES, limit // BLOCKS)
        self._changes = changes
        self._blocks: deque[list[int]] = deque()
        """The position of the last change, the number of changes and of their bytes."""

    def add(self, sizes: Iterable[tuple[int, int]]) -> None:
        """Positions after `measured_to`, in their order, and the bytes of the key and the images of each."""
        for seq, images in sizes:
            size = images + ENTRY_BYTES
            last = self._blocks[-1] if self._blocks else None
            if last is None or last[1] >= self._changes or last[2] >= self._block_bytes:
                last = [0, 0, 0]
                self._blocks.append(last)
            last[0], last[1], last[2] = seq, last[1] + 1, last[2] + size
            self.measured_to = seq
            self.bytes += size

    def pruned(self, upto: int) -> None:
        """The changes up to `upto` are gone."""
        while self._blocks and self._blocks[0][0] <= upto:
            self.bytes -= self._blocks.popleft()[2]
        self.measured_to = max(self.measured_to, upto)

    def excess(self) -> int | None:
        """The last change of the oldest block, while the log has too many bytes. The newest block stays."""
        return self._blocks[0][0] if self.bytes > self._limit and len(self._blocks) > 1 else None
