"""Work for threads that read, and one such thread.

The thread does what is in its inbox, some work at a time, and tells the outcomes. It does not decide what it gets.
Invariant: work that is interrupted harms none that comes after it in the same thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from tidegate.core.budgets.costs import Cost
from tidegate.core.budgets.payer import GATEWAY, Payer
from tidegate.core.budgets.turns import Turn
from tidegate.core.errors import Refused, TidegateError, detached

T = TypeVar("T")


class Interrupted(TidegateError):
    """The database ended the statement, because the gateway or an operator asked for it, or it took too long."""


class Blocked(TidegateError):
    """Another program held a lock for longer than a thread waits. The work has read nothing, and may be tried again."""


class Interruptible(Protocol):
    """What the threads read from."""

    def interrupt(self, thread: int) -> None:
        """End what the thread with this identifier waits for. Never called while it has nothing to do. Any thread."""

    def restore(self) -> None:
        """The work of the calling thread was interrupted: make sure that the next one does not notice it."""


class Purpose(NamedTuple):
    """What some work is for: who pays, and what it needs."""

    payer: Payer = GATEWAY
    cost: Cost = Cost.KEY
    table: str = ""
    small: bool = False
    """A thread may do it together with other small work of its class and table."""
    waits: bool = True
    """It may wait for its turn for no longer than it may run."""
    ended: Callable[[asyncio.Future[Any]], None] = lambda future: None
    """Called in the loop when its thread is done with it, or it is given up before it began."""
    progress: Callable[[], int] = lambda: 0
    """A number that grows while the work gets on: the time that it may run begins again."""


class Job(Generic[T]):
    """Some work, until its thread is done with it."""

    def __init__(self, work: Callable[[], T], purpose: Purpose, future: asyncio.Future[T]) -> None:
        self.work = work
        self.purpose = purpose
        self.future = future
        """Its outcome; settled before the thread is done where it is not waited for any more."""
        self.turn: Turn[Job[T]] | None = None
        self.payer = purpose.payer
        """Who pays; known once it runs."""
        self.worker: Worker | None = None
        self.due: float | None = None
        """When it is late: it has waited, or run, for too long."""
        self.interrupted = False
        self.until: float | None = None
        """When it is refused if it has not begun, or was held up by another program's lock."""
        self.blocked = False
        """Another program's lock held it up."""
        self.progress = 0

    def settle(self, failure: BaseException | None, result: Any = None) -> None:
        if self.future.done():
            return
        if failure is None:
            self.future.set_result(result)
        else:
            self.future.set_exception(failure)


class Outcome(NamedTuple):
    """What became of some work."""

    job: Job[Any]
    result: Any
    failure: BaseException | None
    took: float
    """Seconds."""


Tell = Callable[["Worker", "Sequence[Outcome]"], None]
"""(the thread, all that it is done with)"""


class Worker:
    """One thread."""

    def __init__(self, name: str, reader: Interruptible, tell: Tell) -> None:
        self.inbox: queue.SimpleQueue[Sequence[Job[Any]] | None] = queue.SimpleQueue()
        self.lock = threading.Lock()
        """Held while the work is interrupted, so that no other one begins meanwhile."""
        self.job: Job[Any] | None = None
        self._reader = reader
        self._tell = tell
        self.thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self.thread.start()

    def interrupt(self, job: Job[Any]) -> None:
        """End `job`, if it runs here. Any thread."""
        with self.lock:
            if self.job is job and self.thread.ident is not None:
                with contextlib.suppress(Exception):  # it will be tried again
                    self._reader.interrupt(self.thread.ident)

    def _serve(self) -> None:
        while (jobs := self.inbox.get()) is not None:
            outcomes: list[Outcome] = []
            for job in jobs:
                held_up = bool(outcomes) and isinstance(outcomes[-1].failure, Blocked)
                outcomes.append(Outcome(job, None, Blocked(), 0.0) if held_up else self._done(job))
            self._tell(self, outcomes)
            del jobs, job, outcomes  # an idle thread keeps nothing

    def _done(self, job: Job[Any]) -> Outcome:
        began = time.perf_counter()
        with self.lock:
            self.job = job
        result, failure = self._outcome(job)
        with self.lock:
            self.job = None
        if job.interrupted or failure is not None:
            self._reader.restore()
        return Outcome(job, result, failure, time.perf_counter() - began)

    def _outcome(self, job: Job[Any]) -> tuple[Any, BaseException | None]:
        if job.interrupted:
            return None, Interrupted()
        try:
            return job.work(), None
        except (Refused, Interrupted, Blocked) as error:
            return None, detached(error)
        except BaseException as error:  # the boundary of the thread: who waits for the work gets it
            return None, error
