"""Calls of the application's functions beside its handlers: what is told, asked and run at moments of the gateway.

An `async` function runs in the event loop of the handlers, a plain one in a thread; neither is the gateway's.
Invariant: every call has one outcome, whatever the function does. A thread that is not waited for any more is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, NamedTuple

from tidegate.application_threads import ApplicationThreads
from tidegate.gateway.calls.loop import HandlerLoop
from tidegate.handlers.function import Function


class FunctionResult(NamedTuple):
    """What a function returned or raised. An exception is a value here: some would end the loop that raises them."""

    value: Any
    error: BaseException | None = None


class Ended(Exception):
    """The function's loop or thread ended before the function did."""


class FunctionCall:
    """One call under way. Made in the gateway's loop, where `outcome` is settled."""

    def __init__(self, function: Function) -> None:
        self.function = function
        self.loop = asyncio.get_running_loop()
        self.outcome: asyncio.Future[FunctionResult] = self.loop.create_future()
        self.handler_loop: HandlerLoop | None = None
        """The loop in which it runs, of an `async` function."""
        self.abandon: Callable[[], None] = lambda: None
        """Stop waiting for it: a task is cancelled, a thread is left."""
        self.where: Callable[[], str] = lambda: ""
        """Where its code is now, for a log line."""

    def settle(self, outcome: FunctionResult) -> None:
        """In the gateway's loop."""
        if not self.outcome.done():
            self.outcome.set_result(outcome)

    def deliver(self, outcome: FunctionResult) -> None:
        """In any thread."""
        with contextlib.suppress(RuntimeError):  # the gateway has ended
            self.loop.call_soon_threadsafe(self.settle, outcome)


class FunctionCalls:
    """Of one gateway. `loop`: the present event loop of the handlers. Every method belongs to the gateway's loop."""

    def __init__(self, loop: Callable[[], HandlerLoop]) -> None:
        self._loop = loop
        self._threads = ApplicationThreads()
        """Not those of handlers: events that take long leave these their threads."""
        self._under_way: dict[FunctionCall, None] = {}
        self._in_loops = 0
        """Of these, the calls that run in an event loop."""
        self._given_up = False

    @property
    def waits(self) -> bool:
        """Whether an `async` function is under way."""
        return self._in_loops > 0

    def start(self, function: Function, *arguments: Any, threads: ApplicationThreads | None = None) -> FunctionCall:
        """Call `function`. `threads`: those for a plain one, by default the ones for all short calls."""
        call = FunctionCall(function)
        self._under_way[call] = None
        call.outcome.add_done_callback(lambda _: self._forget(call))
        if self._given_up:
            call.settle(FunctionResult(None, Ended("the gateway stops")))
        elif function.waits:
            self._in_loop(call, partial(_awaited, call, partial(function.call, *arguments)))
        else:
            try:
                work = (threads or self._threads).start(partial(self._run, call, arguments))
            except RuntimeError as error:  # the system allows no more threads
                call.settle(FunctionResult(None, error))
            else:
                call.abandon = partial((threads or self._threads).abandon, work)
                call.where = work.where
        return call

    async def outcome(self, function: Function, *arguments: Any, seconds: float) -> FunctionResult:
        """The outcome of a call: TimeoutError if there is none after `seconds`."""
        call = self.start(function, *arguments)
        await asyncio.wait([call.outcome], timeout=seconds)
        if not call.outcome.done():
            where = call.where()
            call.abandon()
            call.settle(FunctionResult(None, TimeoutError(f"no result after {seconds:g} s{where}")))
        return call.outcome.result()

    def give_up(self) -> None:
        """The gateway stops: no call is waited for any more, and none begins."""
        self._given_up = True
        for call in list(self._under_way):
            call.abandon()
            call.settle(FunctionResult(None, Ended("the gateway stops")))

    def close(self) -> None:
        """Let idle threads end."""
        self.give_up()
        self._threads.close()

    def _forget(self, call: FunctionCall) -> None:
        del self._under_way[call]
        if call.handler_loop is not None:
            self._in_loops -= 1

    def _in_loop(self, call: FunctionCall, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        loop = self._loop()
        self._in_loops += 1
        started = loop.start(work, partial(call.deliver, FunctionResult(None, Ended("its event loop ended"))))
        call.abandon, call.where = partial(loop.cancel, started), partial(loop.where_of, started)
        call.handler_loop = loop

    def _hand_over(self, call: FunctionCall, found: Coroutine[Any, Any, Any]) -> None:
        if call.outcome.done():  # it is not waited for any more, and what it returned is not begun
            found.close()
        else:
            self._in_loop(call, partial(_awaited, call, lambda: found))

    def _run(self, call: FunctionCall, arguments: tuple[Any, ...]) -> None:
        """In a thread. Raises nothing."""
        try:
            found = call.function.call(*arguments)
        except BaseException as error:  # the boundary to the application's code: nothing that it raises goes further
            call.deliver(FunctionResult(None, error))
            return
        if inspect.iscoroutine(found):  # of a decorator without `async` around an `async` function
            with contextlib.suppress(RuntimeError):  # the gateway has ended
                call.loop.call_soon_threadsafe(self._hand_over, call, found)
            return
        call.deliver(FunctionResult(found))


async def _awaited(call: FunctionCall, function: Callable[[], Coroutine[Any, Any, Any]]) -> None:
    """In the loop of handlers. Raises nothing."""
    try:
        call.deliver(FunctionResult(await function()))
    except BaseException as error:  # as above
        call.deliver(FunctionResult(None, error))
