"""A drain that an operator asks for: the gateway is not ready, takes no new clients, and sends the others away evenly.

The process goes on, so that the drain can be undone; SIGTERM ends it.
Invariant: at most one drain is under way.
"""

from __future__ import annotations

import asyncio
import random

from tidegate.admin.tasks import Tasks
from tidegate.gateway.assembly import Parts
from tidegate.transport import ConnectionContext

STAMPEDE_S = 2.0
"""Clients come back spread over this many seconds."""


class Draining:
    """Of one gateway."""

    def __init__(self, gateway: Parts, context: ConnectionContext, tasks: Tasks) -> None:
        self._gateway = gateway
        self._context = context
        self._tasks = tasks
        self._undone: asyncio.Event | None = None

    def begin(self, seconds: float) -> bool:
        """Send the clients away, spread over `seconds`. Returns whether that begins now."""
        if self._gateway.sessions.draining:
            return False
        self._undone = undone = asyncio.Event()
        self._gateway.sessions.draining = True
        self._context.connections.closed_to_new = True
        self._tasks.begin(self._run(seconds, undone))
        return True

    def undo(self) -> None:
        """Take clients again, if an operator's drain is the reason why none are taken."""
        if self._undone is None:
            return
        self._undone.set()
        self._undone = None
        self._gateway.sessions.draining = False
        self._context.connections.closed_to_new = False

    def end(self) -> None:
        """The gateway stops: it drains by itself."""
        if self._undone is not None:
            self._undone.set()
            self._undone = None

    async def _run(self, seconds: float, undone: asyncio.Event) -> None:
        async def skipped(wait: float) -> bool:
            try:
                async with asyncio.timeout(wait):
                    await undone.wait()
            except TimeoutError:
                return False
            return True

        later = lambda: random.uniform(0, STAMPEDE_S)  # noqa: E731, S311  # spread
        await self._gateway.handler.drain(seconds, later, skipped)
