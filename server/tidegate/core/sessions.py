"""The beginning and the end of sessions: the greeting, heartbeats, tokens that end, the goodbye.

It knows which sessions are connected. What they ask for is decided in `core.protocol`; who a token names, in `auth`.
Invariant: a session that was turned away is never greeted, and no session is told anything after its end.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

import msgspec

from tidegate.core.authentication_deadlines import AuthenticationDeadlines
from tidegate.core.closes import FORBIDDEN, INTERNAL_ERROR, OVERLOADED, REASONS, UNAUTHENTICATED
from tidegate.core.effects import Close, Effect, Ref, Reply
from tidegate.core.errors import Refused, error_message
from tidegate.core.heartbeats import Heartbeats
from tidegate.core.identities import VerifiedIdentity
from tidegate.core.protocol import Protocol
from tidegate.core.renewals import GiveIdentity, Renewals
from tidegate.core.session import Session
from tidegate.core.users import Users
from tidegate_protocol import PROTOCOL_VERSION, CloseCode, Goodbye, Limits, Welcome

_TURNED_AWAY: dict[str, CloseCode] = {"unauthenticated": UNAUTHENTICATED, "internal": INTERNAL_ERROR}
"""How a connection that is not let in is closed, by the code of its error; others by whether a client may try again."""


class Greeting(msgspec.Struct, frozen=True):
    """What `welcome` tells every client alike."""

    heartbeat: float
    """Seconds between two heartbeats of one session."""
    limits: Limits
    contract: str
    """The hash of the schema that the gateway serves."""


class Sessions:
    """The connected sessions of one gateway."""

    def __init__(
        self,
        protocol: Protocol,
        greeting: Greeting,
        identity: GiveIdentity,
        now: float,
        authenticate_within: float | None = None,
    ) -> None:
        """`identity`: see `core.identities.Identities`. `now`: seconds since the Unix epoch, as everywhere.
        `authenticate_within`: the seconds that a client without a token has to send one; None for no such limit.
        """
        self.protocol = protocol
        self.heartbeats = Heartbeats(greeting.heartbeat, protocol.position, now)
        self.draining = False
        """Whether the gateway is about to end, so that new clients should go elsewhere."""
        self._greeting = greeting
        self._renewals = Renewals(identity)
        self._authentication_deadlines = AuthenticationDeadlines(authenticate_within)
        self._sessions: dict[Session, None] = {}
        self._users = Users()
        """A session that was turned away is of no user."""

    @property
    def contract(self) -> str:
        """The hash of the schema that the gateway serves."""
        return self._greeting.contract

    def __len__(self) -> int:
        return len(self._sessions)

    def __iter__(self) -> Iterator[Session]:
        return iter(self._sessions)

    def __contains__(self, session: Session) -> bool:
        return session in self._sessions

    def of_user(self, user: str) -> Collection[Session]:
        """The sessions of one user."""
        return self._users.sessions(user)

    def connected(self, session: Session, identity: VerifiedIdentity | None, now: float) -> Sequence[Effect]:
        """A client connected; `identity` is what its token proved, None for a client without one."""
        self._sessions[session] = None
        if identity is not None:
            session.become(identity.user, identity.claims)
            session.expires_at, session.proof = identity.expires_at, identity.proof
        self._users.add(session.user.id, session)
        self.heartbeats.add(session)
        welcome = Welcome(
            protocol=PROTOCOL_VERSION,
            connection=session.id,
            user=session.user,
            position=self.protocol.rows.cursor.position,
            heartbeat=self._greeting.heartbeat,
            limits=self._greeting.limits,
            contract=self._greeting.contract,
        )
        if session.user.anonymous and not self._authentication_deadlines.begin(session, now):
            identity_token = self._renewals.begin(session, now)
            if identity_token is not None:
                welcome.identity = identity_token
        return [Reply(session, welcome)]

    def turned_away(self, session: Session, refused: Refused) -> Sequence[Effect]:
        """A client connected with a token that is not valid, or that the application refuses: it gets the error, and
        its connection ends.
        """
        self._sessions[session] = None
        code = _TURNED_AWAY.get(refused.code, OVERLOADED if refused.temporary else FORBIDDEN)
        return [Reply(session, error_message(refused)), Close(session, code, REASONS[code])]

    def identified(self, session: Session, ref: Ref, identity: VerifiedIdentity, now: float) -> Sequence[Effect]:
        """The token of an `authenticate` was valid: its user may be another one, and its end another time."""
        before = session.user.id
        token = self._renewals.of(session, identity, now)
        effects = self.protocol.identified(session, ref, identity, now, token)
        self._authentication_deadlines.discard(session)
        if session.user.id != before and session in self._sessions:
            self._users.discard(before, session)
            self._users.add(session.user.id, session)
        self.heartbeats.renew(session)
        return effects

    def received_binary(self, session: Session) -> Sequence[Effect]:
        """The client sent a binary frame, which is no message."""
        refused = Refused("invalid_json", "a message is one JSON object in a text frame; this was a binary frame")
        return [Reply(session, error_message(refused))]

    def ended(self, session: Session, code: int | None, now: float) -> Sequence[Effect]:
        """The connection is gone. `code`: see `Protocol.ended`."""
        self._sessions.pop(session, None)
        self._users.discard(session.user.id, session)
        self.heartbeats.discard(session)
        self._renewals.discard(session)
        self._authentication_deadlines.discard(session)
        return self.protocol.ended(session, code, now)

    def goodbye(self, code: CloseCode, retry_after: Callable[[], float]) -> Sequence[Effect]:
        """Tell every client that the gateway ends with `code`, and after how many seconds to come back.

        `retry_after` is asked once for each client, so that they do not all come back at the same moment.
        """
        self.draining = True
        return self.announce(self._sessions, code, retry_after)

    def send_away(self, code: CloseCode, retry_after: Callable[[], float]) -> Sequence[Effect]:
        """Say goodbye to every client and close its connection, although the gateway goes on: what the clients have is
        no longer kept up to date.
        """
        sessions = list(self._sessions)
        return [*self.announce(sessions, code, retry_after), *self.close(sessions, code)]

    def announce(
        self, sessions: Iterable[Session], code: CloseCode, retry_after: Callable[[], float]
    ) -> Sequence[Effect]:
        """Say goodbye to those of `sessions` that are still connected; `close` follows."""
        return [
            Reply(session, Goodbye(code=code, reason=REASONS[code], retry_after=round(retry_after(), 3)))
            for session in sessions
            if session in self._sessions
        ]

    def close(self, sessions: Iterable[Session], code: CloseCode) -> Sequence[Effect]:
        """Close the connections of those of `sessions` that are still connected."""
        return [Close(session, code, REASONS[code]) for session in sessions if session in self._sessions]

    def remove(
        self, sessions: Iterable[Session], code: CloseCode, reason: str, retry_after: Callable[[], float]
    ) -> Sequence[Effect]:
        """Say goodbye to some of the connected `sessions` and close their connections, for this `reason`."""
        effects: list[Effect] = []
        for session in [session for session in sessions if session in self._sessions]:
            goodbye = Goodbye(code=code, reason=reason, retry_after=round(retry_after(), 3))
            effects += [Reply(session, goodbye), Close(session, code, reason)]
        return effects

    def tick(self, now: float) -> Sequence[Effect]:
        """What time alone brings; to be called at least every 100 ms."""
        return [
            *self.protocol.tick(now),
            *self.heartbeats.tick(now),
            *self._renewals.tick(now),
            *self._authentication_deadlines.tick(now),
        ]

    def shift(self, seconds: float) -> None:
        """Every deadline but the ends of tokens moves: the clock was set, or the gateway stood still."""
        self.protocol.rooms.shift(seconds)
