"""Requests that wait at connections of proxies until their client may send again, of all connections of one listener.

Each of them holds a connection that its proxy does not use for other clients meanwhile.
Invariant: of one address, at most `MOST` wait; and none begins to wait while the door is nearly full.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

MOST = 100
"""Of one address."""


class WaitingRequests:
    """`nearly_full`: whether connections are scarce."""

    def __init__(self, nearly_full: Callable[[], bool]) -> None:
        self._nearly_full = nearly_full
        self._of: Counter[str] = Counter()

    def begin(self, address: str) -> bool:
        """A request of a client at `address` is to wait. Returns whether it may."""
        if self._of[address] >= MOST or self._nearly_full():
            return False
        self._of[address] += 1
        return True

    def end(self, address: str) -> None:
        """It waits no more."""
        self._of[address] -= 1
        if not self._of[address]:
            del self._of[address]
