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
import threading
import time
import zlib
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from queue import SimpleQueue

import psycopg
from psycopg import errors

from tidegate.contract import Resource
from tidegate.core.errors import Refused
from tidegate.core.rows.ports import Mutation, WriteResult
from tidegate.store.postgres.connection import LOCK_TIMEOUT_MS, Connections
from tidegate.store.postgres.serving.database_errors import StatementFailed, is_broken, unavailable
from tidegate.store.postgres.serving.mutations import Mutations
from tidegate.store.postgres.serving.queues import Queue, Waiting, drained, fill
from tidegate.store.postgres.serving.transaction import HURRIED_MS, Outcome, Transaction
from tidegate.store.serving import refusals
from tidegate.store.serving.refusals import FAILED

log = logging.getLogger("tidegate.store")

LANES = 2
ASIDE = 2
GROUP = 64
"""Not more: PostgreSQL keeps up to 64 savepoints of a transaction where other transactions find them quickly."""
QUEUE_LIMIT = 10_000
"""Mutations that may wait; above it the database is behind and clients are told so."""
ATTEMPTS = 5
INTERRUPT_S = 0.05
"""How often what runs is interrupted when the gateway stops: between two statements an interrupt has no effect."""


class Writer:
    """Owns its threads and their connections from `start` to `close`."""

    healthy, problem = True, ""
    """The feed sees that the database does not answer, so that no writer has to report it."""

    def __init__(
        self,
        url: str,
        resources: Mapping[str, Resource],
        home: str,
        loop: asyncio.AbstractEventLoop,
        committed: Callable[[], None],
    ) -> None:
        """`home`: the schema of the resources' tables."""
        self._hurried = Connections(url, {"lock_timeout": str(HURRIED_MS)}, home)
        self._patient = Connections(url, {"lock_timeout": str(LOCK_TIMEOUT_MS)}, home)
        self._mutations = Mutations(resources, home)
        self._loop = loop
        self._committed = committed
        self._closed = False
        self._given_up = False
        self._accepted = 0
        """Mutations that have no outcome yet. Belongs to the loop's thread."""
        self._lanes: list[Queue] = [SimpleQueue() for _ in range(LANES)]
        self._asides: list[Queue] = [SimpleQueue() for _ in range(ASIDE)]
        self._put_aside: Counter[str] = Counter()
        """How many mutations of each user are put aside."""
        self._lock = threading.Lock()
        self._lane_threads = [
            threading.Thread(target=self._commit_together, args=[lane], name=f"tidegate-writer-{number}")
            for number, lane in enumerate(self._lanes)
        ]
        self._aside_threads = [
            threading.Thread(target=self._commit_alone, args=[aside], name=f"tidegate-writer-aside-{number}")
            for number, aside in enumerate(self._asides)
        ]

    def start(self) -> None:
        for thread in (*self._lane_threads, *self._aside_threads):
            thread.start()

    def submit(self, mutation: Mutation) -> asyncio.Future[WriteResult]:
        """The mutation's result, once it is committed. To be called in the loop's thread."""
        future: asyncio.Future[WriteResult] = self._loop.create_future()
        if self._given_up:
            future.set_exception(refusals.stopping())
        elif self._closed or self._accepted >= QUEUE_LIMIT:
            future.set_exception(refusals.unavailable())
        else:
            self._accepted += 1
            self._lanes[_number(mutation) % LANES].put((mutation, future))
        return future

    def give_up(self) -> None:
        """Refuse what is queued and interrupt what runs, but for a commit that is under way. In the loop's thread."""
        if not self._given_up:
            self._given_up = True
            threading.Thread(target=self._interrupt, name="tidegate-writer-interrupt", daemon=True).start()

    def _interrupt(self) -> None:
        """A server that is told to cancel a commit either undoes it and says so, or has committed."""
        threads = [*self._lane_threads, *self._aside_threads]
        alive = True
        while alive:
            alive = any(thread.is_alive() for thread in threads)
            for queue in (*self._lanes, *self._asides):
                self._refuse(drained(queue))
                queue.put(None)  # wakes a thread that waits for work
            for connections in (self._hurried, self._patient):
                connections.cancel_all()
            time.sleep(INTERRUPT_S)

    def _refuse(self, waiting: Iterable[Waiting]) -> None:
        self._report([(future, refusals.stopping()) for _, future in waiting])

    def close(self) -> None:
        """Write what is queued, then end the threads. Blocks."""
        self._closed = True
        for queues, threads in ((self._lanes, self._lane_threads), (self._asides, self._aside_threads)):
            for queue in queues:
                queue.put(None)
            for thread in threads:
                if thread.is_alive():
                    thread.join()
        self._hurried.close()
        self._patient.close()

    def _commit_together(self, lane: Queue) -> None:
        waiting: deque[Waiting] = deque()
        ended = False
        while not ended or waiting:
            ended = ended or not fill(waiting, lane, GROUP)
            if self._given_up:
                self._refuse(waiting)
                return
            if group := self._group(waiting):
                outcomes = self._outcomes([mutation for mutation, _ in group])
                self._report(
                    [(future, outcome) for (_, future), outcome in zip(group, outcomes, strict=False) if outcome]
                )
                waiting.extendleft(reversed(group[len(outcomes) :]))
                for one, outcome in zip(group, outcomes, strict=False):
                    if outcome is None:
                        self._aside(one)

    def _group(self, waiting: deque[Waiting]) -> list[Waiting]:
        """The next mutations. Those of users who have mutations put aside are put aside too."""
        group: list[Waiting] = []
        while waiting and len(group) < GROUP:
            one = waiting.popleft()
            if self._put_aside[one[0].user]:
                self._aside(one)
            else:
                group.append(one)
        return group

    def _aside(self, waiting: Waiting) -> None:
        mutation, _ = waiting
        with self._lock:
            self._put_aside[mutation.user] += 1
        self._asides[_number(mutation) // LANES % ASIDE].put(waiting)

    def _outcomes(self, group: Sequence[Mutation]) -> Sequence[Outcome | None]:
        """Of the first mutations of the group, at least one; None: to be done alone."""
        transaction = Transaction(self._mutations, group, hurried=True)
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
                return [None if again else unavailable(error)] * len(group)
            if isinstance(error, errors.LockNotAvailable) and transaction.finishing:
                return [unavailable(error)] * len(group)  # others' commits take longer than a mutation may wait
            if len(group) > 1:
                return [None] * len(group)  # they failed together, and it is unknown which of them caused it
            return [self._verdict(transaction, self._hurried, failure)]
        except Exception:  # the boundary of the thread: nothing was committed, and each is tried alone
            log.exception("a transaction failed")
            return [None] * len(group)
        return outcomes

    def _commit_alone(self, aside: Queue) -> None:
        while (waiting := aside.get()) is not None:
            if self._given_up:
                self._refuse([waiting])
                return
            mutation, future = waiting
            try:
                outcome: Outcome = self._outcome(mutation)
            except Exception:  # the boundary of the thread: whatever failed, the client is told
                log.exception("a mutation failed")
                outcome = Refused("internal", FAILED)
            self._report([(future, outcome)])
            with self._lock:
                self._put_aside[mutation.user] -= 1
                if not self._put_aside[mutation.user]:
                    del self._put_aside[mutation.user]

    def _outcome(self, mutation: Mutation) -> Outcome:
        """Of a mutation that is done alone."""
        error: psycopg.Error
        for _ in range(ATTEMPTS):
            transaction = Transaction(self._mutations, [mutation], hurried=False)
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
                        break
                    continue
                if isinstance(error, errors.LockNotAvailable):
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
        except psycopg.OperationalError as error:
            return unavailable(error)

    def _report(self, outcomes: Sequence[tuple[asyncio.Future[WriteResult], Outcome]]) -> None:
        if not outcomes:
            return
        with suppress(RuntimeError):  # the loop has ended, and with it the clients
            self._loop.call_soon_threadsafe(self._settle, outcomes)

    def _settle(self, outcomes: Sequence[tuple[asyncio.Future[WriteResult], Outcome]]) -> None:
        self._accepted -= len(outcomes)
        for future, outcome in outcomes:
            if future.done():  # the client that asked is gone
                continue
            if isinstance(outcome, Refused):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)


def _number(mutation: Mutation) -> int:
    """Equal for all mutations of one user."""
    return zlib.crc32(mutation.user.encode())


def _reconnected(connections: Connections) -> bool:
    try:
        connections.reopened()
    except psycopg.OperationalError:
        return False
    return True
