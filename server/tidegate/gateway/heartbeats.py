"""The gateway's heartbeat: every session hears the time, and a position if it may, once a `heartbeat`.

Sessions are spread over buckets of one second by when they came, so that all of a bucket share one frame and the work
is even. It also notices tokens that end.
Invariant: a session that is still replaying a subscription is told no position.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from typing import Any

from tidegate.core.protocol import Protocol
from tidegate.core.session import Session
from tidegate_protocol import Heartbeat


class Heartbeats:
    """Buckets of sessions, one of which is due each second."""

    def __init__(
        self,
        interval: float,
        protocol: Protocol,
        push: Callable[[Collection[Any], Heartbeat], None],
        expire: Callable[[Session], None],
        clock: Callable[[], float],
    ) -> None:
        self._count = max(1, math.ceil(interval))
        self._step = interval / self._count
        self._buckets: list[dict[Session, None]] = [{} for _ in range(self._count)]
        self._of: dict[Session, int] = {}
        self._expiring: dict[Session, float] = {}
        self._protocol = protocol
        self._push = push
        self._expire = expire
        self._beat = 0
        self._due = clock() + self._step

    def add(self, session: Session) -> None:
        """`session` came: its first heartbeat is a whole interval away."""
        bucket = self._beat % self._count
        self._buckets[bucket][session] = None
        self._of[session] = bucket
        self.renew(session)

    def renew(self, session: Session) -> None:
        """The session's token may have changed."""
        if session.expires_at is None:
            self._expiring.pop(session, None)
        else:
            self._expiring[session] = session.expires_at

    def discard(self, session: Session) -> None:
        bucket = self._of.pop(session, None)
        if bucket is not None:
            del self._buckets[bucket][session]
        self._expiring.pop(session, None)

    def tick(self, now: float) -> None:
        if now < self._due:
            # A clock that was set back must not silence the heart until it is there again.
            self._due = min(self._due, now + self._step)
            return
        self._due = max(self._due + self._step, now)
        self._beat += 1
        self._send(self._buckets[self._beat % self._count], now)
        for session in [session for session, end in self._expiring.items() if end <= now]:
            del self._expiring[session]
            self._expire(session)

    def _send(self, sessions: Collection[Session], now: float) -> None:
        time_ms = int(now * 1000)
        replaying = [session.sink for session in sessions if session.replaying]
        current = [session.sink for session in sessions if not session.replaying]
        if current:
            self._push(current, Heartbeat(time=time_ms, position=self._protocol.rows.dispatched.position))
        if replaying:
            self._push(replaying, Heartbeat(time=time_ms))
