"""One subscription: the same resource, filters and fields, for all live queries that share it.

`rows.RowsState` decides how rows and positions follow from messages, `shown` what is shown of them; `queries` knows
which subscriptions there are. Invariant: its live queries hear each change of rows and of status, in order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Literal, Protocol

from .errors import RequestRefused, TidegateError
from .models import Change, Row
from .session import LinkPort, Session
from .shown import Shown

__all__ = ["Directory", "Holder", "LiveStatus", "Subscription"]

LiveStatus = Literal["loading", "live", "behind", "error"]
"""`behind`: the rows may be old, because the connection is broken or a snapshot is on its way."""


class Holder(Protocol):
    """A live query, as its subscription sees it."""

    session: Subscription
    """The subscription that feeds it; it changes when two subscriptions turn out to be equal."""

    def push(self, changes: list[Change[Row]]) -> None:
        """Something happened to the rows."""
        ...

    def emptied(self) -> None:
        """The rows are gone until a snapshot comes, or are those of another subscription now."""
        ...

    def turned(self, status: LiveStatus) -> None:
        """The status is another one now."""
        ...

    def end(self, error: TidegateError) -> None:
        """The gateway or an error ended the subscription."""
        ...


class Directory(Protocol):
    """The subscriptions of a client, as one of them sees them."""

    def adopt(self, session: Subscription) -> bool:
        """The gateway named the subscription. False if it was merged into another one, or has no live query."""
        ...

    def unsubscribe(self, session: Subscription) -> None:
        """Tell the gateway, if it holds the subscription."""
        ...

    def forget(self, session: Subscription) -> None:
        """Route nothing to the subscription any more."""
        ...

    async def make_room(self, asking: Subscription) -> bool:
        """Unsubscribe from what no live query uses, for the one that asks, or wait for an answer that may name it.

        False if there is nothing.
        """
        ...

    def answered(self) -> None:
        """The answer to a `subscribe` came, or will not come."""
        ...

    def awaited(self, session: Subscription) -> Iterable[str]:
        """The own writes to its resource that the gateway has not answered."""
        ...


class Subscription(Session):
    """One subscription."""

    def __init__(self, queries: Directory, link: LinkPort, asked: dict[str, Any], shown: Shown) -> None:
        super().__init__(link)
        self._queries = queries
        self._outdated = False
        """The answer under way is for another user or without rows: ask again when it comes."""
        self._told: LiveStatus = "loading"
        self.asked = asked
        self.shown = shown
        self.state = shown.state
        self.holders: list[Holder] = []
        self.uses = 0
        """How many live queries it ever had."""
        self.subscription: str | None = None
        """The gateway's id of it on the present connection."""
        self.asking = False
        """The answer to `subscribe` is still to come."""
        self.unwanted = False
        """It has no live query, and is given up as soon as that is safe."""
        self.ready = asyncio.Event()

    def __str__(self) -> str:
        return f"subscription to {self.asked['resource']!r}"

    @property
    def status(self) -> LiveStatus:
        """See `LiveStatus`."""
        if self.error is not None:
            return "error"
        if not self.state.complete:
            return "loading"
        return "live" if self.state.current else "behind"

    async def open(self) -> None:
        try:
            await self._ask_or_make_room()
        except BaseException:
            # Not after an answer: that has done it, and the next `subscribe` may be under way.
            self.asking = False
            self._queries.answered()
            raise

    async def _ask_or_make_room(self) -> None:
        while True:
            self.asking, self._outdated = True, False
            try:
                await self._ask()
                return
            except RequestRefused as error:
                if error.code != "limit_reached":
                    raise
                self.asking = False  # another one that was refused may wait for this answer
                self._queries.answered()
                if not await self._queries.make_room(self):
                    raise

    async def _ask(self) -> None:
        asked = {"type": "subscribe", **self.asked, **self.state.resume()}
        await self.link.call(asked, self._subscribed, patient=True)

    def cut(self) -> None:
        self.subscription = None
        self.asking = False
        self.shown.cut()
        self.turn()

    def withdraw(self) -> None:
        self._queries.unsubscribe(self)

    def on_failed(self, error: TidegateError) -> None:
        self._queries.forget(self)
        self.ready.set()
        self.turn()
        for holder in self.holders:
            holder.end(error)

    def receive(self, message: dict[str, Any]) -> None:
        """A page of a snapshot, or an update."""
        if message["type"] == "snapshot":
            changes = self.shown.page(message, self._queries.awaited(self))
        else:
            changes = self.shown.apply(message)
        self.tell(changes)

    def dispatched(self, position: dict[str, Any] | None) -> None:
        """The gateway has sent everything up to this position."""
        self.state.dispatched(position)
        self.tell(self.shown.moved())

    def tell(self, changes: list[Change[Row]]) -> None:
        """Hand changes to every holder, and then the status that they led to."""
        if changes:
            for holder in self.holders:
                holder.push(changes)
        if self.state.complete:
            self.ready.set()
        self.turn()

    def turn(self) -> None:
        """Tell the holders the status, if it is another one."""
        status = self.status
        if status != self._told:
            self._told = status
            for holder in self.holders:
                holder.turned(status)

    def attach(self, holder: Holder) -> None:
        """Share this subscription; rows that are there already come as one `reset`."""
        self.holders.append(holder)
        self.unwanted = False
        self.uses += 1
        if self.state.complete and self.state.wanted:
            holder.push([Change("reset", position=self.state.position)])

    def load_rows(self) -> None:
        """A live query wants the existing rows too: unsubscribe, and subscribe again with a snapshot."""
        self.state.wanted = True
        self.restart()

    def restart(self) -> None:
        """Forget the rows, and subscribe again if there is a subscription: no row of the old one may remain."""
        self.shown.forget()
        self.ready.clear()
        for holder in self.holders:
            holder.emptied()
        self.turn()
        self._outdated = self.asking
        if self.subscription is not None:
            self._queries.unsubscribe(self)
            self.link.start_session(self)

    def _subscribed(self, reply: dict[str, Any]) -> None:
        self.subscription, self.asking = str(reply["subscription"]), False
        self._take(reply)
        self._queries.answered()

    def _take(self, reply: dict[str, Any]) -> None:
        if not self._queries.adopt(self):
            return
        if self._outdated:
            self.restart()
            return
        self.state.subscribed(reply)
        self.tell(self.shown.moved())
