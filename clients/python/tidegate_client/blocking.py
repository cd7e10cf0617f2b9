"""The client without `await`: each object stands for one of the asyncio client, which lives in another thread.

It passes every call on by its name, so that it has no list of methods; `sync.pyi` says to editors and to mypy what they
are, and is made from the asyncio client's sources. The thread works where an event loop runs already, as in a
notebook. Invariant: objects of the asyncio client are touched in that thread alone, until it has ended.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextlib
import contextvars
import functools
import inspect
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from types import TracebackType
from typing import Any, Self

from . import connecting
from .client import Client as AsyncClient
from .errors import ClientClosed, TidegateError
from .live import LiveQuery as AsyncLiveQuery
from .parts import Parts as AsyncParts
from .resource import Resource as AsyncResource
from .room import Room as AsyncRoom
from .room_events import RoomEvents as AsyncRoomEvents
from .streams import Stream as AsyncStream

__all__ = ["Client", "Facade", "LiveQuery", "Parts", "Resource", "Room", "RoomEvents", "Stream", "connect", "timeout"]

_deadline: contextvars.ContextVar[float | None] = contextvars.ContextVar("tidegate_deadline", default=None)
LOOK_S = 0.5
"""How often a thread that waits looks for Ctrl-C."""
COPIED = frozenset({"members"})
"""Properties whose value goes on to change in the other thread."""


@contextlib.contextmanager
def timeout(seconds: float) -> Iterator[None]:
    """Everything in the block ends within `seconds` in all, or raises TimeoutError; a block within a block too."""
    until, outer = time.monotonic() + seconds, _deadline.get()
    token = _deadline.set(until if outer is None else min(until, outer))
    try:
        yield
    finally:
        _deadline.reset(token)


class Thread:
    """An event loop in a thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._lock = threading.Lock()
        self._stopped = False
        self._thread = threading.Thread(target=self._loop.run_forever, name="tidegate_client.sync", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Carry `work` out in the thread and wait for it. Ctrl-C, or the end of `timeout`, cancels it."""
        if threading.current_thread() is self._thread:
            work.close()
            raise TidegateError("wrong_loop", "a token function must not use the client that asks it for a token")
        with self._lock:
            if self.ended:
                work.close()
                raise ClientClosed
            until = _deadline.get()
            future = asyncio.run_coroutine_threadsafe(work if until is None else _within(work, until), self._loop)
        try:
            return _result(future)
        except concurrent.futures.CancelledError:
            raise ClientClosed from None
        except BaseException:
            future.cancel()
            raise

    @property
    def ended(self) -> bool:
        """Nothing is carried out any more; in a process that was forked, too, where the thread is not."""
        return self._stopped or not self._thread.is_alive()

    def call(self, function: Callable[[], Any]) -> Any:
        """Call a function in the thread."""

        async def work() -> Any:
            return function()

        return function() if self.ended else self.run(work())

    def stop(self) -> None:
        """End the thread, and whatever other threads wait for. Idempotent."""
        with self._lock:
            if self.ended or threading.current_thread() is self._thread:
                return
            self._stopped = True
            asyncio.run_coroutine_threadsafe(_cancel_others(), self._loop)
        self._thread.join()
        self._loop.close()


def _result(future: concurrent.futures.Future[Any]) -> Any:
    """Wait for it. A Ctrl-C that comes at the moment at which Python begins to wait would wake nothing."""
    while True:
        try:
            return future.result(LOOK_S)
        except TimeoutError:
            if future.done():
                return future.result()  # which may be the end of a `timeout`


async def _cancel_others() -> None:
    """Cancel every other task of the loop, and stop the loop."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    loop = asyncio.get_running_loop()
    loop.call_soon(loop.stop)  # after the threads that wait for these tasks were told


async def _within(work: Coroutine[Any, Any, Any], until: float) -> Any:
    """Here and not in the caller's thread, so that an item which comes at the last moment is not lost."""
    async with asyncio.timeout(max(0.0, until - time.monotonic())):
        return await work


class Facade:
    """An object of the asyncio client, for programs without an event loop."""

    def __init__(self, inner: Any, thread: Thread) -> None:
        self._inner = inner
        self._thread = thread

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")
        inner, thread = self._inner, self._thread
        kind = inspect.getattr_static(type(inner), name, None)
        if not (kind is not None or name in vars(inner)):
            raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")
        if not inspect.isfunction(kind):
            value = thread.call(lambda: getattr(inner, name))
            return dict(value) if name in COPIED else _wrapped(value, thread)

        @functools.wraps(kind)
        def call(*args: Any, **options: Any) -> Any:
            method = getattr(inner, name)
            if inspect.iscoroutinefunction(kind):
                return _wrapped(thread.run(method(*args, **options)), thread)
            return _wrapped(thread.call(lambda: method(*args, **options)), thread)

        return call

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *(name for name in dir(self._inner) if not name.startswith("_"))})

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._inner!r}>"


class Iterating(Facade):
    """One that a program iterates over."""

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        try:
            return self._thread.run(self._inner.__anext__())
        except StopAsyncIteration:
            raise StopIteration from None
        except ClientClosed:
            if not self._thread.ended:
                raise
            raise StopIteration from None


class Stream(Iterating):
    """See `tidegate_client.Stream`."""


class RoomEvents(Iterating):
    """See `tidegate_client.RoomEvents`."""


class Resource(Facade):
    """See `tidegate_client.Resource`."""


class Entered(Facade):
    """One that a `with` block ends."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(ClientClosed):
            self._thread.run(self._inner.__aexit__(kind, error, trace))


class Room(Entered, Iterating):
    """See `tidegate_client.Room`."""


class LiveQuery(Entered, Iterating):
    """See `tidegate_client.LiveQuery`."""


class Parts(Entered, Iterating):
    """See `tidegate_client.Parts`."""

    def __iter__(self) -> Any:
        try:
            while True:
                try:
                    part = next(self)
                except StopIteration:
                    return
                yield part
        finally:
            self.cancel()


class Client(Entered):
    """See `tidegate_client.Client`."""

    def __init__(self, inner: Any, thread: Thread) -> None:
        super().__init__(inner, thread)
        atexit.register(self.close)  # so that a script which ends without it leaves its rooms at once

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection for good, and end the thread. Idempotent."""
        atexit.unregister(self.close)
        token = _deadline.set(None)
        try:
            with contextlib.suppress(ClientClosed):
                self._thread.run(self._inner.close())
        finally:
            _deadline.reset(token)
            self._thread.stop()


_FACADES: tuple[tuple[type, type[Facade]], ...] = (
    (AsyncClient, Client),
    (AsyncRoom, Room),
    (AsyncRoomEvents, RoomEvents),
    (AsyncLiveQuery, LiveQuery),
    (AsyncResource, Resource),
    (AsyncStream, Stream),
    (AsyncParts, Parts),
)


def _wrapped(value: Any, thread: Thread) -> Any:
    made = next((facade for known, facade in _FACADES if isinstance(value, known)), None)
    return value if made is None else made(value, thread)


def connect(url: str, **options: Any) -> Client:
    """A connected client; the options are those of `tidegate_client.connect`."""
    thread = Thread()

    async def opened() -> AsyncClient:
        return await connecting.connect(url, **options)

    try:
        return Client(thread.run(opened()), thread)
    except BaseException:
        thread.stop()
        raise
