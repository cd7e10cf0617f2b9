"""The data layer over PostgreSQL: threads that write and read, the change feed, and housekeeping, behind one port."""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Literal

import psycopg

from tidegate.contract import Resource
from tidegate.core.budgets.payer import GATEWAY
from tidegate.core.rooms.room_log import Changed
from tidegate.hub.connector import Hub
from tidegate.store.epochs import fresh_epoch
from tidegate.store.errors import REWRITTEN, StoreError
from tidegate.store.hub.feed_line import FeedLine
from tidegate.store.postgres import home, large_integers, row_security, unique_keys
from tidegate.store.postgres.changelog import LOG, META
from tidegate.store.postgres.connection import Connection, Connections, opened, shown
from tidegate.store.postgres.migration.migrate import check
from tidegate.store.postgres.serving import lending, table_shapes
from tidegate.store.postgres.serving.epoch import NAMED, POSITIONS, EpochGuard, LogFingerprint, place
from tidegate.store.postgres.serving.feed import PostgresFeed
from tidegate.store.postgres.serving.log_watch import LogWatch
from tidegate.store.postgres.serving.reader import Reader
from tidegate.store.postgres.serving.retention import STEP, prune_all
from tidegate.store.postgres.serving.room_calls import RoomCalls
from tidegate.store.postgres.serving.room_reads import RoomReads
from tidegate.store.postgres.serving.room_writes import sweep_all
from tidegate.store.postgres.serving.table_watch import TableWatch
from tidegate.store.postgres.serving.writer import Writer
from tidegate.store.serving.change_feed import EVERY_RESOURCE, ChangeFeed
from tidegate.store.serving.log_size import LogSize
from tidegate.store.serving.reads import Reads
from tidegate.store.serving.retention import KEEP, Retention
from tidegate.store.serving.room_log import DatabaseRoomLog
from tidegate.store.serving.store import GIVEN_UP_S, PATIENCE_S, OpenedLog, ThreadedStore
from tidegate.store.serving.timeouts import TIMEOUTS, Timeouts
from tidegate.store.sql.large_integers import notes

log = logging.getLogger("tidegate.store")

LOCK_TIMEOUT_MS = 1_000
"""How long a reading thread waits for another program that locks a table. The read is tried again until its deadline,
and meanwhile the thread reads other tables."""
LOOK_S = 1.0
"""Seconds between two checks that it is still the same log, and between two attempts to write after a failure."""

Found = tuple[LogFingerprint, OpenedLog]
Part = Hub | Literal["lent"] | None
"""Of a gateway with workers. A worker's store has the hub, which follows the change log for it and does what only one
process does. The hub's store is lent: its feed delivers the log's rows as they are. None where one process does all."""


class PostgresStore(ThreadedStore):
    """Implements core.rows.ports.Store. Made by `open`."""

    _guard: EpochGuard
    _writer: Writer

    def __init__(
        self,
        url: str,
        resources: Mapping[str, Resource],
        keep: Retention,
        timeouts: Timeouts,
        found: Found,
        part: Part = None,
        *,
        durable: bool = False,
    ) -> None:
        """`found`: what the database said when it was opened. `part`, `durable`: as for `open`."""
        served, opened_log = found
        hub, lent = (part, False) if isinstance(part, Hub) else (None, part == "lent")
        loop = asyncio.get_running_loop()
        settings = row_security.ERROR_INSTEAD | {
            "lock_timeout": str(min(LOCK_TIMEOUT_MS, math.ceil(timeouts.read * 500) or LOCK_TIMEOUT_MS)),
            "statement_timeout": str(math.ceil(timeouts.read * 1000)),
        }
        connections = Connections(url, settings, served.home, reading=True)
        reader = Reader(connections, resources, served.home)
        reads = Reads(reader, resources, loop, timeouts.read)
        self._line: FeedLine | None = None
        feed: ChangeFeed
        if hub is not None:
            missed = lambda after, upto: reads.changes(after, upto, upto - after, GATEWAY)  # noqa: E731  # short
            decoded = lending.decoder(reader.change, resources)
            feed = self._line = FeedLine(hub, opened_log.epoch, resources, missed, decoded)
        elif lent:
            feed = PostgresFeed(url, served, [EVERY_RESOURCE], lending.records, loop)
        else:
            feed = PostgresFeed(url, served, resources, reader.decoded, loop)
        writer = Writer(url, resources, served.home, loop, feed.wake, timeouts.write)
        watches = TableWatch(url, served.home, resources), LogWatch(shown(url), resources)
        # Of the threads that look: readers end before them.
        self._looking = Connections(url, settings, served.home, reading=True)
        guard = EpochGuard(url, served, self._looking, *watches)
        super().__init__(loop, opened_log, reads, writer, feed, guard)
        self._calls: RoomCalls | None = None
        self._durable = durable
        if durable and self._line is not None:
            writer.rooms.start(opened_log.epoch, self._line.call)
            self.rooms = DatabaseRoomLog(self, RoomReads(reader), self._line.watch)
        elif durable:
            self._calls = RoomCalls(url, loop)
            writer.rooms.start(opened_log.epoch, self._calls.call)
            self.rooms = None if lent else DatabaseRoomLog(self, RoomReads(reader), self._calls.start)
        self._url = url
        self._keep = keep
        self._size = LogSize(keep.bytes, STEP)
        self._pruning = threading.Lock()
        self._every(LOOK_S, self._look)
        if hub is None:
            self._every(keep.pause_s, self._prune)

    @classmethod
    async def open(
        cls,
        url: str,
        resources: Mapping[str, Resource],
        keep: Retention = KEEP,
        timeouts: Timeouts = TIMEOUTS,
        *,
        durable: bool = False,
        part: Part = None,
        prefix: str = "",
    ) -> PostgresStore:
        """`durable`: there are durable rooms. `prefix`: that of the engine of rooms, where gateways share one.

        Raises StoreError: no such database, one that does not answer, or one that was not migrated; no hub.
        """
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(None, _prepared, url, resources, durable)
        store = cls(url, resources, keep, timeouts, found, part, durable=durable)
        if isinstance(store._feed, PostgresFeed):
            store._feed.prefix = prefix
        if store._line is not None:
            try:
                await store._line.open()
            except StoreError:
                await store.close(0)
                raise
        return store

    @property
    def outdated(self) -> bool:
        return self._guard.outdated or (self._line is not None and self._line.outdated)

    def rooms_appended(self, rooms: Sequence[str]) -> None:
        if self._calls is not None:
            self._calls.call(rooms)

    def watch_rooms(self, changed: Changed) -> None:
        if self._calls is not None:
            self._calls.start(changed)

    async def close(self, patience: float = PATIENCE_S) -> None:
        await super().close(patience)
        if self._line is not None:  # the writer has told its last commit
            await self._line.aclose()
        if self._calls is not None:  # the writer has no message left to call for
            self._closing.begin("the calls of other gateways", self._calls.close)
            await self._closing.ended(GIVEN_UP_S)
        if not self.unfinished():
            await self._loop.run_in_executor(None, self._looking.close)

    def _look(self) -> None:
        self._guard.look()
        self._writer.probe()

    def _prune(self) -> None:
        """In a reading thread; not while the last round still prunes."""
        if not self._pruning.acquire(blocking=False):
            return
        try:
            prune_all(self._url, self._keep, self._size)
            if self._durable:
                sweep_all(self._url, int(time.time() * 1000))
        except Exception as error:  # the boundary of the thread: housekeeping is not a client's request
            log.warning("the change log could not be pruned; it will be tried again: %s", str(error).strip())
        finally:
            self._pruning.release()


def _altered(url: str, connection: Connection, resources: Mapping[str, Resource]) -> bool:
    """Whether rows have other values since a gateway saw the tables last, which the log does not have."""
    now = table_shapes.look(connection, home.here(connection), resources.values())
    columns = table_shapes.changed(before := table_shapes.recorded(connection), now)
    if columns:
        log.warning(f"the database %s {REWRITTEN}", shown(url), ", ".join(columns))
    table_shapes.record(connection, {name: each.after(before.get(name)) for name, each in now.items()})
    return bool(columns)


def _prepared(url: str, resources: Mapping[str, Resource], durable: bool) -> Found:
    """The log of a database that is ready to be served. Raises StoreError."""
    check(url, resources, durable=durable)
    try:
        with opened(url) as connection, connection.transaction():
            here = place(connection)
            # Locked, so that of gateways that start at once the first begins the epoch and the others take it.
            ((there,),) = connection.execute(f"SELECT value FROM {META} WHERE name = 'place' FOR UPDATE").fetchall()
            ((newest, head),) = connection.execute(POSITIONS).fetchall()
            emptied = connection.execute(f"SELECT FROM {LOG} LIMIT 1").fetchall() == [] and (newest or 0) > head
            altered = _altered(url, connection, resources)
            # The log of a restored backup goes on from there: its positions would mean other changes.
            if there != here or emptied or altered:
                for name, value in (("place", here), ("epoch", fresh_epoch())):
                    connection.execute(f"UPDATE {META} SET value = $2 WHERE name = $1", [name, value])
            wanted = ["epoch", "identity_secret", home.ENTRY]
            meta: dict[str, str] = dict(connection.execute(NAMED, [wanted]).fetchall())
            tables = [resource.table for resource in resources.values()]
            for note in row_security.notes(row_security.secured(connection, meta[home.ENTRY], tables)):
                log.warning("%s", note)
            for note in unique_keys.notes(connection, meta[home.ENTRY], resources.values()):
                log.warning("%s", note)
            for note in notes(large_integers.beyond(connection, meta[home.ENTRY], resources.values())):
                log.warning("%s", note)
    except psycopg.Error as error:
        raise StoreError(f"database {shown(url)}: {str(error).strip()}") from None
    served = LogFingerprint(here, meta["epoch"], meta[home.ENTRY])
    return served, OpenedLog(meta["epoch"], meta["identity_secret"], head)
