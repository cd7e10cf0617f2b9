"""An event loop without clock, threads or sockets: a seed runs the same callbacks in the same order again.

What asyncio promises is kept: callbacks run in the order of `call_soon`, those that come while a turn runs wait for the
next one, and what one thread hands over stays in order. The product relies on that, and may: a flush runs before who
slept one turn after the push; who waited first goes on first. What asyncio does not promise is left to chance: threads
hand over between any two callbacks, sockets that are ready together are told in any order, and how long all that takes.
"""

from __future__ import annotations

import asyncio
import contextvars
import random
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from heapq import heappop, heappush
from typing import Any, TypeVar

T = TypeVar("T")
NEVER = float("inf")
Done = Callable[..., object]


class NeverEnds(AssertionError):
    """Nothing is left that could happen while a task still waits; or the run never ends."""


class _Call(asyncio.Handle):
    """A handle without what debugging needs."""

    __slots__ = ()

    def __init__(self, callback: Done, args: tuple[Any, ...], context: contextvars.Context, loop: Any) -> None:
        self._callback = callback
        self._args = args
        self._context = context
        self._loop = loop
        self._cancelled = False
        self._source_traceback = None


class SimulatedLoop(asyncio.AbstractEventLoop):
    """`cost` is how long a callback takes, in virtual seconds: threads come between callbacks only if that is not 0."""

    def __init__(self, chance: random.Random, cost: float, limit: int = 50_000) -> None:
        self.steps = 0
        """Everything that happened from outside: threads, sockets and timers."""
        self.callbacks = 0
        self.failures: list[str] = []
        """What asyncio found wrong, such as exceptions that were never retrieved."""
        self._chance = chance
        self._cost = cost
        self._limit = limit
        self._now = 0.0
        self._count = 0
        self._ready: deque[Any] = deque()
        """Handles: `Any`, because typeshed does not declare their callbacks."""
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._threads: list[tuple[float, int, Done, tuple[Any, ...]]] = []
        self._sockets: list[tuple[float, int, Done, tuple[Any, ...]]] = []
        self._context = contextvars.copy_context()

    # -- what happens outside ---------------------------------------------------------------------------------------

    def in_thread(self, when: float, step: Done, *args: Any) -> None:
        """A thread does `step` at `when`, at once, between two callbacks of the loop."""
        self._count += 1
        heappush(self._threads, (when, self._count, step, args))

    def at_socket(self, when: float, step: Done, *args: Any) -> None:
        """The selector finds something at `when`: `step` is a callback of the turn that begins then."""
        self._count += 1
        heappush(self._sockets, (when, self._count, step, args))

    def interrupt(self) -> None:
        """A thread may go on within a callback, too: where that looks at what threads change."""
        if self._threads and self._threads[0][0] <= self._now:
            self._step_of_a_thread()

    @property
    def idle(self) -> bool:
        """Nothing but timers is left."""
        return not (self._ready or self._threads or self._sockets)

    # -- running ----------------------------------------------------------------------------------------------------

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run until `main` has ended. Raises NeverEnds."""
        events._set_running_loop(self)
        try:
            task = self.create_task(main)
            try:
                while not task.done():
                    self._turn()
            except NeverEnds:
                self._abandon(task)
                raise
            return task.result()
        finally:
            events._set_running_loop(None)

    def _abandon(self, task: asyncio.Task[Any]) -> None:
        """End `task` and all that it owns, as far as they let themselves be ended."""
        self._limit += 1_000
        task.cancel()
        with suppress(NeverEnds):
            while not task.done():
                self._turn()

    def _turn(self) -> None:
        ready, threads, cost = self._ready, self._threads, self._cost
        if not ready:
            self._wait()
        self._poll()
        for _ in range(len(ready)):
            if threads and threads[0][0] <= self._now:
                self._step_of_a_thread()
            self._now += cost
            call = ready.popleft()
            if not call._cancelled:
                self.callbacks += 1
                try:
                    call._context.run(call._callback, *call._args)
                except Exception as error:  # as asyncio: it goes on
                    self.failures.append(f"a callback failed: {error!r}")

    def _wait(self) -> None:
        """Nothing is to be done: time passes, and threads go on, until there is something."""
        ready, threads, timers, sockets = self._ready, self._threads, self._timers, self._sockets
        while not ready:
            due = timers[0][0] if timers else NEVER
            if sockets and sockets[0][0] < due:
                due = sockets[0][0]
            if threads and threads[0][0] < due:
                self._now = max(self._now, threads[0][0])
                self._step_of_a_thread()
                continue
            if due == NEVER:
                raise NeverEnds("somebody waits for what cannot happen any more")
            self._now = max(self._now, due)
            return

    def _poll(self) -> None:
        """Sockets in any order, then timers."""
        now, ready, sockets, timers = self._now, self._ready, self._sockets, self._timers
        if sockets and sockets[0][0] <= now:
            first = len(ready)
            while sockets and sockets[0][0] <= now:
                _, _, step, args = heappop(sockets)
                ready.append(_Call(step, args, self._context, self))
            found = len(ready) - first
            self._stepped(found)
            if found > 1:
                self._shuffle_last(found)
        while timers and timers[0][0] <= now:
            _, _, handle = heappop(timers)
            if not handle._cancelled:
                self._stepped(1)
                ready.append(handle)  # itself: a callback before it in this turn may still cancel it

    def _shuffle_last(self, count: int) -> None:
        calls = [self._ready.pop() for _ in range(count)]
        self._chance.shuffle(calls)
        self._ready.extend(calls)

    def _step_of_a_thread(self) -> None:
        _, _, step, args = heappop(self._threads)
        self._stepped(1)
        step(*args)

    def _stepped(self, count: int) -> None:
        self.steps += count
        if self.steps > self._limit:
            raise NeverEnds(f"{self.steps} steps, and no end")

    # -- what asyncio asks of a loop --------------------------------------------------------------------------------

    def time(self) -> float:
        return self._now

    def call_soon(  # type: ignore[override]  # typeshed types the arguments
        self, callback: Done, *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        call = _Call(callback, args, self._context if context is None else context, self)
        self._ready.append(call)
        return call

    def call_soon_threadsafe(  # type: ignore[override]  # as above
        self, callback: Done, *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        return self.call_soon(callback, *args, context=context)

    def call_later(  # type: ignore[override]  # as above
        self, delay: float, callback: Done, *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]  # as above
        self, when: float, callback: Done, *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, self._context if context is None else context)
        self._count += 1
        heappush(self._timers, (when, self._count, handle))
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """It is left out when its time has come."""

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]  # as above
        self, coro: Coroutine[Any, Any, T], *, name: str | None = None, context: contextvars.Context | None = None
    ) -> asyncio.Task[T]:
        return asyncio.Task(coro, loop=self, name=name or "simulated")

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.failures.append(f"{context['message']}: {context.get('exception')!r}")

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False
