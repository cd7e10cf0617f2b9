"""The groups of equal subscriptions, and what a change costs because of them.

`points` is what the filter of a group costs each time that a change is held against it. A group with `indexed` is found
through the values of these properties; one without is held against each change of its resource.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping

import msgspec

from tidegate.core.rows.subscription_index import SubscriptionGroup
from tidegate.core.sessions import Sessions


class GroupView(msgspec.Struct, frozen=True, kw_only=True):
    """One group."""

    subscription: str
    resource: str
    filter: str
    """The clients' filter, as a text that is equal for equal filters."""
    fields: tuple[str, ...] | None
    restricted: bool
    """A rule of the schema leaves rows out."""
    indexed: list[str] | None
    points: int
    holders: int
    """Subscriptions, with those that still catch up."""
    members: int
    """Subscriptions that get each change."""
    updates: int
    """Updates that were sent to all members since the group exists."""
    frames: int
    """The same, counted once for each member."""


GROUP_SORTS: Mapping[str, Callable[[GroupView], float]] = {
    "points": lambda view: view.points,
    "members": lambda view: view.members,
    "holders": lambda view: view.holders,
    "updates": lambda view: view.updates,
    "frames": lambda view: view.frames,
}
"""What groups can be sorted by, the largest first."""


def subscriptions(sessions: Sessions, *, sort: str = "frames", limit: int = 20) -> list[GroupView]:
    """The first `limit` groups by `sort`, one of GROUP_SORTS."""
    return heapq.nlargest(limit, map(_view, sessions.protocol.rows.subscriptions.index), key=GROUP_SORTS[sort])


def _view(group: SubscriptionGroup) -> GroupView:
    return GroupView(
        subscription=group.id,
        resource=group.resource,
        filter=group.key[1],
        fields=group.fields,
        restricted=group.scope is not None,
        indexed=None if group.indexed is None else sorted({name for name, _ in group.indexed}),
        points=group.points,
        holders=group.holders,
        members=len(group.members),
        updates=group.updates,
        frames=group.frames,
    )
