"""Bounded buffers between the connection's reader, which must never wait, and a program's `async for`.

The maker of a stream decides what happens when the program is slower than the gateway:
  "error"        what does not fit is dropped, and the iterator raises `StreamOverflow` after what it had
  "drop_oldest"  the newest items win; `dropped` counts the others
  a function     everything buffered is replaced by the one item it returns, which stands for all of it
Invariant: a stream holds at most `capacity` items, and pushing never blocks.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any, Generic, Literal, TypeVar

from .errors import InvalidOption, StreamOverflow, TidegateError

__all__ = ["Overflow", "Stream", "capacity_of"]

ItemT = TypeVar("ItemT")
Overflow = Literal["error", "drop_oldest"]
_awaited: set[Stream[Any]] = set()
"""Streams with a consumer that waits. Clients forget a stream that the program let go, but not the task that waits."""


class Stream(AsyncIterator[ItemT], Generic[ItemT]):
    """An asynchronous iterator over pushed items, for one consumer.

    Example:
        async for change in room.presence_changes():
            print(change.joined, change.left)
    """

    def __init__(self, capacity: int, overflow: Overflow | Callable[[], ItemT] = "error") -> None:
        self.capacity = capacity_of(capacity, overflow)
        self.dropped = 0
        """How many items never reached the consumer, over the stream's life."""
        self._overflow = overflow
        self._items: deque[ItemT] = deque()
        self._lost = 0
        self._end: TidegateError | None = None
        self._ended = False
        self._arrival = asyncio.Event()

    @property
    def closed(self) -> bool:
        """No more items come, though some may still be buffered."""
        return self._ended

    @property
    def unread(self) -> bool:
        """Whether items wait for the consumer."""
        return bool(self._items)

    @property
    def full(self) -> bool:
        """Whether it holds as many items as it may."""
        return len(self._items) >= self.capacity

    def take(self) -> list[ItemT]:
        """All items that wait, which the consumer does not get any more."""
        items = list(self._items)
        self._items.clear()
        return items

    def push(self, item: ItemT) -> None:
        """Hand one item to the consumer, or apply the overflow policy."""
        if self._ended:
            return
        if len(self._items) >= self.capacity or self._lost:
            self._overflowed(item)
        else:
            self._items.append(item)
        self._arrival.set()

    def close(self) -> None:
        """No more items will come: the iterator ends after what is buffered."""
        self._ended = True
        self._arrival.set()

    def fail(self, error: TidegateError) -> None:
        """As `close`, but the iterator raises `error` after what is buffered."""
        if not self._ended:
            self._end = error
        self.close()

    def __aiter__(self) -> Stream[ItemT]:
        return self

    async def __anext__(self) -> ItemT:
        while not self._items:
            if self._lost:
                lost, self._lost = self._lost, 0
                raise StreamOverflow(lost, self.capacity)
            if self._end is not None:
                raise self._end
            if self._ended:
                raise StopAsyncIteration
            self._arrival.clear()
            _awaited.add(self)
            try:
                await self._arrival.wait()
            finally:
                _awaited.discard(self)
        return self._items.popleft()

    def _overflowed(self, item: ItemT) -> None:
        if self._overflow == "drop_oldest":
            self._items.popleft()
            self._items.append(item)
            self.dropped += 1
        elif self._overflow == "error":
            self._lost += 1
            self.dropped += 1
        else:
            self.dropped += len(self._items) + 1
            self._items.clear()
            self._items.append(self._overflow())


def capacity_of(buffer: object, overflow: object = "error") -> int:
    """How many items a stream with these options keeps. InvalidOption for what no stream can have."""
    if not (isinstance(buffer, int) and buffer >= 1):
        raise InvalidOption(f"buffer must be at least 1, not {buffer!r}")
    if not (overflow in ("error", "drop_oldest") or callable(overflow)):
        raise InvalidOption(f"overflow is 'error' or 'drop_oldest', not {overflow!r}")
    return buffer
