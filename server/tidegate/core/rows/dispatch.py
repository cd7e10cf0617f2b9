"""What committed changes mean for the live subscriptions.

It turns changes into pushes, one for each group that they concern. It sends nothing, and knows nothing of catch-ups.
Invariant: when `dispatch` returns, the pushes up to `head` are in its result and the cursor is at `head`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from tidegate.core.effects import Effect, Push
from tidegate.core.rows.feed_cursor import FeedCursor
from tidegate.core.rows.ports import Change
from tidegate.core.rows.subscription_index import SubscriptionGroup
from tidegate.core.rows.subscriptions import Subscriptions


class Dispatcher:
    """Finds the groups that a change concerns, and builds what they are sent."""

    def __init__(self, cursor: FeedCursor, subscriptions: Subscriptions) -> None:
        self._cursor = cursor
        self._subscriptions = subscriptions

    def dispatch(self, changes: Sequence[Change], head: int) -> list[Effect]:
        """The pushes that `changes` cause among the live subscriptions; then everything up to `head` is dispatched."""
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
                    effects += self._pushes(group, change)
        self._cursor.advance(changes, head)
        return effects

    def _pushes(self, group: SubscriptionGroup, change: Change) -> Iterable[Effect]:
        """The same update for all members; those of the user who made the change also learn its origin."""
        update = group.update(change, self._cursor.epoch)
        if update is None:
            return
        if change.origin is None:
            yield Push(group.sinks, update)
            return
        own = [member.sink for member in group.members if member.user.id == change.actor]
        others = [member.sink for member in group.members if member.user.id != change.actor] if own else group.sinks
        if others:
            yield Push(others, update)
        if own:
            yield Push(own, msgspec.structs.replace(update, origin=change.origin))
