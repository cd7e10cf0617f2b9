"""The subscriptions of a connection, and which live queries share them.

Equal queries share a subscription, because the gateway starts nothing new for an equal `subscribe`. That two filters
are equal in another spelling shows only in the id that the gateway answers. `rows.RowsState` decides how rows and
positions follow from messages. Invariant: the client unsubscribes when the last live query of a subscription is closed.
"""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

import msgspec

from .errors import TidegateError, withdrawn
from .models import Change, Row
from .rows import RowsState
from .session import LinkPort, Session

__all__ = ["Holder", "Queries", "Subscription"]


class Holder(Protocol):
    """A live query, as its subscription sees it."""

    session: Subscription
    """The subscription that feeds it; it changes when two subscriptions turn out to be equal."""

    def push(self, change: Change[Row]) -> None:
        """Something happened to the rows."""
        ...

    def end(self, error: TidegateError) -> None:
        """The gateway or an error ended the subscription."""
        ...


class Subscription(Session):
    """One subscription: the same resource, filters and fields."""

    def __init__(self, queries: Queries, link: LinkPort, asked: dict[str, Any], state: RowsState) -> None:
        super().__init__(link)
        self._queries = queries
        self._outdated = False
        """The answer under way is for another user or without rows: ask again when it comes."""
        self.asked = asked
        self.state = state
        self.holders: list[Holder] = []
        self.subscription: str | None = None
        """The gateway's id of it on the present connection."""
        self.asking = False
        """The answer to `subscribe` is still to come."""
        self.ready = asyncio.Event()

    def __str__(self) -> str:
        return f"subscription to {self.asked['resource']!r}"

    async def open(self) -> None:
        self.asking, self._outdated = True, False
        try:
            await self.link.call({"type": "subscribe", **self.asked, **self.state.resume()}, self._subscribed)
        finally:
            self.asking = False

    def cut(self) -> None:
        self.subscription = None
        self.asking = False
        self.state.cut()

    def withdraw(self) -> None:
        self._queries.unsubscribe(self)

    def on_failed(self, error: TidegateError) -> None:
        self._queries.forget(self)
        self.ready.set()
        for holder in self.holders:
            holder.end(error)

    def receive(self, message: dict[str, Any]) -> None:
        """A page of a snapshot, or an update."""
        changes = self.state.snapshot(message) if message["type"] == "snapshot" else self.state.update(message)
        self.tell(changes)
        if self.state.complete:
            self.ready.set()

    def tell(self, changes: list[Change[Row]]) -> None:
        """Hand changes to every holder."""
        for change in changes:
            for holder in self.holders:
                holder.push(change)

    def attach(self, holder: Holder) -> None:
        """Share this subscription; rows that are there already come as one `reset`."""
        self.holders.append(holder)
        if self.state.complete and self.state.wanted:
            holder.push(Change("reset"))

    def load_rows(self) -> None:
        """A live query wants the existing rows too: unsubscribe, and subscribe again with a snapshot."""
        self.state.wanted = True
        self.restart()

    def restart(self) -> None:
        """Forget the rows, and subscribe again if there is a subscription: no row of the old one may remain."""
        self.state.forget()
        self.ready.clear()
        self._outdated = self.asking
        if self.subscription is not None:
            self._queries.unsubscribe(self)
            self.link.start_session(self)

    def _subscribed(self, reply: dict[str, Any]) -> None:
        self.subscription, self.asking = str(reply["subscription"]), False
        if not self._queries.adopt(self):
            return
        if self._outdated:
            self.restart()
            return
        self.state.subscribed(reply)
        if self.state.complete:
            self.ready.set()


class Queries:
    """All subscriptions of a client."""

    routes = frozenset({"snapshot", "update", "unsubscribed", "heartbeat", "pong"})

    def __init__(self, link: LinkPort) -> None:
        self._link = link
        self._by_spec: dict[bytes, Subscription] = {}
        self._by_id: dict[str, Subscription] = {}

    def session(self, asked: dict[str, Any], key: tuple[str, ...], *, wanted: bool) -> Subscription:
        """The subscription for what is asked, new or shared; `wanted`: with the existing rows."""
        spec = msgspec.json.encode([asked, key], order="deterministic")
        session = self._by_spec.get(spec)
        if session is None:
            session = self._by_spec[spec] = Subscription(self, self._link, asked, RowsState(key, wanted=wanted))
            self._link.start_session(session)
        elif wanted and not session.state.wanted:
            session.load_rows()
        return session

    def release(self, holder: Holder) -> None:
        """`holder` is closed; the last one unsubscribes."""
        session = holder.session
        if holder in session.holders:
            session.holders.remove(holder)
        if not session.holders:
            self.give_up(session)

    def give_up(self, session: Subscription) -> None:
        """Unsubscribe; while the answer to `subscribe` is still to come this waits for it, in `adopt`."""
        if session.asking:
            return
        self.unsubscribe(session)
        self.forget(session)
        session.closed = True
        session.ready.set()

    def unsubscribe(self, session: Subscription) -> None:
        """Tell the gateway, if it holds the subscription."""
        if session.subscription is not None:
            self._by_id.pop(session.subscription, None)
            self._link.post({"type": "unsubscribe", "subscription": session.subscription})
            session.subscription = None

    def adopt(self, session: Subscription) -> bool:
        """The gateway named the subscription. False if it was merged into another one, or has no live query."""
        name = str(session.subscription)
        other = self._by_id.get(name)
        if other is not None and other is not session:
            self._merge(session, other)
            return False
        self._by_id[name] = session
        if not session.holders:
            self.give_up(session)
            return False
        return True

    def forget(self, session: Subscription) -> None:
        """Route nothing to `session` any more."""
        self._by_spec = {spec: known for spec, known in self._by_spec.items() if known is not session}
        self._by_id = {name: known for name, known in self._by_id.items() if known is not session}

    def receive(self, message: dict[str, Any]) -> None:
        if message["type"] in ("heartbeat", "pong"):
            for session in self._by_id.values():
                session.state.dispatched(message.get("position"))
            return
        session_for = self._by_id.get(str(message.get("subscription")))
        if session_for is None:
            return
        if message["type"] == "unsubscribed":
            session_for.fail(withdrawn(f"the {session_for}"))
        else:
            session_for.read(message, session_for.receive)

    def sessions(self) -> list[Session]:
        self._by_id.clear()
        for session in list(self._by_spec.values()):
            if not session.holders:
                self.forget(session)
        return list(dict.fromkeys(self._by_spec.values()))

    def identity_changed(self) -> None:
        for session in list(dict.fromkeys(self._by_spec.values())):
            session.restart()
            session.tell([Change("reset")])

    def _merge(self, session: Subscription, other: Subscription) -> None:
        """Two spellings of one filter: the gateway answers the same subscription and starts nothing new."""
        self._by_spec = {spec: other if known is session else known for spec, known in self._by_spec.items()}
        holders, session.holders = session.holders, []
        session.closed, session.subscription = True, None
        for holder in holders:
            holder.session = other
            other.attach(holder)
        if session.state.wanted and not other.state.wanted:
            other.load_rows()
