"""The event loop of `async` handlers, in a daemon thread.

It is not the gateway's loop, so that a handler that blocks, cancels tasks or raises SystemExit costs other handlers at
most. What a handler leaves behind (tasks, callbacks) may raise anything: the loop goes on.
Invariant: the thread ends only after `end`, or when the loop can no longer be run.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any

from tidegate.reports import report, report_failure, stack, waiting

BLOCKED_S = 0.5
"""A handler that blocks the loop for longer than this is named in the log."""
END_S = 0.5
"""How long tasks that handlers have left behind may take to end when the gateway stops."""
FAILURES = 100
"""Failures of the loop itself in a row, after which it is given up."""


class LoopWork:
    """One call in the loop."""

    __slots__ = ("_right", "task")

    def __init__(self) -> None:
        self.task: asyncio.Task[None] | None = None
        self._right = [True]

    def take(self) -> bool:
        """Whether the caller is the first to ask, in any thread: it alone may begin the call."""
        try:
            return self._right.pop()
        except IndexError:
            return False


class HandlerLoop:
    """Every method may be called in any thread."""

    def __init__(self, made: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop) -> None:
        """`made`: makes the loop."""
        self._loop = made()
        self._loop.set_exception_handler(_report_context)
        self._running: set[asyncio.Task[None]] = set()
        """Strong references: the loop keeps only weak ones to its tasks."""
        self._ending = False
        self._asked: float | None = None
        """Since when `look` waits for the loop to turn."""
        self._told = False
        self.ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="tidegate-handlers", daemon=True)
        self._thread.start()

    def start(self, work: Callable[[], Coroutine[Any, Any, None]], ended: Callable[[], None]) -> LoopWork:
        """Run the coroutine that `work` makes, and call `ended` in this loop whatever became of it.

        Raises RuntimeError if the loop has ended.
        """
        made = LoopWork()
        self._loop.call_soon_threadsafe(self._begin, work, ended, made)
        return made

    def cancel(self, work: LoopWork) -> None:
        """Cancel the task of `work`. The handler may ignore that."""

        def cancel_task() -> None:
            if work.task is not None:
                work.task.cancel()

        if not work.take():
            self.call(cancel_task)

    def call(self, function: Callable[[], object]) -> bool:
        """Call `function` soon, in the loop. Returns False if the loop has ended."""
        try:
            self._loop.call_soon_threadsafe(function)
        except RuntimeError:
            return False
        return True

    @property
    def silent(self) -> bool:
        """Whether `look` waits for the loop to turn."""
        return self._asked is not None

    def look(self, now: float) -> float:
        """Seconds for which the loop is known to be blocked. To be called regularly while it has work."""
        asked = self._asked
        if asked is None:
            self._asked, self._told = now, False
            self.call(self._turned)
            return 0.0
        if now - asked > BLOCKED_S and not self._told:
            self._told = True
            report(f"an `async` handler blocks the event loop of all handlers{self.where()}", level=logging.WARNING)
        return now - asked

    def where(self) -> str:
        """Where the code of the loop's thread is now, for a log line."""
        return stack(self._thread.ident)

    def where_of(self, work: LoopWork) -> str:
        """Where the code of `work` waits, for a log line; where the loop is busy, what keeps it so."""
        if work.task is None or asyncio.current_task(self._loop) is not None:
            return self.where()
        return waiting(work.task.get_coro())

    def end(self) -> None:
        """Cancel what still runs, and end the thread; `ended` is set then."""
        self._ending = True
        if not self.call(self._loop.stop):
            self.ended.set()

    def _turned(self) -> None:
        self._asked = None

    def _begin(self, work: Callable[[], Coroutine[Any, Any, None]], ended: Callable[[], None], made: LoopWork) -> None:
        if self._ousted():
            self._loop.call_soon(self._begin, work, ended, made)
            return
        if not made.take():  # it was cancelled while it waited for its turn, or another loop has begun it
            return
        # Not `create_task`: the application may have set a task factory. And a new context: what one handler sets in
        # context variables, the next one must not see.
        task = asyncio.Task(work(), loop=self._loop, context=Context())
        made.task = task
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        task.add_done_callback(lambda _: self._ousted())
        task.add_done_callback(lambda _: ended())

    def _ousted(self) -> bool:
        """Whether this thread has no running loop although it runs this one; then `_serve` runs it again.

        So it is in Python 3.13 after a handler called `run_forever` or `run_until_complete` of the loop that it is in.
        """
        if asyncio._get_running_loop() is self._loop:
            return False
        self._loop.stop()
        return True

    def _serve(self) -> None:
        failures = 0
        while not self._ending and not self._loop.is_closed() and failures < FAILURES:
            try:
                self._loop.run_forever()  # `loop.stop()` in a handler ends it, too
                failures = 0
            except BaseException as error:  # what a task or a callback of the application raised, such as SystemExit
                failures += 1
                report_failure("the event loop of the handlers goes on after", error)
        try:
            self._close()
        except BaseException as error:  # as above
            report_failure("the event loop of the handlers could not be closed:", error)
        finally:
            self.ended.set()

    def _close(self) -> None:
        if self._loop.is_closed():
            return
        if tasks := asyncio.all_tasks(self._loop):
            for task in tasks:
                task.cancel()
            self._loop.run_until_complete(asyncio.wait(tasks, timeout=END_S))
        self._loop.close()


def _report_context(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Something failed that is awaited by no code, such as a task that a handler has left behind."""
    error = context.get("exception")
    text = f"after a handler: {context.get('message')}"
    if isinstance(error, BaseException):
        report_failure(text, error)
    else:
        report(text)
