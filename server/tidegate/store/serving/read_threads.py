"""A few threads that read a database: the loop hands each of them the work whose turn it is, with a deadline.

`core.budgets.fair_queue` says whose turn it is. A client has its answer at the deadline, whatever the database does;
the work is interrupted then, and until its thread is free. It knows no SQL.
Invariant: every call of `run` ends, also where the database never answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from tidegate.core.budgets.costs import Cost
from tidegate.core.budgets.fair_queue import FairQueue
from tidegate.core.budgets.payer import Payer
from tidegate.core.budgets.spent import Spent
from tidegate.core.budgets.turns import CrowdedError, Shares, Turn
from tidegate.core.errors import Refused
from tidegate.store.serving import refusals
from tidegate.store.serving.jobs import Blocked, Interrupted, Interruptible, Job, Outcome, Purpose, Worker
from tidegate.store.serving.read_batch_size import ReadBatchSize

T = TypeVar("T")

LOOKS = 20
"""How often it is looked in the time of a deadline whether work is late."""
INSIST_S = 0.05
"""Seconds between two interruptions of work that goes on."""


class ReadThreads:
    """The threads of one purpose. Its methods belong to the loop's thread, but for `close`."""

    def __init__(
        self,
        reader: Interruptible,
        loop: asyncio.AbstractEventLoop,
        shares: Shares,
        timeout: float,
        name: str,
        spent: Spent | None = None,
        together: int = 1,
    ) -> None:
        """`timeout`: seconds that work may wait, and then run; 0 for no limit. `spent`: gets the time that it took.
        `together`: how much small work a thread gets at a time, at most.
        """
        self._spent = spent or Spent()
        self._loop = loop
        self._timeout = timeout
        self._queue: FairQueue[Job[Any]] = FairQueue(shares)
        self._workers = [Worker(f"{name}_{number}", reader, self._tell) for number in range(shares.threads)]
        self._idle = list(self._workers)
        self._jobs: dict[Job[Any], None] = {}
        """Those whose thread is not done with them."""
        self._interrupts: queue.SimpleQueue[tuple[Worker, Job[Any]] | None] = queue.SimpleQueue()
        self._interrupter = threading.Thread(target=self._interrupt_all, name=f"{name}-interrupts", daemon=True)
        self._interrupter.start()
        self._looking: asyncio.TimerHandle | None = None
        self._closing = False
        self._held = False
        self._batch_sizes = defaultdict[tuple[Cost, str], ReadBatchSize](partial(ReadBatchSize, together))
        """Of small work, by class and table: what is slow at one of them is so again."""
        self._beginning = False
        """The next turn of the loop begins work."""

    async def run(self, work: Callable[[], T], purpose: Purpose = Purpose()) -> T:  # noqa: B008  # immutable
        """What `work` returns or raises. Raises Refused: the queue is full, it took too long, or the store closes."""
        job = self.submit(work, purpose)
        try:
            return await job.future
        except asyncio.CancelledError:
            self.cancel(job)
            raise
        finally:
            del job  # its future keeps what is raised here, which keeps this frame

    def submit(self, work: Callable[[], T], purpose: Purpose) -> Job[T]:
        """As `run`; the outcome is in the job's future."""
        if self._closing:
            raise refusals.stopping()
        job: Job[T] = Job(work, purpose, self._loop.create_future())
        try:
            job.turn = self._queue.add(
                job, purpose.payer, purpose.cost, purpose.table, self._loop.time(), purpose.small
            )
        except CrowdedError as error:
            raise refusals.crowded(error.account) from None
        self._jobs[job] = None
        if self._timeout:
            if purpose.waits:
                job.until = job.due = self._loop.time() + self._timeout
            if self._looking is None:
                self._looking = self._loop.call_later(self._timeout / LOOKS, self._look)
        if not purpose.small or self._batch_sizes[purpose.cost, purpose.table].size == 1:
            self.begin_next()
        elif not self._beginning:  # what other clients ask in this turn of the loop goes to the thread with it
            self._beginning = True
            self._loop.call_soon(self._begin)
        return job

    def share(self, job: Job[Any], payer: Payer) -> None:
        """`payer` waits for the work too: it begins at the first turn of one of them."""
        if job.turn is not None:
            self._queue.share(job.turn, payer, self._loop.time())
            self.begin_next()

    def cancel(self, job: Job[Any]) -> None:
        """Its outcome is not wanted any more."""
        if job in self._jobs:
            self._end(job, asyncio.CancelledError())

    def bar(self, account: str, barred: bool) -> None:
        """Whether nothing of the account begins."""
        self._queue.bar(account, barred, self._loop.time())
        self.begin_next()

    def hold(self, held: bool) -> None:
        """Whether nothing begins."""
        self._held = held
        self.begin_next()

    def begin_next(self) -> None:
        """Hand work to the threads that have none."""
        while self._idle and not self._held:
            now = self._loop.time()
            turn = self._queue.next(now)
            if turn is None:
                return
            worker, jobs, most = self._idle.pop(), [], self._batch_sizes[turn.cost, turn.table].size
            following: Turn[Job[Any]] | None = turn
            while following is not None:
                jobs.append(self._begun(following, worker, now))
                following = self._queue.beside(turn, now) if len(jobs) < most else None
            worker.inbox.put(jobs)

    def _begin(self) -> None:
        self._beginning = False
        self.begin_next()

    def _begun(self, turn: Turn[Job[Any]], worker: Worker, now: float) -> Job[Any]:
        job = turn.job
        job.worker = worker
        (job.payer,) = turn.payers
        job.progress = job.purpose.progress()
        job.due = now + self._timeout if self._timeout else None
        return job

    def give_up(self) -> None:
        """The gateway stops: refuse what waits, interrupt what runs, and begin nothing more."""
        self._closing = True
        for job in list(self._jobs):
            self._end(job, refusals.stopping())

    def close(self, seconds: float) -> bool:
        """Wait until the threads have ended, for some seconds at most. Returns whether they have. Blocks."""
        deadline = self._loop.time() + seconds
        for worker in self._workers:
            worker.inbox.put(None)
        for worker in self._workers:
            worker.thread.join(max(0.0, deadline - self._loop.time()))
        self._interrupts.put(None)
        self._interrupter.join(max(0.0, deadline - self._loop.time()))
        return not any(worker.thread.is_alive() for worker in self._workers)

    # -- deadlines --------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Whether some work is late; asked regularly while there is work."""
        now = self._loop.time()
        for job in [job for job in self._jobs if job.due is not None and now >= job.due]:
            if job.worker is None:
                self._end(job, refusals.locked() if job.blocked else refusals.waited(self._timeout))
            else:
                self._ran(job, now)
        self._looking = self._loop.call_later(self._timeout / LOOKS, self._look) if self._jobs else None

    def _ran(self, job: Job[Any], now: float) -> None:
        if (progress := job.purpose.progress()) == job.progress:
            self._end(job, self._too_long(job))
            return
        job.progress = progress
        job.due = now + self._timeout

    def _too_long(self, job: Job[Any]) -> Refused:
        if job.blocked:
            return refusals.locked()
        if job.purpose.cost is Cost.SCAN:
            return refusals.too_costly(self._timeout)
        return refusals.too_slow(self._timeout)

    def _end(self, job: Job[Any], outcome: BaseException) -> None:
        """Wait for the work no longer."""
        if isinstance(outcome, asyncio.CancelledError):
            job.future.cancel()
        else:
            job.settle(outcome)
        if job.worker is not None:
            if not job.interrupted:
                self._insist(job)
            return
        assert job.turn is not None
        self._queue.drop(job.turn, self._loop.time())
        self._forget(job)

    def _insist(self, job: Job[Any]) -> None:
        """Interrupt the work, again and again until its thread is done with it."""
        worker = job.worker
        if worker is None:
            return
        job.interrupted, job.due = True, None
        self._interrupts.put((worker, job))
        self._loop.call_later(INSIST_S, self._insist, job)

    def _forget(self, job: Job[Any]) -> None:
        self._jobs.pop(job, None)
        job.turn = None  # it names the job, which has the rows: both would stay until garbage is collected
        job.purpose.ended(job.future)

    # -- in other threads -------------------------------------------------------------------------------------------

    def _tell(self, worker: Worker, outcomes: Sequence[Outcome]) -> None:
        """The thread of `worker` is done with what it got."""
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._done, worker, outcomes)

    def _interrupt_all(self) -> None:
        while (asked := self._interrupts.get()) is not None:
            worker, job = asked
            worker.interrupt(job)

    # -- in the loop's thread again ---------------------------------------------------------------------------------

    def _done(self, worker: Worker, outcomes: Sequence[Outcome]) -> None:
        self._idle.append(worker)
        for outcome in outcomes:
            self._ended(outcome)
        if (purpose := outcomes[0].job.purpose).small:
            self._batch_sizes[purpose.cost, purpose.table].took(
                len(outcomes), sum(outcome.took for outcome in outcomes)
            )
        self.begin_next()

    def _ended(self, outcome: Outcome) -> None:
        job, result, failure, took = outcome
        job.worker = None
        turn, table = job.turn, job.purpose.table
        assert turn is not None
        if turn.began is not None:
            self._spent.add(job.payer, took)
        blocked = isinstance(failure, Blocked)
        if table and (blocked or failure is None):
            self._queue.block(table, blocked)
        if blocked and not job.future.done():
            now = self._loop.time()
            job.blocked = True
            self._queue.again(turn, now, took)
            if self._timeout:
                job.until = job.due = job.until or now + self._timeout
                if now >= job.until:
                    self._end(job, refusals.locked())
        else:
            self._queue.end(turn, self._loop.time(), took)
            job.settle(self._too_long(job) if isinstance(failure, Interrupted) else failure, result)
            self._forget(job)
