"""The conditions in the table of `core.rows.catch_up`: questions about a subscription and the cursor.

Each takes the subscription, the cursor and the event, and changes nothing.
"""

from __future__ import annotations

from typing import Any

from tidegate.core.rows.catch_up_events import ChangesRead
from tidegate.core.rows.feed_cursor import FeedCursor
from tidegate.core.rows.subscription import Subscription


def always(subscription: Subscription, cursor: FeedCursor, event: Any) -> bool:
    return True


def only_new_changes(subscription: Subscription, cursor: FeedCursor, event: Any) -> bool:
    """The client wants no rows and no changes of the past."""
    return subscription.since is None and not subscription.snapshot


def since_is_kept(subscription: Subscription, cursor: FeedCursor, event: Any) -> bool:
    """All changes that the client missed are kept in memory."""
    since = subscription.since
    return since is not None and cursor.recoverable(since) and cursor.keeps(since.seq)


def since_can_be_kept(subscription: Subscription, cursor: FeedCursor, event: Any) -> bool:
    """What the client missed may be read from the log once for all clients that missed the same."""
    since = subscription.since
    return since is not None and cursor.recoverable(since) and cursor.missing(since.seq) is not None


def since_is_dispatched(subscription: Subscription, cursor: FeedCursor, event: Any) -> bool:
    """The client's position is of this feed, and not ahead of it."""
    return subscription.since is not None and cursor.recoverable(subscription.since)


def since_is_ahead(subscription: Subscription, cursor: FeedCursor, event: Any) -> bool:
    """The client's position is of this feed and ahead of it: another gateway may have dispatched it already."""
    since = subscription.since
    return since is not None and since.epoch == cursor.epoch and since.seq > cursor.seq


def caught_up(subscription: Subscription, cursor: FeedCursor, event: Any) -> bool:
    """The client was sent everything up to the cursor."""
    return subscription.at == cursor.seq


def snapshot_is_ahead(subscription: Subscription, cursor: FeedCursor, event: Any) -> bool:
    """The rows are newer than what is dispatched."""
    return subscription.at > cursor.seq


def kept_reset(subscription: Subscription, cursor: FeedCursor, event: Any) -> bool:
    """The rows changed in ways that the kept changes do not list."""
    return cursor.keeps(subscription.at) and cursor.reset_since(subscription.at, subscription.group.resource)


def changes_are_kept(subscription: Subscription, cursor: FeedCursor, event: Any) -> bool:
    """All changes after `at` are kept in memory."""
    return cursor.keeps(subscription.at)


def reset_was_read(subscription: Subscription, cursor: FeedCursor, event: ChangesRead) -> bool:
    """The rows changed in ways that the changes just read do not list."""
    resource = subscription.group.resource
    return any(change.action == "reset" and change.resource == resource for change in event.changes)
