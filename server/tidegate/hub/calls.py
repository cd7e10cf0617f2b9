"""The requests of a worker that the hub has not answered.

Invariant: every call has one outcome, also where the line ends.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Any

from tidegate.core.errors import Refused
from tidegate.core.round_trips import LOST, RoundTrips
from tidegate.hub.messages import Refusal


class Calls:
    """By number, from 1. Belongs to the loop's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, round_trips: RoundTrips | None = None) -> None:
        self._loop = loop
        self._round_trips = round_trips or RoundTrips("hub")
        self._began: dict[int, float] = {}
        """When each of those that wait began."""
        self._last = 0
        self._waiting: dict[int, asyncio.Future[Any]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def begin(self) -> tuple[int, asyncio.Future[Any]]:
        """A number for the next request, and what becomes of it."""
        self._last = number = self._last + 1
        future = self._waiting[number] = self._loop.create_future()
        self._began[number] = monotonic()
        return number, future

    def settle(self, number: int, value: Any) -> None:
        """The hub answered. A call that is not known any more was given up."""
        future = self._answered(number)
        if future is not None and not future.done():
            future.set_result(value)

    def refuse(self, refusal: Refusal) -> None:
        future = self._answered(refusal.id)
        if future is not None:
            self._round_trips.failed(refusal.code)
        if future is not None and not future.done():
            future.set_exception(refusal.refused())
            future.exception()  # the caller may be gone

    async def settled(self, seconds: float) -> None:
        """Wait for the answers, at most `seconds`."""
        if self._waiting:
            await asyncio.wait(self._waiting.values(), timeout=seconds)

    def fail(self, refused: Refused) -> None:
        """The line ended: nothing that waits is answered any more."""
        waiting, self._waiting = self._waiting, {}
        self._began.clear()
        if waiting:
            self._round_trips.failed(LOST, len(waiting))
        for future in waiting.values():
            if not future.done():
                future.set_exception(refused)
                future.exception()  # the caller may be gone

    def _answered(self, number: int) -> asyncio.Future[Any] | None:
        """A call that waits no more; None for one that was given up."""
        future = self._waiting.pop(number, None)
        if future is not None:
            self._round_trips.observe(monotonic() - self._began.pop(number))
        return future
