"""One call of a handler under way: the part that runs in the application's threads, and the way back.

Invariant: it delivers one outcome to the gateway's loop, whatever the handler does; a later one is dropped.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import Callable, Coroutine
from typing import Any

from tidegate.contract import ApplicationRequest
from tidegate.core.errors import Refused, internal
from tidegate.gateway.calls.outcome import Frame, Outcome, Outcomes
from tidegate.handlers import Call, Handler


class RunningCall:
    """`outcome` is settled in the gateway's loop, in which it is made."""

    def __init__(self, handler: Handler, request: ApplicationRequest, call: Call, outcomes: Outcomes) -> None:
        self.handler = handler
        self.loop = asyncio.get_running_loop()
        self.outcome: asyncio.Future[Frame] = self.loop.create_future()
        self.abandon: Callable[[], None] = lambda: None
        """Stops waiting for the handler; set by what started it."""
        self.where: Callable[[], str] = lambda: ""
        """Where the handler's code is now, for a log line; set as `abandon`."""
        self.move: Callable[[], None] = lambda: None
        """Starts it in another loop, unless it has begun; set as `abandon`."""
        self._request = request
        self._call = call
        self._outcomes = outcomes
        self.session = call.connection
        self.ref = request.ref

    def settle(self, outcome: Outcome) -> None:
        """The call ends with `outcome`, unless it has ended before. In the gateway's loop."""
        if self.outcome.done():
            return
        if isinstance(outcome, Refused):
            self.outcome.set_exception(outcome)
        else:
            self.outcome.set_result(outcome)

    async def run_in_loop(self) -> None:
        """An `async` handler, in the loop of handlers. Raises nothing."""
        try:
            answer = self.handler(self._request.message, self._call)
        except BaseException as error:  # the boundary to the application's code: nothing that it raises goes further
            self._deliver(self._outcomes.of_failure(self.handler.name, error))
        else:
            await self.finish(answer)

    async def finish(self, answer: Coroutine[Any, Any, Any]) -> None:
        """Wait for what a handler has returned. As `run_in_loop`."""
        try:
            found = await answer
            while inspect.iscoroutine(found):  # of a decorator, as in `run`
                found = await found
            outcome = self._outcomes.of_reply(self.handler.name, self._request, found)
        except BaseException as error:  # as above
            outcome = self._outcomes.of_failure(self.handler.name, error)
        self._deliver(self._finished(outcome))

    def ended(self) -> None:
        """The task in the loop of handlers has ended; if it was cancelled before it began, it delivered nothing."""
        self._deliver(internal())

    def run(self, hand_over: Callable[[Coroutine[Any, Any, Any]], None]) -> None:
        """A plain handler, in a thread. Raises nothing.

        `hand_over` is called in the gateway's loop where the handler returns a coroutine: it is a decorator without
        `async` around an `async` function.
        """
        try:
            found = self.handler(self._request.message, self._call)
            if inspect.iscoroutine(found):
                self._in_gateway(hand_over, found)
                return
            outcome = self._outcomes.of_reply(self.handler.name, self._request, found)
        except BaseException as error:  # as above
            outcome = self._outcomes.of_failure(self.handler.name, error)
        self._deliver(self._finished(outcome))

    def _finished(self, outcome: Outcome) -> Outcome:
        """`outcome`, where the transaction of the call is committed or was not wanted."""
        if self._call.database is None:
            return outcome
        try:
            self._call.database.finish(outcome)
        except BaseException as error:  # what the database refuses
            return self._outcomes.of_failure(self.handler.name, error)
        return outcome

    def _deliver(self, outcome: Outcome) -> None:
        self._in_gateway(self.settle, outcome)

    def _in_gateway(self, function: Callable[[Any], None], value: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the gateway has ended
            self.loop.call_soon_threadsafe(function, value)
