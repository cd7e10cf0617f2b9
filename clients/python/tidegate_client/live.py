"""`LiveQuery`: rows that match a filter, kept up to date over any number of connections, as a program holds them.

It converts rows to the wanted model and iterates over changes; which subscription feeds it is `queries`' business.
Invariant: `rows` and the iteration show the same history; where the iteration can't keep up it says `reset`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from types import MappingProxyType, TracebackType
from typing import Generic, Self, TypeVar

from .errors import ClientClosed, TidegateError
from .models import Change, Key, Row
from .positions import Position
from .queries import Queries, QuerySession
from .streams import Stream
from .wire import read_as

__all__ = ["LiveQuery"]

RowT = TypeVar("RowT")


class LiveQuery(AsyncIterator[Change[RowT]], Generic[RowT]):
    """Rows that match a filter, now and from now on; one iteration of what happens to them.

    The first change is a `reset`: the rows are there. A consumer that is too slow gets one `reset` in place of all that
    it did not read, since `rows` holds the outcome anyway.

    Example:
        async with await client.subscribe("users", {"status": "active"}) as live:
            await live.ready()
            print(len(live.rows), "active users")
            async for change in live:
                print(change.action, change.key, change.row)
    """

    def __init__(self, queries: Queries, session: QuerySession, model: type[RowT] | None, buffer: int) -> None:
        self._queries = queries
        self._model = model
        self._typed: dict[Key, tuple[Row, RowT]] = {}
        self.session = session
        self.stream: Stream[Change[Row]] = Stream(buffer, lambda: Change("reset"))
        session.attach(self)

    async def opened(self) -> Self:
        """Wait for the gateway's answer. Closed again if it is a refusal, does not come, or nobody waits any more."""
        try:
            await self.session.settled()
        except BaseException:
            self.close()
            raise
        return self

    def push(self, change: Change[Row]) -> None:
        """Something happened to the rows."""
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
        return {key: typed for key, (_, typed) in self._typed.items()}

    @property
    def position(self) -> Position | None:
        """Where the rows are in the change feed; None while a snapshot is loading."""
        return self.session.state.position

    @property
    def error(self) -> TidegateError | None:
        """What ended this query, if something did."""
        return self.session.error

    async def ready(self) -> Self:
        """Wait until the rows are there. Raises what ended the query, if that came first."""
        await self.session.ready.wait()
        if self.session.error is not None:
            raise self.session.error
        return self

    def close(self) -> None:
        """Unsubscribe, unless an equal live query of this client is still open. The iteration ends."""
        self.stream.close()
        self._queries.release(self)

    def end(self, error: TidegateError) -> None:
        """The subscription ended without the program's doing."""
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
            change.key,
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

    def _read_cached(self, key: Key, row: Row, model: type[RowT]) -> tuple[Row, RowT]:
        known = self._typed.get(key)
        if known is not None and known[0] is row:
            return known
        return row, read_as(row, model)
