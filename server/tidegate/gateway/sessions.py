"""What connections tell the gateway: a client connects, sends messages, and goes.

Frames become requests, requests become effects. It decides nothing of the protocol (that is `core`) and knows no
details of WebSocket.
Invariant: whatever a client sends, it gets a typed error at most; a failure of the gateway is logged and answered
`internal`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import msgspec
from msgspec import UNSET

from tidegate.contract import ApplicationRequest, Contract
from tidegate.core import authentication_deadlines
from tidegate.core.closes import DRAIN
from tidegate.core.draining import Drain
from tidegate.core.effects import Effect, Identify, Ref
from tidegate.core.errors import Refused
from tidegate.core.identities import VerifiedIdentity
from tidegate.core.optional import given_ref
from tidegate.core.session import Session
from tidegate.core.sessions import Sessions
from tidegate.gateway.application.gate import Gate
from tidegate.gateway.custom_messages import CustomMessages
from tidegate.gateway.effects import Effects
from tidegate.gateway.work import Work
from tidegate.transport import Connection
from tidegate_protocol import CloseCode

GIVEN_UP_S = 0.25
"""How long a stop waits for the answers to requests that it gave up."""
SLICE_S = 0.1
"""How often a drain sends clients away."""


class SessionHandler:
    """Implements `transport.ConnectionHandler`: every connection's session begins, speaks and ends here."""

    def __init__(
        self,
        contract: Contract,
        sessions: Sessions,
        gate: Gate,
        effects: Effects,
        work: Work,
        custom: CustomMessages,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`clock`: seconds since the Unix epoch."""
        self.sessions = sessions
        self._decode = contract.decode
        self._protocol = sessions.protocol
        self._gate = gate
        self._asking = gate.asking
        self._effects = effects
        self._counts = effects.counts
        self._work = work
        self._custom = custom
        self._clock = clock

    def connected(self, connection: Connection) -> None:
        address = connection.peer.address if connection.peer.limited else None
        tokens = self._gate.tokens
        session = Session(connection.id, connection.write_side, tokens.anonymous(), address)
        connection.session = connection.write_side.owner = session
        identity = VerifiedIdentity(session.user, None)
        if connection.token is None and not tokens.let_anonymous_in:
            # The application is asked when it is known who the client is.
            self._greet(session, identity)
            return
        try:
            if connection.token is not None:
                identity = tokens.connecting(session, connection.token)
        except Refused as refused:
            self._turn_away(session, refused)
        else:
            self._gate.admit(session, identity, partial(self._greet, session), partial(self._turn_away, session))

    def received(self, connection: Connection, payload: bytes) -> None:
        session: Session = connection.session
        if session in self._asking:
            self._gate.hold(session, partial(self.received, connection, payload))
            return
        try:
            request = self._decode(payload)
        except Refused as refused:
            self._work.refuse(session, [None], refused)
            return
        connection.used = connection.heard
        try:
            self.ask(session, request)
        except Refused as refused:
            self._work.refuse(session, [_ref(request)], refused)

    def ask(
        self,
        session: Session,
        request: msgspec.Struct,
        changed: Callable[[Sequence[Effect]], Sequence[Effect]] | None = None,
    ) -> None:
        """Carry a request out. `changed`: what to do instead of the effects that it leads to. Raises Refused."""
        if session.must_authenticate:
            authentication_deadlines.check(session, request)
        if type(request) is ApplicationRequest:
            self._counts.of_application[request.type] += 1
            self._work.spawn(session, [_ref(request)], self._custom.answer(session, request))
            return
        self._counts.by_type[type(request)] += 1
        effects = self._protocol.receive(session, request, self._clock())
        self._effects.run(effects if changed is None else changed(effects))

    def received_binary(self, connection: Connection) -> None:
        if connection.session in self._gate.asking:
            self._gate.hold(connection.session, partial(self.received_binary, connection))
        else:
            self._effects.run(self.sessions.received_binary(connection.session))

    def anonymous(self, connection: Connection) -> bool:
        session: Session | None = connection.session
        return session is not None and session.user.anonymous

    def disconnected(self, connection: Connection, code: int | None) -> None:
        session: Session = connection.session
        self._work.forget(session)
        self._custom.left(session)
        if code is not None and not connection.closed_by_client:
            code = None  # the client only answered the close frame of the gateway, and may come back
        self._gate.forget(session)
        self._effects.run(self.sessions.ended(session, code, self._clock()))
        self._gate.lifecycle.disconnected(session)
        # Each of the two knows the other, which would leave both to the garbage collector.
        connection.write_side.owner = None

    def stands(self, session: Session) -> bool:
        """Whether the session, whose connection is gone, stands for its user in a room."""
        return session in self._protocol.rooms.occupants.memberships

    def done(self, session: Session) -> None:
        """The client of a session whose connection is gone says that it will not come back."""
        self._effects.run(self._protocol.done(session, self._clock()))

    def abandoned(self, session: Session) -> None:
        """The client of a session that is one request is gone before the answer."""
        self._gate.forget(session)
        self._work.forget(session)
        self._custom.left(session)

    async def settled(self, deadline: float) -> None:
        await self._work.settled(deadline)
        self._custom.give_up()
        self._effects.give_up()
        # What was given up is answered, too: handlers at once, the database as soon as its threads have stopped.
        await self._work.settled(min(GIVEN_UP_S, deadline / 2))
        await asyncio.sleep(0)

    def tick(self) -> None:
        """Do what time alone brings; to be called at least every 100 ms."""
        self._effects.run(self.sessions.tick(self._clock()))

    def say_goodbye(self, code: CloseCode, retry_after: Callable[[], float]) -> None:
        """Tell every client that the gateway ends; `retry_after`: seconds for one client until it comes back."""
        self._effects.run(self.sessions.goodbye(code, retry_after))

    async def drain(
        self, seconds: float, retry_after: Callable[[], float], skipped: Callable[[float], Awaitable[bool]]
    ) -> None:
        """Send the clients away, evenly over `seconds`; a client that waits for an answer leaves when it has it.

        `skipped`: waits for some seconds, and says whether the drain is to end now.
        """
        now = asyncio.get_running_loop().time
        drain, told = Drain(self.sessions, seconds, now()), dict[Session, None]()
        while True:
            due = drain.due(now())
            self._effects.run(self.sessions.announce(due, DRAIN, retry_after))
            told |= dict.fromkeys(due)
            idle = [session for session in told if not self._work.busy(session)]
            self._effects.run(self.sessions.close(idle, DRAIN))
            for session in idle:
                del told[session]
            if drain.over(now()) or not self.sessions or await skipped(SLICE_S):
                return

    def send_away(self, code: CloseCode, retry_after: Callable[[], float]) -> None:
        """Close every connection; the clients may come back after `retry_after` seconds."""
        self._effects.run(self.sessions.send_away(code, retry_after))

    def identify(self, effect: Identify) -> None:
        """Carry out an `Identify`: check the token of an `authenticate`, and ask the application. Raises Refused."""
        session = effect.session
        identity = self._gate.tokens.authenticating(session, effect.token)
        self._gate.admit(
            session,
            identity,
            lambda known: self._effects.run(self.sessions.identified(session, effect.ref, known, effect.now)),
            lambda refused: self._work.refuse(session, [effect.ref], refused),
        )

    def _greet(self, session: Session, identity: VerifiedIdentity) -> None:
        self._effects.run(self.sessions.connected(session, identity, self._clock()))
        self._gate.lifecycle.connected(session)

    def _turn_away(self, session: Session, refused: Refused) -> None:
        self._effects.run(self.sessions.turned_away(session, refused))


def _ref(request: msgspec.Struct) -> Ref:
    return given_ref(getattr(request, "ref", UNSET))
