"""Ends connections and tokens on behalf of the operator, at every gateway that shares the engine.

`disconnect` closes connections, whose clients could come back with the same token; `revoke` refuses the tokens as well.
The engine tells it to each gateway, this one too, which closes what it has. How an operator asks is not known here.
Invariants: when `revoke` has returned, this gateway lets in no token that was revoked. When `disconnect` has returned,
this gateway has ended what it has, also where the engine is away.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Callable, Iterable
from typing import Literal

import msgspec

from tidegate.core.closes import FORBIDDEN, UNAUTHENTICATED
from tidegate.core.effects import Effect
from tidegate.core.errors import Refused
from tidegate.core.revocations import ID_LIMIT, Revocation, RevocationLog, Revocations
from tidegate.core.rooms.ports import Engine
from tidegate.core.session import Session
from tidegate.core.sessions import Sessions
from tidegate.counted import Counted
from tidegate.gateway.engine_listener import EngineListener
from tidegate_protocol import CloseCode

log = logging.getLogger("tidegate.tokens")
NOT_READ = Counted(
    log,
    logging.WARNING,
    "what other gateways have revoked cannot be read from the database",
    name="revocations_not_read",
)
LOOK_S = 5.0
"""How often it is looked whether another gateway has revoked something."""
REVOKE, DISCONNECT = "revoke", "disconnect"
"""What gateways call these texts among each other."""
REVOKED = "the token was revoked"
DISCONNECTED = "the operator ended the connection"
DONE = 1000
"""Of so many orders it is known that they were carried out here already."""
FRESH_TOKEN_S = 1.0
"""Times in tokens are whole seconds: a token that is issued this much later is newer than the revocation."""


class _Disconnected(msgspec.Struct, array_like=True, frozen=True):
    by: Literal["user", "connection"]
    name: str
    code: CloseCode
    id: str = ""
    """Of the gateway that says it first; older ones give none."""


class Removal:
    """Of one gateway. Every method belongs to its loop."""

    def __init__(
        self,
        sessions: Sessions,
        revocations: Revocations,
        engine: Engine,
        listener: EngineListener,
        run: Callable[[Iterable[Effect]], None],
        clock: Callable[[], float],
        later: Callable[[], float],
    ) -> None:
        """`run` carries out effects. `clock`: seconds since the Unix epoch. `later`: seconds until one client
        comes back, so that not all come back together.
        """
        self._sessions = sessions
        self._revocations = revocations
        self._engine = engine
        self._run = run
        self._clock = clock
        self._later = later
        self._log: RevocationLog | None = None
        self._done: deque[str] = deque(maxlen=DONE)
        """Ids of what was done here and was said to all gateways, of which this is one."""
        self._following: asyncio.Task[None] | None = None
        listener.on_told(REVOKE, self._told_revoke)
        listener.on_told(DISCONNECT, self._told_disconnect)

    async def revoke(self, *, user: str | None = None, jti: str | None = None, until: float | None = None) -> None:
        """Refuse the tokens of `user` that were issued until then, or the token with the id `jti`, and close their
        connections.

        `until`: seconds since the Unix epoch; None is now. A token that the user gets later is good.
        Raises Refused(invalid_message, limit_reached or unavailable).
        """
        kind, name = _one(user=user, jti=jti)
        now = self._clock()
        at = self._revocations.moment(until, now, of_user=kind == "user")
        end = max(at, now) + self._revocations.longest
        revocation = Revocation("user" if kind == "user" else "token", name, at, end)
        self._revocations.check_room(revocation, now)
        self._apply(revocation)
        self._engine.tell(None, REVOKE, msgspec.json.encode(revocation).decode())
        if self._log is not None:
            await self._log.add(revocation)

    async def keep_in(self, log: RevocationLog) -> None:
        """Know what was revoked before, keep what is revoked from now on, and follow what others revoke.

        Raises Refused(unavailable).
        """
        self._take(await log.newer())
        self._log = log
        self._following = asyncio.get_running_loop().create_task(self._follow(log))

    def end(self) -> None:
        """Follow nothing any more."""
        if self._following is not None:
            self._following.cancel()
        if self._log is not None:
            self._log.close()

    async def _follow(self, log: RevocationLog) -> None:
        """What the engine did not tell, because a gateway was away from it, or has another one."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                self._take(await log.newer())
            except Refused:
                NOT_READ()

    def _take(self, revocations: Iterable[Revocation]) -> None:
        now = self._clock()
        self._revocations.forget_ended(now)
        for revocation in revocations:
            if revocation.until > now:
                self._apply(revocation)

    def disconnect(
        self, *, user: str | None = None, connection: str | None = None, code: CloseCode = FORBIDDEN
    ) -> None:
        """Close every connection of `user`, or one connection, at whichever gateway. `code` says whether the client
        comes back: `core.closes.RANGES`.

        Raises Refused(invalid_message).
        """
        kind, name = _one(user=user, connection=connection)
        told = _Disconnected("user" if kind == "user" else "connection", name, code, secrets.token_hex(8))
        # An engine that is away says it later, and then to this gateway, too: it would end who came back meanwhile.
        self._done.append(told.id)
        self._disconnect(told)
        self._engine.tell(None, DISCONNECT, msgspec.json.encode(told).decode())

    def _told_revoke(self, text: str) -> None:
        self._apply(msgspec.json.decode(text, type=Revocation))

    def _told_disconnect(self, text: str) -> None:
        told = msgspec.json.decode(text, type=_Disconnected)
        if told.id in self._done:
            self._done.remove(told.id)
        else:
            self._disconnect(told)

    def _disconnect(self, told: _Disconnected) -> None:
        if told.by == "user":
            found = list(self._sessions.of_user(told.name))
        else:
            found = [session for session in self._sessions if session.id == told.name]
        self._run(self._sessions.remove(found, told.code, DISCONNECTED, self._later))

    def _apply(self, revocation: Revocation) -> None:
        self._revocations.add(revocation)
        of: Iterable[Session] = self._sessions
        if revocation.kind == "user":
            of = self._sessions.of_user(revocation.name)
        found = [session for session in of if revocation.refuses(session.user.id, session.proof)]
        self._run(self._sessions.remove(found, UNAUTHENTICATED, REVOKED, lambda: FRESH_TOKEN_S + self._later()))


def _one(**given: str | None) -> tuple[str, str]:
    """The one name that was given, which may be of another type where JSON gave it. Raises Refused."""
    found = [(kind, name) for kind, name in given.items() if name is not None]
    if len(found) != 1 or not isinstance(found[0][1], str) or not 0 < len(found[0][1]) <= ID_LIMIT:
        names = " or ".join(given)
        raise Refused("invalid_message", f"one {names} has to be named, with 1 to {ID_LIMIT} characters")
    return found[0]
