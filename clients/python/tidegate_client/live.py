"""`LiveQuery`: rows that match a filter, kept up to date over any number of connections, as a program holds them.

It converts rows to the wanted model and iterates over changes; `queries` knows which subscription feeds it.
Invariant: `rows` and the iteration show the same history; where the iteration can't keep up it gives one `reset`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from types import MappingProxyType, TracebackType
from typing import Generic, Self, TypeVar

from tidegate_protocol.plain import int64_fields

from .errors import ClientClosed, TidegateError
from .models import Change, Key, Row
from .positions import Position
from .queries import Queries, Subscription
from .streams import Stream
from .wire import read_as

__all__ = ["LiveQuery"]

RowT = TypeVar("RowT")


class LiveQuery(AsyncIterator[Change[RowT]], Generic[RowT]):
    """Rows that match a filter, now and from now on; one iteration over their changes.

    The first change is a `reset`: the rows are there. A consumer that is too slow gets one `reset` in place of all that
    it did not read, since `rows` holds the outcome.

    Example:
        async with await client.subscribe("users", {"status": "active"}) as live:
            await live.loaded()
            print(len(live.rows), "active users")
            async for change in live:
                print(change.action, change.key, change.row)
    """

    def __init__(self, queries: Queries, session: Subscription, model: type[RowT] | None, buffer: int) -> None:
        self._queries = queries
        self._model = model
        self._int64s = int64_fields(model)
        self._closed = False
        self._typed: dict[Key, tuple[Row, RowT]] = {}
        self.session = session
        self.stream: Stream[Change[Row]] = Stream(buffer, lambda: Change("reset"))
        session.attach(self)

    async def opened(self) -> Self:
        """Wait for the gateway's answer. Close again if it is a refusal, does not come, or the caller is cancelled."""
        try:
            await self.session.answered()
        except BaseException:
            self.close()
            raise
        return self

    def push(self, change: Change[Row]) -> None:
        """A row changed, or the copy was replaced."""
        self.stream.push(change)

    @property
    def resource(self) -> str:
        """The resource's name."""
        return str(self.session.asked["resource"])

    @property
    def rows(self) -> Mapping[Key, RowT]:
        """The rows by key, as they are now; ModelMismatch if one does not fit the model."""
        rows = self.session.state.rows
        if self._model is None:
            return MappingProxyType(rows)  # type: ignore[arg-type]  # without a model, RowT is Row
        self._typed = {key: self._read_cached(key, row, self._model) for key, row in rows.items()}
        return {self._key(key): typed for key, (_, typed) in self._typed.items()}

    @property
    def position(self) -> Position | None:
        """Where the rows are in the change feed; None while they load."""
        return self.session.state.position

    @property
    def error(self) -> TidegateError | None:
        """What ended this query; None while it lives."""
        return self.session.error

    @property
    def ready(self) -> bool:
        """Whether the rows are there."""
        return self.session.state.complete

    async def loaded(self) -> Self:
        """Wait until the rows are there. Raises what ended the query, if that came first."""
        if not self._closed:
            await self.session.ready.wait()
        if self.session.error is not None:
            raise self.session.error
        if self._closed:
            raise ClientClosed(f"the live query of {self.resource!r} is closed")
        return self

    def close(self) -> None:
        """Unsubscribe, unless an equal live query of this client is still open. The iteration ends. Idempotent."""
        self._closed = True
        self.stream.close()
        self._queries.release(self)

    def end(self, error: TidegateError) -> None:
        """The gateway or an error ended the subscription."""
        if isinstance(error, ClientClosed):
            self.stream.close()
        else:
            self.stream.fail(error)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Change[RowT]:
        change = await self.stream.__anext__()
        if self._model is None:
            return change  # type: ignore[return-value]  # without a model, RowT is Row
        return Change(
            change.action,
            self._key(change.key),
            None if change.row is None else read_as(change.row, self._model),
            None if change.old is None else read_as(change.old, self._model),
            change.cause,
            change.origin,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _key(self, key: Key) -> Key:
        """The key as the rows of the model have it: integers of 64 bits are text on the wire alone."""
        names = self.session.state.key
        if not self._int64s.intersection(names) or key is None:
            return key
        if len(names) == 1:
            return int(key)
        return tuple(int(part) if name in self._int64s else part for name, part in zip(names, key, strict=True))

    def _read_cached(self, key: Key, row: Row, model: type[RowT]) -> tuple[Row, RowT]:
        known = self._typed.get(key)
        if known is not None and known[0] is row:
            return known
        return row, read_as(row, model)
