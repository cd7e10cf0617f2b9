"""The application's background tasks: they run beside the gateway, and again after they have failed.

One task of the gateway's loop watches each of them. It does not know what they do.
Invariant: of each task at most one call is waited for; none is begun after `stop`.
"""

from __future__ import annotations

import asyncio
import logging
import random
import traceback
from collections.abc import Callable, Mapping

from tidegate.application_threads import ApplicationThreads
from tidegate.counted import Counted
from tidegate.gateway.calls.functions import Ended, FunctionCall, FunctionCalls, FunctionResult
from tidegate.gateway.calls.loop import HandlerLoop
from tidegate.handlers.function import Function
from tidegate.handlers.lifecycle import Stop

log = logging.getLogger("tidegate.handlers")

FIRST_S, LONGEST_S = 1.0, 60.0
"""How long after a failure a task is started again: it doubles with each failure."""
STEADY_S = 60.0
"""After a run that was longer than this, the delay before the next start begins at `FIRST_S` again."""
LOOK_S = 1.0
"""How often a task looks whether its event loop was given up."""
FAILED = Counted(
    log,
    logging.ERROR,
    "the background task %s failed, and is started again in %.1f s: %s",
    name="background_task_failed",
)
TRACEBACK_LIMIT = 2000
"""Characters of a traceback in a log line."""


class Background:
    """Of one gateway. Every method belongs to its loop."""

    def __init__(
        self,
        functions: Mapping[str, Function],
        calls: FunctionCalls,
        loop: Callable[[], HandlerLoop | None],
        later: Callable[[float], float] = lambda seconds: random.uniform(seconds / 2, seconds),  # noqa: S311  # spread
    ) -> None:
        """`loop`: the present event loop of the handlers, where there is one. `later`: varies a delay."""
        self._functions = functions
        self._calls = calls
        self._loop = loop
        self._later = later
        self._threads = ApplicationThreads(max(1, len(functions)))
        """They run as long as the gateway does: short calls have others."""
        self._tasks: list[asyncio.Task[None]] = []
        self.new_stop: Callable[[], Stop] = Stop
        self._stops: dict[str, tuple[Stop, FunctionCall]] = {}

    def start(self) -> None:
        for function in self._functions.values():
            # Owned here: they end with `stop`, or when the function returns.
            self._tasks.append(asyncio.get_running_loop().create_task(self._watch(function)))

    def stop(self) -> None:
        """Cancel `async` tasks, and tell plain ones; neither is waited for."""
        for task in self._tasks:
            task.cancel()
        for stop, call in self._stops.values():
            stop.set()
            call.abandon()
        self._threads.close()

    async def _watch(self, function: Function) -> None:
        now, failures = asyncio.get_running_loop().time, 0
        while True:
            began = now()
            error = await self._failure(function)
            if error is None:
                return
            failures = 1 if now() - began > STEADY_S else failures + 1
            delay = self._later(min(FIRST_S * 2 ** (failures - 1), LONGEST_S))
            FAILED(function.name, delay, _text(error))
            await asyncio.sleep(delay)

    async def _failure(self, function: Function) -> BaseException | None:
        """What the function failed with; None when it has returned."""
        stop = self.new_stop()
        call = self._calls.start(function, stop, threads=self._threads)
        self._stops[function.name] = stop, call
        while not call.outcome.done():
            await asyncio.wait([call.outcome], timeout=LOOK_S)
            if call.handler_loop is not None and call.handler_loop is not self._loop():
                call.settle(FunctionResult(None, Ended("its event loop was blocked and was given up")))
        return call.outcome.result().error


def _text(error: BaseException) -> str:
    try:
        return "".join(traceback.format_exception(error)).rstrip()[-TRACEBACK_LIMIT:]
    except BaseException:  # the text of an exception is the application's code, too
        return type(error).__name__
