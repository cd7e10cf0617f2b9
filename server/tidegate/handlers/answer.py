"""What the gateway answers to the application's code, which waits for it in two ways.

In an `async` function the answer is awaited. In any other function the call itself has waited: it blocks its thread,
and raises what the gateway refused.
Invariant: a refusal is raised to the code that asked, or it is in the log; it is never lost.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable, Generator
from typing import Any, Generic, TypeVar, cast

from tidegate.handlers.errors import HandlersError

T = TypeVar("T")


class Answer(Generic[T]):
    """`await` it in an `async` function; elsewhere it is done, and `value` has the result."""

    __slots__ = ("_convert", "_value", "_waiting")

    def __init__(
        self, future: concurrent.futures.Future[Any], convert: Callable[[Any], T] = lambda found: cast(T, found)
    ) -> None:
        """`convert` makes the result of what `future` brings, in the thread or loop of the caller.

        Raises what `future` brings, where no event loop runs.
        """
        self._convert = convert
        self._waiting: asyncio.Future[Any] | None = None
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._value = convert(future.result())
        else:
            # asyncio logs an exception of this future that is never retrieved, because `await` was forgotten.
            self._waiting = asyncio.wrap_future(future, loop=loop)

    @property
    def value(self) -> T:
        """The result. Raises HandlersError in an `async` function that has not awaited it."""
        if self._waiting is not None:
            if not self._waiting.done():
                raise HandlersError("an `async` function has to await the answer: `await gateway...`")
            return self._convert(self._waiting.result())
        return self._value

    def __await__(self) -> Generator[Any, None, T]:
        if self._waiting is None:
            return self._value
        return self._convert((yield from self._waiting.__await__()))
