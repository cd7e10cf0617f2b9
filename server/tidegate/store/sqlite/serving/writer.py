"""The one thread that writes: mutations wait in a queue and are committed together.

Up to 64 mutations share a transaction, and with it the cost of reaching the disk; each has a savepoint, so that one
that fails undoes nothing of the others. A transaction that takes long goes without the mutations that it has not begun.
The writer answers only after the commit.
Invariant: a client gets a mutation's result if and only if its transaction is on the disk; what is given up or late is
not carried out, because only a commit that has begun goes on.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import apsw

from tidegate.contract import Resource
from tidegate.core.errors import Refused
from tidegate.core.rows.ports import Mutation
from tidegate.store.errors import UNWRITABLE, StoreError
from tidegate.store.serving.log_size import LogSize
from tidegate.store.serving.refusals import unavailable
from tidegate.store.serving.retention import KEEP, Retention
from tidegate.store.serving.write_queue import Job, OnOutcome, Outcome, Write, WriteQueue, nothing
from tidegate.store.sqlite.connection import BUSY_TIMEOUT_MS, connect
from tidegate.store.sqlite.serving.mutations import Mutations
from tidegate.store.sqlite.serving.result_codes import failure, is_temporary
from tidegate.store.sqlite.serving.retention import STEP, prune, prune_to_size
from tidegate.store.sqlite.serving.room_writes import RoomWrites, sweep
from tidegate.store.sqlite.serving.write_health import WriteHealth

log = logging.getLogger("tidegate.store")

BATCH_S = 0.05
"""How long a transaction takes mutations in. Others wait for the lock as long."""
PROGRESS_STEPS = 10_000
"""Steps of SQLite's machine, some hundred microseconds, between two looks whether a statement is to end."""
LONGEST_WAIT_S = 0.02
"""Between two looks whether another program still holds the lock."""


class TransactionEnded(Exception):
    """A mutation ended its transaction: ROLLBACK, in a table's definition or in a trigger of another program."""

    def __init__(self, number: int, refusal: Refused) -> None:
        super().__init__(number)
        self.number = number
        """Of the mutation; those before it are undone, those after it were not begun."""
        self.refusal = refusal


class Ended(Exception):
    """The transaction is not wanted any more."""


class Writer:
    """Owns its thread and its connection from `start` to `close`."""

    def __init__(
        self,
        path: Path,
        resources: Mapping[str, Resource],
        loop: asyncio.AbstractEventLoop,
        committed: Callable[[], None],
        health: WriteHealth,
        keep: Retention = KEEP,
        timeout: float = 0.0,
    ) -> None:
        """`timeout`: seconds that a mutation may wait and take; 0 for no limit."""
        self._path = path
        self._health = health
        self._mutations = Mutations(resources, health.file.log_went_back)
        self.rooms = RoomWrites()
        """To be given its epoch before the first message comes; without one, rooms are not swept."""
        self._queue = WriteQueue(loop, timeout)
        self._committed = committed
        self._keep = keep
        self._size = LogSize(keep.bytes, STEP)
        self._committing = False
        """COMMIT has begun, and nothing interrupts it."""
        self._lock_until = 0.0
        """How long the writer waits for another program that holds the database's lock."""
        self._thread = threading.Thread(target=self._run, name="tidegate-writer")

    @property
    def healthy(self) -> bool:
        return self._health.problem is None

    @property
    def problem(self) -> str:
        """What `/readyz` says while the writer is not healthy."""
        return f"the database {self._health.problem or UNWRITABLE}"

    def start(self) -> None:
        """Raises StoreError where the database cannot be opened."""
        self._connection = self._connected()
        self._thread.start()

    def submit(self, job: Job, size: int = 0, on_outcome: OnOutcome = nothing) -> asyncio.Future[Any]:
        return self._queue.submit(job, size, on_outcome)

    def give_up(self) -> None:
        self._queue.give_up()

    def close(self) -> None:
        self._queue.end()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        connection = self._connection
        try:
            due = time.monotonic() + self._keep.pause_s
            while True:
                batch = self._queue.take(max(0.0, min(due - time.monotonic(), self._health.pause_s)))
                if batch is None:
                    return
                if batch:
                    self._write(connection, batch)
                if self._health.pause_s <= 0:
                    connection = self._connection = self._probed(connection)
                if time.monotonic() >= due:
                    more = self._housekeeping(connection)
                    due = time.monotonic() + (0 if more else self._keep.pause_s)
        finally:
            connection.close()
            self._health.close()

    def _connected(self) -> apsw.Connection:
        connection = connect(self._path, quoted_text=True, checkpoint=False)
        # Asked within long statements, and in place of SQLite's own wait, which nothing can end.
        connection.set_progress_handler(self._interrupted, PROGRESS_STEPS)
        connection.set_busy_handler(self._wait_for_lock)
        self._health.attach(connection)
        return connection

    def _probed(self, connection: apsw.Connection) -> apsw.Connection:
        """Try to write after a failure; returns the connection that is used from now on."""
        if self._health.is_stale:
            try:
                former, connection = connection, self._connected()
                former.close()
            except (StoreError, apsw.Error) as error:
                log.warning("the database cannot be opened again: %s", error)
        self._health.probe(connection)
        return connection

    def _write(self, connection: apsw.Connection, batch: Sequence[Write]) -> None:
        if self._health.restricted and not (batch := self._accepted(batch)):
            return
        try:
            outcomes: list[Outcome] = self._transaction(connection, batch)
            if (lost := self._health.settled(connection)) is not None:
                outcomes = [lost] * len(outcomes)
        except TransactionEnded as ended:
            at = ended.number
            for writes in filter(None, (batch[:at], batch[at + 1 :])):
                self._write(connection, writes)
            batch, outcomes = batch[at : at + 1], [ended.refusal]
        except Exception as error:  # the boundary of the thread: nothing was committed, and each client is told
            if self._failed(connection, error) and any(write.job.kind == "delete" for write in batch):
                self._write(connection, batch)
                return
            if self._is_ended:
                self._queue.put_back(batch)
                return
            outcomes = [failure(error) if isinstance(error, apsw.Error) else unavailable()] * len(batch)
        self._queue.report(list(zip(batch, outcomes, strict=False)))
        if len(outcomes) < len(batch):
            self._queue.put_back(batch[len(outcomes) :])
        if any(isinstance(write.job, Mutation) for write in batch):
            self._committed()

    def _accepted(self, batch: Sequence[Write]) -> Sequence[Write]:
        """The mutations that may be tried; the others are refused."""
        refusals = [self._health.refusal(write.job) for write in batch]
        self._queue.report([(write, refusal) for write, refusal in zip(batch, refusals, strict=True) if refusal])
        return [write for write, refusal in zip(batch, refusals, strict=True) if refusal is None]

    @property
    def _is_ended(self) -> bool:
        """Whether the transaction was undone because the gateway stops, or a mutation in it is late."""
        return self._queue.given_up or self._queue.overdue

    def _failed(self, connection: apsw.Connection, error: Exception) -> bool:
        """A transaction failed, and nothing was committed. Returns whether its deletes may succeed alone."""
        self._committing = True  # nothing interrupts ROLLBACK
        if not connection.get_autocommit():
            with suppress(apsw.Error):  # the failure itself undid it
                connection.execute("ROLLBACK")
        if self._is_ended and not isinstance(error, apsw.BusyError):
            return False  # it says nothing of the database
        return self._health.failed(error)

    def _interrupted(self) -> bool:
        """Whether the statement that runs is to end now."""
        return not self._committing and self._is_ended

    def _wait_for_lock(self, attempts: int) -> bool:
        """Wait a moment for another program's lock. False: the statement fails."""
        now = time.monotonic()
        if attempts == 0:
            self._lock_until = now + BUSY_TIMEOUT_MS / 1000
        if self._is_ended or now > self._lock_until:
            return False
        time.sleep(min(LONGEST_WAIT_S, 0.001 * 2 ** min(attempts, 10)))
        return True

    def _transaction(self, connection: apsw.Connection, batch: Sequence[Write]) -> list[Outcome]:
        """The outcomes of the first mutations, as many as there was time for."""
        self._committing = False
        self.rooms.kept = 0
        cursor = connection.cursor()
        cursor.execute("BEGIN IMMEDIATE")
        self._mutations.begin()
        outcomes: list[Outcome] = []
        until = time.monotonic() + BATCH_S
        for write in batch:
            if self._is_ended:
                raise Ended
            cursor.execute("SAVEPOINT one")
            try:
                outcomes.append(self._carry_out(cursor, write.job))
            except Exception as error:
                if is_temporary(error):
                    raise
                if connection.get_autocommit():
                    raise TransactionEnded(len(outcomes), _refusal(error)) from error
                cursor.execute("ROLLBACK TO one")
                outcomes.append(_refusal(error))
            cursor.execute("RELEASE one")
            if time.monotonic() > until:
                break
        self.rooms.finish(cursor)
        if not self._queue.begin_commit(batch[: len(outcomes)]):
            self._queue.overdue = True
            raise Ended
        self._committing = True
        cursor.execute("COMMIT")
        self._mutations.committed()
        return outcomes

    def _carry_out(self, cursor: apsw.Cursor, work: Job) -> Outcome:
        if isinstance(work, Mutation):
            return self._mutations.carry_out(cursor, work)
        return self.rooms.carry_out(cursor, work)

    def _housekeeping(self, connection: apsw.Connection) -> bool:
        """One step. Returns whether there is more to do: the next step then follows as soon as no mutation waits."""
        try:
            now = int(time.time() * 1000)
            many = prune(connection, now, self._keep) > STEP // 2
            many = (bool(self.rooms.epoch) and sweep(connection, now)) or many
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
