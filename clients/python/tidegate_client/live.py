"""`LiveQuery`: rows that match a filter, kept up to date over any number of connections, as a program holds them.

It orders rows, converts them to the wanted model and iterates over changes; `queries` knows which subscription feeds
it. Invariant: `rows` and the iteration show the same history; where the iteration can't keep up it gives one `reset`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from types import MappingProxyType, TracebackType
from typing import Generic, Self, TypeVar
from weakref import WeakSet

from tidegate_protocol.plain import int64_fields

from .errors import ClientClosed, TidegateError
from .forms import integer
from .models import Change, Key, Row
from .ordering import Ordering
from .positions import Position
from .queries import Queries
from .since import Since
from .streams import Stream
from .subscription import LiveStatus, Subscription
from .window import Window
from .wire import read_as, read_partial

__all__ = ["LiveQuery"]

RowT = TypeVar("RowT")
KEPT_STATUSES = 16
"""Unread statuses that are kept for a listener."""


class LiveQuery(AsyncIterator[Change[RowT]], Generic[RowT]):
    """Rows that match a filter, now and from now on; one iteration over their changes.

    The first change is a `reset`: the rows are there. A consumer that is too slow gets one `reset` in place of all that
    it did not read, since `rows` holds the outcome.

    Example:
        async with await client.subscribe("users", {"status": "active"}, sort=["name"]) as live:
            await live.loaded()
            print(len(live.rows), "active users")
            async for change in live:
                print(change.action, change.key, change.row)
    """

    def __init__(
        self,
        queries: Queries,
        session: Subscription,
        model: type[RowT] | None,
        ordering: Ordering | None,
        limit: int | None,
        buffer: int,
    ) -> None:
        self._queries = queries
        self._model = model
        self._int64s = int64_fields(model)
        self._closed = False
        self._typed: dict[Key, tuple[Row, RowT]] = {}
        self._rows: tuple[Mapping[Key, Row], Mapping[Key, RowT]] | None = None
        """What the window showed, and what the program got for it."""
        self._window = Window(session.shown.rows, ordering, limit)
        self._read = session.state.position
        """Where the program is that read all changes which it was given."""
        self._statuses: WeakSet[Stream[LiveStatus]] = WeakSet()
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

    def push(self, changes: list[Change[Row]]) -> None:
        """Rows changed, or the copy was replaced."""
        if any(change.action == "reset" for change in changes):
            self._window.reset(self.session.shown.rows)
            steps = changes[-1:]
        else:
            steps = self._window.apply(changes)
        for change in steps:
            self.stream.push(change)

    def emptied(self) -> None:
        """The rows are gone until a snapshot comes."""
        self._window.reset(self.session.shown.rows)

    def turned(self, status: LiveStatus) -> None:
        """The status is another one now."""
        for stream in self._statuses:
            stream.push(status)

    @property
    def resource(self) -> str:
        """The resource's name."""
        return str(self.session.asked["resource"])

    @property
    def rows(self) -> Mapping[Key, RowT]:
        """The rows by key, in the order of `sort` (else as they came), the first `limit`.

        It is the same mapping until something in it changed, and a row that did not change is the same object. Raises
        ModelMismatch if a row does not fit the model.
        """
        shown = self._window.shown
        if self._rows is None or self._rows[0] is not shown:
            self._rows = shown, MappingProxyType(self._converted(shown))
        return self._rows[1]

    @property
    def has_more(self) -> bool:
        """Whether more rows match than `limit` lets this query show."""
        return self._window.has_more

    @property
    def position(self) -> Position | None:
        """Where the rows are in the change feed; None while they load."""
        return self.session.state.position

    @property
    def since(self) -> Since | None:
        """From where `subscribe(since=...)` goes on another time: after the last change that the iteration gave.

        It is plain JSON. None while nothing is there to go on from.
        """
        position = self._read if self.stream.unread else self.session.state.position or self._read
        scope = self.session.state.scope
        if position is None:
            return None
        return Since(position=dict(position)) if scope is None else Since(position=dict(position), scope=scope)

    @property
    def status(self) -> LiveStatus:
        """ "loading", "live", "behind" (the rows may be old: the connection is broken, or new ones load) or "error"."""
        return self.session.status

    def statuses(self) -> Stream[LiveStatus]:
        """What `status` becomes, from now on."""
        stream: Stream[LiveStatus] = Stream(KEPT_STATUSES, "drop_oldest")
        self._statuses.add(stream)
        if self._closed or self.session.closed:
            stream.close()
        return stream

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
        """End the iterations, and unsubscribe a moment later unless an equal query is open by then. Idempotent."""
        self._closed = True
        self.stream.close()
        for stream in self._statuses:
            stream.close()
        self._queries.release(self)

    def end(self, error: TidegateError) -> None:
        """The gateway or an error ended the subscription."""
        for stream in self._statuses:
            stream.close()
        if isinstance(error, ClientClosed):
            self.stream.close()
        else:
            self.stream.fail(error)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Change[RowT]:
        change = await self.stream.__anext__()
        self._read = change.position or self._read
        if self._model is None:
            return change  # type: ignore[return-value]  # without a model, RowT is Row
        old = None if change.old is None else self._known(change.key, change.old) or self._read_row(change.old)
        row = None if change.row is None else self._as_model(change.key, change.row)
        if change.row is None:
            self._typed.pop(change.key, None)
        return replace(change, key=self._key(change.key), row=row, old=old)  # type: ignore[arg-type, return-value]  # now of the model

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _converted(self, shown: Mapping[Key, Row]) -> dict[Key, RowT]:
        if self._model is None:
            return dict(shown)
        typed = {key: self._as_model(key, row) for key, row in shown.items()}
        self._typed = {key: (row, typed[key]) for key, row in shown.items()}
        return {self._key(key): row for key, row in typed.items()}

    def _as_model(self, key: Key, row: Row) -> RowT:
        """The row as a Struct; each row is converted once."""
        found = self._known(key, row)
        if found is None:
            found = self._read_row(row)
            self._typed[key] = row, found
        return found

    def _known(self, key: Key, row: Row) -> RowT | None:
        known = self._typed.get(key)
        return known[1] if known is not None and known[0] is row else None

    def _read_row(self, row: Row) -> RowT:
        assert self._model is not None
        return (read_partial if self.session.shown.lenient else read_as)(row, self._model)

    def _key(self, key: Key) -> Key:
        """The key as the rows of the model have it: integers of 64 bits are text on the wire alone."""
        names = self.session.state.key
        if not self._int64s.intersection(names) or key is None:
            return key
        if len(names) == 1:
            return key if (number := integer(key)) is None else number
        return tuple(int(part) if name in self._int64s else part for name, part in zip(names, key, strict=True))
