"""Requests whose handler is not called yet, and which their client may already cancel.

It knows no handler. Everything here belongs to the gateway's loop.
Invariant: a request that was cancelled here never reaches its handler.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from tidegate.core.errors import Refused

T = TypeVar("T")

CANCELLED = "the client cancelled the request"


class Waiting:
    """One request before its handler is called."""

    def __init__(self, session: str, ref: object, *, streams: bool) -> None:
        """`streams`: its handler yields parts, so that the request ends with the connection."""
        self.session, self.ref, self.streams = session, ref, streams
        self._cancelled: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def cancel(self) -> None:
        if not self._cancelled.done():
            self._cancelled.set_result(None)

    async def until(self, step: asyncio.Future[T]) -> T:
        """The result of `step`, which is cancelled with the request. Raises Refused(cancelled)."""
        try:
            first: list[asyncio.Future[Any]] = [step, self._cancelled]
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
            if self._cancelled.done():
                raise Refused("cancelled", CANCELLED)
            return step.result()
        finally:
            step.cancel()


class WaitingRequests:
    """Those of one gateway."""

    def __init__(self) -> None:
        self._of_session: dict[str, set[Waiting]] = {}

    @contextmanager
    def one(self, session: str, ref: object, *, streams: bool) -> Iterator[Waiting]:
        """A request of the connection `session`, for as long as it waits or is handled."""
        waiting = Waiting(session, ref, streams=streams)
        others = self._of_session.setdefault(session, set())
        others.add(waiting)
        try:
            yield waiting
        finally:
            others.discard(waiting)
            if not others:
                self._of_session.pop(session, None)

    def cancel(self, session: str, ref: str | int) -> None:
        """The client cancels its requests with this `ref`."""
        for waiting in self._of_session.get(session, ()):
            if waiting.ref == ref:
                waiting.cancel()

    def left(self, session: str) -> None:
        """The connection has ended: its streams do not begin."""
        for waiting in self._of_session.get(session, ()):
            if waiting.streams:
                waiting.cancel()
