"""How much of large answers and replays one turn of the event loop makes and sends, for all clients together.

A hundred clients may ask for a quarter of a megabyte each with one segment: made in one turn, all that would hold the
loop. Small pieces do not wait. It does not know what is sent.
Invariant: of what waits, a turn of the event loop lets no more than `TURN_BYTES` and one piece go on.
"""

from __future__ import annotations

import asyncio
from collections import deque

TURN_BYTES = 1 << 20
"""Bytes in a turn of the event loop. To make and write them takes 2 to 4 ms."""
SMALL_BYTES = 16_384
"""A piece that is no larger does not wait: it costs no more than a plain answer."""


class Pace:
    """Of one gateway."""

    def __init__(self) -> None:
        self._left = TURN_BYTES
        self._waiting: deque[tuple[asyncio.Future[None], int]] = deque()
        self._scheduled = False

    def take(self, size: int) -> bool:
        """A piece of about `size` bytes is to be made or sent now. False: not yet; `wait` for it."""
        if size > SMALL_BYTES and (self._waiting or self._left <= 0):
            return False
        self._spend(size)
        return True

    async def wait(self, size: int) -> None:
        """Wait until such a piece may be made or sent, and count it. Pieces go on in the order of the calls."""
        if self.take(size):
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((turn, size))
        await turn

    def _spend(self, size: int) -> None:
        self._left -= size
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._next_turn)

    def _next_turn(self) -> None:
        self._scheduled = False
        self._left = TURN_BYTES
        while self._waiting and self._left > 0:
            turn, size = self._waiting.popleft()
            if not turn.done():
                self._spend(size)
                turn.set_result(None)
