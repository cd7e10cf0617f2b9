"""The threads that write to PostgreSQL: each has a connection and a queue. Mutations that wait are committed together.

A lane takes what waits into one transaction. A mutation that meets a row which another transaction holds, or that the
database undid because of others, is put aside: another thread does it alone, and waits for the row as long as it takes.
A user's mutations all go through one lane, and behind those of the same user that are put aside, so that they are done
in the order in which they came.
Invariant: a client gets a mutation's result if and only if its transaction was committed.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import psycopg
from psycopg import errors

from tidegate.contract import Resource
from tidegate.core.budgets.write_turns import Limits
from tidegate.core.errors import Refused
from tidegate.core.rows.ports import Mutation
from tidegate.store.postgres.connection import LOCK_TIMEOUT_MS, Connections
from tidegate.store.postgres.serving.database_errors import StatementFailed, is_broken, unavailable
from tidegate.store.postgres.serving.mutations import Mutations
from tidegate.store.postgres.serving.room_lane import RoomLane
from tidegate.store.postgres.serving.transaction import HURRIED_MS, Transaction
from tidegate.store.postgres.serving.write_health import WriteHealth
from tidegate.store.serving import refusals
from tidegate.store.serving.refusals import FAILED
from tidegate.store.serving.write_queue import Job, OnOutcome, Outcome, Write, WriteQueue, nothing

log = logging.getLogger("tidegate.store")

LANES = 2
ASIDE = 2
STATEMENT_S = 1.0
"""What a statement may take in a transaction that others share. Alone it has until the mutation's deadline."""
ATTEMPTS = 5
INTERRUPT_S = 0.05
"""How often what runs is interrupted when the gateway stops: between two statements an interrupt has no effect."""
TOO_LONG = (errors.LockNotAvailable, errors.QueryCanceled)
UNLIMITED = Limits(1 << 30, 1 << 30)
"""What is put aside has its place already."""


class Writer:
    """Owns its threads and their connections from `start` to `close`."""

    def __init__(
        self,
        url: str,
        resources: Mapping[str, Resource],
        home: str,
        loop: asyncio.AbstractEventLoop,
        committed: Callable[[], None],
        timeout: float = 0.0,
    ) -> None:
        """`home`: the schema of the resources' tables. `timeout`: seconds that a mutation may wait and take; 0 for no
        limit.
        """
        hurried = {"lock_timeout": str(HURRIED_MS)}
        if timeout:
            hurried["statement_timeout"] = str(math.ceil(min(timeout, STATEMENT_S) * 1000))
        self._hurried = Connections(url, hurried, home)
        self._patient = Connections(url, {"lock_timeout": str(LOCK_TIMEOUT_MS)}, home)
        self._mutations = Mutations(resources, home)
        self._health = WriteHealth(url, [self._hurried, self._patient])
        self._committed = committed
        self._given_up = False
        self._lock = threading.Lock()
        self._put_aside: Counter[str] = Counter()
        """How many mutations of each user are put aside."""
        self.rooms = RoomLane(WriteQueue(loop, timeout), self._patient, self._health.answered)
        """To be started where the application has durable rooms."""
        share = Limits(Limits().all // LANES, Limits().account)
        self._lanes = [WriteQueue(loop, timeout, self._lock, share) for _ in range(LANES)]
        self._asides = [WriteQueue(loop, timeout, self._lock, UNLIMITED, dropped=self._back) for _ in range(ASIDE)]
        self._lane_threads = [
            threading.Thread(target=self._commit_together, args=[lane], name=f"tidegate-writer-{number}")
            for number, lane in enumerate(self._lanes)
        ]
        self._aside_threads = [
            threading.Thread(target=self._commit_alone, args=[aside], name=f"tidegate-writer-aside-{number}")
            for number, aside in enumerate(self._asides)
        ]

    @property
    def healthy(self) -> bool:
        return self._health.problem is None

    @property
    def problem(self) -> str:
        """What `/readyz` says while the writer is not healthy."""
        return self._health.problem or ""

    def probe(self) -> None:
        """Try to write if the last write failed. To be called regularly, in a thread that may wait."""
        self._health.probe()

    def start(self) -> None:
        for thread in (*self._lane_threads, *self._aside_threads):
            thread.start()

    def submit(self, job: Job, size: int = 0, on_outcome: OnOutcome = nothing) -> asyncio.Future[Any]:
        queue = self._lanes[_number(job) % LANES] if isinstance(job, Mutation) else self.rooms.queue
        return queue.submit(job, size, on_outcome)

    def give_up(self) -> None:
        if not self._given_up:
            self._given_up = True
            for queue in (*self._lanes, *self._asides, self.rooms.queue):
                queue.give_up()
            threading.Thread(target=self._interrupt, name="tidegate-writer-interrupt", daemon=True).start()

    def _interrupt(self) -> None:
        """A server that is told to cancel a commit either undoes it and says so, or has committed."""
        threads = [*self._lane_threads, *self._aside_threads]
        while self.rooms.alive or any(thread.is_alive() for thread in threads):
            for connections in (self._hurried, self._patient):
                connections.cancel_all()
            time.sleep(INTERRUPT_S)

    def close(self) -> None:
        for queues, threads in ((self._lanes, self._lane_threads), (self._asides, self._aside_threads)):
            for queue in queues:
                queue.end()
            for thread in threads:
                if thread.is_alive():
                    thread.join()
        self.rooms.close()
        self._hurried.close()
        self._patient.close()

    def _commit_together(self, lane: WriteQueue) -> None:
        while (taken := lane.take(None)) is not None:
            group = self._group(taken)
            if not group:
                continue
            try:
                outcomes = self._outcomes(group)
            except Exception:  # the boundary of the thread: without it no client is answered any more
                log.exception("a transaction failed")
                outcomes = [Refused("internal", FAILED)] * len(group)
            self._health.answered(outcomes)
            lane.report([(write, outcome) for write, outcome in zip(group, outcomes, strict=False) if outcome])
            lane.put_back(group[len(outcomes) :])
            for write, outcome in zip(group, outcomes, strict=False):
                if outcome is None:
                    self._aside(write)

    def _group(self, taken: Sequence[Write]) -> list[Write]:
        """The mutations to do together. Those of users who have mutations put aside are put aside too."""
        group: list[Write] = []
        for write in taken:
            if self._put_aside[write.mutation.user]:
                self._aside(write)
            else:
                group.append(write)
        return group

    def _aside(self, write: Write) -> None:
        with self._lock:
            self._put_aside[write.mutation.user] += 1
        self._asides[_number(write.mutation) // LANES % ASIDE].hand_over(write)

    def _back(self, write: Write) -> None:
        """A mutation that was put aside has its outcome."""
        user = write.mutation.user
        with self._lock:
            self._put_aside[user] -= 1
            if not self._put_aside[user]:
                del self._put_aside[user]

    def _outcomes(self, group: Sequence[Write]) -> Sequence[Outcome | None]:
        """Of the first mutations of the group, at least one; None: to be done alone."""
        until = min(write.deadline for write in group)
        mutations = [write.mutation for write in group]
        transaction = Transaction(self._mutations, mutations, hurried=True, until=until)
        try:
            outcomes = transaction.carry_out(self._hurried.for_this_thread())
            self._committed()
        except Refused as refused:
            return [refused]
        except (StatementFailed, psycopg.Error) as failure:
            error = failure.error if isinstance(failure, StatementFailed) else failure
            if self._is_given_up(transaction, error):
                return [refusals.stopping()] * len(group)
            if is_broken(error):
                # Broken before COMMIT was sent: nothing was written. After it the outcome is unknown: the client
                # may ask again under its key.
                again = not transaction.committing and _reconnected(self._hurried)
                return [None if again else _broken(transaction, error)] * len(group)
            if isinstance(error, TOO_LONG) and transaction.finishing:
                return [unavailable(error)] * len(group)  # others' commits take longer than a mutation may wait
            if len(group) > 1 or isinstance(error, errors.QueryCanceled):
                return [None] * len(group)  # they failed together, and it is unknown which of them caused it
            return [self._verdict(transaction, self._hurried, failure)]
        except Exception:  # the boundary of the thread: nothing was committed, and each is tried alone
            log.exception("a transaction failed")
            return [None] * len(group)
        return outcomes

    def _commit_alone(self, aside: WriteQueue) -> None:
        while (taken := aside.take(None, 1)) is not None:
            for write in taken:
                try:
                    outcome: Outcome = self._outcome(write)
                except Exception:  # the boundary of the thread: whatever failed, the client is told
                    log.exception("a mutation failed")
                    outcome = Refused("internal", FAILED)
                self._health.answered([outcome])
                aside.report([(write, outcome)])
                self._back(write)

    def _outcome(self, write: Write) -> Outcome:
        """Of a mutation that is done alone."""
        error: psycopg.Error
        for _ in range(ATTEMPTS):
            if write.late:
                return refusals.took_too_long()
            transaction = Transaction(self._mutations, [write.mutation], hurried=False, until=write.deadline)
            try:
                (outcome,) = transaction.carry_out(self._patient.for_this_thread())
                self._committed()
            except Refused as refused:
                return refused
            except (StatementFailed, psycopg.Error) as failure:
                error = failure.error if isinstance(failure, StatementFailed) else failure
                if self._is_given_up(transaction, error):
                    return refusals.stopping()
                if is_broken(error):
                    if transaction.committing or not _reconnected(self._patient):
                        return _broken(transaction, error)
                    continue
                if isinstance(error, TOO_LONG):
                    break
                outcome = self._verdict(transaction, self._patient, failure)
            if outcome is not None:
                return outcome
        return unavailable(error)

    def _is_given_up(self, transaction: Transaction, error: psycopg.Error) -> bool:
        """Whether the gateway stops, and the transaction is known to be undone."""
        return self._given_up and not (transaction.committing and is_broken(error))

    def _verdict(
        self, transaction: Transaction, connections: Connections, failure: StatementFailed | psycopg.Error
    ) -> Refused | None:
        """What the failure of a single mutation means."""
        (mutation,) = transaction.group
        try:
            return transaction.verdict(connections.for_this_thread(), failure, mutation)
        except psycopg.Error as error:  # it asks only Tidegate's tables and the catalogue
            return unavailable(error)


def _number(mutation: Mutation) -> int:
    """Equal for all mutations of one user."""
    return zlib.crc32(mutation.user.encode())


def _broken(transaction: Transaction, error: psycopg.Error) -> Refused:
    """What it means that the connection broke."""
    refusal = unavailable(error)
    return refusals.unknown_outcome() if transaction.committing else refusal


def _reconnected(connections: Connections) -> bool:
    try:
        connections.reopened()
    except psycopg.OperationalError:
        return False
    return True
