"""Lets a client in, or turns it away: its token, then what the application says of it (`on_connect`).

The application is asked when a client connects and when `authenticate` gives it another user or other claims. While it
is asked nothing is read from the client; what was read already waits here, in order.
Invariant: no session is greeted, and none becomes a user, before every function has let it; a function that fails or
takes too long lets no client in.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from tidegate.core.access.claims import same_claims
from tidegate.core.errors import Refused, error_message, internal
from tidegate.core.identities import VerifiedIdentity
from tidegate.core.session import Session
from tidegate.gateway.calls.functions import Ended, FunctionCalls, FunctionResult
from tidegate.gateway.lifecycle import Lifecycle
from tidegate.gateway.token_checks import TokenChecks
from tidegate.handlers.call import copied
from tidegate.handlers.function import Function
from tidegate.handlers.lifecycle import Connection
from tidegate.reports import report, report_failure
from tidegate.transport import BY_ADMISSION
from tidegate_protocol import ERRORS

CONNECT_S = 5.0
"""How long the application may take to say whether a client may connect: clients wait ten seconds for `welcome`."""
RETRY_S = 1.0


class _Known(msgspec.Struct, frozen=True):
    """What the application said of a session's user."""

    identity: VerifiedIdentity
    added: Mapping[str, Any]


class Gate:
    """Of one gateway. Every method belongs to its loop."""

    def __init__(
        self, tokens: TokenChecks, lifecycle: Lifecycle, functions: list[Function], calls: FunctionCalls
    ) -> None:
        """`functions`: those of `on_connect`."""
        self.tokens = tokens
        self.lifecycle = lifecycle
        self._functions = functions
        self._calls = calls
        self.asking: dict[Session, asyncio.Task[None]] = {}
        """The sessions of which the application is asked."""
        self._held: dict[Session, deque[Callable[[], None]]] = {}
        """What their clients have sent meanwhile, to be handled."""
        self._known: dict[Session, _Known] = {}

    @property
    def asks(self) -> bool:
        """Whether the application has a say."""
        return bool(self._functions)

    def admit(
        self,
        session: Session,
        identity: VerifiedIdentity,
        then: Callable[[VerifiedIdentity], None],
        refuse: Callable[[Refused], None],
    ) -> None:
        """Do `then` with the identity and the claims that the application adds, or `refuse`: at once or later."""
        if not self._functions:
            then(identity)
            return
        known = self._known.get(session)
        if known is not None and _same(known.identity, identity):
            then(_with(identity, known.added))
            return
        session.sink.pause_reading(BY_ADMISSION)
        self._held.setdefault(session, deque())
        self.asking[session] = asyncio.get_running_loop().create_task(self._ask(session, identity, then, refuse))

    def hold(self, session: Session, do: Callable[[], None]) -> None:
        """The client has sent something while the application is asked: `do` it later."""
        self._held[session].append(do)

    def forget(self, session: Session) -> None:
        """The session ended."""
        self._known.pop(session, None)
        self._held.pop(session, None)
        task = self.asking.pop(session, None)
        if task is not None:
            task.cancel()

    async def _ask(
        self,
        session: Session,
        identity: VerifiedIdentity,
        then: Callable[[VerifiedIdentity], None],
        refuse: Callable[[Refused], None],
    ) -> None:
        try:
            added = await self._added(session, identity)
        except Refused as refused:
            del self.asking[session]
            refuse(refused)
        else:
            del self.asking[session]
            try:
                # It may have been revoked while the application was asked.
                self.tokens.revocations.check(identity.user.id, identity.proof)
                self._known[session] = _Known(identity, added)
                then(_with(identity, added))
            except Refused as refused:
                refuse(refused)
            except Exception as error:  # the boundary of the task: the client is told in any case
                report_failure("a client could not be let in:", error)
                refuse(internal())
        self._go_on(session)

    async def _added(self, session: Session, identity: VerifiedIdentity) -> dict[str, Any]:
        """The claims that the application adds. Raises Refused where it does not let the client in."""
        added: dict[str, Any] = {}
        for function in self._functions:
            connection = Connection(session.id, copied(identity.user), _copy({**identity.claims, **added}))
            added |= _said(function, await self._calls.outcome(function, connection, seconds=CONNECT_S))
        return added

    def _go_on(self, session: Session) -> None:
        """Do what the client has sent meanwhile, as far as the application is not asked again."""
        held = self._held.get(session)
        while held:
            held.popleft()()
            if session in self.asking:
                return
        if self._held.pop(session, None) is not None:
            session.sink.resume_reading(BY_ADMISSION)


def _said(function: Function, outcome: FunctionResult) -> Mapping[str, Any]:
    """The claims that a function adds. Raises Refused where the client is not let in."""
    error = outcome.error
    if isinstance(error, Refused):
        raise _sendable(function, error)
    if isinstance(error, Ended):
        raise Refused("unavailable", "the gateway stops", retry_after=RETRY_S)
    if isinstance(error, TimeoutError):
        report(f"the function {function.name} took too long for a client that connects: {error}")
        raise Refused("unavailable", "the application did not answer in time", retry_after=RETRY_S)
    if error is None:
        try:
            return _copy({} if outcome.value is None else outcome.value)
        except BaseException as wrong:  # values of the application may raise anything when they are looked at
            error = wrong
    report_failure(f"the function {function.name} failed; the client is not let in:", error)
    raise internal()


def _sendable(function: Function, refused: Refused) -> Refused:
    """A copy of what a function raised that a client can be sent."""
    try:
        copy = Refused(refused.code, refused.message, retry_after=refused.retry_after)
        if copy.code not in ERRORS or (copy.retry_after is not None and not copy.retry_after >= 0):
            raise ValueError("no error code of the protocol, or a negative retry_after")
        msgspec.json.encode(error_message(copy))
    except BaseException as error:  # values of the application may raise anything when they are looked at
        report_failure(f"the function {function.name} raised a Refused that cannot be sent:", error)
        return internal()
    return copy


def _copy(claims: Any) -> dict[str, Any]:
    """Claims as JSON has them. Raises what is wrong with them."""
    return msgspec.json.decode(msgspec.json.encode(claims), type=dict[str, Any])


def _with(identity: VerifiedIdentity, added: Mapping[str, Any]) -> VerifiedIdentity:
    return msgspec.structs.replace(identity, claims={**identity.claims, **added}) if added else identity


def _same(one: VerifiedIdentity, other: VerifiedIdentity) -> bool:
    return one.user == other.user and same_claims(one.claims, other.claims)
