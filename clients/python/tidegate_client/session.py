"""What a room and a live query have in common: something that is opened anew on every connection.

A session sends its opening request when there is a connection, keeps its answer for whoever waits, and opens itself
again on the next connection. It reaches the connection through the `Line` port alone.
Invariant: a session that was open once ends only by its program, a refusal that is not temporary, or with the client.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from .errors import ConnectionLost, RequestTimeout, TidegateError
from .options import Options
from .outstanding import UNREADABLE

__all__ = ["Line", "Part", "Session"]

logger = logging.getLogger("tidegate_client")

RETRY_AFTER = 1.0
"""Seconds before a temporary refusal is answered by another attempt, if the gateway named no time."""


class Line(Protocol):
    """What sessions ask of the connection."""

    options: Options

    async def call(
        self, message: dict[str, Any], on_reply: Callable[[dict[str, Any]], None] | None = None
    ) -> dict[str, Any]:
        """Send on the present connection and wait for the reply. ConnectionLost if there is none, or it ends."""
        ...

    async def request(self, message: dict[str, Any]) -> dict[str, Any]:
        """Send on the present connection or the next one, and wait for the reply."""
        ...

    def post(self, message: dict[str, Any]) -> None:
        """Send on the present connection, if there is one, and wait for nothing."""
        ...

    def start_session(self, session: Session) -> None:
        """Open `session` now, if there is a connection; the next connection opens it anyway."""
        ...

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` for as long as the present connection lives."""
        ...


class Part(Protocol):
    """A group of sessions that messages are routed to."""

    routes: frozenset[str]
    """The message types it wants."""

    def receive(self, message: dict[str, Any]) -> None:
        """A message of one of these types."""
        ...

    def sessions(self) -> list[Session]:
        """Those to open on a new connection."""
        ...

    def identity_changed(self) -> None:
        """The gateway now takes this client for somebody else, or gives it other roles."""
        ...


class Session(ABC):
    """The base of a room's and a live query's session."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.error: TidegateError | None = None
        self.closed = False
        self.opened = False
        self._settled = asyncio.Event()

    async def establish(self) -> None:
        """Open on the present connection. It raises nothing of its own: the outcome is in `opened` and `error`."""
        if self.closed:
            return
        try:
            await self.open()
        except (ConnectionLost, RequestTimeout):
            return
        except TidegateError as error:
            if self.opened and error.retryable:
                self.line.spawn(self._again(error))
            else:
                self.fail(error)
        else:
            self.opened = True
            self._settled.set()

    async def settled(self) -> None:
        """Wait until it is open for the first time. Raises what refused it, or RequestTimeout."""
        seconds = self.line.options.request_timeout
        try:
            async with asyncio.timeout(seconds):
                await self._settled.wait()
        except TimeoutError:
            raise RequestTimeout(f"{self} was not answered within {seconds:g} s") from None
        if self.error is not None:
            raise self.error

    def fail(self, error: TidegateError) -> None:
        """End for good: everything that waits for this session raises `error`."""
        if not self.closed:
            self.closed = True
            self.error = error
            self._settled.set()
            self.on_failed(error)

    def read(self, message: dict[str, Any], apply: Callable[[dict[str, Any]], None]) -> None:
        """Apply a push; one that can't be read ends this session, for its copy would be wrong from here on."""
        try:
            apply(message)
        except UNREADABLE as error:
            logger.warning("%s: unreadable %r message: %r", self, message["type"], error)
            reason = f"{self}: a {message['type']!r} message can't be read: {error!r}"
            self.withdraw()
            self.fail(TidegateError("invalid_message", reason))

    @abstractmethod
    async def open(self) -> None:
        """Send the opening request and wait for its reply."""

    @abstractmethod
    def cut(self) -> None:
        """The line broke."""

    @abstractmethod
    def withdraw(self) -> None:
        """Tell the gateway, if there is a connection, that this session listens no more."""

    @abstractmethod
    def on_failed(self, error: TidegateError) -> None:
        """Tell whoever holds this session."""

    async def _again(self, error: TidegateError) -> None:
        options = self.line.options
        spread = 1.0 + options.random()  # clients that were refused together do not come back together
        await options.clock.sleep((error.retry_after or RETRY_AFTER) * spread)
        await self.establish()
