"""Whether anybody listens to a change feed: the loop says so, the feed's thread heeds it.

While nobody does, the feed rests: it reads nothing. Whoever comes then waits until it has jumped to the log's head,
past what happened meanwhile, which nobody would have heard.
Invariant: what is committed after `attend` returned is delivered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

Skipped = Callable[[int], None]


class FeedGate:
    """`resting` and `jump_due` are for the thread to read; `jumped` and `failed` for it to call."""

    def __init__(self, loop: asyncio.AbstractEventLoop, wake: Callable[[], None]) -> None:
        self.resting = False
        self.jump_due = False
        self.skipped: Skipped = lambda head: None
        """Told that everything up to `head` is past, in the loop's thread."""
        self._loop = loop
        self._wake = wake
        self._waiting: list[asyncio.Future[None]] = []

    @property
    def attending(self) -> bool:
        """Changes are being delivered."""
        return not self.resting and not self._waiting

    def rest(self) -> None:
        """Nobody listens."""
        if not self._waiting:
            self.resting = True

    async def attend(self) -> None:
        """Somebody listens. Raises what the jump failed with."""
        if self.resting and not self._waiting:
            self.resting, self.jump_due = False, True
            self._wake()
        elif not self._waiting:
            return
        await self._jump()

    async def settled(self) -> None:
        """Returns once no jump is under way: what is written then is heard by everybody who asked before."""
        if self._waiting:
            await self._jump()

    async def _jump(self) -> None:
        # One each, so that all go on in the order in which they came.
        future: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append(future)
        await future

    # -- in the feed's thread ---------------------------------------------------------------------------------------

    def jumped(self, head: int) -> None:
        self.jump_due = False
        self._loop.call_soon_threadsafe(self._end, head, None)

    def failed(self, error: Exception) -> None:
        """The jump has to be asked for again."""
        if self.jump_due:
            self.resting, self.jump_due = True, False
            self._loop.call_soon_threadsafe(self._end, None, error)

    def _end(self, head: int | None, error: Exception | None) -> None:
        if head is not None:
            self.skipped(head)
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if future.done():
                continue
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)
