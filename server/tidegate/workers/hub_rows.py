"""The hub's rows: the store of one process over the settings' database, once that can be opened.

The first hub ends where the database cannot be opened, since the settings may be wrong. One that takes the place of a
hub that died serves rooms at once and opens the database when that is possible; workers connect again until then.
Invariant: what was acknowledged to a worker is committed when `aclose` returns.
"""

from __future__ import annotations

import asyncio
import logging

from tidegate import row_store
from tidegate.config import ConfigError, Settings
from tidegate.core.budgets.ledger import Ledger
from tidegate.counted import Counted
from tidegate.hub.line import Line, Receiver
from tidegate.loading import load_contract
from tidegate.store.hub.rows import RowsOfHub
from tidegate.store.opened import LentStore

log = logging.getLogger("tidegate.hub")
NOT_YET = Counted(
    log, logging.ERROR, "the database cannot be opened; it will be tried again: %s", name="database_not_open"
)

RETRY_S = 1.0
ANSWER_S, CLOSE_S = 0.5, 1.0
"""How long a stop waits for writes under way, and then for the database. The supervisor has more patience."""


class HubRows:
    """Belongs to the loop's thread."""

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self._settings = settings
        self._ledger = ledger
        self.store: LentStore | None = None
        """Once the database is open."""
        self._rows: RowsOfHub | None = None
        self._opening: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Raises ConfigError."""
        store = await row_store.lent(self._settings, load_contract(self._settings))
        store.ledger = self._ledger
        self._rows = RowsOfHub(store, await store.head())
        self.store = store

    def open_later(self) -> None:
        """Open the database as soon as that is possible; `aclose` ends the attempts."""
        self._opening = asyncio.create_task(self._open_at_last())

    def join(self, line: Line, node: str) -> Receiver:
        """For `HubServer`."""
        if self._rows is not None:
            return self._rows.join(line, node)
        line.abort()  # the worker comes back
        return _NoReceiver()

    def tick(self) -> None:
        if self._rows is not None:
            self._rows.tick()

    async def aclose(self) -> None:
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.gather(self._opening, return_exceptions=True)
        if self._rows is not None and self.store is not None:
            await self._rows.aclose(ANSWER_S)
            await self.store.close(CLOSE_S)

    async def _open_at_last(self) -> None:
        while True:
            try:
                await self.open()
            except ConfigError as error:
                NOT_YET(error)
                await asyncio.sleep(RETRY_S)
            else:
                return


class _NoReceiver:
    """Hears nothing of a line that is being ended."""

    def received(self, payload: bytes) -> None: ...

    def lost(self) -> None: ...
