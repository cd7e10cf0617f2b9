"""What committed changes mean for the live subscriptions.

It turns changes into pushes, one for each group that they concern. It sends nothing, and knows nothing of catch-ups.
Invariant: when `dispatch` returns, the pushes up to `head` are in its result and the cursor is at `head`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from tidegate.core.effects import Effect, Push
from tidegate.core.rows.costly_changes import CostlyChange
from tidegate.core.rows.feed_cursor import FeedCursor
from tidegate.core.rows.ports import Change
from tidegate.core.rows.subscription_index import Met, SubscriptionGroup
from tidegate.core.rows.subscriptions import Subscriptions

_NOTHING: Mapping[SubscriptionGroup, Met] = {}


class Dispatcher:
    """Finds the groups that a change concerns, and builds what they are sent."""

    def __init__(self, cursor: FeedCursor, subscriptions: Subscriptions) -> None:
        self._cursor = cursor
        self._subscriptions = subscriptions

    def is_costly(self, changes: Sequence[Change]) -> bool:
        """Whether one of `changes` would hold the event loop for long; then `in_steps` is for them."""
        return any(CostlyChange.is_costly(self._subscriptions.index, change) for change in changes)

    def in_steps(self, changes: Sequence[Change], head: int) -> Iterator[list[Effect]]:
        """As `dispatch`, one change after the other, in steps between which the loop may do other work. The effects of
        a step have to be carried out at once. Subscriptions may begin and end meanwhile.
        """
        for number, change in enumerate(changes, 1):
            costly = CostlyChange(self._subscriptions.index, change)
            for _ in costly.steps():
                yield []
            yield self.dispatch([change], head if number == len(changes) else change.seq, costly.met)

    def dispatch(
        self, changes: Sequence[Change], head: int, met: Mapping[SubscriptionGroup, Met] = _NOTHING
    ) -> list[Effect]:
        """The pushes that `changes` cause among the live subscriptions; then everything up to `head` is dispatched.

        `met`: which groups a single change is known to meet.
        """
        effects: list[Effect] = []
        resets = {change.resource: change.seq for change in changes if change.action == "reset"}
        for change in changes:
            if resets and change.seq < resets.get(change.resource, 0):
                continue  # its subscriptions start again from a snapshot before it could be sent
            if change.action == "reset":
                effects += self._subscriptions.reset(change.resource)
                continue
            for group in self._subscriptions.index.concerned(change):
                if group.members:
                    effects += self._pushes(group, change, met.get(group))
        self._cursor.advance(changes, head)
        return effects

    def _pushes(self, group: SubscriptionGroup, change: Change, met: Met | None) -> Iterable[Effect]:
        """The same update for all members; those of the user who made the change also learn its origin."""
        update = group.update(change, self._cursor.epoch, met)
        if update is None:
            return
        group.updates += 1
        group.frames += len(group.members)
        if change.origin is None:
            yield Push(group.sinks, update)
            return
        own = [member.sink for member in group.members if member.user.id == change.actor]
        others = [member.sink for member in group.members if member.user.id != change.actor] if own else group.sinks
        if others:
            yield Push(others, update)
        if own:
            yield Push(own, msgspec.structs.replace(update, origin=change.origin))
