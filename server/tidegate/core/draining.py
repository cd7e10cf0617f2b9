"""Which sessions of a gateway that ends are sent away by when: evenly over the time of the drain.

It knows no clock: every call says what time it is. What a session is told, and whether it still waits for an answer,
is not its concern.
Invariants: every session that was there when the drain began is due exactly once, in the order in which it connected;
by the end of the drain all of them are due.
"""

from __future__ import annotations

from collections.abc import Iterable

from tidegate.core.session import Session


class Drain:
    """One drain. `now` is of a clock that only goes forward, in seconds."""

    def __init__(self, sessions: Iterable[Session], seconds: float, now: float) -> None:
        self._sessions = list(sessions)
        self._seconds = seconds
        self._began = now
        self._due = 0
        """How many sessions were due so far."""

    def due(self, now: float) -> list[Session]:
        """The sessions whose turn has come since the last call."""
        passed = (now - self._began) / self._seconds if self._seconds else 1.0
        upto = len(self._sessions) if passed >= 1.0 else int(len(self._sessions) * passed)
        due = self._sessions[self._due : upto]
        self._due = max(self._due, upto)
        return due

    def over(self, now: float) -> bool:
        """Whether the time of the drain has passed."""
        return now - self._began >= self._seconds
