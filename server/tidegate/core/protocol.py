"""The requests of sessions: messages, ends and time go in, effects come out.

It joins the two halves, `rooms` and `rows`, and decides what a new identity means for both. It knows neither sockets
nor clocks: every method is given the time (`now`, seconds since the Unix epoch).
Invariant: the same inputs in the same order lead to the same effects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from tidegate.core.access.claims import same_claims
from tidegate.core.budgets.ledger import Ledger
from tidegate.core.closes import GOING_AWAY
from tidegate.core.effects import CancelCall, Effect, Identify, Ref, Reply
from tidegate.core.errors import Refused
from tidegate.core.identities import VerifiedIdentity
from tidegate.core.optional import given_ref
from tidegate.core.rooms.ghosts import RELOAD_GRACE_S
from tidegate.core.rooms.limits import RoomLimits
from tidegate.core.rooms.requests import RoomRequests
from tidegate.core.rooms.room import RoomRules
from tidegate.core.rooms.rooms import Rooms
from tidegate.core.rows.feed_cursor import FeedCursor
from tidegate.core.rows.permissions import ResourceRules
from tidegate.core.rows.rows import Rows
from tidegate.core.session import Session
from tidegate.core.watches.watches import Watches
from tidegate_protocol import (
    Authenticated,
    AuthenticateRequest,
    CancelRequest,
    CreateRequest,
    DeleteRequest,
    FeedPosition,
    GetRequest,
    ListRequest,
    PingRequest,
    Pong,
    SubscribeRequest,
    UnsubscribeRequest,
    UpdateRequest,
)

Handler = Callable[[Session, Any, float], Sequence[Effect]]


class SessionLimits(msgspec.Struct, frozen=True):
    """What one session may hold, and how much it is sent where it sets no limit itself."""

    rooms: int = 100
    subscriptions: int = 100
    page: int = 1000
    """Rows of a `list`."""
    history: int = 1000
    """Messages of a `history`."""
    info: int = 1024
    """Bytes of a member's info."""
    new_rooms: float = 600.0
    """Rooms a minute that an account's sessions may be the first to join."""


class Protocol:
    """What requests lead to. One instance a process."""

    def __init__(
        self,
        resources: Mapping[str, ResourceRules],
        room_rules: Callable[[str], RoomRules | None],
        cursor: FeedCursor,
        limits: SessionLimits,
        ledger: Ledger | None = None,
    ) -> None:
        """`ledger`: what sessions may hold; without it there is no limit."""
        of_rooms = RoomLimits(limits.rooms, limits.history, limits.info, limits.new_rooms)
        self.watches = Watches({name: rules.key for name, rules in resources.items()})
        """The conditions on rows that rules of rooms depend on."""
        self.rooms = Rooms(room_rules, of_rooms, ledger or Ledger(), self.watches)
        self.room_requests = RoomRequests(self.rooms)
        self.rows = Rows(resources, cursor, limits.subscriptions, limits.page)
        self._handlers: dict[type[msgspec.Struct], Handler] = {
            AuthenticateRequest: self._authenticate,
            **dict.fromkeys(self.room_requests.types, self.room_requests.receive),
            SubscribeRequest: self.rows.requests.subscribe,
            UnsubscribeRequest: self.rows.requests.unsubscribe,
            ListRequest: self.rows.requests.list_rows,
            GetRequest: self.rows.requests.get_rows,
            CreateRequest: self.rows.requests.create,
            UpdateRequest: self.rows.requests.update,
            DeleteRequest: self.rows.requests.delete,
            PingRequest: self._ping,
            CancelRequest: self._cancel,
        }

    def receive(self, session: Session, request: msgspec.Struct, now: float) -> Sequence[Effect]:
        """What `request` leads to. Raises Refused; the session is then as it was."""
        handler = self._handlers.get(type(request))
        if handler is None:
            raise Refused("unknown_type", "this gateway has no handler for this type of message", pointer="/type")
        return handler(session, request, now)

    def identified(
        self, session: Session, ref: Ref, identified: VerifiedIdentity, now: float, identity: str | None = None
    ) -> Sequence[Effect]:
        """The token of an `authenticate` was valid: from here on the session speaks for its user.

        `identity`: the token with which an anonymous user can come back.
        """
        user, expires_at = identified.user, identified.expires_at
        effects: list[Effect] = []
        if user != session.user:
            effects += self.rooms.change_user(session, user, identified.claims, now)
            session.become(user, identified.claims)
            self.rooms.account_changed(session)
            effects += self.rows.subscriptions.recheck(session)
        elif not same_claims(identified.claims, session.claims):
            effects += self.rooms.change_claims(session, identified.claims, now)
            session.become(user, identified.claims)
            effects += self.rows.subscriptions.recheck(session)
        session.expires_at, session.proof = expires_at, identified.proof
        if ref is not None:
            answer = Authenticated(user=user, ref=ref)
            if expires_at is not None:
                answer.expires_at = int(expires_at * 1000)
            if identity is not None:
                answer.identity = identity
            effects.insert(0, Reply(session, answer))
        return effects

    def ended(self, session: Session, code: int | None, now: float) -> Sequence[Effect]:
        """The connection is gone. `code`: what the client closed it with; None where it did not close it itself.

        A client that closes it is done, except a page that is left: the browser may only load it again.
        """
        self.rows.subscriptions.end_session(session)
        if code is None:
            return self.rooms.dropped(session, now)
        if code == GOING_AWAY:
            return self.rooms.dropped(session, now, RELOAD_GRACE_S)
        return self.rooms.left(session, now)

    def done(self, session: Session, now: float) -> Sequence[Effect]:
        """The client of a session whose connection is gone already says that it will not come back."""
        return self.rooms.occupants.end_ghost(session, now)

    def tick(self, now: float) -> Sequence[Effect]:
        """What time alone brings; to be called at least every 100 ms."""
        return self.rooms.tick(now)

    def position(self, session: Session) -> FeedPosition | UnsetType:
        """The feed position that `session` may be told: none while it lacks something up to there."""
        return UNSET if session in self.rows.subscriptions.catching_up else self.rows.cursor.position

    def _authenticate(self, session: Session, request: AuthenticateRequest, now: float) -> list[Effect]:
        return [Identify(session, given_ref(request.ref), request.token, now)]

    def _cancel(self, session: Session, request: CancelRequest, now: float) -> list[Effect]:
        return [CancelCall(session, request.ref)]

    def _ping(self, session: Session, request: PingRequest, now: float) -> list[Effect]:
        if request.ref is UNSET:
            return []
        return [Reply(session, Pong(time=int(now * 1000), position=self.position(session), ref=request.ref))]
