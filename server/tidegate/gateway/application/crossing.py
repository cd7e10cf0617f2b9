"""The way from the application's threads into the gateway's loop, and back.

It knows neither what is asked nor what is answered.
Invariant: whatever was asked has an outcome: the result, a refusal, or `unavailable` once the gateway ends.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Any, TypeVar

from tidegate.core.errors import Refused, internal
from tidegate.handlers.errors import NotDone
from tidegate.reports import report_failure

T = TypeVar("T")

LIMIT = 10_000
"""What the application asks at a time. More is refused, so that a loop in its code does not fill the memory."""
ENDED = "the gateway stops"
CROWDED = f"the application asks more than {LIMIT:,} things of the gateway at a time"


class Crossing:
    """Made in the gateway's loop. `ask` may be called in any thread. What is refused is raised as NotDone."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._asked = 0
        self._under_way: dict[Future[Any], asyncio.Task[None]] = {}
        """What `end` and the code that asked may cancel."""
        self._changing: set[asyncio.Task[None]] = set()
        """What nothing cancels: the engine or the store ends it."""
        self.ended = False
        """Nothing is done any more."""

    def ask(self, work: Callable[[], Coroutine[Any, Any, T]], *, changes: bool = False) -> Future[T]:
        """Await what `work` makes, in the gateway's loop. Raises NotDone.

        Cancelling the future cancels the work, unless it `changes` something: that is done, or not begun.
        """
        with self._lock:
            if self.ended:
                raise NotDone("unavailable", ENDED)
            if self._asked >= LIMIT:
                raise NotDone("limit_reached", CROWDED, retry_after=1.0)
            self._asked += 1
        future: Future[T] = Future()
        future.add_done_callback(self._done)
        try:
            self._loop.call_soon_threadsafe(self._begin, work, future, changes)
        except RuntimeError:  # the loop has ended
            future.set_exception(NotDone("unavailable", ENDED))
        return future

    def end(self) -> None:
        """Refuse what is under way, and everything later. In the gateway's loop."""
        with self._lock:
            self.ended = True
        for future, task in list(self._under_way.items()):
            task.cancel()
            _settle(future, Refused("unavailable", ENDED))

    def _done(self, future: Future[Any]) -> None:
        with self._lock:
            self._asked -= 1
        if future.cancelled():
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._cancel, future)

    def _cancel(self, future: Future[Any]) -> None:
        task = self._under_way.get(future)
        if task is not None:
            task.cancel()

    def _begin(self, work: Callable[[], Coroutine[Any, Any, T]], future: Future[T], changes: bool) -> None:
        if self.ended:
            _settle(future, Refused("unavailable", ENDED))
        if future.done():
            return
        # The task is owned here: it ends with its work, with `end`, or when the code that asked is cancelled.
        task = self._loop.create_task(self._do(work, future))
        if changes:
            self._changing.add(task)
            task.add_done_callback(self._changing.discard)
        else:
            self._under_way[future] = task
            task.add_done_callback(lambda _: self._under_way.pop(future, None))

    async def _do(self, work: Callable[[], Coroutine[Any, Any, T]], future: Future[T]) -> None:
        try:
            found = await work()
        except Refused as refused:
            _settle(future, refused)
        except asyncio.CancelledError:
            _settle(future, Refused("unavailable", ENDED))
            raise
        except Exception as error:  # the boundary: a failure of the gateway costs the code that asked, and nothing else
            report_failure("the gateway failed at what the application asked", error)
            _settle(future, internal())
        else:
            with suppress(InvalidStateError):  # it was cancelled
                future.set_result(found)


def _settle(future: Future[Any], refused: Refused) -> None:
    with suppress(InvalidStateError):  # it was cancelled
        future.set_exception(NotDone.of(refused))
