"""The data layer over SQLite: one writer thread, a few reading threads, and the change feed, behind one port."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from tidegate.contract import Resource
from tidegate.store.serving.reads import Reads
from tidegate.store.serving.retention import KEEP, Retention
from tidegate.store.serving.room_log import DatabaseRoomLog
from tidegate.store.serving.store import PATIENCE_S, OpenedLog, ThreadedStore
from tidegate.store.serving.timeouts import TIMEOUTS, Timeouts
from tidegate.store.sql.large_integers import notes
from tidegate.store.sqlite import large_integers
from tidegate.store.sqlite.connection import connect, sqlite_path
from tidegate.store.sqlite.migration.migrate import checked
from tidegate.store.sqlite.program_needs import all_unwritable
from tidegate.store.sqlite.serving.disk_reserve import DiskReserve
from tidegate.store.sqlite.serving.epoch import EpochGuard, refuse_spoiled
from tidegate.store.sqlite.serving.feed import SqliteFeed
from tidegate.store.sqlite.serving.reader import Reader
from tidegate.store.sqlite.serving.room_reads import RoomReads
from tidegate.store.sqlite.serving.serving_lock import ServingLock
from tidegate.store.sqlite.serving.write_health import WriteHealth
from tidegate.store.sqlite.serving.writer import Writer

log = logging.getLogger("tidegate.store")

FILE_S = 0.5
"""Seconds between two looks at the file."""

READERS = 2
"""Threads that read by key, and as many for each other class: more would wait for the interpreter, not for the disk."""
TOGETHER = 16
"""Small reads that one of them gets at a time, while all together take less than two thousandths of a second."""


class SqliteStore(ThreadedStore):
    """Implements core.rows.ports.Store. Made by `open`."""

    _reader: Reader
    _writer: Writer
    _feed: SqliteFeed
    _guard: EpochGuard

    def __init__(
        self,
        path: Path,
        resources: Mapping[str, Resource],
        keep: Retention,
        lock: ServingLock,
        guard: EpochGuard,
        timeouts: Timeouts,
        *,
        lent: bool = False,
    ) -> None:
        """`lock` and `guard` belong to the store from now on. `lent`: see `open`."""
        loop = asyncio.get_running_loop()
        reader = Reader(path, resources, guard.file)
        feed = SqliteFeed(path, guard.file, resources, _as_it_is if lent else reader.decoded, loop)
        health = WriteHealth(guard.file, DiskReserve(path))
        writer = Writer(path, resources, loop, feed.wake, health, keep, timeouts.write)
        log = OpenedLog(reader.meta("epoch"), reader.meta("identity_secret"), reader.head())
        reads = Reads(reader, resources, loop, timeouts.read, READERS, TOGETHER)
        super().__init__(loop, log, reads, writer, feed, guard)
        self._reader = reader
        self._lock = lock
        self._every(FILE_S, guard.look_if_due)

    @classmethod
    async def open(
        cls,
        url: str,
        resources: Mapping[str, Resource],
        keep: Retention = KEEP,
        timeouts: Timeouts = TIMEOUTS,
        *,
        lent: bool = False,
        durable: bool = False,
    ) -> SqliteStore:
        """`durable`: there are durable rooms. `lent`: the feed delivers the log's rows as they are, for workers that
        decode them.

        Raises StoreError: a URL of another kind, a database that cannot be opened, was not migrated, or is served by
        another gateway.
        """
        loop = asyncio.get_running_loop()
        lock, guard = await loop.run_in_executor(None, _prepared, url, resources, durable)
        path = sqlite_path(url).absolute()
        store = cls(path, resources, keep, lock, guard, timeouts, lent=lent)
        if durable:
            store._writer.rooms.epoch = store.epoch
            store.rooms = DatabaseRoomLog(store, RoomReads(store._reader))
        return store

    def noticed(self, what: str) -> None:
        """Another process that reads the file found that it is damaged."""
        self._guard.file.told_of_damage(what)

    async def close(self, patience: float = PATIENCE_S) -> None:
        await super().close(patience)
        if not self.unfinished():
            await self._loop.run_in_executor(None, self._guard.close)
            self._lock.release()


def _as_it_is(found: Sequence[tuple[Any, ...]]) -> Sequence[tuple[Any, ...]]:
    return found


def _prepared(url: str, resources: Mapping[str, Resource], durable: bool) -> tuple[ServingLock, EpochGuard]:
    """The lock of this gateway, and the guard of a database that is ready to be served. Raises StoreError."""
    if sqlite_path(url).exists():
        refuse_spoiled(sqlite_path(url).absolute())
    of_others = checked(url, resources, durable=durable)
    # Handlers of the application may change the working directory.
    path = sqlite_path(url).absolute()
    # Open until the guard's connection is: the last one that is closed deletes the write-ahead log.
    with closing(connect(path, quoted_text=True)) as connection:
        rounded = large_integers.beyond(lambda sql: connection.execute(sql).fetchall(), resources.values())
        for note in (*notes(rounded), *of_others):
            log.warning("%s", note)
        lock = ServingLock.take(path)
        try:
            for sentence in all_unwritable(connection, resources):
                log.warning("the database %s: %s", path, sentence)
            return lock, EpochGuard.open(path, resources)
        except BaseException:
            lock.release()
            raise
