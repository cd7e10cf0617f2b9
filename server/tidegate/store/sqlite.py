"""The data layer over SQLite: one writer thread, a few reading ones, and the change feed, behind one port.

Invariant: `close` returns only when every order that was accepted is committed or refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tidegate.contract import Resource
from tidegate.core.ports import Change, EncodePage, Pages, ReadQuery, ReadResult, WriteOrder, WriteResult
from tidegate.store.attention import Skipped
from tidegate.store.changelog import triggers
from tidegate.store.database import sqlite_path
from tidegate.store.feed import Deliver, Feed
from tidegate.store.migrate import check
from tidegate.store.place import Keeper
from tidegate.store.reader import Reader
from tidegate.store.retention import KEEP, Retention
from tidegate.store.snapshots import Snapshots
from tidegate.store.writer import Writer

READERS = 2
NOTE_S = 2.0
"""Seconds between looks at where the log is."""


class SqliteStore:
    """Implements core.ports.Store. Made by `open`; every method belongs to the loop's thread."""

    def __init__(
        self,
        path: Path,
        resources: Mapping[str, Resource],
        keep: Retention,
        keeper: Keeper,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._loop = loop
        self._keeper = keeper
        self._reader = Reader(path, resources)
        self._feed = Feed(path, self._reader, loop)
        self._writer = Writer(path, resources, loop, self._feed.wake, keep)
        self._snapshots = Snapshots(self._reader.snapshot, loop)
        self._threads = ThreadPoolExecutor(READERS, thread_name_prefix="tidegate-reader")
        self.epoch: str = self._reader.meta("epoch")
        self.identity_secret: str = self._reader.meta("identity_secret")
        """What the identity tokens of anonymous clients are signed with."""
        self._opened_at = self._reader.head()
        self._next_look: asyncio.TimerHandle | None = None

    @classmethod
    async def open(cls, url: str, resources: Mapping[str, Resource], keep: Retention = KEEP) -> SqliteStore:
        """Raises StoreError: a URL of another kind, a database that cannot be opened or was not migrated."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, check, url, resources)
        path = sqlite_path(url)
        names = {name for resource in resources.values() for name in triggers(resource)}
        keeper = await loop.run_in_executor(None, Keeper.open, path, names)
        store = cls(path, resources, keep, keeper, loop)
        store._writer.start()
        store._look_later()
        return store

    @property
    def healthy(self) -> bool:
        return self._writer.healthy and self._keeper.healthy and self._feed.healthy

    async def head(self) -> int:
        """The head when the store was opened: where `listen` begins."""
        return self._opened_at

    async def read(self, query: ReadQuery) -> ReadResult:
        return await self._loop.run_in_executor(self._threads, self._reader.read, query)

    def snapshot(self, query: ReadQuery, encode: EncodePage) -> Pages:
        return self._snapshots.open(query, encode)

    async def write(self, order: WriteOrder) -> WriteResult:
        await self._feed.attention.settled()
        return await self._writer.submit(order)

    async def changes(self, after: int, upto: int, limit: int) -> Sequence[Change]:
        return await self._loop.run_in_executor(self._threads, self._reader.changes, after, upto, limit)

    def listen(self, deliver: Deliver, skipped: Skipped = lambda head: None) -> None:
        self._feed.attention.skipped = skipped
        self._feed.start(self._opened_at, deliver)

    def rest(self) -> None:
        self._feed.attention.rest()

    @property
    def attending(self) -> bool:
        return self._feed.attention.attending

    async def attend(self) -> None:
        await self._feed.attention.attend()

    async def close(self) -> None:
        if self._next_look is not None:
            self._next_look.cancel()
        await self._loop.run_in_executor(None, self._writer.close)
        await self._loop.run_in_executor(None, self._feed.close)
        await self._loop.run_in_executor(None, self._snapshots.close)
        self._threads.shutdown(wait=True)
        self._reader.close()
        await self._loop.run_in_executor(None, self._keeper.close)

    def _look_later(self) -> None:
        self._next_look = self._loop.call_later(NOTE_S, self._look)

    def _look(self) -> None:
        self._threads.submit(self._keeper.look)
        self._look_later()
