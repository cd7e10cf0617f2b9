"""Ghosts: sessions whose connection broke, and that stand for their user's presence a little longer.

A client that comes back within the grace time never left. It does not know rooms.
Invariant: a ghost ends exactly once: its user is back in all its rooms, or its grace time is over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tidegate.core.session import Session

GRACE_S = 10.0
"""How long a user stays present after a connection just broke."""


class Ghosts:
    """All ghosts of this gateway."""

    def __init__(self) -> None:
        self._of_user: dict[str, list[Session]] = {}
        self._ends: dict[Session, float] = {}
        """When each ghost ends, in seconds since the Unix epoch; the next one first."""

    def add(self, session: Session, now: float) -> None:
        self._of_user.setdefault(session.user.id, []).append(session)
        self._ends[session] = now + GRACE_S

    def of(self, user: str) -> Sequence[Session]:
        return self._of_user.get(user, ())

    def remove(self, ghost: Session) -> None:
        del self._ends[ghost]
        of_user = self._of_user[ghost.user.id]
        of_user.remove(ghost)
        if not of_user:
            del self._of_user[ghost.user.id]

    def ended(self, now: float) -> Iterator[Session]:
        """Remove the ghosts whose grace time is over, one by one."""
        while self._ends:
            ghost, end = next(iter(self._ends.items()))
            if end > now:
                return
            self.remove(ghost)
            yield ghost
