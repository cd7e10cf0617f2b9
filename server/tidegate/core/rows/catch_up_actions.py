"""The answers and asks in the table of `core.rows.catch_up`.

An answer is what clients learn when a subscription goes to another state. An ask is what the subscription needs there;
building it notes in `Subscription.at` how far the client will be once it is carried out.
Invariant: a request with a `ref` is answered once, and is told no position up to which nothing was sent.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tidegate.core.closes import OVERLOADED
from tidegate.core.effects import Close, Ref, Reply
from tidegate.core.rows import messages
from tidegate.core.rows.catch_up_conditions import only_new_changes
from tidegate.core.rows.catch_up_events import ChangesRead, SnapshotBegun
from tidegate.core.rows.effects import (
    Ask,
    Drain,
    FindPosition,
    ReadChanges,
    ReadSnapshot,
    RecallChanges,
    SendChanges,
    SendPages,
    WaitFor,
)
from tidegate.core.rows.feed_cursor import FeedCursor
from tidegate.core.rows.subscription import Subscription
from tidegate_protocol import FeedPosition

BATCH = 500
"""How many changes one subscription reads from the log at a time."""


# -- answers ----------------------------------------------------------------------------------------------------------


def answer_live(subscription: Subscription, cursor: FeedCursor, refs: Iterable[Ref]) -> list[Reply]:
    """All of `refs` share a subscription that is live from the cursor on."""
    return [_answer(subscription, "live", cursor.position, ref) for ref in refs if ref is not None]


def live(subscription: Subscription, cursor: FeedCursor, event: Any) -> list[Reply]:
    """Every request that waits learns that the subscription is live."""
    refs, subscription.refs = subscription.refs, []
    return answer_live(subscription, cursor, refs)


def recovered(subscription: Subscription, cursor: FeedCursor, event: Any) -> list[Reply]:
    """The first request learns that exactly the missed changes follow."""
    since = subscription.since
    assert since is not None
    subscription.at = since.seq
    return _first(subscription, "recovered", since)


def snapshot(subscription: Subscription, cursor: FeedCursor, event: SnapshotBegun) -> list[Reply]:
    """The first request learns that the rows follow."""
    return _first(subscription, "snapshot", FeedPosition(epoch=cursor.epoch, seq=event.seq))


def accepted(subscription: Subscription, cursor: FeedCursor, event: Any) -> list[Reply]:
    """Requests that wait for a subscription that ends learn how it would have begun.

    None of them is told a position up to which nothing was sent.
    """
    refs, subscription.refs = subscription.refs, []
    if only_new_changes(subscription, cursor, event):
        return answer_live(subscription, cursor, refs)
    mode: messages.Mode = "snapshot"
    position = cursor.position
    if subscription.since is not None and cursor.recoverable(subscription.since):
        mode, position = "recovered", subscription.since
    return [_answer(subscription, mode, position, ref) for ref in refs if ref is not None]


def close(subscription: Subscription, cursor: FeedCursor, event: Any) -> list[Close]:
    """The client is behind and would never learn it: its connection ends, so that it comes back and resumes."""
    return [Close(subscription.session, OVERLOADED, "a replay failed; resume")]


def _first(subscription: Subscription, mode: messages.Mode, position: FeedPosition) -> list[Reply]:
    ref = subscription.refs.pop(0)
    return [] if ref is None else [_answer(subscription, mode, position, ref)]


def _answer(subscription: Subscription, mode: messages.Mode, position: FeedPosition, ref: str | int) -> Reply:
    return Reply(subscription.session, messages.subscribed(subscription.group, mode, position, ref))


# -- asks -------------------------------------------------------------------------------------------------------------


def find_position(subscription: Subscription, cursor: FeedCursor, event: Any) -> Ask:
    assert subscription.since is not None
    return FindPosition(subscription.since.seq)


def wait_for_since(subscription: Subscription, cursor: FeedCursor, event: Any) -> Ask:
    assert subscription.since is not None
    return WaitFor(subscription.since.seq)


def recall_changes(subscription: Subscription, cursor: FeedCursor, event: Any) -> Ask:
    assert subscription.since is not None
    return RecallChanges(subscription.since.seq)


def read_since(subscription: Subscription, cursor: FeedCursor, event: Any) -> Ask:
    assert subscription.since is not None
    subscription.at = subscription.since.seq
    return read_changes(subscription, cursor, event)


def read_changes(subscription: Subscription, cursor: FeedCursor, event: Any) -> Ask:
    return ReadChanges(subscription.at, min(cursor.seq, subscription.at + BATCH))


def wait_for_snapshot(subscription: Subscription, cursor: FeedCursor, event: Any) -> Ask:
    return WaitFor(subscription.at)


def read_snapshot(subscription: Subscription, cursor: FeedCursor, event: Any) -> Ask:
    return ReadSnapshot()


def send_pages(subscription: Subscription, cursor: FeedCursor, event: SnapshotBegun) -> Ask:
    subscription.at = event.seq
    return SendPages()


def send_kept_changes(subscription: Subscription, cursor: FeedCursor, event: Any) -> Ask:
    after, changes = subscription.at, cursor.since(subscription.at)
    assert changes is not None
    subscription.at = cursor.seq
    return SendChanges(after, cursor.seq, changes, kept=True)


def send_read_changes(subscription: Subscription, cursor: FeedCursor, event: ChangesRead) -> Ask:
    after, subscription.at = subscription.at, event.upto
    return SendChanges(after, event.upto, event.changes, kept=False)


def drain(subscription: Subscription, cursor: FeedCursor, event: Any) -> Ask:
    return Drain()
