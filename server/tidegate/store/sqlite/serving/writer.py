"""The one thread that writes: mutations wait in a queue and are committed together.

Up to 64 mutations share a transaction, and with it the cost of reaching the disk; each has a savepoint, so that one
that fails undoes nothing of the others. The writer answers only after the commit.
Invariant: a client gets a mutation's result if and only if its transaction is on the disk; what is given up is not
carried out, for only a commit that has begun goes on.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import apsw

from tidegate.contract import Resource
from tidegate.core.errors import Refused
from tidegate.core.rows.ports import Mutation, WriteResult
from tidegate.store.serving.log_size import LogSize
from tidegate.store.serving.refusals import stopping, unavailable
from tidegate.store.serving.retention import KEEP, Retention
from tidegate.store.sqlite.connection import BUSY_TIMEOUT_MS, connect
from tidegate.store.sqlite.serving.mutations import Mutations
from tidegate.store.sqlite.serving.result_codes import failure
from tidegate.store.sqlite.serving.retention import STEP, prune, prune_to_size

log = logging.getLogger("tidegate.store")

BATCH = 64
PROGRESS_STEPS = 10_000
"""Steps of SQLite's machine, some hundred microseconds, between two looks whether a statement is to end."""
LONGEST_WAIT_S = 0.02
"""Between two looks whether another program still holds the lock."""
QUEUE_LIMIT = 10_000
"""Mutations that may wait; above it the database is behind and clients are told so."""

Outcome = WriteResult | Refused
Waiting = tuple[Mutation, "asyncio.Future[WriteResult]"]
OF_MUTATIONS = (apsw.SQLError, apsw.ConstraintError, apsw.MismatchError, apsw.TooBigError)
"""Errors that one mutation causes; with the others it is the database that fails."""


class TransactionEnded(Exception):
    """A mutation ended its transaction: ROLLBACK, in a table's definition or in a trigger of another program."""

    def __init__(self, number: int, refusal: Refused) -> None:
        super().__init__(number)
        self.number = number
        """Of the mutation; those before it are undone, those after it were not begun."""
        self.refusal = refusal


class Writer:
    """Owns its thread and its connection from `start` to `close`."""

    def __init__(
        self,
        path: Path,
        resources: Mapping[str, Resource],
        loop: asyncio.AbstractEventLoop,
        committed: Callable[[], None],
        keep: Retention = KEEP,
    ) -> None:
        self.healthy = True
        self.problem = "the database cannot be written; the gateway's log says why"
        """What `/readyz` says while the writer is not healthy."""
        self._path = path
        self._mutations = Mutations(resources)
        self._loop = loop
        self._committed = committed
        self._keep = keep
        self._size = LogSize(keep.bytes, STEP)
        self._queue: queue.Queue[Waiting | None] = queue.Queue(QUEUE_LIMIT)
        self._closed = False
        self._given_up = False
        self._committing = False
        """COMMIT has begun, and nothing interrupts it."""
        self._lock_until = 0.0
        """How long the writer waits for another program that holds the database's lock."""
        self._thread = threading.Thread(target=self._run, name="tidegate-writer")

    def start(self) -> None:
        self._thread.start()

    def submit(self, mutation: Mutation) -> asyncio.Future[WriteResult]:
        """The mutation's result, once it is committed. To be called in the loop's thread."""
        future: asyncio.Future[WriteResult] = self._loop.create_future()
        try:
            if self._given_up:
                raise stopping()
            if self._closed:
                raise queue.Full
            self._queue.put_nowait((mutation, future))
        except queue.Full:
            future.set_exception(unavailable())
        except Refused as refused:
            future.set_exception(refused)
        return future

    def give_up(self) -> None:
        """Refuse what is queued and interrupt what runs, but for a commit that is under way. In the loop's thread."""
        self._given_up = True
        with suppress(queue.Empty):
            while True:
                if (one := self._queue.get_nowait()) is not None:
                    _settle([one[1]], [stopping()])
        self._queue.put(None)

    def close(self) -> None:
        """Write what is queued, then end the thread. Blocks."""
        self._closed = True
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()

    def _run(self) -> None:
        connection = connect(self._path, quoted_text=True)
        # Asked within long statements, and in place of SQLite's own wait, which nothing can end.
        connection.set_progress_handler(self._interrupted, PROGRESS_STEPS)
        connection.set_busy_handler(self._wait_for_lock)
        try:
            due = time.monotonic() + self._keep.pause_s
            while True:
                batch = self._next_batch(max(0.0, due - time.monotonic()))
                if batch is None:
                    return
                if batch:
                    self._write(connection, batch)
                if time.monotonic() >= due:
                    more = self._housekeeping(connection)
                    due = time.monotonic() + (0 if more else self._keep.pause_s)
        finally:
            connection.close()

    def _next_batch(self, timeout: float) -> list[Waiting] | None:
        """What waits now, at most a batch; empty when nothing came within `timeout`; None when it is time to end."""
        try:
            first = self._queue.get(timeout=timeout)
        except queue.Empty:
            return []
        if first is None:
            return None
        batch = [first]
        while len(batch) < BATCH:
            try:
                following = self._queue.get_nowait()
            except queue.Empty:
                break
            if following is None:
                self._queue.put(None)  # to be found again once this batch is written
                break
            batch.append(following)
        return batch

    def _write(self, connection: apsw.Connection, batch: Sequence[Waiting]) -> None:
        try:
            outcomes: list[Outcome] = self._transaction(connection, [mutation for mutation, _ in batch])
            self.healthy = True
        except TransactionEnded as ended:
            at = ended.number
            for mutations in filter(None, (batch[:at], batch[at + 1 :])):
                self._write(connection, mutations)
            batch, outcomes = batch[at : at + 1], [ended.refusal]
        except Exception as error:  # the boundary of the thread: nothing was committed, and each client is told
            outcomes = [self._failed(connection, error)] * len(batch)
        futures = [future for _, future in batch]
        with suppress(RuntimeError):  # the loop has ended, and with it the clients
            self._loop.call_soon_threadsafe(_settle, futures, outcomes)
        self._committed()

    def _failed(self, connection: apsw.Connection, error: Exception) -> Refused:
        """What it means to each client that the transaction failed."""
        self._committing = True  # nothing interrupts ROLLBACK
        if not connection.get_autocommit():
            connection.execute("ROLLBACK")
        if self._given_up:
            return stopping()
        log.error("a transaction failed", exc_info=error)
        self.healthy = False
        return failure(error) if isinstance(error, apsw.Error) else unavailable()

    def _interrupted(self) -> bool:
        """Whether the statement that runs is to end now."""
        return self._given_up and not self._committing

    def _wait_for_lock(self, attempts: int) -> bool:
        """Wait a moment for another program's lock. False: the statement fails."""
        now = time.monotonic()
        if attempts == 0:
            self._lock_until = now + BUSY_TIMEOUT_MS / 1000
        if self._given_up or now > self._lock_until:
            return False
        time.sleep(min(LONGEST_WAIT_S, 0.001 * 2 ** min(attempts, 10)))
        return True

    def _transaction(self, connection: apsw.Connection, mutations: Sequence[Mutation]) -> list[Outcome]:
        self._committing = False
        connection.execute("BEGIN IMMEDIATE")
        outcomes: list[Outcome] = []
        for mutation in mutations:
            if self._given_up:
                raise stopping()
            connection.execute("SAVEPOINT one")
            try:
                outcomes.append(self._mutations.carry_out(connection, mutation))
            except Exception as error:
                if isinstance(error, apsw.Error) and not isinstance(error, OF_MUTATIONS):
                    raise
                if connection.get_autocommit():
                    raise TransactionEnded(len(outcomes), _refusal(error)) from error
                connection.execute("ROLLBACK TO one")
                outcomes.append(_refusal(error))
            connection.execute("RELEASE one")
        self._committing = True
        connection.execute("COMMIT")
        return outcomes

    def _housekeeping(self, connection: apsw.Connection) -> bool:
        """One step; returns whether so much is left that it should go on as soon as no mutation waits."""
        try:
            many = prune(connection, int(time.time() * 1000), self._keep) > STEP // 2
            return prune_to_size(connection, self._size) or many
        except apsw.Error:
            log.exception("the change log could not be pruned; it will be tried again")
            return False


def _refusal(error: Exception) -> Refused:
    """What one mutation's failure means to its client. An error that is no refusal mostly is a foreign trigger's."""
    if isinstance(error, Refused):
        return error
    log.error("a mutation failed", exc_info=error)
    return failure(error)


def _settle(futures: Sequence[asyncio.Future[WriteResult]], outcomes: Sequence[Outcome]) -> None:
    for future, outcome in zip(futures, outcomes, strict=True):
        if future.done():  # the client that asked is gone
            continue
        if isinstance(outcome, Refused):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
