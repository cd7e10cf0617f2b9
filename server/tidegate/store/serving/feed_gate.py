"""Pauses the change feed while there are no subscribers. The event loop sets the state; the feed thread obeys it.

    FOLLOWING --pause--> PAUSED --resume--> JUMPING --jumped--> FOLLOWING
                           ^                   |
                           +------failed-------+

A paused feed reads nothing. When it resumes, it first jumps to the log's head, past the changes that no subscriber
needed. Subscribers that arrive during the jump wait for its end; the loop pauses no feed while they wait.
Invariant: what is committed after `resume` returned is delivered.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from enum import Enum, auto

OnSkip = Callable[[int], None]


class GateState(Enum):
    FOLLOWING = auto()
    PAUSED = auto()
    JUMPING = auto()
    """The loop has asked for the jump, and the feed thread has not made it yet."""


class FeedGate:
    """The feed thread reads `paused` and `jump_due`, and calls `jumped` and `failed`. The rest belongs to the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, wake: Callable[[], None]) -> None:
        """`wake` makes the feed thread look at the state."""
        self.on_skip: OnSkip = lambda head: None
        """Called in the loop's thread: everything up to `head` is past and was not delivered."""
        self.jumped_at = 0.0
        """When the last jump ended, on the monotonic clock."""
        self._state = GateState.FOLLOWING
        self._loop = loop
        self._wake = wake
        self._waiting: list[asyncio.Future[None]] = []

    @property
    def following(self) -> bool:
        """Whether the feed delivers changes."""
        return self._state is GateState.FOLLOWING and not self._waiting

    def pause(self) -> None:
        """There is no subscriber."""
        if not self._waiting:
            self._state = GateState.PAUSED

    async def resume(self) -> None:
        """Deliver what is committed from now on; returns when that holds. Raises what the jump failed with."""
        if self._state is GateState.PAUSED and not self._waiting:
            self._state = GateState.JUMPING
            self._wake()
        elif not self._waiting:
            return
        await self._jump()

    @property
    def jumps(self) -> bool:
        """Whether a jump is under way: what is written meanwhile might not reach a subscriber that asked before."""
        return bool(self._waiting)

    async def resumed(self) -> None:
        """Returns once no jump is under way. Raises what the jump failed with."""
        if self._waiting:
            await self._jump()

    async def _jump(self) -> None:
        # A future for each caller, so that all go on in the order in which they came.
        future: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append(future)
        await future

    def _end_jump(self, head: int | None, error: Exception | None) -> None:
        if head is not None:
            self.jumped_at = time.monotonic()
            self.on_skip(head)
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if future.done():
                continue
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)

    # -- in the feed's thread ---------------------------------------------------------------------------------------

    @property
    def paused(self) -> bool:
        return self._state is GateState.PAUSED

    @property
    def jump_due(self) -> bool:
        return self._state is GateState.JUMPING

    def jumped(self, head: int) -> None:
        """The feed goes on after `head`."""
        self._state = GateState.FOLLOWING
        self._loop.call_soon_threadsafe(self._end_jump, head, None)

    def failed(self, error: Exception) -> None:
        """The log could not be read: a subscriber has to ask for the jump again."""
        if self.jump_due:
            self._state = GateState.PAUSED
            self._loop.call_soon_threadsafe(self._end_jump, None, error)
