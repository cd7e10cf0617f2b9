"""An open connection with what lives as long as it does: its outbox, its watchdog, and the work of sessions.

It does not know what a message means, nor when to connect again.
Invariant: everything that it started ends with the connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from .connection import Connection
from .options import Options
from .outbox import Outbox
from .requests import Requests
from .watchdog import Watchdog

__all__ = ["ConnectionScope"]

GOODBYE_TIMEOUT = 15.0
"""Seconds from `goodbye` until the client drops the connection; a gateway stops within 10 s."""


class ConnectionScope:
    """`tasks` ends with the connection."""

    def __init__(self, connection: Connection, tasks: asyncio.TaskGroup, options: Options, requests: Requests) -> None:
        self.connection = connection
        self.outbox = Outbox(connection, requests.written)
        self._tasks = tasks
        self._clock = options.clock
        self.spawn(self.outbox.run())
        self.spawn(Watchdog(connection, options, requests.ping).run())

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run `work` for as long as the connection lives."""
        return self._tasks.create_task(work)

    def said_goodbye(self) -> None:
        """Drop the connection if the gateway does not close it."""
        self.spawn(self._leave())

    async def _leave(self) -> None:
        await self._clock.sleep(GOODBYE_TIMEOUT)
        self.connection.abort("the gateway said goodbye, but did not close")
