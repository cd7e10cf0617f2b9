"""Ghosts: sessions whose connection is gone, and that stand for their user's presence a little longer.

A client that comes back within the grace time never left. It does not know rooms.
Invariant: a ghost ends exactly once: its user is back in all its rooms, its client says that it is done, or its grace
time is over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tidegate.core.session import Session

GRACE_S = 10.0
"""How long a user stays present after a connection just broke."""
RELOAD_GRACE_S = 1.0
"""How long a user stays present after its browser left the page, which it may only load again."""


class Ghosts:
    """All ghosts of this gateway."""

    def __init__(self) -> None:
        self._of_user: dict[str, list[Session]] = {}
        self._queues: dict[float, dict[Session, float]] = {}
        """For each grace time, when its ghosts end, in seconds since the Unix epoch; the next one first."""

    def add(self, session: Session, now: float, grace: float = GRACE_S) -> None:
        self._of_user.setdefault(session.user.id, []).append(session)
        self._queues.setdefault(grace, {})[session] = now + grace

    def __contains__(self, session: Session) -> bool:
        return session in self._of_user.get(session.user.id, ())

    def of(self, user: str) -> Sequence[Session]:
        """The ghosts of `user`; the one that ends first comes first."""
        return sorted(self._of_user.get(user, ()), key=self._end)

    def remove(self, ghost: Session) -> None:
        of_user = self._of_user[ghost.user.id]
        of_user.remove(ghost)
        if not of_user:
            del self._of_user[ghost.user.id]
        for queue in self._queues.values():
            queue.pop(ghost, None)

    def ended(self, now: float) -> Iterator[Session]:
        """Remove the ghosts whose grace time is over, one by one."""
        for queue in self._queues.values():
            while queue:
                ghost, end = next(iter(queue.items()))
                if end > now:
                    break
                self.remove(ghost)
                yield ghost

    def shift(self, seconds: float) -> None:
        """The clock jumped, or the gateway itself stood still: no grace time passes with that."""
        for queue in self._queues.values():
            for ghost in queue:
                queue[ghost] += seconds

    def _end(self, ghost: Session) -> float:
        return next(queue[ghost] for queue in self._queues.values() if ghost in queue)
