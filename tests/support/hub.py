"""A hub in the loop of the test, and its address. It has no name in the file system."""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from tidegate.contract import Resource
from tidegate.core.budgets.ledger import Ledger
from tidegate.engines.hub.rooms import RoomsOfHub
from tidegate.hub.messages import Kind
from tidegate.hub.server import HubServer, Join
from tidegate.store import Retention
from tidegate.store.backends import open_lent_store
from tidegate.store.hub.rows import RowsOfHub
from tidegate.store.opened import LentStore
from tidegate.store.serving.retention import KEEP
from tidegate.store.serving.timeouts import TIMEOUTS, Timeouts

TICK_S = 0.02


def listening(address: str) -> socket.socket:
    """A socket that listens at `address`: `@` and a name that is free."""
    found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    found.bind("\0" + address[1:])
    found.listen(128)
    return found


class Hub:
    """The hub of workers in this process: its rooms, and the rows of a database if it has one."""

    def __init__(self, grace: float = 10.0, backlog: int = 64 << 20, clock: Callable[[], float] = time.time) -> None:
        self.address = f"@tidegate-test-{secrets.token_hex(8)}"
        self.ledger = Ledger()
        self.store: LentStore | None = None
        self.rooms: RoomsOfHub | None = None
        self.rows: RowsOfHub | None = None
        self._grace = grace
        self._clock = clock
        self._backlog = backlog
        self._runs = 0
        self._server: HubServer | None = None
        self._ticking: asyncio.Task[None] | None = None

    async def start(
        self,
        url: str | None = None,
        resources: Mapping[str, Resource] | None = None,
        keep: Retention = KEEP,
        timeouts: Timeouts = TIMEOUTS,
        *,
        durable: bool = True,
    ) -> None:
        """Begin without messages and members. `url`: of the database."""
        self._runs += 1
        self.rooms = RoomsOfHub(self.ledger, f"run{self._runs}", self._clock, grace=self._grace, again=self._runs > 1)
        joins: dict[Kind, Join] = {"rooms": self.rooms.join}
        if url is not None:
            self.store = await open_lent_store(url, resources or {}, keep, timeouts, durable=durable)
            self.rows = RowsOfHub(self.store, await self.store.head())
            joins["rows"] = self.rows.join
        self._server = HubServer(joins, self._backlog)
        await self._server.start(listening(self.address))
        self._ticking = asyncio.create_task(self._tick())

    def cut(self) -> None:
        """End every line, as if the workers had been too slow."""
        assert self._server is not None
        self._server.cut()

    async def stop(self) -> None:
        """End as a process does that is killed."""
        assert self._server is not None
        assert self._ticking is not None
        self._ticking.cancel()
        with suppress(asyncio.CancelledError):
            await self._ticking
        await self._server.aclose()
        self._server.cut()
        for _ in range(3):  # until the sockets are closed
            await asyncio.sleep(0)
        if self.store is not None:
            await self.store.close()
            self.store = None

    async def _tick(self) -> None:
        while True:
            assert self.rooms is not None
            self.rooms.tick(time.monotonic())
            if self.rows is not None:
                self.rows.tick()
            await asyncio.sleep(TICK_S)
