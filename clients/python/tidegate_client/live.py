"""Live queries: rows that match a filter, kept up to date over any number of connections.

`QuerySession` is one subscription of the connection; `LiveQuery` is what a program holds, and equal queries share a
subscription, because the gateway starts nothing new for an equal `subscribe`. How rows and positions follow from
messages is `rows.RowsState`'s business.
Invariant: a subscription is given up when the last `LiveQuery` of it is closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from types import MappingProxyType, TracebackType
from typing import Any, Generic, Self, TypeVar

import msgspec

from .errors import ClientClosed, TidegateError
from .models import Change, Key, Row
from .positions import Position
from .rows import RowsState
from .session import Line, Session
from .streams import Stream
from .wire import read_as

__all__ = ["LiveQuery", "Queries"]

RowT = TypeVar("RowT")


class QuerySession(Session):
    """One subscription: the same resource, filters and fields."""

    def __init__(self, queries: Queries, line: Line, asked: dict[str, Any], state: RowsState) -> None:
        super().__init__(line)
        self._queries = queries
        self._asked_rows = False
        self.asked = asked
        self.state = state
        self.handles: list[LiveQuery[Any]] = []
        self.subscription: str | None = None
        """The gateway's id of it on the present connection."""
        self.asking = False
        """The answer to `subscribe` is still to come."""
        self.ready = asyncio.Event()

    def __str__(self) -> str:
        return f"subscription to {self.asked['resource']!r}"

    async def open(self) -> None:
        self.asking, self._asked_rows = True, self.state.wanted
        try:
            await self.line.call({"type": "subscribe", **self.asked, **self.state.resume()}, self._subscribed)
        finally:
            self.asking = False

    def cut(self) -> None:
        self.subscription = None
        self.asking = False
        self.state.cut()

    def on_failed(self, error: TidegateError) -> None:
        self._queries.forget(self)
        self.ready.set()
        for handle in self.handles:
            handle.end(error)

    def receive(self, message: dict[str, Any]) -> None:
        """A page of a snapshot, or an update."""
        changes = self.state.snapshot(message) if message["type"] == "snapshot" else self.state.update(message)
        self.tell(changes)
        if self.state.complete:
            self.ready.set()

    def tell(self, changes: list[Change[Row]]) -> None:
        """Hand changes to every holder."""
        for change in changes:
            for handle in self.handles:
                handle.stream.push(change)

    def attach(self, handle: LiveQuery[Any]) -> None:
        """Share this subscription; rows that are here already come as one `reset`."""
        self.handles.append(handle)
        if self.state.complete and self.state.wanted:
            handle.stream.push(Change("reset"))

    def want_rows(self) -> None:
        """Someone wants the existing rows too: give the subscription up and take it anew with a snapshot."""
        self.state.wanted = True
        self.start_anew()

    def start_anew(self) -> None:
        """Forget the rows, and subscribe again if there is a subscription: nothing of the old one may be mixed in."""
        self.state.forget()
        self.ready.clear()
        if self.subscription is not None:
            self._queries.unsubscribe(self)
            self.line.start_session(self)

    def _subscribed(self, reply: dict[str, Any]) -> None:
        self.subscription, self.asking = str(reply["subscription"]), False
        if not self._queries.adopt(self):
            return
        if self.state.wanted and not self._asked_rows:
            self.want_rows()
            return
        self.state.subscribed(reply)
        if self.state.complete:
            self.ready.set()


class Queries:
    """All subscriptions of a client."""

    routes = frozenset({"snapshot", "update", "unsubscribed", "heartbeat", "pong"})

    def __init__(self, line: Line) -> None:
        self._line = line
        self._by_spec: dict[bytes, QuerySession] = {}
        self._by_id: dict[str, QuerySession] = {}

    async def subscribe(
        self, asked: dict[str, Any], key: tuple[str, ...], wanted: bool, model: type[RowT] | None, buffer: int
    ) -> LiveQuery[RowT]:
        """A live query, once the gateway has answered."""
        spec = msgspec.json.encode([asked, key], order="deterministic")
        session = self._by_spec.get(spec)
        if session is None:
            session = self._by_spec[spec] = QuerySession(self, self._line, asked, RowsState(key, wanted=wanted))
            self._line.start_session(session)
        elif wanted and not session.state.wanted:
            session.want_rows()
        live = LiveQuery(self, session, model, buffer)
        try:
            await session.settled()
        except BaseException:
            live.close()
            raise
        return live

    def release(self, live: LiveQuery[Any]) -> None:
        """`live` is no longer held; the last one unsubscribes."""
        session = live.session
        if live in session.handles:
            session.handles.remove(live)
        if not session.handles:
            self.give_up(session)

    def give_up(self, session: QuerySession) -> None:
        """Unsubscribe; while the answer to `subscribe` is still to come this waits for it, in `adopt`."""
        if session.asking:
            return
        self.unsubscribe(session)
        self.forget(session)
        session.closed = True

    def unsubscribe(self, session: QuerySession) -> None:
        """Tell the gateway, if it knows of the subscription."""
        if session.subscription is not None:
            self._by_id.pop(session.subscription, None)
            self._line.post({"type": "unsubscribe", "subscription": session.subscription})
            session.subscription = None

    def adopt(self, session: QuerySession) -> bool:
        """The gateway named the subscription. False if it was merged into another one, or nobody holds it any more."""
        name = str(session.subscription)
        other = self._by_id.get(name)
        if other is not None and other is not session:
            self._merge(session, other)
            return False
        self._by_id[name] = session
        if not session.handles:
            self.give_up(session)
            return False
        return True

    def forget(self, session: QuerySession) -> None:
        """Route nothing to `session` any more."""
        self._by_spec = {spec: known for spec, known in self._by_spec.items() if known is not session}
        self._by_id = {name: known for name, known in self._by_id.items() if known is not session}

    def receive(self, message: dict[str, Any]) -> None:
        if message["type"] in ("heartbeat", "pong"):
            for session in self._by_id.values():
                session.state.dispatched(message.get("position"))
            return
        session_of = self._by_id.get(str(message.get("subscription")))
        if session_of is None:
            return
        if message["type"] == "unsubscribed":
            session_of.fail(TidegateError("forbidden", f"the gateway ended the {session_of}"))
        else:
            session_of.read(message, session_of.receive)

    def sessions(self) -> list[Session]:
        self._by_id.clear()
        for session in list(self._by_spec.values()):
            if not session.handles:
                self.forget(session)
        return list(dict.fromkeys(self._by_spec.values()))

    def identity_changed(self) -> None:
        for session in list(dict.fromkeys(self._by_spec.values())):
            session.start_anew()
            session.tell([Change("reset")])

    def _merge(self, session: QuerySession, other: QuerySession) -> None:
        """Two spellings of one filter: the gateway answers the same subscription and starts nothing new."""
        self._by_spec = {spec: other if known is session else known for spec, known in self._by_spec.items()}
        handles, session.handles = session.handles, []
        session.closed, session.subscription = True, None
        for handle in handles:
            handle.session = other
            other.attach(handle)
        if session.state.wanted and not other.state.wanted:
            other.want_rows()


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

    @property
    def resource(self) -> str:
        """The resource's name."""
        return str(self.session.asked["resource"])

    @property
    def rows(self) -> Mapping[Key, RowT]:
        """The rows by key, as they are now; RowMismatch if one does not fit the model."""
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
