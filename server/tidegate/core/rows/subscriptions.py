"""The subscriptions of all sessions: they start, go live, start again and end here.

It keeps the books; `core.rows.catch_up` decides what state a subscription goes to. Sending is not known here.
Invariant: a session is in `catching_up` exactly while one of its subscriptions is neither live nor ended. Such a
session is told no feed position, because it may not have everything up to there.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from tidegate.core.closes import OVERLOADED
from tidegate.core.effects import Close, Effect, Ref, Reply
from tidegate.core.errors import Refused
from tidegate.core.filters.tree import Filter
from tidegate.core.rows.catch_up import step
from tidegate.core.rows.catch_up_actions import answer_live
from tidegate.core.rows.catch_up_events import Event, Stopped
from tidegate.core.rows.condition_limits import ConditionLimits
from tidegate.core.rows.effects import Ask, CatchUp
from tidegate.core.rows.feed_cursor import FeedCursor
from tidegate.core.rows.permissions import Permissions
from tidegate.core.rows.subscription import State, Subscription
from tidegate.core.rows.subscription_index import SubscriptionGroup, SubscriptionIndex
from tidegate.core.session import Session
from tidegate_protocol import FeedPosition, Unsubscribed

_NONE: Mapping[str, Subscription] = {}
_STOPPED = Stopped()


class Subscriptions:
    """All subscriptions. A session's are found by the id that its client knows them by."""

    def __init__(self, cursor: FeedCursor, permissions: Permissions, limit: int) -> None:
        """`limit`: how many subscriptions a session may have."""
        self.index = SubscriptionIndex()
        self._conditions = ConditionLimits(self.index)
        self.catching_up: dict[Session, int] = {}
        """How many subscriptions of a session are neither live nor ended, where there is one."""
        self._cursor = cursor
        self._permissions = permissions
        self._limit = limit
        self._of: dict[Session, dict[str, Subscription]] = {}

    def of(self, session: Session) -> Mapping[str, Subscription]:
        """The session's subscriptions, by id."""
        return self._of.get(session, _NONE)

    def group(
        self, session: Session, resource: str, filters: Filter, fields: tuple[str, ...] | None, rule: Filter
    ) -> SubscriptionGroup:
        """The group of such subscriptions, acquired for `start`. Raises Refused where a new one would be too costly for
        the session: that is refused before its filter is compiled and put into the index.
        """
        return self.index.acquire(
            resource, filters, fields, rule, lambda points: self._conditions.check_new(session, points, resource)
        )

    def start(
        self, session: Session, group: SubscriptionGroup, since: FeedPosition | None, snapshot: bool, ref: Ref
    ) -> list[Effect]:
        """Subscribe `session` to `group`, which was acquired for it. An equal subscription is shared.

        Raises Refused if the session has as many subscriptions as it may have, or they have too many conditions.
        """
        of_session = self.of(session)
        existing = of_session.get(group.id)
        if existing is not None:
            self.index.give_back(group)
            if existing.state is not State.LIVE:
                existing.refs.append(ref)
                return []
            return list(answer_live(existing, self._cursor, [ref]))
        if len(of_session) >= self._limit:
            self.index.release(group, session)
            raise Refused(
                "limit_reached",
                f"a connection may hold {self._limit} subscriptions at a time; unsubscribe from one first",
                pointer="/resource",
            )
        try:
            self._conditions.check(session, group)
        except Refused:
            self.index.release(group, session)
            raise
        return [self._add(Subscription(session, group, since, snapshot), [ref])]

    def tell(self, subscription: Subscription, event: Event) -> tuple[list[Reply | Close], Ask | None]:
        """What `event` leads to: the answers to carry out now, and what is then needed, if anything."""
        before = subscription.state
        answers, ask = step(subscription, self._cursor, event)
        after = subscription.state
        if after is not before:
            if after is State.LIVE:
                subscription.group.go_live(subscription.session)
                self._caught_up(subscription.session)
            elif after is State.ENDED:
                self._remove(subscription, was_live=before is State.LIVE)
        return answers, ask

    def end(self, subscription: Subscription) -> list[Effect]:
        """The subscription is over. Requests that wait for an answer are told that they were accepted."""
        answers, _ = self.tell(subscription, _STOPPED)
        return list(answers)

    def end_session(self, session: Session) -> None:
        """The session is over: nothing of it is kept, and nothing is answered."""
        for subscription in list(self.of(session).values()):
            subscription.refs.clear()
            self.end(subscription)
        self._permissions.forget(session)

    def recheck(self, session: Session) -> list[Effect]:
        """The session's user or claims changed. Each subscription ends, or starts again from the rows that the user may
        read now.
        """
        self._permissions.forget(session)
        effects: list[Effect] = []
        for subscription in list(self.of(session).values()):
            rules = self._permissions.rules(subscription.group.resource)
            try:
                rule = self._permissions.permitted(session, rules, "read")
            except Refused:
                effects += self.end(subscription)
                effects.append(Reply(session, Unsubscribed(subscription=subscription.group.id)))
            else:
                effects.append(self.start_again(subscription, rule))
        return effects

    def reset(self, resource: str) -> list[Effect]:
        """The rows changed in ways that the log does not list: live subscriptions start again from a snapshot.

        Those that are still catching up meet the reset on their way, and do the same.
        """
        return [
            self.start_again(self._of[member][group.id], group.rule)
            for group in self.index.of_resource(resource)
            for member in list(group.members)
        ]

    def give_up(self, resources: Collection[str]) -> list[Effect]:
        """Changes of `resources` may be lost. Close the connections that follow one, so that their clients show it and
        subscribe again; until the log is complete, that is refused with `unavailable`.
        """
        return [
            Close(session, OVERLOADED, "the rows cannot be kept up to date at the moment; subscribe again")
            for session, subscriptions in self._of.items()
            if any(subscription.group.resource in resources for subscription in subscriptions.values())
        ]

    def start_again(self, old: Subscription, rule: Filter) -> CatchUp:
        """Replace `old` by the same subscription, restricted to `rule`, from a snapshot on.

        Unanswered requests go over to the new subscription. If the first one has its answer, it gets no second one.
        """
        group = self.index.acquire(old.group.resource, old.group.filters, old.group.fields, rule)
        refs, old.refs = old.refs, []
        state = State.WAITING if old.state is State.WAITING else State.SNAPSHOT
        self.end(old)
        return self._add(Subscription(old.session, group, since=None, snapshot=True, state=state), refs)

    def _add(self, subscription: Subscription, refs: list[Ref]) -> CatchUp:
        session = subscription.session
        subscription.refs = refs
        subscription.account = self._conditions.add(session, subscription.group)
        self._of.setdefault(session, {})[subscription.group.id] = subscription
        self.catching_up[session] = self.catching_up.get(session, 0) + 1
        return CatchUp(session, subscription)

    def _remove(self, subscription: Subscription, was_live: bool) -> None:
        session, group = subscription.session, subscription.group
        if not was_live:
            self._caught_up(session)
        of_session = self._of[session]
        del of_session[group.id]
        if not of_session:
            del self._of[session]
        self._conditions.remove(session, subscription.account, group)
        self.index.release(group, session)

    def _caught_up(self, session: Session) -> None:
        """One subscription of the session is no longer catching up."""
        left = self.catching_up.pop(session) - 1
        if left:
            self.catching_up[session] = left
