"""Keeps a client connected: opens a link, resumes what was going on, routes messages, comes back when the line breaks.

One task, the runner, owns the present link and a TaskGroup whose tasks live as long as the link does: the watchdog, the
resumption and whatever sessions start. On every link the order is: be who one was, open rooms and queries, then send
the requests that wait. It does not know what rooms and queries are, only that they are parts with sessions.
Invariant: when the runner ends, nothing waits any more: every request and every session has its reply or its error.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from .agreement import Agreement
from .announcements import Announcements
from .backoff import Backoff, Ending, NextStep
from .errors import (
    ClientClosed,
    ConnectionLost,
    ConnectionRefused,
    RequestRefused,
    RequestTimeout,
    TidegateError,
    Unreachable,
)
from .identity import Identity
from .link import Link, LinkFailed, open_link
from .models import User
from .options import Options
from .outstanding import UNREADABLE, Outstanding, Request, may_repeat
from .session import Part, Session, logger
from .wire import encode

__all__ = ["Connection"]


RESUME_TIMEOUT = 5.0
"""Seconds that waiting requests are held back until rooms and queries are open again; a slow one blocks no more."""


GOODBYE_TIMEOUT = 15.0
"""Seconds from `goodbye` until the client goes by itself; a gateway stops within 10 s."""


class _LineEnded(Exception):
    """Ends the link's TaskGroup; never leaves this module."""


class Connection:
    """The `Line` that sessions use, and the requests of the program."""

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
        self._outstanding = Outstanding()
        self._link: Link | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self._opens_sessions = False
        self._ready = False
        self._runner: asyncio.Task[None] | None = None
        self._opened = asyncio.Event()

    # For the client

    @property
    def user(self) -> User:
        """Who the gateway says this client is."""
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
        """Send now or on the next link, and wait for the reply (`request_timeout`, offline time included)."""
        request = self._new_request(message, repeat=may_repeat(message) if repeat is None else repeat)
        return await self._reply(request, self._link if self._ready else None)

    async def authenticate(self, token: str) -> User:
        """Become who `token` says, now and on later links."""
        await self.call(
            {"type": "authenticate", "token": token},
            lambda reply: self._identified(self.identity.authenticated(token, reply)),
        )
        return self.user

    # For sessions: the Line port

    async def call(
        self, message: dict[str, Any], on_reply: Callable[[dict[str, Any]], None] | None = None
    ) -> dict[str, Any]:
        """Send on the present link and wait for the reply. ConnectionLost without a link, or when it ends first."""
        link = self._link
        if link is None:
            raise self.error or ConnectionLost(f"not connected: {message['type']!r} was not sent")
        request = self._new_request(message, repeat=False, bound=True, on_reply=on_reply)
        return await self._reply(request, link)

    def post(self, message: dict[str, Any]) -> None:
        """Send on the present link, if there is one, and wait for nothing."""
        if self._link is not None:
            self.spawn(self._link.send(encode(message)))

    def start_session(self, session: Session) -> None:
        """Open `session` now if the link is past that point of its resumption; otherwise the resumption does it."""
        if self._opens_sessions:
            self.spawn(session.establish())

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` in the link's TaskGroup, which ends it with the link."""
        if self._tasks is None:
            work.close()
        else:
            self._tasks.create_task(work)

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
        """The error that ends the client, or None to come back."""
        if ending.step is NextStep.STOP:
            return ConnectionRefused(ending.reason, close_code=ending.code)
        if not self._opened.is_set() and not self.options.wait:
            return Unreachable(ending.reason)
        return None

    async def _live(self) -> Ending:
        """One link, from opening it to its end."""
        try:
            link = await open_link(self.options, await self._bearer())
        except LinkFailed as failure:
            return failure.ending
        self._link = link
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                tasks.create_task(self._watch(link))
                tasks.create_task(self._resume(link, tasks))
                async for message in link.messages():
                    self._dispatch(message)
                raise _LineEnded
        except* _LineEnded:
            pass
        finally:
            self._unlink()
            await link.close()
        return link.ending()

    async def _bearer(self) -> str | None:
        try:
            return await self.identity.bearer()
        except Exception as error:  # the program's own function: whatever it raises, the next attempt may succeed
            logger.warning("%s: no token: %r", self.options.url, error)
            raise LinkFailed(Ending(f"the token function failed: {error!r}")) from error

    def _unlink(self) -> None:
        self._link = self._tasks = None
        self._opens_sessions = self._ready = False
        for session in self._sessions():
            session.cut()
        self._outstanding.line_lost()

    async def _watch(self, link: Link) -> None:
        """The watchdog. It compares times, so that a laptop that slept notices at once."""
        clock = self.options.clock
        while (left := link.heard_at + link.silence_allowed - clock.now()) > 0:
            await clock.sleep(left)
        link.abort(f"heard nothing for {link.silence_allowed:g} s")

    async def _resume(self, link: Link, tasks: asyncio.TaskGroup) -> None:
        self.welcome = link.welcome
        self._agreement.compare(link.welcome)
        try:
            await self._identify(link)
        except (TidegateError, *UNREADABLE) as error:
            link.abort(f"the gateway did not say who this client is: {error}")
            return
        self._opens_sessions = True
        openings = [tasks.create_task(session.establish()) for session in self._sessions()]
        if openings:
            await asyncio.wait(openings, timeout=RESUME_TIMEOUT)
        for request in self._outstanding.unsent_on(link):
            await self._transmit(request, link)
        self._ready = True
        self.announcements.turn("connected")
        self._opened.set()

    async def _identify(self, link: Link) -> None:
        """Be the same anonymous user as before, if the gateway still takes the identity it gave."""
        token = self.identity.to_give_back(link.welcome)
        if token is not None:
            try:
                reply = await self.call({"type": "authenticate", "token": token})
            except RequestRefused as error:
                logger.info("%s: the old identity is no longer taken: %s", self.options.url, error)
            else:
                self._identified(self.identity.given_back(reply))
                return
        self._identified(self.identity.welcomed(link.welcome))

    def _identified(self, somebody_else: bool) -> None:
        if somebody_else:
            for part in self.parts:
                part.identity_changed()

    def _dispatch(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        answered = self._outstanding.settle(message)
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
        """Start nothing new on this link: what is asked from now on waits for the next one."""
        self._ready = False
        if self._link is not None:
            self.spawn(self._leave(self._link))

    async def _leave(self, link: Link) -> None:
        await self.options.clock.sleep(GOODBYE_TIMEOUT)
        link.abort("the gateway said goodbye, but did not close")

    # Requests

    def _new_request(
        self,
        message: dict[str, Any],
        *,
        repeat: bool,
        bound: bool = False,
        on_reply: Callable[[dict[str, Any]], None] | None = None,
    ) -> Request:
        self.check()
        if len(self._outstanding) >= self.options.max_waiting:
            raise TidegateError("too_many_waiting", "too many requests wait for a reply already", retryable=True)
        ref = self._outstanding.next_ref()
        payload = encode({**message, "ref": ref})
        reply: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        limit = (self.welcome.get("limits") or {}).get("max_message")
        if limit is not None and len(payload) > limit:
            # The gateway would close the connection, and a request that may be repeated would close the next one too.
            raise TidegateError("too_large", f"{message['type']!r} has {len(payload)} bytes, at most {limit} are taken")
        request = Request(ref, message["type"], payload, reply, repeat, bound, on_reply)
        self._outstanding.add(request)
        return request

    async def _transmit(self, request: Request, link: Link) -> None:
        request.sends += 1
        request.sent_on = link
        await link.send(request.payload)

    async def _reply(self, request: Request, link: Link | None) -> dict[str, Any]:
        """Send on `link`, or leave that to the next resumption, and wait for the reply."""
        seconds = self.options.request_timeout
        try:
            async with asyncio.timeout(seconds):
                if link is not None:
                    await self._transmit(request, link)
                return await request.reply
        except TimeoutError:
            raise RequestTimeout(f"{request.type!r} was not answered within {seconds:g} s") from None
        finally:
            self._outstanding.drop(request)

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
        self._outstanding.fail_all(error)
        self.announcements.close()
        self._opened.set()
