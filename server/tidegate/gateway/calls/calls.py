"""Calls a handler for one message, and waits for its outcome up to a deadline.

An `async` handler runs in an event loop, a plain one in a thread; neither is the gateway's.
Invariant: every call ends with exactly one outcome, at its deadline at the latest, or when the gateway stops.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from tidegate.application_threads import ApplicationThreads
from tidegate.contract import ApplicationRequest
from tidegate.core.errors import Refused
from tidegate.gateway.calls.functions import FunctionCalls
from tidegate.gateway.calls.loop import HandlerLoop
from tidegate.gateway.calls.outcome import Frame, Outcomes
from tidegate.gateway.calls.running import RunningCall, SendPart, close, no_parts
from tidegate.gateway.calls.waiting import CANCELLED, WaitingRequests
from tidegate.handlers import Call, Handler
from tidegate.reports import report

LATE = "the application did not answer in time"
STOPPING = "the gateway stops, and the application had not answered"
STREAMS = 64
"""Streams of one connection at a time: fewer than the requests that it may have under way, so that it can cancel."""
CLOSE_S = 0.7
"""How long a stop waits for the event loop of the handlers to end."""


class HandlerCalls:
    """The calls of one gateway. Every method belongs to the gateway's loop."""

    def __init__(self, outcomes: Outcomes, deadline: float) -> None:
        """`deadline`: seconds that a call may take."""
        self._outcomes = outcomes
        self._deadline = deadline
        self.threads = ApplicationThreads()
        self.new_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
        """Makes the event loop of `async` functions. A test gives another one, whose time it sets."""
        self._loop: HandlerLoop | None = None
        """Made for the first `async` handler that is called."""
        self._running: dict[RunningCall, None] = {}
        self._of_session: dict[str, set[RunningCall]] = {}
        """The running calls by the id of their connection."""
        self.waiting = WaitingRequests()
        """The requests whose handlers are not called yet."""
        self._stopping = False
        self.functions = FunctionCalls(self.handler_loop)
        """Those of other functions than handlers."""

    async def call(
        self,
        handler: Handler,
        request: ApplicationRequest,
        call: Call,
        send_part: SendPart = no_parts,
        deadline: float | None = None,
    ) -> Frame:
        """Call `handler` for `request`. `deadline`: seconds that it may take; None for that of all calls.

        Raises Refused, which can be sent.
        """
        if self._stopping:
            raise Refused("unavailable", STOPPING)
        others = self._of_session.get(call.connection, set())
        if handler.streams and sum(other.streams for other in others) >= STREAMS:
            raise Refused("limit_reached", f"this connection has {STREAMS} streams: cancel one, or wait for its end")
        running = RunningCall(handler, request, call, self._outcomes, send_part)
        self._running[running] = None
        self._of_session.setdefault(call.connection, others).add(running)
        seconds = self._deadline if deadline is None else deadline
        timer = running.loop.call_later(seconds, self._expire, running, seconds)
        try:
            if handler.waits:
                self._start_in_loop(running, running.run_in_loop)
            else:
                self._start_in_thread(running)
            return await running.outcome
        finally:
            timer.cancel()
            self._forget(running)

    def cancel(self, session: str, ref: str | int) -> None:
        """The client cancels its calls with this `ref`; those that are answered stay answered.

        In the next turn of the loop: what was received just before begins in it.
        """
        asyncio.get_running_loop().call_soon(self._cancel, session, ref)

    def _cancel(self, session: str, ref: str | int) -> None:
        self.waiting.cancel(session, ref)
        for running in list(self._of_session.get(session, ())):
            if running.ref == ref:
                self._end(running, Refused("cancelled", CANCELLED))

    def left(self, session: str) -> None:
        """The connection has ended: its streams end. Other calls go on, because what they do may still be wanted."""
        self.waiting.left(session)
        for running in list(self._of_session.get(session, ())):
            running.client_left = True
            if running.streams:
                self._end(running, Refused("cancelled", CANCELLED))

    def tick(self) -> None:
        """Look whether the event loop of the handlers turns; to be called at least every 100 ms."""
        loop = self._loop
        if loop is None or not (self._running or self.functions.waits or loop.silent):
            return
        if loop.look(asyncio.get_running_loop().time()) > self._deadline:
            report("another event loop takes the place of the blocked one; what had begun there is lost")
            loop.end()
            self._loop = None
            for running in list(self._running):
                running.move()

    def give_up(self) -> None:
        """The gateway stops: refuse the calls that are under way, and begin no more."""
        self._stopping = True
        self.functions.give_up()
        for running in list(self._running):
            self._end(running, Refused("unavailable", STOPPING))

    async def aclose(self) -> None:
        """End the event loop, and the threads as far as they can be ended."""
        self.give_up()
        self.threads.close()
        self.functions.close()
        if self._loop is not None:
            self._loop.end()
            await asyncio.get_running_loop().run_in_executor(None, self._loop.ended.wait, CLOSE_S)

    def _forget(self, running: RunningCall) -> None:
        del self._running[running]
        others = self._of_session[running.session]
        others.discard(running)
        if not others:
            del self._of_session[running.session]

    @property
    def present_loop(self) -> HandlerLoop | None:
        """The event loop of `async` functions, where there is one."""
        return self._loop

    def handler_loop(self) -> HandlerLoop:
        """The event loop of `async` functions."""
        if self._loop is None or self._loop.ended.is_set():
            self._loop = HandlerLoop(self.new_loop)
        return self._loop

    def _start_in_loop(self, running: RunningCall, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        loop = self.handler_loop()
        started = loop.start(work, running.ended)
        running.abandon, running.where = partial(loop.cancel, started), partial(loop.where_of, started)
        running.move = lambda: self._start_in_loop(running, work) if started.take() else None

    def _start_in_thread(self, running: RunningCall) -> None:
        def hand_over(answer: Any) -> None:
            if running.outcome.done():
                close(answer)
            else:
                self._start_in_loop(running, partial(running.finish, answer))

        started = self.threads.start(partial(running.run, hand_over))
        running.abandon = partial(self.threads.abandon, started)
        running.where = started.where

    def _end(self, running: RunningCall, refused: Refused) -> None:
        running.settle(refused)  # first: a handler that is abandoned because of it has not failed
        running.abandon()

    def _expire(self, running: RunningCall, seconds: float) -> None:
        if not running.outcome.done():
            report(
                f"the handler {running.handler.name} did not answer within {seconds:g} s; "
                f"the client gets `timeout`{running.where()}"
            )
            self._end(running, Refused("timeout", LATE))
