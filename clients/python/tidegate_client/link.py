"""The connection to the gateway that comes back by itself: open, resume, route messages, reconnect.

One task, the runner, owns the present connection and a TaskGroup whose tasks live as long as that connection does: the
watchdog, the resumption and the work that sessions start. On each connection the order is: become the same user again,
open rooms and queries, then send the requests that wait. It does not know what rooms and queries are, only that they
are parts with sessions.
Invariant: after the end of a link nothing waits any more: every request and every session has its reply or its error.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from .agreement import Agreement
from .announcements import Announcements
from .backoff import Backoff, Ending, NextStep
from .connection import Connection, ConnectionFailed, open_connection
from .errors import (
    ClientClosed,
    ConnectionLost,
    ConnectionRefused,
    RequestRefused,
    TidegateError,
    Unreachable,
)
from .identity import Identity
from .models import User
from .options import Options
from .outstanding import UNREADABLE, may_repeat
from .requests import Requests
from .session import Part, Session, logger
from .wire import encode

__all__ = ["Link"]

RESUME_TIMEOUT = 5.0
"""Seconds for which waiting requests are held back until rooms and queries are open again."""
GOODBYE_TIMEOUT = 15.0
"""Seconds from `goodbye` until the client drops the connection; a gateway stops within 10 s."""


class _ConnectionEnded(Exception):
    """Ends the connection's TaskGroup; never leaves this module."""


class Link:
    """The `LinkPort` that sessions use, and the requests of the program."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.parts: Sequence[Part] = ()
        self.identity = Identity(options.token)
        self.welcome: dict[str, Any] = {}
        self.announcements = Announcements(options.buffer)
        self.error: TidegateError | None = None
        """Why the client ended; None while it lives."""
        self._agreement = Agreement(options.url, options.contract)
        self._backoff = Backoff(options.random)
        self._requests = Requests(options)
        self._connection: Connection | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self._opens_sessions = False
        self._ready = False
        self._runner: asyncio.Task[None] | None = None
        self._opened = asyncio.Event()

    # For the client

    @property
    def user(self) -> User:
        """The user that the gateway takes this client for."""
        return self.identity.user or User(id="", anonymous=True)

    async def start(self) -> None:
        """Connect. Unreachable or ConnectionRefused if the first attempt fails (with `wait`: only what is final)."""
        self._runner = asyncio.create_task(self._run(), name=f"tidegate {self.options.url}")
        try:
            await self._opened.wait()
        except BaseException:
            await self.close()
            raise
        if self.error is not None:
            await self.close()
            raise self.error

    async def close(self) -> None:
        """End for good, within the closing handshake's deadline. Idempotent."""
        self._finish(ClientClosed())
        runner, self._runner = self._runner, None
        if runner is not None:
            runner.cancel()
            await asyncio.gather(runner, return_exceptions=True)

    async def request(self, message: dict[str, Any], *, repeat: bool | None = None) -> dict[str, Any]:
        """Send now or on the next connection, and wait for the reply (`request_timeout`, offline time included)."""
        self.check()
        repeats = may_repeat(message) if repeat is None else repeat
        return await self._requests.ask(message, self._connection if self._ready else None, repeat=repeats)

    def send(self, message: dict[str, Any]) -> None:
        """Send now or on the next connection, and wait for nothing."""
        self.check()
        self._requests.send(message, self._send_now if self._ready else None)

    async def authenticate(self, token: str) -> User:
        """Become the user that `token` names, now and on later connections."""
        await self.call(
            {"type": "authenticate", "token": token},
            lambda reply: self._identified(self.identity.authenticated(token, reply)),
        )
        return self.user

    # For sessions: the LinkPort

    async def call(
        self, message: dict[str, Any], on_reply: Callable[[dict[str, Any]], None] | None = None
    ) -> dict[str, Any]:
        """Send on the present connection and wait for the reply. ConnectionLost without one, or when it ends first."""
        connection = self._connection
        if connection is None:
            raise self.error or ConnectionLost(f"not connected: {message['type']!r} was not sent")
        self.check()
        return await self._requests.ask(message, connection, repeat=False, bound=True, on_reply=on_reply)

    def post(self, message: dict[str, Any]) -> None:
        """Send on the present connection, if there is one, and wait for nothing."""
        self._send_now(encode(message))

    def start_session(self, session: Session) -> None:
        """Open `session` now if the connection's resumption is past that point; otherwise the resumption does it."""
        if self._opens_sessions:
            self.spawn(session.establish())

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` in the connection's TaskGroup, which ends it with the connection."""
        if self._tasks is None:
            work.close()
        else:
            self._tasks.create_task(work)

    def _send_now(self, payload: bytes) -> None:
        if self._connection is not None:
            self.spawn(self._connection.send(payload))

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
                logger.info("%s: %s; next attempt in %.2f s", self.options.url, ending.reason, delay)
                await self.options.clock.sleep(delay)
        except Exception as error:
            logger.exception("%s: the client failed", self.options.url)
            self._finish(TidegateError("internal", f"the client failed: {error!r}"))
            raise

    def _final(self, ending: Ending) -> TidegateError | None:
        """The error that ends the client, or None to reconnect."""
        if ending.step is NextStep.STOP:
            return ConnectionRefused(ending.reason, close_code=ending.code)
        if not self._opened.is_set() and not self.options.wait:
            return Unreachable(ending.reason)
        return None

    async def _live(self) -> Ending:
        """One connection, from opening it to its end."""
        try:
            connection = await open_connection(self.options, await self._bearer())
        except ConnectionFailed as failure:
            return failure.ending
        self._connection = connection
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                tasks.create_task(self._watch(connection))
                tasks.create_task(self._resume(connection, tasks))
                async for message in connection.messages():
                    self._dispatch(message)
                raise _ConnectionEnded
        except* _ConnectionEnded:
            pass
        finally:
            self._disconnected()
            await connection.close()
        return connection.ending()

    async def _bearer(self) -> str | None:
        try:
            return await self.identity.bearer()
        except Exception as error:  # the program's function may raise anything; the next attempt may succeed
            logger.warning("%s: no token: %r", self.options.url, error)
            raise ConnectionFailed(Ending(f"the token function failed: {error!r}")) from error

    def _disconnected(self) -> None:
        self._connection = self._tasks = None
        self._opens_sessions = self._ready = False
        for session in self._sessions():
            session.cut()
        self._requests.connection_lost()

    async def _watch(self, connection: Connection) -> None:
        """The watchdog. It compares times, so that a laptop that slept notices at once."""
        clock = self.options.clock
        while (left := connection.heard_at + connection.silence_allowed - clock.now()) > 0:
            await clock.sleep(left)
        connection.abort(f"no message came for {connection.silence_allowed:g} s")

    async def _resume(self, connection: Connection, tasks: asyncio.TaskGroup) -> None:
        self.welcome = connection.welcome
        self._requests.welcomed(connection.welcome)
        self._agreement.compare(connection.welcome)
        try:
            await self._identify(connection)
        except (TidegateError, *UNREADABLE) as error:
            connection.abort(f"the gateway did not name this client's user: {error}")
            return
        self._opens_sessions = True
        openings = [tasks.create_task(session.establish()) for session in self._sessions()]
        if openings:
            await asyncio.wait(openings, timeout=RESUME_TIMEOUT)
        await self._requests.resume(connection)
        self._ready = True
        self.announcements.turn("open")
        self._opened.set()

    async def _identify(self, connection: Connection) -> None:
        """Be the same anonymous user as before, if the gateway still takes the identity it gave."""
        token = self.identity.to_give_back(connection.welcome)
        if token is not None:
            try:
                reply = await self.call({"type": "authenticate", "token": token})
            except RequestRefused as error:
                logger.info("%s: the gateway no longer takes the old identity: %s", self.options.url, error)
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
        answered = self._requests.settle(message)
        if kind == "goodbye":
            self._on_goodbye()
        if kind == "error" and not answered:
            logger.warning("%s: %s: %s", self.options.url, message.get("code"), message.get("message"))
        for part in self.parts:
            if kind in part.routes:
                part.receive(message)
        if not answered:
            self.announcements.deliver(message)

    def _on_goodbye(self) -> None:
        """Start nothing new on this connection: a new request waits for the next one."""
        self._ready = False
        if self._connection is not None:
            self.spawn(self._leave(self._connection))

    async def _leave(self, connection: Connection) -> None:
        await self.options.clock.sleep(GOODBYE_TIMEOUT)
        connection.abort("the gateway said goodbye, but did not close")

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
        self._requests.fail_all(error)
        self.announcements.close()
        self._opened.set()
