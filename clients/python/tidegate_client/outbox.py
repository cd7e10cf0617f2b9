"""Writes one connection's messages in the order in which they were put in.

Whatever leaves a connection leaves through its one outbox, so that no message overtakes an earlier one. `put` never
waits; `run` waits where the network is slow. It does not know what a message means, and it keeps nothing for the next
connection. Invariant: a message is counted as sent before its first byte can leave.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from .connection import Connection
from .outstanding import Request

__all__ = ["Outbox"]


class Outbox:
    """Writes to `connection`, and calls `written` after each message."""

    def __init__(self, connection: Connection, written: Callable[[Request], None]) -> None:
        self._connection = connection
        self._written = written
        self._waiting: deque[Request] = deque()
        self._arrival = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()

    def put(self, request: Request) -> None:
        """Write `request` after what was put in before."""
        request.given = True
        self._waiting.append(request)
        self._empty.clear()
        self._arrival.set()

    async def emptied(self) -> None:
        """Wait until everything is written."""
        await self._empty.wait()

    async def run(self) -> None:
        """Write what comes, for as long as the connection lives."""
        while True:
            await self._arrival.wait()
            self._arrival.clear()
            while self._waiting:
                request = self._waiting.popleft()
                if request.wanted:
                    request.sends += 1
                    await self._connection.send(request.payload)
                    self._written(request)
            self._empty.set()
