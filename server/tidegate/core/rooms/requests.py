"""The requests about rooms, in their order: those that come while a `join` waits for rows wait too.

Invariant: the requests of a session about one room lead to effects in the order in which they came.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from tidegate.core.effects import Effect
from tidegate.core.rooms.grants import Grant
from tidegate.core.rooms.rooms import Rooms
from tidegate.core.session import Session
from tidegate_protocol import HistoryRequest, JoinRequest, LeaveRequest, MessageRequest, PresenceRequest


class RoomRequests:
    """What sessions ask of the rooms of one gateway."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._waits = rooms.guard.grants.waits
        self._handlers: dict[type[msgspec.Struct], Callable[[Session, Any, float], Sequence[Effect]]] = {
            JoinRequest: rooms.join,
            LeaveRequest: rooms.leave,
            MessageRequest: rooms.message,
            PresenceRequest: rooms.presence,
            HistoryRequest: rooms.history,
        }
        self.types = tuple(self._handlers)

    def receive(self, session: Session, request: Any, now: float) -> Sequence[Effect]:
        """What `request` leads to; nothing yet while an earlier `join` waits for rows. Raises Refused."""
        if self._waits(session, request, request.room):
            return ()
        return self._handlers[type(request)](session, request, now)

    def asked(self, grant: Grant, request: JoinRequest, now: float) -> Sequence[Effect]:
        """The rows that decide about a `join` were read. Raises Refused."""
        if grant.stale:
            self._rooms.guard.grants.end(grant)
            return self.receive(grant.session, request, now)  # another `join` may have come meanwhile
        self._rooms.guard.answered(grant)
        return self._rooms.join(grant.session, request, now)

    def not_asked(self, grant: Grant) -> None:
        """The rows could not be read. A session that was let in meanwhile stays."""
        if grant.asked:
            self._rooms.guard.grants.end(grant)
