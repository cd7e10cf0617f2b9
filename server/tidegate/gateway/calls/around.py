"""Handlers with the functions of `@gateway.around` around them.

A plain function runs in a thread and an `async` one in the loop of handlers, whichever kind it surrounds: where the two
meet, one waits for the other. It does not know what the functions do.
Invariant: a handler runs at most once for a message, and gets the message as the client sent it. What a function wrote
in the call's transaction before it failed is undone, whatever the function about it answers.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping, Sequence
from copy import deepcopy
from functools import partial
from typing import Any, NamedTuple

from tidegate.application_threads import ApplicationThreads
from tidegate.gateway.calls.functions import FunctionResult
from tidegate.handlers.call import Call
from tidegate.handlers.errors import HandlersError
from tidegate.handlers.function import Function
from tidegate.handlers.handler import Handler

Message = dict[str, Any]


class _Step(NamedTuple):
    """A handler, or a function around one. `call` gets the handler's message, and that of the functions around it."""

    call: Callable[[Message, Message, Call], Any]
    waits: bool


def with_arounds(
    handlers: Mapping[str, Handler], arounds: Sequence[Function], threads: ApplicationThreads
) -> Mapping[str, Handler]:
    """The handlers by type, with `arounds` around each: the first one outermost."""
    if not arounds:
        return handlers
    return {type_: _wrapped(handler, arounds, threads) for type_, handler in handlers.items()}


def _wrapped(handler: Handler, arounds: Sequence[Function], threads: ApplicationThreads) -> Handler:
    inner = partial(_begun, handler) if handler.streams else handler
    step = _Step(_undoing(lambda message, shown, call: inner(message, call), handler.waits), handler.waits)
    for around in reversed(arounds):
        step = _about(around, step, threads)

    def plain(message: Message, call: Call) -> Any:
        return step.call(message, deepcopy(message), call)

    async def waiting(message: Message, call: Call) -> Any:
        return await step.call(message, deepcopy(message), call)

    made = waiting if step.waits else plain
    made.__qualname__ = handler.name  # for log lines
    return Handler(made, None, takes_call=True, waits=step.waits, streams=handler.streams)


def _undoing(call: Callable[..., Any], waits: bool) -> Callable[..., Any]:
    """`call`, which leaves nothing in the call's transaction where it fails. Only a plain function can have written."""
    if waits:
        return call

    def undoing(message: Message, shown: Message, of: Call) -> Any:
        try:
            return call(message, shown, of)
        except BaseException:
            if of.database is not None:
                of.database.undo()
            raise

    return undoing


async def _begun(handler: Handler, message: Message, call: Call) -> Any:
    """The generator of a handler that yields. It runs once every function has let it pass."""
    return handler(message, call)


def _about(around: Function, inner: _Step, threads: ApplicationThreads) -> _Step:
    if not around.waits and not inner.waits:

        def directly(*given: Any) -> Any:
            return around.call(given[1], given[2], _once(around, partial(inner.call, *given)))

        return _Step(_undoing(directly, waits=False), False)
    if around.waits:

        async def awaited(*given: Any) -> Any:
            work = partial(inner.call, *given)
            return await around.call(
                given[1], given[2], _once(around, work if inner.waits else partial(_in_thread, threads, work))
            )

        return _Step(awaited, True)

    async def beside(*given: Any) -> Any:
        waiting = _Waiting(partial(inner.call, *given))
        call = _undoing(lambda _, shown, of: around.call(shown, of, _once(around, waiting)), waits=False)
        try:
            return await _in_thread(threads, partial(call, *given))
        finally:
            waiting.cancel()

    return _Step(beside, True)


class _Waiting:
    """Lets a thread wait for a coroutine in the loop in which this is made."""

    def __init__(self, work: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        self._work = work
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[Any] | None = None
        self._cancelled = False

    def __call__(self) -> Any:
        """In the thread."""
        return asyncio.run_coroutine_threadsafe(self._run(), self._loop).result()

    def cancel(self) -> None:
        """In the loop: the thread is not waited for any more."""
        self._cancelled = True
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> Any:
        self._task = asyncio.current_task()
        if self._cancelled:
            raise asyncio.CancelledError
        return await self._work()


def _once(around: Function, work: Callable[[], Any]) -> Callable[[], Any]:
    left = [work]

    def go_on() -> Any:
        if not left:
            raise HandlersError(f"{around.name} goes on twice with one message")
        return left.pop()()

    return go_on


async def _in_thread(threads: ApplicationThreads, work: Callable[[], Any]) -> Any:
    """What `work` returns or raises. In the loop of handlers; a thread that is not waited for any more is left."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[FunctionResult] = loop.create_future()

    def settle(outcome: FunctionResult) -> None:
        if not future.done():
            future.set_result(outcome)

    def run() -> None:
        try:
            outcome = FunctionResult(work())
        except BaseException as error:  # the boundary to the application's code: the coroutine that waits gets it
            outcome = FunctionResult(None, error)
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(settle, outcome)

    started = threads.start(run)
    try:
        outcome = await future
    except asyncio.CancelledError:
        threads.abandon(started)
        raise
    if outcome.error is not None:
        raise outcome.error
    return outcome.value
