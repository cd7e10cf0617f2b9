"""The answer to one message of the application that comes in parts: the parts as they come, and the reply after them.

What the program has not read is kept up to a limit. A stream is never asked for again on another connection.
Invariant: whatever happens, the iteration ends, and so does `reply`: with the reply, or with the same error.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from .errors import StreamOverflow, TidegateError
from .requests import Requests
from .streams import Stream
from .wire import read_as

__all__ = ["Parts"]

PartT = TypeVar("PartT")


class Parts(Generic[PartT]):
    """The parts of an answer, for one `async for`. Leaving the loop early cancels the request.

    Example:
        async for part in client.stream({"type": "export"}, model=ExportRequestPart):
            print(part.line)
    """

    def __init__(
        self, requests: Requests, message: Mapping[str, Any], model: type[PartT] | None, capacity: int
    ) -> None:
        """`client.stream` makes one. `model`: what each part becomes; None for plain values."""
        self._requests = requests
        self._model = model
        self._parts: Stream[Any] = Stream(capacity)
        self._request = requests.begin(message, self._came)
        self._reply = self._request.reply
        self._reply.add_done_callback(self._ended)

    def __aiter__(self) -> AsyncIterator[PartT]:
        return self._iterate()

    async def __anext__(self) -> PartT:
        part = await anext(self._parts)
        return part if self._model is None else read_as(part, self._model)

    async def reply(self) -> dict[str, Any]:
        """The reply after the last part. Raises what ends the iteration."""
        return await asyncio.shield(self._reply)

    def cancel(self) -> None:
        """End it: the gateway closes its handler, and what waits here raises `cancelled`. Idempotent."""
        self._end(TidegateError("cancelled", "the program cancelled the stream"))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cancel()

    async def _iterate(self) -> AsyncIterator[PartT]:
        try:
            while True:
                try:
                    part = await anext(self)
                except StopAsyncIteration:
                    return
                yield part
        finally:
            self.cancel()

    def _came(self, data: Any) -> None:
        if self._parts.full:
            self._end(StreamOverflow(1, self._parts.capacity))
        else:
            self._parts.push(data)

    def _end(self, error: TidegateError) -> None:
        if not self._reply.done():
            self._requests.cancel(self._request, error)
            self._parts.fail(error)

    def _ended(self, reply: asyncio.Future[dict[str, Any]]) -> None:
        error = reply.exception()
        if isinstance(error, TidegateError):
            self._parts.fail(error)
        else:
            self._parts.close()
