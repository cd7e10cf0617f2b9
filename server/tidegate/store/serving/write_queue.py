"""The writes that wait for one thread, with their deadlines: shared by the loop, which adds, and the thread that takes.

At its deadline a write that waits is refused and never done. One that runs is told to the thread, which undoes it
unless its commit has begun. `core.budgets.write_turns` says whose turn it is.
Invariants: a write has one outcome; a write that was refused because it is late is not carried out afterwards.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from enum import Enum, auto
from typing import Any, cast

import msgspec

from tidegate.core.budgets.turns import CrowdedError
from tidegate.core.budgets.write_turns import Limits, WriteTurns
from tidegate.core.errors import Refused, detached
from tidegate.core.rooms.room_log import ForgetRoom, Kept, NewMessage
from tidegate.core.rows.ports import Mutation, WriteResult
from tidegate.store.serving import refusals

BATCH = 64
"""Writes in one transaction, at most. PostgreSQL keeps up to 64 savepoints where other transactions find them fast."""
BATCH_BYTES = 1 << 20
"""A transaction takes no more writes once they have this many bytes: those that wait for the next one wait less."""

WAITING_BYTES, ROW_BYTES = 2000, 2000
"""What a write takes beside its values, and what each of its rows does: its key, the row as it was and is, its part of
the answer."""
VALUES = 3
"""How many times their bytes as JSON values take: in the request, bound to the statement, and in the change log."""

Job = Mutation | NewMessage | ForgetRoom
"""What a write does."""
Outcome = WriteResult | Kept | Refused
OnOutcome = Callable[[], object]
"""Is called in the loop's thread once a write has its outcome."""


def nothing() -> None:
    """For a write that nothing was taken for."""


class _State(Enum):
    WAITS = auto()
    RUNS = auto()
    COMMITS = auto()
    DONE = auto()


class Write:
    """One mutation, or one message of a durable room, on its way."""

    __slots__ = ("deadline", "future", "job", "on_outcome", "queue", "size", "state")

    def __init__(
        self, job: Job, future: asyncio.Future[Any], size: int, queue: WriteQueue, on_outcome: OnOutcome
    ) -> None:
        self.job = job
        self.queue = queue
        """The one in which it waits, or whose thread does it."""
        self.future = future
        self.size = size
        self.on_outcome = on_outcome
        self.state = _State.WAITS
        self.deadline = float("inf")
        """On the clock of `time.monotonic`."""

    @property
    def mutation(self) -> Mutation:
        """In a queue that has only mutations."""
        return cast(Mutation, self.job)

    @property
    def late(self) -> bool:
        return time.monotonic() >= self.deadline


class WriteQueue:
    """The queue of one thread. `lock` is shared by queues between which writes go."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        timeout: float,
        lock: threading.Lock | None = None,
        limits: Limits = Limits(),  # noqa: B008  # immutable
        dropped: Callable[[Write], None] = lambda write: None,
    ) -> None:
        """`timeout`: seconds that a write may wait and run; 0 for no limit. `dropped`: is called with each write
        that is refused while it waits.
        """
        self._loop = loop
        self._timeout = timeout
        self._dropped = dropped
        self._turns: WriteTurns[Write] = WriteTurns(limits)
        self._lock = lock or threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._due: deque[Write] = deque()
        """Writes in the order of their deadlines. Those that have an outcome are left out sooner or later."""
        self._timed = False
        """There is a timer for the first of them."""
        self._ended = False
        self.given_up = False
        self.overdue = False
        """A write that runs is late: the thread undoes its transaction."""

    # -- in the loop's thread ---------------------------------------------------------------------------------------

    def submit(self, job: Job, size: int = 0, on_outcome: OnOutcome = nothing) -> asyncio.Future[Any]:
        """The result, once it is committed. `size`: its bytes, about. `on_outcome` is called before that is told."""
        future: asyncio.Future[Any] = self._loop.create_future()
        write = Write(job, future, size, self, on_outcome)
        if self._timeout:
            write.deadline = time.monotonic() + self._timeout
        try:
            with self._lock:
                if self._ended:
                    raise refusals.stopping() if self.given_up else refusals.unavailable()
                self._turns.add(write, job.payer, size)
                self._changed.notify()
        except CrowdedError as error:
            settle([(write, refusals.crowded_writes(error.account))])
        except Refused as refused:
            settle([(write, refused)])
        else:
            if self._timeout:
                self._time(write)
        return future

    def give_up(self) -> None:
        """Refuse what waits, and take nothing more."""
        with self._lock:
            self.given_up = self._ended = True
            waiting = self._drained()
            self._changed.notify_all()
        settle([(write, refusals.stopping()) for write in waiting])

    def end(self) -> None:
        """Take nothing more in. Any thread."""
        with self._lock:
            self._ended = True
            self._changed.notify_all()

    def _time(self, write: Write) -> None:
        """One timer serves all deadlines, since they come in the order of the writes."""
        while self._due and self._due[0].future.done():
            self._due.popleft()
        self._due.append(write)
        if not self._timed:
            self._timed = True
            self._loop.call_later(self._timeout, self._look)

    def _look(self) -> None:
        """Deadlines may have passed."""
        while self._due:
            write = self._due[0]
            if not write.future.done() and (left := write.deadline - time.monotonic()) > 0:
                self._loop.call_later(left, self._look)
                return
            self._due.popleft()
            if not write.future.done():
                self._late(write)
        self._timed = False

    def _late(self, write: Write) -> None:
        with self._lock:
            queue = write.queue
            if write.state is _State.RUNS:
                write.deadline, queue.overdue = 0.0, True
                return
            if write.state is not _State.WAITS:
                return
            write.state = _State.DONE
            queue._turns.drop(write)
        queue._dropped(write)
        settle([(write, refusals.waited_to_write(self._timeout))])

    # -- in the thread that writes ----------------------------------------------------------------------------------

    def take(self, timeout: float | None, number: int = BATCH) -> list[Write] | None:
        """The next writes, `number` at most; empty when none came within `timeout`; None when it is time to end."""
        with self._lock:
            if not len(self._turns) and not self._ended:
                self._changed.wait(timeout)
            self.overdue = False
            taken = self._turns.take(number, BATCH_BYTES)
            if not taken and self._ended:
                return None
            for write in taken:
                write.state = _State.RUNS
            return taken

    def put_back(self, writes: Iterable[Write]) -> None:
        """What was taken and changed nothing: it goes before all others. What is late is refused."""
        with self._lock:
            late, others = _split(writes)
            if self.given_up:
                late, others = [*late, *others], []
            for write in others:
                write.state = _State.WAITS
            self._turns.put_back((write, write.job.payer.account, write.size) for write in others)
            self._changed.notify()
        refusal = refusals.stopping() if self.given_up else refusals.took_too_long()
        self.report([(write, refusal) for write in late])

    def hand_over(self, write: Write) -> None:
        """A write that the thread of another queue took and did not do: it goes behind all others here."""
        with self._lock:
            write.queue, refused = self, self.given_up
            if not refused:
                write.state = _State.WAITS
                self._turns.add(write, write.job.payer, write.size)
                self._changed.notify()
        if refused:
            self.report([(write, refusals.stopping())])

    def begin_commit(self, writes: Sequence[Write]) -> bool:
        """From here on their outcome is that of the commit. False: one of them is late, and all have to be undone."""
        with self._lock:
            now = time.monotonic()
            if self.given_up or any([write.deadline <= now for write in writes]):  # a list takes half as long
                return False
            for write in writes:
                write.state = _State.COMMITS
            return True

    def report(self, outcomes: Sequence[tuple[Write, Outcome]]) -> None:
        """Tell the loop what became of writes."""
        if not outcomes:
            return
        with self._lock:
            for write, outcome in outcomes:
                write.state = _State.DONE
                if isinstance(outcome, Refused):
                    detached(outcome)
        with suppress(RuntimeError):  # the loop has ended, and with it the clients
            self._loop.call_soon_threadsafe(settle, outcomes)

    def _drained(self) -> list[Write]:
        waiting = self._turns.take(len(self._turns), 1 << 62)
        for write in waiting:
            write.state = _State.DONE
        return waiting


def size_of(job: Job) -> int:
    """The bytes that a write takes while it waits, about."""
    if isinstance(job, NewMessage):
        return WAITING_BYTES + VALUES * len(job.text)
    if isinstance(job, ForgetRoom):
        return WAITING_BYTES
    rows = len(job.rows) + len(job.keys)
    values = len(msgspec.json.encode((job.rows, job.data, job.keys)))
    return WAITING_BYTES + ROW_BYTES * rows + VALUES * values


def _split(writes: Iterable[Write]) -> tuple[list[Write], list[Write]]:
    """Those that are late, and the others."""
    late: list[Write] = []
    others: list[Write] = []
    for write in writes:
        (late if write.late else others).append(write)
    return late, others


def settle(outcomes: Sequence[tuple[Write, Outcome]]) -> None:
    """In the loop's thread: the clients hear what became of their writes."""
    for write, outcome in outcomes:
        write.on_outcome()
        if write.future.done():  # the client that asked is gone
            continue
        if isinstance(outcome, Refused):
            write.future.set_exception(outcome)
        else:
            write.future.set_result(outcome)
