"""What a room and a live query have in common: the client opens it again on each new connection.

A session sends its opening request when there is a connection, keeps the answer for the caller that waits for it, and
opens itself again on the next connection. It reaches the connection through `LinkPort` alone.
Invariant: a session that was open once ends by the program, by a refusal that is not temporary, or with the client.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from .errors import ConnectionLost, RequestTimeout, TidegateError
from .identity import Identity
from .options import Options
from .outstanding import UNREADABLE
from .requests import Requests

__all__ = ["LinkPort", "Part", "Session"]

logger = logging.getLogger("tidegate_client")

RETRY_AFTER = 1.0
"""Seconds from a temporary refusal to the next attempt, if the gateway named no time."""


class LinkPort(Protocol):
    """What sessions need of the link."""

    options: Options
    identity: Identity
    requests: Requests

    async def call(
        self,
        message: dict[str, Any],
        on_reply: Callable[[dict[str, Any]], None] | None = None,
        *,
        patient: bool = False,
    ) -> dict[str, Any]:
        """Send on the present connection and wait for the reply. ConnectionLost if there is none, or it ends.

        `patient`: wait for as long as the connection lives.
        """
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
        """The sessions to open on a new connection."""
        ...

    def identity_changed(self) -> None:
        """The gateway now takes this client for another user, or gives the user other roles."""
        ...


class Session(ABC):
    """The base of a room's and a live query's session."""

    def __init__(self, link: LinkPort) -> None:
        self.link = link
        self.error: TidegateError | None = None
        self.closed = False
        self.opened = False
        self._answered = asyncio.Event()

    async def establish(self) -> None:
        """Open on the present connection. It raises no TidegateError: the outcome is in `opened` and `error`."""
        if self.closed:
            return
        try:
            await self.open()
        except ConnectionLost:
            return
        except TidegateError as error:
            if self.opened and error.retryable:
                self.link.spawn(self.retry(error))
            else:
                self.fail(error)
        except UNREADABLE as error:
            self.fail(TidegateError("invalid_message", f"{self}: its position can't be read: {error!r}"))
        else:
            self.opened = True
            self._answered.set()

    async def answered(self) -> None:
        """Wait until it is open for the first time. Raises what refused it, or RequestTimeout."""
        seconds = self.link.options.request_timeout
        try:
            async with asyncio.timeout(seconds):
                await self._answered.wait()
        except TimeoutError:
            raise RequestTimeout(f"{self} was not answered within {seconds:g} s") from None
        if self.error is not None:
            raise self.error

    def fail(self, error: TidegateError) -> None:
        """End for good: everything that waits for this session raises `error`."""
        if not self.closed:
            self.closed = True
            self.error = error
            self._answered.set()
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
        """The connection broke."""

    @abstractmethod
    def withdraw(self) -> None:
        """Tell the gateway, if there is a connection, that this session is over."""

    @abstractmethod
    def on_failed(self, error: TidegateError) -> None:
        """Tell the room or the live queries of this session."""

    async def retry(self, error: TidegateError) -> None:
        """Open again after what `error` says, or after a moment."""
        options = self.link.options
        spread = 1.0 + options.random()  # so that clients that were refused together do not come back together
        await options.clock.sleep((error.retry_after or RETRY_AFTER) * spread)
        await self.establish()
