"""What the hub tells operators: its metrics, when a worker that was asked for all of them asks for the hub's.

They have the label `worker` with the value `hub`. Invariant: it listens only where the setting `admin` asks for it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, get_args

import msgspec

from tidegate import counted
from tidegate.admin import process
from tidegate.admin.answering import HUB, Arguments, OperationError, address_of, answering
from tidegate.admin.exposition import Family, of_histogram, of_labels, of_value, with_label
from tidegate.admin.loop_lag import LoopLag
from tidegate.core.budgets.ledger import Kind, Ledger
from tidegate.engines.hub.rooms import RoomsOfHub
from tidegate.hub.server import HubServer
from tidegate.workers.hub_rows import HubRows


class HubFigures:
    """Of one hub. `look` is to be called every `interval` seconds."""

    def __init__(self, ledger: Ledger, rooms: RoomsOfHub, rows: HubRows, server: HubServer, interval: float) -> None:
        self._ledger = ledger
        self._rooms = rooms
        self._rows = rows
        self._lines = server
        self._lag = LoopLag(interval, time.monotonic)
        self.look = self._lag.look
        self._server: asyncio.Server | None = None

    async def listen(self, name: str) -> None:
        """Answer workers from here on. `name`: of the hub's socket."""
        self._server = await answering(address_of(name, HUB), self.ask)

    def close(self) -> None:
        if self._server is not None:
            self._server.close()

    async def ask(self, operation: str, _: Arguments) -> Any:
        """Raises OperationError."""
        if operation != "metrics":
            raise OperationError(HTTPStatus.NOT_FOUND, f"the hub has no operation {operation}")
        of_process = await asyncio.to_thread(lambda: list(process.families()))
        return msgspec.to_builtins(with_label([*self.families(), *of_process], "worker", HUB))

    def families(self) -> Iterator[Family]:
        ledger, store = self._ledger, self._rows.store
        yield of_value("tidegate_hub_workers", "gauge", "Workers that share rooms over the hub.", self._rooms.workers)
        yield of_value("tidegate_hub_rooms", "gauge", "Rooms that a worker has open.", self._rooms.open_rooms)
        yield of_value("tidegate_hub_unread_bytes", "gauge", "What workers have not read yet.", self._lines.unread)
        if store is not None:
            yield of_value("tidegate_database_healthy", "gauge", "Whether the database answers.", store.problem is None)
            behind = store.lag
            yield of_value("tidegate_feed_behind_seconds", "gauge", "Since the change log was read to its end.", behind)
        events = dict(counted.totals())
        yield of_labels("tidegate_events_total", "counter", "Refusals, abuse and failures.", "event", events)
        held = {kind: float(ledger.of_kind(kind)) for kind in get_args(Kind)}
        yield of_labels("tidegate_memory_bytes", "gauge", "What clients make the gateway hold.", "kind", held)
        yield of_value("tidegate_memory_limit_bytes", "gauge", "The setting `memory`; 0 for no limit.", ledger.limit)
        yield of_histogram("tidegate_loop_lag_seconds", "How late the event loop is.", self._lag.histogram)
