"""Callers that wait until everything that was pushed to one client is with the operating system.

It does not know why something is unsent. Invariant: of several callers that wait, each goes on when what the caller
before it pushed is written.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable


class Drains:
    """The callers of one connection. `unsent`: whether frames wait for a flush, after which `flushed` is called."""

    __slots__ = ("_releasing", "_unsent", "_waiters", "paused")

    def __init__(self, unsent: Callable[[], bool], *, paused: bool) -> None:
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._unsent = unsent
        self._releasing = False
        self.paused = paused
        """The client does not read; `resumed` will follow."""

    def __bool__(self) -> bool:
        return bool(self._waiters)

    async def wait(self) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self._release_soon()
        await waiter

    def resumed(self) -> None:
        """The client has read everything."""
        self.paused = False
        self._release_soon()

    def flushed(self) -> None:
        """What was pushed is written, or held back for a client that does not read."""
        if self._waiters:
            self._release_soon()

    def end(self) -> None:
        """The connection has ended: all of them go on."""
        while self._waiters:
            self._let_go()

    def _release_soon(self) -> None:
        """Release the next waiter after the one that goes on now, and after the flush of what that one pushes."""
        if self._waiters and not self._releasing:
            self._releasing = True
            asyncio.get_running_loop().call_soon(self._release_next)

    def _release_next(self) -> None:
        """Let the first waiter go on if nothing is unsent; otherwise the flush calls again."""
        self._releasing = False
        if self._waiters and not self.paused and not self._unsent():
            self._let_go()
            self._release_soon()

    def _let_go(self) -> None:
        waiter = self._waiters.popleft()
        if not waiter.done():
            waiter.set_result(None)
