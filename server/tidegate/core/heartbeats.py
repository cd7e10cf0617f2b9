"""Heartbeats, and the ends of tokens: what a session is told by time alone.

Sessions are spread over buckets of one second by when they connected, so that all of a bucket share one frame and the
work is even. Which feed position a session may be told is decided elsewhere (`Protocol.position`).
Invariant: each session gets a heartbeat once an interval, and its token's end is noticed once, within a second.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection

from msgspec import UNSET, UnsetType

from tidegate.core.closes import REASONS, TOKEN_REFRESH
from tidegate.core.effects import Close, Effect, Push, Reply
from tidegate.core.session import Session
from tidegate_protocol import FeedPosition, Goodbye, Heartbeat


class Heartbeats:
    """Buckets of sessions, one of which is due each second."""

    def __init__(self, interval: float, position: Callable[[Session], FeedPosition | UnsetType], now: float) -> None:
        """`interval`: seconds between two heartbeats of a session."""
        self._count = max(1, math.ceil(interval))
        self._step = interval / self._count
        self._buckets: list[dict[Session, None]] = [{} for _ in range(self._count)]
        self._bucket_of: dict[Session, int] = {}
        self._expiring: dict[Session, float] = {}
        self._position = position
        self._beat = 0
        self._due = now + self._step

    def add(self, session: Session) -> None:
        """`session` connected: its first heartbeat is a whole interval away."""
        bucket = self._beat % self._count
        self._buckets[bucket][session] = None
        self._bucket_of[session] = bucket
        self.renew(session)

    def renew(self, session: Session) -> None:
        """Note when the session's token ends, which may have changed."""
        if session.expires_at is None:
            self._expiring.pop(session, None)
        else:
            self._expiring[session] = session.expires_at

    def discard(self, session: Session) -> None:
        bucket = self._bucket_of.pop(session, None)
        if bucket is not None:
            del self._buckets[bucket][session]
        self._expiring.pop(session, None)

    def tick(self, now: float) -> list[Effect]:
        """The heartbeats that are due, and the end of each session whose token has expired."""
        if now < self._due:
            # After the clock was set back, heartbeats go on; they do not wait until it is there again.
            self._due = min(self._due, now + self._step)
            return []
        self._due = max(self._due + self._step, now)
        self._beat += 1
        effects = self._heartbeats(self._buckets[self._beat % self._count], now)
        for session in [session for session, end in self._expiring.items() if end <= now]:
            del self._expiring[session]
            effects += _expired(session)
        return effects

    def _heartbeats(self, sessions: Collection[Session], now: float) -> list[Effect]:
        """One message to the sessions that may know the feed's position, and one without it to the others."""
        time_ms = int(now * 1000)
        sinks: dict[bool, list[object]] = {True: [], False: []}
        told: FeedPosition | UnsetType = UNSET
        for session in sessions:
            position = self._position(session)
            sinks[position is UNSET].append(session.sink)
            if position is not UNSET:
                told = position
        effects: list[Effect] = []
        if sinks[False]:
            effects.append(Push(sinks[False], Heartbeat(time=time_ms, position=told)))
        if sinks[True]:
            effects.append(Push(sinks[True], Heartbeat(time=time_ms)))
        return effects


def _expired(session: Session) -> list[Effect]:
    """The client is to come back at once, with a fresh token."""
    reason = REASONS[TOKEN_REFRESH]
    return [
        Reply(session, Goodbye(code=TOKEN_REFRESH, reason=reason, retry_after=0)),
        Close(session, TOKEN_REFRESH, reason),
    ]
