"""The threads that write to PostgreSQL: each has a connection, a queue, and takes one order at a time.

A user's orders all go through one thread, so that they are done in the order in which they came. An order is a
transaction: the lock that puts commits in an order is held while one reaches the disk, so that nothing would be won by
more threads. What the database undid because of others (deadlocks) is tried again.
Invariant: an order's result is told if and only if its transaction was committed.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import zlib
from collections.abc import Callable, Mapping

import psycopg
from psycopg import errors

from tidegate.contract import Resource
from tidegate.core.errors import Refused
from tidegate.core.ports import WriteOrder, WriteResult
from tidegate.store.postgres.changelog import REQUESTS
from tidegate.store.postgres.connection import Connection
from tidegate.store.postgres.connections import Connections
from tidegate.store.postgres.orders import Orders, Violated
from tidegate.store.postgres.reader import one_value
from tidegate.store.postgres.violations import BROKEN, Place, count_keys_anew, is_overtaken_key, refusal

log = logging.getLogger("tidegate.store")

LANES = 4
QUEUE_LIMIT = 2_500
"""Orders that may wait in one lane; above it the database is behind and clients are told so."""
ATTEMPTS = 5
UNAVAILABLE = "the database cannot write at the moment; try again with the same key"

Outcome = WriteResult | Refused
Waiting = tuple[WriteOrder, "asyncio.Future[WriteResult]"]
_UNDONE = (errors.DeadlockDetected, errors.SerializationFailure)
_BUSY = (
    errors.LockNotAvailable,
    errors.QueryCanceled,
    errors.ReadOnlySqlTransaction,
    errors.InsufficientResources,
    *_UNDONE,
)


class Writer:
    """Owns its threads and their connections from `start` to `close`."""

    def __init__(
        self,
        url: str,
        resources: Mapping[str, Resource],
        loop: asyncio.AbstractEventLoop,
        committed: Callable[[], None],
    ) -> None:
        self._connections = Connections(url)
        self._orders = Orders(resources)
        self._loop = loop
        self._committed = committed
        self._closed = False
        self._lanes: list[queue.Queue[Waiting | None]] = [queue.Queue(QUEUE_LIMIT) for _ in range(LANES)]
        self._threads = [
            threading.Thread(target=self._run, args=[lane], name=f"tidegate-writer-{number}")
            for number, lane in enumerate(self._lanes)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def submit(self, order: WriteOrder) -> asyncio.Future[WriteResult]:
        """The order's result, once it is committed. To be called in the loop's thread."""
        future: asyncio.Future[WriteResult] = self._loop.create_future()
        lane = self._lanes[zlib.crc32(order.user.encode()) % LANES]
        try:
            if self._closed:
                raise queue.Full
            lane.put_nowait((order, future))
        except queue.Full:
            future.set_exception(Refused("unavailable", UNAVAILABLE, retry_after=1.0))
        return future

    def close(self) -> None:
        """Write what is queued, then end the threads. Blocks."""
        self._closed = True
        for lane, thread in zip(self._lanes, self._threads, strict=True):
            if thread.is_alive():
                lane.put(None)
        for thread in self._threads:
            if thread.is_alive():
                thread.join()
        self._connections.close()

    def _run(self, lane: queue.Queue[Waiting | None]) -> None:
        while (waiting := lane.get()) is not None:
            order, future = waiting
            try:
                outcome: Outcome = self._outcome(order)
            except Refused as refused:
                outcome = refused
            except Exception:  # the boundary of the thread: whatever failed, the client is told
                log.exception("an order failed")
                outcome = Refused("internal", BROKEN)
            self._loop.call_soon_threadsafe(_tell, future, outcome)

    def _outcome(self, order: WriteOrder) -> WriteResult:
        """Raises Refused."""
        for last in [False] * (ATTEMPTS - 1) + [True]:
            attempt = Attempt(self._orders, order)
            try:
                result = attempt.carry_out(self._connections.mine())
            except (Violated, psycopg.Error) as error:
                if not self._again(attempt, error, last=last):
                    raise self._refused(attempt, error) from error
            else:
                self._committed()
                return result
        raise AssertionError("the last attempt returns or raises")

    def _again(self, attempt: Attempt, failure: Violated | psycopg.Error, *, last: bool) -> bool:
        """Whether the order was undone for a reason that may be gone the next time."""
        error = failure.error if isinstance(failure, Violated) else failure
        if last:
            return False
        if isinstance(error, _UNDONE):
            return True
        if isinstance(error, errors.UniqueViolation) and error.diag.table_name == REQUESTS.partition(".")[2]:
            return error.diag.schema_name == REQUESTS.partition(".")[0]  # another gateway answers this key right now
        if _is_broken(error):
            # Broken before COMMIT was sent: nothing was written. After it nobody knows: the client
            # may ask again under its key.
            return not attempt.committing and self._reconnected()
        connection = self._connections.mine()
        place = attempt.place(failure)
        if is_overtaken_key(connection, error, place):
            count_keys_anew(connection, place.resource)
            return True
        return False

    def _reconnected(self) -> bool:
        try:
            self._connections.anew()
        except psycopg.OperationalError:
            return False
        return True

    def _refused(self, attempt: Attempt, failure: Violated | psycopg.Error) -> Refused:
        error = failure.error if isinstance(failure, Violated) else failure
        if _is_broken(error) or isinstance(error, _BUSY):
            log.warning("the database could not write: %s", str(error).strip())
            return Refused("unavailable", UNAVAILABLE, retry_after=1.0)
        return refusal(self._connections.mine(), error, attempt.place(failure))


class Attempt:
    """One attempt at one order."""

    def __init__(self, orders: Orders, order: WriteOrder) -> None:
        self.committing = False
        self._orders = orders
        self._order = order

    def carry_out(self, connection: Connection) -> WriteResult:
        with connection.pipeline(), connection.transaction():
            rows, head = self._orders.carry_out(connection, self._order)
            self.committing = True
        return WriteResult(rows, one_value(head))

    def place(self, failure: Violated | psycopg.Error) -> Place:
        return failure.place if isinstance(failure, Violated) else self._orders.place(self._order)


def _is_broken(error: psycopg.Error) -> bool:
    """The connection is, or never was: not this order's fault."""
    return isinstance(error, psycopg.InterfaceError) or (
        isinstance(error, psycopg.OperationalError) and (error.sqlstate is None or error.sqlstate[:2] in {"08", "57"})
    )


def _tell(future: asyncio.Future[WriteResult], outcome: Outcome) -> None:
    if future.done():  # the client that asked is gone
        return
    if isinstance(outcome, Refused):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
