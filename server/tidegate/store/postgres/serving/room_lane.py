"""The thread that keeps messages of durable rooms in PostgreSQL: those that wait are committed together.

Messages have a lane beside those of mutations: they lock rows of rooms, for which no row of a table ever waits, and
a batch of them takes few statements.
Invariant: a message has its answer if and only if its transaction was committed.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

import psycopg
from psycopg import errors

from tidegate.core.budgets.daily import DailyBudget
from tidegate.core.errors import Refused
from tidegate.core.rooms.room_log import ForgetRoom, Kept, NewMessage
from tidegate.store.postgres.connection import Connections
from tidegate.store.postgres.serving.database_errors import is_broken, unavailable
from tidegate.store.postgres.serving.room_writes import RoomTransaction
from tidegate.store.postgres.serving.sqlstates import Fault, fault
from tidegate.store.serving import refusals
from tidegate.store.serving.answers import BYTES_A_DAY, NUMBER_A_DAY
from tidegate.store.serving.write_queue import Outcome, Write, WriteQueue

log = logging.getLogger("tidegate.store")

BATCH = 256
ATTEMPTS = 5
TOO_LONG = (errors.LockNotAvailable, errors.QueryCanceled)


class RoomLane:
    """Owns its thread from `start` to `close`. The connections are the caller's."""

    def __init__(
        self,
        queue: WriteQueue,
        connections: Connections,
        answered: Callable[[Sequence[Outcome]], None],
    ) -> None:
        """`answered` is told what clients are told."""
        self.queue = queue
        self._epoch = ""
        self._committed: Callable[[Sequence[str]], None] = lambda rooms: None
        self._connections = connections
        self._answered = answered
        self._budget = DailyBudget(BYTES_A_DAY, NUMBER_A_DAY)
        self._thread = threading.Thread(target=self._run, name="tidegate-writer-rooms")

    def start(self, epoch: str, committed: Callable[[Sequence[str]], None]) -> None:
        """`epoch`: of the change log. `committed` is told, in the lane's thread, the rooms that have new messages."""
        self._epoch, self._committed = epoch, committed
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def close(self) -> None:
        self.queue.end()
        if self.alive:
            self._thread.join()

    def _run(self) -> None:
        while (taken := self.queue.take(None, BATCH)) is not None:
            if not taken:
                continue
            try:
                outcomes = self._outcomes(taken)
            except Exception:  # the boundary of the thread: without it no client is answered any more
                log.exception("messages could not be kept")
                outcomes = [refusals.failed()] * len(taken)
            self._answered(outcomes)
            pairs = list(zip(taken, outcomes, strict=True))
            self.queue.report(pairs)
            self._committed([room for each, outcome in pairs if (room := _new_in(each, outcome)) is not None])

    def _outcomes(self, batch: Sequence[Write]) -> Sequence[Outcome]:
        work = [each.job for each in batch if isinstance(each.job, NewMessage | ForgetRoom)]
        until = min(each.deadline for each in batch)
        heal = False
        for _ in range(ATTEMPTS):
            transaction = RoomTransaction(self._epoch, work, self._budget, until, heal=heal)
            try:
                return transaction.carry_out(self._connections.for_this_thread())
            except psycopg.Error as failed:
                error = failed
            if self.queue.given_up and not (transaction.committing and is_broken(error)):
                return [refusals.stopping()] * len(batch)
            if is_broken(error):
                if transaction.committing:
                    return [_caused(refusals.unknown_outcome(), error)] * len(batch)
                if not self._reconnected():
                    break
            elif isinstance(error, errors.UniqueViolation):
                heal = True
            elif isinstance(error, TOO_LONG):
                return [refusals.took_too_long()] * len(batch)
            elif fault(error) is not Fault.OTHERS:
                if len(batch) > 1 and fault(error) is not Fault.DATABASE:
                    return [outcome for each in batch for outcome in self._outcomes([each])]
                break
        return [unavailable(error)] * len(batch)

    def _reconnected(self) -> bool:
        try:
            self._connections.reopened()
        except psycopg.OperationalError:
            return False
        return True


def _new_in(write: Write, outcome: Outcome) -> str | None:
    """The room that has a new message."""
    if isinstance(outcome, Kept) and outcome.new and isinstance(write.job, NewMessage):
        return write.job.room
    return None


def _caused(refused: Refused, error: psycopg.Error) -> Refused:
    refused.__cause__ = error
    return refused
