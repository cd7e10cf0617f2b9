"""The data layer over SQLite: one writer thread, a few reading ones, and the change feed, behind one port."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from tidegate.contract import Resource
from tidegate.store.serving.retention import KEEP, Retention
from tidegate.store.serving.store import ThreadedStore
from tidegate.store.sqlite.changelog import triggers
from tidegate.store.sqlite.connection import sqlite_path
from tidegate.store.sqlite.migration.migrate import check
from tidegate.store.sqlite.serving.epoch import EpochGuard
from tidegate.store.sqlite.serving.feed import SqliteFeed
from tidegate.store.sqlite.serving.reader import Reader
from tidegate.store.sqlite.serving.writer import Writer

READERS = 2
NOTE_S = 2.0
"""Seconds between looks at where the log is."""


class SqliteStore(ThreadedStore):
    """Implements core.ports.Store. Made by `open`."""

    _reader: Reader
    _writer: Writer

    def __init__(
        self,
        path: Path,
        resources: Mapping[str, Resource],
        keep: Retention,
        keeper: EpochGuard,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        reader = Reader(path, resources)
        feed = SqliteFeed(path, resources, reader, loop)
        writer = Writer(path, resources, loop, feed.wake, keep)
        super().__init__(
            loop,
            epoch=reader.meta("epoch"),
            identity_secret=reader.meta("identity_secret"),
            head=reader.head(),
            reader=reader,
            readers=READERS,
            writer=writer,
            feed=feed,
            parts=(writer, keeper),
        )
        self._keeper = keeper
        self._every(NOTE_S, keeper.look)

    @classmethod
    async def open(cls, url: str, resources: Mapping[str, Resource], keep: Retention = KEEP) -> SqliteStore:
        """Raises StoreError: a URL of another kind, a database that cannot be opened or was not migrated."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, check, url, resources)
        path = sqlite_path(url)
        names = {name for resource in resources.values() for name in triggers(resource)}
        keeper = await loop.run_in_executor(None, EpochGuard.open, path, names)
        return cls(path, resources, keep, keeper, loop)

    async def close(self) -> None:
        await super().close()
        await self._loop.run_in_executor(None, self._keeper.close)
