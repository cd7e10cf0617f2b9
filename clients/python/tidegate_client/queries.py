"""The subscriptions of a client, and which live queries share them.

Equal queries share a subscription, because the gateway starts nothing new for an equal `subscribe`. That two filters
are equal in another spelling shows only in the id that the gateway answers. A subscription is kept for a moment after
its last live query was closed, so that a program which asks again has its rows at once.
Invariant: the client unsubscribes from what no live query uses, and never from what one uses, nor while an answer
under way may name the same subscription.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import msgspec

from .catalogue import ResourceInfo
from .errors import withdrawn
from .json_values import as_json
from .models import Change
from .outstanding import UNREADABLE
from .overlay import Fit, Overlay
from .predicate import predicate, properties
from .rows import RowsState
from .session import LinkPort, Session
from .shown import Shown
from .since import Since
from .subscription import Holder, Subscription
from .writes import Writes

__all__ = ["KEPT", "Queries"]

KEPT = 5.0
"""Seconds for which a subscription without a live query is kept."""


class Queries:
    """All subscriptions of a client."""

    routes = frozenset({"snapshot", "update", "unsubscribed", "heartbeat", "pong"})

    def __init__(self, link: LinkPort) -> None:
        self._link = link
        self._by_spec: dict[bytes, Subscription] = {}
        self._by_id: dict[str, Subscription] = {}
        self._answer = asyncio.Event()
        """Set at the next answer to a `subscribe`."""
        self.writes = Writes(link.request, self.of_resource)

    def session(
        self, asked: dict[str, Any], info: ResourceInfo, *, wanted: bool, since: Since | None = None
    ) -> Subscription:
        """The subscription for what is asked, new or shared; `wanted`: with the existing rows; `since`: from there."""
        as_json(asked)  # `not_json` is the caller's
        spec = msgspec.json.encode([asked, info.key], order="deterministic")
        session = self._by_spec.get(spec)
        if session is not None and not session.holders and since is not None and self.give_up(session):
            session = None
        if session is None:
            session = self._by_spec[spec] = self._made(asked, info, wanted)
            if since is not None:
                session.state.begin_at(since["position"], since.get("scope"))
            self._link.start_session(session)
        elif (wanted or since is not None) and not session.state.wanted:
            session.load_rows()
        return session

    def _made(self, asked: dict[str, Any], info: ResourceInfo, wanted: bool) -> Subscription:
        state = RowsState(info.key, wanted=wanted)
        if not self._link.options.optimistic:
            return Subscription(self, self._link, asked, Shown(state))
        filters, fields = asked.get("filters"), asked.get("fields")
        names = None if fields is None else frozenset((*fields, *info.key))
        try:
            fit = Fit(predicate(filters, info.types), properties(filters), names)
        except UNREADABLE:  # no filter; the gateway says what is wrong with it
            return Subscription(self, self._link, asked, Shown(state))
        return Subscription(self, self._link, asked, Overlay(state, fit, self.writes.unanswered(asked["resource"])))

    def of_resource(self, name: str) -> list[Subscription]:
        """The subscriptions to the rows of one resource."""
        return [session for session in self._all() if session.asked["resource"] == name]

    def awaited(self, session: Subscription) -> Iterable[str]:
        """The own writes that a snapshot has to wait for."""
        return [write.origin for write in self.writes.unanswered(session.asked["resource"])]

    def release(self, holder: Holder) -> None:
        """`holder` is closed. A subscription without one is kept for a moment."""
        session = holder.session
        if holder in session.holders:
            session.holders.remove(holder)
            kept = session.subscription is not None and session.state.wanted and session.state.complete
            if not session.holders and kept:
                self._link.spawn(self._expire(session, session.uses))
            elif not session.holders:
                self.give_up(session)

    async def _expire(self, session: Subscription, uses: int) -> None:
        await self._link.options.clock.sleep(KEPT)
        if session.uses == uses and not session.closed:
            self.give_up(session)

    async def make_room(self, asking: Subscription) -> bool:
        """Unsubscribe from what is only kept, for the one that asks, or wait for an answer that may name it.

        False if there is nothing.
        """
        kept = [each for each in self._all() if not each.holders and each.subscription]
        free = [each for each in kept if self._is_free(each, asking)]
        if kept and not free:
            await self._answer.wait()
        for session in free:
            name, session.subscription = session.subscription, None
            self._drop(session)
            await self._link.call({"type": "unsubscribe", "subscription": name})
        return bool(kept)

    def give_up(self, session: Subscription) -> bool:
        """Unsubscribe. Returns False while answers are under way that may name it: `answered` does it after them."""
        if not self._is_free(session):
            session.unwanted = True
            return False
        self.unsubscribe(session)
        self._drop(session)
        return True

    def _is_free(self, session: Subscription, but: Subscription | None = None) -> bool:
        """Whether no answer is under way (`but` that to one) that may name the subscription of `session`."""
        return not any(each.asking and each is not but for each in self.of_resource(session.asked["resource"]))

    def _drop(self, session: Subscription) -> None:
        self.forget(session)
        session.closed = True
        session.ready.set()

    def answered(self) -> None:
        """The answer to a `subscribe` came, or will not come: give up what waited for it."""
        self._answer.set()
        self._answer = asyncio.Event()
        for session in self._all():
            if session.unwanted and not session.holders:
                self.give_up(session)

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
        return bool(session.holders) or not self.give_up(session)

    def forget(self, session: Subscription) -> None:
        """Route nothing to `session` any more."""
        self._by_spec = {spec: known for spec, known in self._by_spec.items() if known is not session}
        self._by_id = {name: known for name, known in self._by_id.items() if known is not session}

    def receive(self, message: dict[str, Any]) -> None:
        if message["type"] in ("heartbeat", "pong"):
            for session in list(self._by_id.values()):
                session.dispatched(message.get("position"))
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
        return list(self._all())

    def identity_changed(self) -> None:
        for session in self._all():
            session.restart()
            session.tell([Change("reset")])

    def _all(self) -> list[Subscription]:
        return list(dict.fromkeys(self._by_spec.values()))

    def _merge(self, session: Subscription, other: Subscription) -> None:
        """Two spellings of one filter: the gateway answers the same subscription and starts nothing new."""
        self._by_spec = {spec: other if known is session else known for spec, known in self._by_spec.items()}
        holders, session.holders = session.holders, []
        session.closed, session.subscription = True, None
        for holder in holders:
            holder.session = other
            holder.emptied()
            other.attach(holder)
        if session.state.wanted and not other.state.wanted:
            other.load_rows()
