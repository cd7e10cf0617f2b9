"""The data layer over PostgreSQL: writing and reading threads, the change feed, and housekeeping, behind one port.

Invariant: `close` returns only when every order that was accepted is committed or refused.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import psycopg

from tidegate.contract import Resource
from tidegate.core.ports import Change, EncodePage, Pages, ReadQuery, ReadResult, WriteOrder, WriteResult
from tidegate.store.attention import Skipped
from tidegate.store.errors import StoreError
from tidegate.store.place import REPLACED
from tidegate.store.postgres.changelog import META
from tidegate.store.postgres.connection import opened, shown
from tidegate.store.postgres.connections import Connections
from tidegate.store.postgres.feed import Deliver, Feed
from tidegate.store.postgres.migrate import check, epoch
from tidegate.store.postgres.place import place
from tidegate.store.postgres.reader import HEAD, Reader
from tidegate.store.postgres.retention import prune_all
from tidegate.store.postgres.writer import Writer
from tidegate.store.retention import KEEP, Retention
from tidegate.store.snapshots import Snapshots

log = logging.getLogger("tidegate.store")

READERS = 4
LOOK_S = 2.0
"""Seconds between looks at the log's epoch."""


class PostgresStore:
    """Implements core.ports.Store. Made by `open`; every method belongs to the loop's thread."""

    def __init__(
        self,
        url: str,
        resources: Mapping[str, Resource],
        keep: Retention,
        meta: Mapping[str, str],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.epoch: str = meta["epoch"]
        self.identity_secret: str = meta["identity_secret"]
        """What the identity tokens of anonymous clients are signed with."""
        self._url = url
        self._keep = keep
        self._loop = loop
        self._connections = Connections(url, reading=True)
        self._reader = Reader(self._connections, resources)
        self._log = (meta["place"], self.epoch)
        self._feed = Feed(url, self._log, resources, self._reader, loop)
        self._writer = Writer(url, resources, loop, self._feed.wake)
        self._snapshots = Snapshots(self._reader.snapshot, loop)
        self._threads = ThreadPoolExecutor(READERS, thread_name_prefix="tidegate-reader")
        self._opened_at = int(meta["head"])
        self._same_log = True
        self._housekeeping: asyncio.TimerHandle | None = None
        self._next_look: asyncio.TimerHandle | None = None

    @classmethod
    async def open(cls, url: str, resources: Mapping[str, Resource], keep: Retention = KEEP) -> PostgresStore:
        """Raises StoreError: no such database, one that does not answer, or one that was not migrated."""
        loop = asyncio.get_running_loop()
        meta = await loop.run_in_executor(None, _prepared, url, resources)
        store = cls(url, resources, keep, meta, loop)
        store._writer.start()
        store._housekeep_later()
        store._look_later()
        return store

    @property
    def healthy(self) -> bool:
        return self._feed.healthy and self._same_log

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
        for timer in (self._housekeeping, self._next_look):
            if timer is not None:
                timer.cancel()
        await self._loop.run_in_executor(None, self._writer.close)
        await self._loop.run_in_executor(None, self._feed.close)
        await self._loop.run_in_executor(None, self._snapshots.close)
        await self._loop.run_in_executor(None, self._threads.shutdown)
        self._connections.close()

    def _look_later(self) -> None:
        self._next_look = self._loop.call_later(LOOK_S, self._look)

    def _look(self) -> None:
        if self._same_log:
            self._threads.submit(self._look_at_log)
            self._look_later()

    def _look_at_log(self) -> None:
        """A new epoch, or a dump that is restored, breaks no connection, by which the feed would hear of it."""
        try:
            connection = self._connections.mine()
            ((epoch,),) = connection.execute(f"SELECT value FROM {META} WHERE name = 'epoch'").fetchall()
            now = place(connection), epoch
        except psycopg.Error:
            return  # the feed says so
        if now != self._log and self._same_log:
            self._same_log = False
            log.error("the database %s %s", shown(self._url), REPLACED)

    def _housekeep_later(self) -> None:
        self._housekeeping = self._loop.call_later(self._keep.pause_s, self._housekeep)

    def _housekeep(self) -> None:
        self._threads.submit(prune_all, self._url, self._keep).add_done_callback(_housekeeping_done)
        self._housekeep_later()


def _housekeeping_done(done: Future[None]) -> None:
    if (error := done.exception()) is not None:
        log.warning("the change log could not be pruned; it will be tried again: %s", str(error).strip())


def _prepared(url: str, resources: Mapping[str, Resource]) -> dict[str, str]:
    """What the store must know of its database, which is found to be ready. Raises StoreError."""
    check(url, resources)
    try:
        with opened(url) as connection, connection.transaction():
            here = place(connection)
            # Locked, so that of gateways that start at a time one begins the epoch and the others take it.
            ((there,),) = connection.execute(f"SELECT value FROM {META} WHERE name = 'place' FOR UPDATE").fetchall()
            if there != here:  # the log of a restored backup goes on from there: its positions would mean other changes
                for name, value in (("place", here), ("epoch", epoch())):
                    connection.execute(f"UPDATE {META} SET value = $2 WHERE name = $1", [name, value])
            meta: dict[str, str] = dict(connection.execute(f"SELECT name, value FROM {META}").fetchall())
            ((head,),) = connection.execute(HEAD).fetchall()
    except psycopg.Error as error:
        raise StoreError(f"database {shown(url)}: {str(error).strip()}") from None
    return meta | {"head": str(head)}
