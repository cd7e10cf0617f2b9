"""When other gateways are woken, and which of them still have to be.

A notification costs as much as ten messages, so there are at most `RATE` a second in the long run. A burst of messages
leaves in two or three batches, one right after the other: each of these may notify, so that the others do not have its
first messages long before the rest. Pure: the clock is passed in.
Invariant: a gateway that is owed a notification stays so until one was sent.
"""

from __future__ import annotations

RATE = 500.0
"""Notifications a second in the long run."""
BURST = 4.0
"""Notifications that may follow each other at once, after a pause."""


class Waking:
    """Of one gateway."""

    def __init__(self, now: float) -> None:
        self._left = BURST
        self._at = now
        self.owed = ""
        """The gateways that are to be woken, as the database names them; a space between two."""

    def may(self, now: float) -> bool:
        """Whether a batch that leaves now may notify."""
        self._left = min(BURST, self._left + (now - self._at) * RATE)
        self._at = now
        return self._left >= 1.0

    def notified(self) -> None:
        """A batch leaves that may notify: it counts, though it may turn out to have no gateway to wake."""
        self._left -= 1.0

    def take(self) -> str:
        """What a batch carries of the debt. It comes back with `owe` where the batch does not succeed."""
        owed, self.owed = self.owed, ""
        return owed

    def owe(self, nodes: str) -> None:
        self.owed = f"{self.owed} {nodes}".strip()

    @property
    def pause(self) -> float:
        """Seconds until a batch may notify again, about."""
        return max(0.0, 1.0 - self._left) / RATE
