"""The connection to the gateway that comes back by itself: open, resume, route messages, reconnect.

One task, the runner, owns the present connection and a TaskGroup whose tasks live as long as that connection does: the
outbox, the watchdog, the resumption and the work that sessions start. On each connection the order is: become the same
user again, open rooms and queries, then send the requests that wait. It does not know what rooms and queries are, only
that they are parts with sessions.
Invariant: after the end of a link nothing waits any more: every request and every session has its reply or its error.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Sequence
from logging import INFO, WARNING
from typing import Any

from .agreement import Agreement
from .announcements import Announcements
from .backoff import Backoff, Ending
from .connection import Connection, ConnectionFailed, open_connection
from .connection_scope import ConnectionScope
from .errors import ClientClosed, ConnectionLost, ConnectionRefused, RequestRefused, TidegateError, Unreachable
from .identity import Identity
from .models import User
from .options import Options, bearer
from .outstanding import UNREADABLE, Reply, may_repeat
from .requests import Requests
from .session import Part, Session, logger

__all__ = ["Link"]

RESUME_TIMEOUT = 5.0
"""Seconds for which waiting requests are held back until rooms and queries are open again."""
FLUSH_TIMEOUT = 1.0
"""Seconds for messages that `send` took just before the program closes the client."""


class _ConnectionEnded(Exception):
    """Ends the connection's TaskGroup; never leaves this module."""


class Link:
    """The `LinkPort` that sessions use, and the requests of the program."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.parts: Sequence[Part] = ()
        self.identity = Identity(options.token, options.identity)
        self.welcome: dict[str, Any] = {}
        self.announcements = Announcements(options.buffer)
        self.error: TidegateError | None = None
        """Why the client ended; None while it lives."""
        self._agreement = Agreement(options.address, options.contract)
        self._backoff = Backoff(options.random)
        self.requests = Requests(options)
        self._scope: ConnectionScope | None = None
        self._opens_sessions = False
        self._runner: asyncio.Task[None] | None = None
        self._kept: set[asyncio.Task[Any]] = set()
        """Work that goes on although its caller was cancelled."""
        self._closing: asyncio.Task[None] | None = None
        self._opened = asyncio.Event()

    # For the client

    async def start(self) -> None:
        """Connect, once. Unreachable or ConnectionRefused if the first attempt fails (with `wait`: what is final)."""
        if self._runner is None:
            self._runner = asyncio.create_task(self._run(), name=f"tidegate {self.options.address}")
        try:
            await self._opened.wait()
        except BaseException:
            await self.close()
            raise
        if self.error is not None:
            await self.close()
            raise self.error

    async def close(self) -> None:
        """Write what was sent just before, and end for good. Idempotent; it goes on if the caller is cancelled."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        if self._scope is not None and self.error is None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FLUSH_TIMEOUT):
                    await self._scope.outbox.emptied()
        self._finish(ClientClosed())
        if self._runner is not None:
            self._runner.cancel()
            await asyncio.gather(self._runner, return_exceptions=True)

    async def request(self, message: dict[str, Any], *, repeat: bool | None = None) -> dict[str, Any]:
        """Send now or on the next connection, and wait for the reply (`request_timeout`, offline time included)."""
        self.check()
        return await self.requests.ask(message, repeat=may_repeat(message) if repeat is None else repeat)

    def send(self, message: dict[str, Any]) -> None:
        """Send now or on the next connection, and wait for nothing."""
        self.check()
        self.requests.send(message)

    async def authenticate(self, token: str) -> User:
        """Become the user that `token` names, now and on later connections.

        The gateway may have taken the token although the caller was cancelled: the reply is read either way.
        """
        self.check()
        trimmed = bearer(token)
        asking = asyncio.create_task(
            self.requests.ask(
                {"type": "authenticate", "token": trimmed},
                repeat=True,
                on_reply=lambda reply: self._identified(self.identity.authenticated(trimmed, reply)),
            )
        )
        self._kept.add(asking)
        asking.add_done_callback(self._let_go)
        await asyncio.shield(asking)
        return self.identity.user

    def _let_go(self, done: asyncio.Task[Any]) -> None:
        self._kept.discard(done)
        if not done.cancelled():
            done.exception()  # asyncio logs nothing if the caller has gone

    # For sessions: the LinkPort

    async def call(
        self, message: Reply, on_reply: Callable[[Reply], None] | None = None, *, patient: bool = False
    ) -> Reply:
        """Send on the present connection and wait for the reply. ConnectionLost without one, or when it ends first."""
        if self._scope is None:
            raise self.error or ConnectionLost(f"not connected: {message['type']!r} was not sent")
        self.check()
        return await self.requests.ask(message, repeat=False, bound=True, on_reply=on_reply, patient=patient)

    def post(self, message: dict[str, Any]) -> None:
        """Send on the present connection, if there is one, and wait for nothing."""
        self.requests.post(message)

    def start_session(self, session: Session) -> None:
        """Open `session` now if the connection's resumption is past that point; otherwise the resumption does it."""
        if self._opens_sessions:
            self.spawn(session.establish())

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` in the connection's TaskGroup, which ends it with the connection."""
        if self._scope is None:
            work.close()
        else:
            self._scope.spawn(work)

    def check(self) -> None:
        """Raise what ended the client, if it ended."""
        if self.error is not None:
            raise self.error

    # The runner

    async def _run(self) -> None:
        try:
            while True:
                ending = await self._live()
                final = self._final(ending)
                if final is not None:
                    self._finish(final)
                    return
                self.announcements.turn("reconnecting")
                delay = self._backoff.delay(ending)
                level = WARNING if self._backoff.persists else INFO
                logger.log(level, "%s: %s; next attempt in %.2f s", self.options.address, ending.reason, delay)
                await self.options.clock.sleep(delay)
        except asyncio.CancelledError:
            self._finish(ClientClosed("the client's event loop has ended"))
            raise
        except Exception as error:
            logger.exception("%s: the client failed", self.options.address)
            self._finish(TidegateError("internal", f"the client failed: {error!r}"))
            raise

    def _final(self, ending: Ending) -> TidegateError | None:
        """The error that ends the client, or None to reconnect."""
        if self._backoff.ends(ending, fresh_tokens=self.identity.fresh_tokens):
            return ConnectionRefused(ending.reason, close_code=ending.code)
        if not self._opened.is_set() and not self.options.wait:
            return Unreachable(ending.reason)
        return None

    async def _live(self) -> Ending:
        """One connection, from opening it to its end."""
        try:
            connection = await open_connection(self.options, await self.identity.bearer(self.options.open_timeout))
        except ConnectionFailed as failure:
            return failure.ending
        try:
            async with asyncio.TaskGroup() as tasks:
                self._scope = ConnectionScope(connection, tasks, self.options, self.requests)
                self._scope.spawn(self._resume(self._scope))
                async for message in connection.messages():
                    try:
                        self._dispatch(message)
                    except UNREADABLE as error:
                        logger.warning("%s: unreadable %r message: %r", self.options.address, message["type"], error)
                raise _ConnectionEnded
        except* _ConnectionEnded:
            pass
        finally:
            self._disconnected()
            await connection.close()
        return connection.ending()

    def _disconnected(self) -> None:
        self._scope = None
        self._opens_sessions = False
        for session in self._sessions():
            session.cut()
        self.requests.connection_lost()

    async def _resume(self, scope: ConnectionScope) -> None:
        connection = scope.connection
        self.welcome = connection.welcome
        self.requests.connected(scope.outbox, connection.welcome)
        self._agreement.compare(connection.welcome)
        try:
            await self._identify(connection)
        except (TidegateError, *UNREADABLE) as error:
            connection.abort(f"the gateway did not name this client's user: {error}")
            return
        self._opens_sessions = True
        openings = [scope.spawn(session.establish()) for session in self._sessions()]
        if openings:
            await asyncio.wait(openings, timeout=RESUME_TIMEOUT)
        self.requests.resume()
        self.announcements.turn("open")
        self._opened.set()

    async def _identify(self, connection: Connection) -> None:
        """Be the same anonymous user as before, if the gateway still takes the identity it gave."""
        token = self.identity.to_give_back(connection.welcome)
        if token is not None:
            try:
                reply = await self.call({"type": "authenticate", "token": token})
            except RequestRefused as error:
                if error.retryable:  # as a new user, the client would never be the old one again
                    raise
                logger.info("%s: the gateway no longer takes the old identity: %s", self.options.address, error)
            else:
                self._identified(self.identity.given_back(reply))
                return
        self._identified(self.identity.welcomed(connection.welcome))

    def _identified(self, user_changed: bool) -> None:
        if user_changed:
            for part in self.parts:
                part.identity_changed()

    def _dispatch(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        answered = self.requests.settle(message)
        if kind == "goodbye":
            self._on_goodbye()
        if kind == "identity":
            self.identity.renewed(message.get("token"))
        if kind == "error" and not answered:
            logger.warning("%s: %s: %s", self.options.address, message.get("code"), message.get("message"))
        for part in self.parts:
            if kind in part.routes:
                part.receive(message)
        if not answered:
            self.announcements.deliver(message)

    def _on_goodbye(self) -> None:
        """Start nothing new on this connection: a new request waits for the next one."""
        self.requests.hold()
        if self._scope is not None:
            self._scope.said_goodbye()

    # The end

    def _sessions(self) -> list[Session]:
        return [session for part in self.parts for session in part.sessions()]

    def _finish(self, error: TidegateError) -> None:
        if self.error is not None:
            return
        self.error = error
        self.announcements.turn("closed")
        for session in self._sessions():
            session.fail(error)
        self.requests.fail_all(error)
        self.announcements.close()
        self._opened.set()
