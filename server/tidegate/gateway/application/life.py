"""The beginning and the end of the application's code beside its handlers.

Invariant: no background task runs before every `on_start` has returned; a stop waits for the application no longer than
for the requests under way.
"""

from __future__ import annotations

import asyncio

from tidegate.gateway.application.background import Background
from tidegate.gateway.application.events import Events
from tidegate.gateway.calls.functions import Ended, FunctionCalls
from tidegate.gateway.work import Work
from tidegate.handlers.errors import HandlersError
from tidegate.handlers.lifecycle import Moments
from tidegate.reports import report, report_failure

START_S = 60.0
"""How long a function of `on_start` may take."""


class ApplicationLife:
    """Of one gateway. Every method belongs to its loop."""

    def __init__(
        self, moments: Moments, functions: FunctionCalls, events: Events, background: Background, work: Work
    ) -> None:
        self._moments = moments
        self._functions = functions
        self._events = events
        self.background = background
        self._work = work

    async def start(self) -> None:
        """Call what `on_start` registered, one after the other. Raises HandlersError where one fails."""
        for function in self._moments.of("start"):
            error = (await self._functions.outcome(function, seconds=START_S)).error
            if error is not None:
                report_failure(f"on_start: the function {function.name} failed:", error)
                raise HandlersError(f"on_start: {function.name} failed, so nothing starts; the log says why")
        self.background.start()

    def stop(self) -> None:
        """End the background tasks, and begin what `on_stop` registered. Requests under way are waited for as long."""
        self.background.stop()
        if self._moments.of("stop"):
            self._work.track(asyncio.get_running_loop().create_task(self._stop()))

    def end(self) -> None:
        """Tell the application nothing more."""
        self.background.stop()
        self._events.end()

    async def _stop(self) -> None:
        for function in self._moments.of("stop"):
            error = (await self._functions.outcome(function, seconds=START_S)).error
            if isinstance(error, Ended):
                report(f"on_stop: the function {function.name} was not waited for any longer")
            elif error is not None:
                report_failure(f"on_stop: the function {function.name} failed:", error)
