"""A worker's side of rows over SQLite: it reads the file itself; the hub writes, and sends what the change log gets.

Implements `store.opened.OpenedStore`. While the hub is away rows are read, and no write is taken.
Invariant: a write has one outcome. Where the line ends after it was sent, the client hears that it may have been done.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import apsw
import msgspec

from tidegate.contract import Resource
from tidegate.core.budgets.ledger import Ledger
from tidegate.core.budgets.payer import GATEWAY, Payer
from tidegate.core.errors import Refused
from tidegate.core.rooms.room_log import RoomLog
from tidegate.core.rows.ports import Change, EncodePage, EncodeRows, Mutation, Pages, ReadQuery, ReadResult, WriteResult
from tidegate.hub.connector import Hub
from tidegate.store.errors import HUB_AWAY, StoreError
from tidegate.store.hub import messages as say
from tidegate.store.hub.crossing import bytes_of
from tidegate.store.hub.durable import DurableRooms
from tidegate.store.hub.row_line import Does, RowLine
from tidegate.store.hub.standing import Standing, prepared
from tidegate.store.serving import refusals
from tidegate.store.serving.change_feed import Deliver
from tidegate.store.serving.closing import Closing
from tidegate.store.serving.feed_gate import OnSkip
from tidegate.store.serving.reads import Reads
from tidegate.store.serving.room_log import DatabaseRoomLog
from tidegate.store.serving.store import GIVEN_UP_S, OUTDATED, PATIENCE_S, RETRY_S
from tidegate.store.serving.timeouts import TIMEOUTS, Timeouts
from tidegate.store.serving.write_queue import size_of
from tidegate.store.sqlite.connection import sqlite_path
from tidegate.store.sqlite.serving.database_file import DatabaseFile
from tidegate.store.sqlite.serving.reader import Reader
from tidegate.store.sqlite.serving.room_reads import RoomReads
from tidegate.store.sqlite.serving.statements import head
from tidegate.store.sqlite.serving.store import READERS, TOGETHER

log = logging.getLogger("tidegate.store")


class HubStore:
    """Every method belongs to the loop's thread. Made by `open`."""

    def __init__(
        self,
        path: Path,
        resources: Mapping[str, Resource],
        hub: Hub,
        file: DatabaseFile,
        connection: apsw.Connection,
        timeout: float,
    ) -> None:
        """`connection`: has read the file, and belongs to the store from now on. As long as it is open, no end of the
        hub ends the write-ahead log. `timeout`: seconds that a read may wait and take.
        """
        loop = asyncio.get_running_loop()
        self.ledger = Ledger()
        self.rooms: RoomLog | None = None
        self._opened_at = head(connection)
        self._connection = connection
        self._file = file
        self._reader = reader = Reader(path, resources, file)
        self._reads = Reads(reader, resources, loop, timeout, READERS, TOGETHER)
        self.spent = self._reads.spent
        self._standing = Standing(path, file)
        self._stopping = False
        self._noticed = ""
        self._closing = Closing(loop)
        self._durable: DurableRooms | None = None
        does: Does = {
            say.IsKept: lambda message: self._calls.settle(message.id, message.kept),
            say.RoomsChanged: lambda message: self._rooms_changed(message.rooms),
            say.Written: lambda it: self._calls.settle(it.id, WriteResult(msgspec.json.decode(it.rows), it.seq)),
        }
        self.row_line = RowLine(hub, self, resources, self._missed, reader.decoded, does)
        self._calls, self._feed = self.row_line.calls, self.row_line.feed

    @classmethod
    async def open(
        cls,
        url: str,
        resources: Mapping[str, Resource],
        address: str,
        node: str,
        timeouts: Timeouts = TIMEOUTS,
        *,
        durable: bool = False,
    ) -> HubStore:
        """Raises StoreError: the database lacks what the schema needs, or the hub does not answer."""
        file, connection = await asyncio.get_running_loop().run_in_executor(None, prepared, url, resources, durable)
        hub = Hub(address, node)
        store = cls(sqlite_path(url).absolute(), resources, hub, file, connection, timeouts.read)
        try:
            await store.row_line.open(f"the database {HUB_AWAY}")
        except StoreError:
            await store.close(0)
            raise
        if durable:
            rooms = store._durable = DurableRooms(store.epoch, store._ask, store._reads)
            store.rooms = DatabaseRoomLog(rooms, RoomReads(store._reader), rooms.watch)
        return store

    # -- how the database is ----------------------------------------------------------------------------------------

    @property
    def epoch(self) -> str:
        return self._standing.first.result().epoch

    @property
    def identity_secret(self) -> str:
        return self._standing.known.identity_secret

    @property
    def healthy(self) -> bool:
        return self.problem is None

    @property
    def problem(self) -> str | None:
        return self._standing.problem(self.row_line.connector.healthy)

    @property
    def outdated(self) -> bool:
        return self._standing.outdated

    @property
    def incomplete(self) -> Collection[str]:
        return self._standing.known.incomplete

    # -- rows -------------------------------------------------------------------------------------------------------

    async def head(self) -> int:
        """The head when the store was opened: where `follow` begins."""
        return self._opened_at

    async def read(self, query: ReadQuery, payer: Payer = GATEWAY) -> ReadResult:
        self._check()
        try:
            return await self._reads.read(query, payer)
        finally:
            self._tell_damage()

    async def answer(self, query: ReadQuery, encode: EncodeRows, payer: Payer) -> bytes | None:
        self._check()
        try:
            return await self._reads.answer(query, encode, payer)
        finally:
            self._tell_damage()

    def snapshot(self, query: ReadQuery, encode: EncodePage) -> Pages:
        return self._reads.snapshot(query, encode)

    async def changes(self, after: int, upto: int, limit: int, payer: Payer = GATEWAY) -> Sequence[Change]:
        return await self._reads.changes(after, upto, limit, payer)

    def write(self, mutation: Mutation) -> asyncio.Future[WriteResult]:
        return self._ask(size_of(mutation), mutation.payer.account, lambda id: say.Write(id, bytes_of(mutation)))

    def _ask(self, size: int, account: str, message: Callable[[int], msgspec.Struct]) -> asyncio.Future[Any]:
        """Send a write to the hub. Raises Refused."""
        self._check()
        if self.row_line.line is None:
            raise refusals.unavailable()
        self.ledger.take(account, "writes", size)
        id, answer = self._calls.begin()
        answer.add_done_callback(lambda _: self.ledger.give(account, "writes", size))
        self.row_line.send(message(id))
        return answer

    def follow(self, deliver: Deliver, on_skip: OnSkip = lambda head: None) -> None:
        self._feed.start(self._opened_at, deliver, on_skip)

    def pause(self) -> None:
        self._feed.pause()

    @property
    def following(self) -> bool:
        return self._feed.following and not self.outdated

    @property
    def lag(self) -> float:
        return self.row_line.lag

    async def resume(self) -> None:
        self._check()
        await self._feed.resume(refusals.unreachable)

    # -- the end ----------------------------------------------------------------------------------------------------

    def give_up(self) -> None:
        self._stopping = True
        self._reads.give_up()
        self._calls.fail(refusals.unknown_outcome())

    async def close(self, patience: float = PATIENCE_S) -> None:
        """Wait for the answers of the hub at most `patience` seconds, and end the threads."""
        self._stopping = True
        self._feed.close()
        if self.row_line.line is not None:
            await self._calls.settled(patience)
        self._calls.fail(refusals.unknown_outcome())
        await self.row_line.aclose()
        self._reads.give_up()
        self._closing.begin("reading", self._end_reading)
        if not await self._closing.ended(GIVEN_UP_S):
            log.error("the database holds up the end of: %s", ", ".join(self.unfinished()))

    def _end_reading(self) -> None:
        self._reads.close()
        self._connection.close()

    def unfinished(self) -> list[str]:
        return self._closing.left

    def _check(self) -> None:
        if self._stopping:
            raise refusals.stopping()
        if self.outdated:
            raise Refused("unavailable", OUTDATED, retry_after=RETRY_S)

    def _tell_damage(self) -> None:
        """What this worker's reads find concerns the hub, which writes."""
        if self._file.damage and not self._noticed and self.row_line.line is not None:
            self._noticed = self._file.damage
            self.row_line.send(say.Noticed(self._noticed))

    async def _missed(self, after: int, upto: int) -> Sequence[Change]:
        return await self._reads.changes(after, upto, upto - after, GATEWAY)

    def _rooms_changed(self, rooms: Sequence[str] | None) -> None:
        if self._durable is not None:
            self._durable.changed(rooms)

    # -- row_line.Owner ---------------------------------------------------------------------------------------------

    def is_so(self, state: say.State) -> None:
        self._standing.told(state)
        if not self.outdated:
            self._rooms_changed(None)

    def outcome(self) -> Refused:
        return refusals.unknown_outcome()
