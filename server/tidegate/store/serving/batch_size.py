"""How many changes a feed hands over at a time: as many as the loop takes within a few milliseconds.

The cost of a change depends on the subscriptions: hardly anything for a few of them, much for hundreds of filters that
no index can narrow. Invariant: a batch is never empty.
"""

from __future__ import annotations

LARGEST, SMALLEST = 500, 10
TARGET_S = 0.005
"""How long a batch should keep the loop busy at most; a quarter of what a client may have to wait for."""


class AdaptiveBatchSize:
    """`size` is how many changes to read next."""

    def __init__(self) -> None:
        self.size = LARGEST

    def took(self, seconds: float) -> None:
        """The loop needed this many `seconds` for the last batch."""
        if seconds > TARGET_S:
            self.size = max(SMALLEST, self.size // 2)
        elif seconds < TARGET_S / 4:
            self.size = min(LARGEST, self.size * 2)
