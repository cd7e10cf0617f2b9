"""One call of a handler under way: the part that runs in the application's threads, and the way back.

Invariant: it delivers one outcome to the gateway's loop, whatever the handler does; a later one is dropped, and so is a
part after it.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, cast

from tidegate.contract import ApplicationRequest
from tidegate.core.errors import Refused, internal
from tidegate.gateway.calls.outcome import Frame, Outcome, Outcomes
from tidegate.gateway.calls.stream import Over, Stream
from tidegate.handlers import Call, Handler

SendPart = Callable[[bytes, Over], Awaitable[None]]
"""Sends the frame of a part as soon as the client has read most of what it was sent before; in the gateway's loop."""


async def no_parts(frame: bytes, over: Over) -> None:
    """For calls whose parts no client reads."""


class RunningCall:
    """`outcome` is settled in the gateway's loop, in which it is made."""

    def __init__(
        self,
        handler: Handler,
        request: ApplicationRequest,
        call: Call,
        outcomes: Outcomes,
        send_part: SendPart = no_parts,
    ) -> None:
        self.handler = handler
        self.session, self.ref = call.connection, request.ref
        self.loop = asyncio.get_running_loop()
        self.outcome: asyncio.Future[Frame] = self.loop.create_future()
        self.abandon: Callable[[], None] = lambda: None
        """Stops waiting for the handler; set by what started it."""
        self.where: Callable[[], str] = lambda: ""
        """Where the handler's code is now, for a log line; set as `abandon`."""
        self.move: Callable[[], None] = lambda: None
        """Starts it in another loop, unless it has begun; set as `abandon`."""
        self.streams = handler.streams
        """Its handler yields parts."""
        self.client_left = False
        """The client will read no part."""
        self._request = request
        self._call = call
        self._outcomes = outcomes
        self._send_part = send_part

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
            self._deliver(self._failure(error))
        else:
            await self.finish(answer)

    async def finish(self, answer: Any) -> None:
        """Wait for what a handler has returned: a coroutine, or an async generator. As `run_in_loop`."""
        try:
            while inspect.iscoroutine(answer):  # of a decorator, as in `run`
                answer = await answer
            if inspect.isasyncgen(answer):
                self.streams = True
                stream = Stream(self.handler.name, self._request, self._outcomes)
                outcome = await stream.run(cast(AsyncGenerator[Any, None], answer), self._send)
            else:
                outcome = self._outcomes.of_reply(self.handler.name, self._request, answer)
        except BaseException as error:  # as above
            outcome = self._failure(error)
        self._deliver(self._finished(outcome))

    def ended(self) -> None:
        """The task in the loop of handlers has ended; if it was cancelled before it began, it delivered nothing."""
        self._deliver(internal())

    def run(self, hand_over: Callable[[Any], None]) -> None:
        """A plain handler, in a thread. Raises nothing.

        `hand_over` is called in the gateway's loop where the handler returns what has to run in a loop: it is a
        decorator without `async` around an `async` function.
        """
        try:
            found = self.handler(self._request.message, self._call)
            if inspect.iscoroutine(found) or inspect.isasyncgen(found):
                self._in_gateway(hand_over, found)
                return
            outcome = self._outcomes.of_reply(self.handler.name, self._request, found)
        except BaseException as error:  # as above
            outcome = self._failure(error)
        self._deliver(self._finished(outcome))

    def _finished(self, outcome: Outcome) -> Outcome:
        """`outcome`, where the transaction of the call is committed or was not wanted."""
        if self._call.database is None:
            return outcome
        try:
            self._call.database.finish(outcome)
        except BaseException as error:  # what the database refuses
            return self._failure(error)
        return outcome

    async def _send(self, frame: bytes) -> None:
        """Send the frame of a part, and wait until the client reads. In the loop of handlers."""
        if self._over():
            raise asyncio.CancelledError
        sending = self._in_order(frame)
        try:
            sent = asyncio.run_coroutine_threadsafe(sending, self.loop)
        except RuntimeError:  # the gateway has ended
            sending.close()
            raise asyncio.CancelledError from None
        await asyncio.wrap_future(sent)

    async def _in_order(self, frame: bytes) -> None:
        await self._send_part(frame, self._over)

    def _over(self) -> bool:
        return self.client_left or self.outcome.done()

    def _failure(self, error: BaseException) -> Outcome:
        # Not `isinstance`: what the application raises may have a false `__class__`.
        if issubclass(type(error), asyncio.CancelledError) and self._over():
            return internal()  # it was abandoned, which is no failure of the handler
        return self._outcomes.of_failure(self.handler.name, self._request, error)

    def _deliver(self, outcome: Outcome) -> None:
        self._in_gateway(self.settle, outcome)

    def _in_gateway(self, function: Callable[[Any], None], value: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the gateway has ended
            self.loop.call_soon_threadsafe(function, value)


def close(answer: Any) -> None:
    """Drop what a handler has returned and nothing has begun."""
    if inspect.iscoroutine(answer):
        answer.close()
