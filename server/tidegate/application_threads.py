"""The threads of the application's plain functions, handlers and rules. No other thread of the gateway runs them.

They are daemons: one that never ends does not keep the process alive. A thread cannot be ended from outside. A call
whose deadline has passed is abandoned: its thread gets no more work, and another thread may take its place.
Invariant: at most `limit` threads have work that was not abandoned, and at most `LEFT` more still run.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable
from contextvars import Context
from enum import Enum, auto
from typing import Any

from tidegate.reports import stack

LIMIT = 64
"""Plain functions that run at a time; further calls wait for a thread."""
LEFT = 256
"""Threads of abandoned calls, above which no new threads are started in their place."""


class _State(Enum):
    WAITING = auto()
    RUNNING = auto()
    ABANDONED = auto()
    DONE = auto()


class Work:
    """One call in a thread. `threads.abandon` stops waiting for it."""

    __slots__ = ("run", "state", "thread")

    def __init__(self, run: Callable[[], None]) -> None:
        self.run = run
        self.state = _State.WAITING
        self.thread: int | None = None
        """The identifier of the thread that runs it."""

    def where(self) -> str:
        """Where its code is now, for a log line."""
        return stack(self.thread) if self.state is _State.RUNNING else ""


class ApplicationThreads:
    """Starts threads as they are needed. Every method may be called in any thread."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        """For the numbers and the states of work; the application's code never runs while it is held."""
        self._queue: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._waiting = 0
        """Work in the queue."""
        self._idle = 0
        self._threads = 0
        """Threads that take work. Those of abandoned calls are not among them."""
        self.left = 0
        """Threads that still run abandoned calls."""

    def start(self, run: Callable[[], None]) -> Work:
        """Call `run` in a thread. It must not raise. Raises RuntimeError if no thread can be started."""
        work = Work(run)
        with self._lock:
            self._waiting += 1
            self._queue.put(work)
            try:
                self._spawn_if_needed()
            except RuntimeError:
                if self._threads:
                    return work  # a thread that runs takes it later
                work.state = _State.DONE
                raise
        return work

    def result(self, function: Callable[[], Any], seconds: float) -> Any:
        """What `function` returns or raises. Waits for it; raises TimeoutError after `seconds`."""
        answers: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()

        def run() -> None:
            try:
                answers.put((function(), None))
            except BaseException as error:  # the boundary to the application's code: the caller gets it
                answers.put((None, error))

        work = self.start(run)
        try:
            found, error = answers.get(timeout=seconds)
        except queue.Empty:
            where = work.where()
            self.abandon(work)
            raise TimeoutError(f"no result after {seconds:g} s{where}") from None
        if error is not None:
            raise error
        return found

    def abandon(self, work: Work) -> None:
        """Do not wait for `work` any more; it does not begin if it has not begun."""
        with self._lock:
            if work.state is _State.WAITING:
                work.state = _State.DONE
            elif work.state is _State.RUNNING and self.left < LEFT:
                work.state = _State.ABANDONED
                self.left += 1
                self._threads -= 1
                with contextlib.suppress(RuntimeError):  # the system allows no more threads; calls wait for the others
                    self._spawn_if_needed()

    def close(self) -> None:
        """Let idle threads end."""
        with self._lock:
            for _ in range(self._threads):
                self._queue.put(None)

    def _spawn_if_needed(self) -> None:
        if self._waiting > self._idle and self._threads < self._limit:
            # In the numbers only when it runs: `start` raises if the system allows no more threads.
            threading.Thread(target=self._serve, name="tidegate-application", daemon=True).start()
            self._threads += 1

    def _serve(self) -> None:
        while True:
            with self._lock:
                self._idle += 1
            work = self._queue.get()
            with self._lock:
                self._idle -= 1
                if work is None:
                    self._threads -= 1
                    return
                self._waiting -= 1
                if work.state is not _State.WAITING:
                    continue
                work.state, work.thread = _State.RUNNING, threading.get_ident()
            Context().run(work.run)  # what one call sets in context variables, the next one must not see
            with self._lock:
                if work.state is _State.ABANDONED:
                    self.left -= 1
                    return
                work.state = _State.DONE
            del work  # an idle thread must not keep the last message and its answer
