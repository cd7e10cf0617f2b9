"""Faults of the kind that lose, double or show rows, for a simulated gateway: the judge must see each of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from tests.simulate.store import SimulatedStore
from tidegate.core.budgets.payer import GATEWAY, Payer
from tidegate.core.effects import Effect
from tidegate.core.filters.predicate import predicate
from tidegate.core.protocol import Protocol
from tidegate.core.rows import catch_up, catch_up_actions, catch_up_conditions, catch_up_events, messages
from tidegate.core.rows import effects as asks
from tidegate.core.rows.effects import CatchUp
from tidegate.core.rows.feed_cursor import FeedCursor
from tidegate.core.rows.ports import Change, LogPruned, Row
from tidegate.core.rows.requests import Requests
from tidegate.core.rows.subscription import Subscription
from tidegate.core.rows.subscription_index import SubscriptionGroup, SubscriptionIndex
from tidegate.core.rows.subscriptions import Subscriptions
from tidegate.core.session import Session
from tidegate.gateway import catch_up as driver
from tidegate.gateway.catch_up import CatchUpDriver, MissedFrames
from tidegate.gateway.snapshot_frames import SnapshotPages
from tidegate.store.serving.spool import Spool
from tidegate_protocol import FeedPosition, SubscribeRequest

Plant = Callable[[pytest.MonkeyPatch], None]
FAULTS: dict[str, Plant] = {}


def _fault(what: str) -> Callable[[Plant], Plant]:
    def plant(function: Plant) -> Plant:
        FAULTS[what] = function
        return function

    return plant


def replace(patch: pytest.MonkeyPatch, right: Callable[..., Any], wrong: Callable[..., Any]) -> None:
    """Replace `right` by `wrong` in every row of the catch-up table."""
    rows = [catch_up.Row._make(wrong if value is right else value for value in row) for row in catch_up.TABLE]
    assert rows != list(catch_up.TABLE)
    patch.setattr(catch_up, "_ROWS", catch_up._by_state_and_event(rows))


@_fault("a snapshot is one change older than it is taken for")
def _older(patch: pytest.MonkeyPatch) -> None:
    def send_pages(
        subscription: Subscription, cursor: FeedCursor, event: catch_up_events.SnapshotBegun
    ) -> asks.SendPages:
        subscription.at = event.seq + 1
        return asks.SendPages()

    replace(patch, catch_up_actions.send_pages, send_pages)


@_fault("the last page says one position too many")
def _ahead(patch: pytest.MonkeyPatch) -> None:
    right = SnapshotPages._encode

    def encode(
        self: SnapshotPages, group: SubscriptionGroup, rows: list[Row], first: bool, seq: int | None
    ) -> list[bytes]:
        return right(self, group, rows, first, None if seq is None else seq + 1)

    patch.setattr(SnapshotPages, "_encode", encode)


@_fault("a subscription is live before it has caught up")
def _too_soon(patch: pytest.MonkeyPatch) -> None:
    replace(patch, catch_up_conditions.caught_up, lambda subscription, cursor, event: True)


@_fault("a catch-up ignores a reset")
def _reset_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(FeedCursor, "reset_since", lambda self, seq, resource: False)
    replace(patch, catch_up_conditions.reset_was_read, lambda subscription, cursor, event: False)


@_fault("a live subscription ignores a reset")
def _reset_ignored_live(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Subscriptions, "reset", lambda self, resource: [])


@_fault("a pruned part of the log is taken for an empty one")
def _pruned_is_empty(patch: pytest.MonkeyPatch) -> None:
    right = SimulatedStore.changes

    async def changes(
        self: SimulatedStore, after: int, upto: int, limit: int, payer: Payer = GATEWAY
    ) -> Sequence[Change]:
        try:
            return await right(self, after, upto, limit, payer)
        except LogPruned:
            return []

    patch.setattr(SimulatedStore, "changes", changes)


@_fault("frames of changes up to an earlier position are shared")
def _stale_frames(patch: pytest.MonkeyPatch) -> None:
    right_frames, right_begin = CatchUpDriver._shared_frames, CatchUpDriver.begin
    kept: dict[tuple[CatchUpDriver, SubscriptionGroup, int], MissedFrames] = {}

    def begin(self: CatchUpDriver, subscription: Subscription) -> Any:
        since = subscription.since
        if since is not None and since == self._rows.cursor.position:  # so far, it missed nothing
            kept.setdefault((self, subscription.group, since.seq), MissedFrames(b"", frozenset()))
        return right_begin(self, subscription)

    def shared_frames(self: CatchUpDriver, group: SubscriptionGroup, ask: asks.SendChanges) -> MissedFrames:
        return kept.setdefault((self, group, ask.after), right_frames(self, group, ask))

    patch.setattr(CatchUpDriver, "begin", begin)
    patch.setattr(CatchUpDriver, "_shared_frames", shared_frames)


@_fault("a position is recovered although its rows were another user's")
def _any_scope(patch: pytest.MonkeyPatch) -> None:
    right = Requests.subscribe

    def subscribe(self: Requests, session: Session, request: SubscribeRequest, now: float) -> list[Effect]:
        effects = right(self, session, request, now)
        for effect in effects:
            if isinstance(effect, CatchUp) and request.since is not UNSET:
                effect.subscription.since = request.since
        return effects

    patch.setattr(Requests, "subscribe", subscribe)


@_fault("a position of another log, or of the future, is recovered")
def _any_position(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(FeedCursor, "recoverable", lambda self, since: True)


@_fault("an ended subscription goes on")
def _goes_on(patch: pytest.MonkeyPatch) -> None:
    right = SubscriptionIndex.release

    def release(self: SubscriptionIndex, group: SubscriptionGroup, session: Session) -> None:
        members, sinks = dict(group.members), dict(group.sinks)
        right(self, group, session)
        group.members, group.sinks = members, sinks

    patch.setattr(SubscriptionIndex, "release", release)


@_fault("a snapshot that has begun is shared with later subscriptions")
def _late_sharer(patch: pytest.MonkeyPatch) -> None:
    def join(self: Spool) -> bool:
        self._sharers += 1
        return True

    patch.setattr(Spool, "join", join)


@_fault("a subscription never leaves the snapshot that it was sent")
def _never_leaves(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Spool, "leave", lambda self: None)


@_fault("changes during a pause of the feed are taken for none")
def _unnoticed_jump(patch: pytest.MonkeyPatch) -> None:
    def jump(self: FeedCursor, head: int) -> None:
        self.seq = head
        self.position = FeedPosition(epoch=self.epoch, seq=head)

    patch.setattr(FeedCursor, "jump", jump)


@_fault("a session that catches up is told positions")
def _rash_positions(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Protocol, "position", lambda self, session: self.rows.cursor.position)


@_fault("a subscription does not wait for the feed")
def _without_the_feed(patch: pytest.MonkeyPatch) -> None:
    right = CatchUpDriver.begin

    def begin(self: CatchUpDriver, subscription: Subscription) -> Any:
        with pytest.MonkeyPatch.context() as inner:
            if not subscription.snapshot:
                inner.setattr(SimulatedStore, "following", True)
            return right(self, subscription)

    patch.setattr(CatchUpDriver, "begin", begin)


@_fault("a client that becomes another user keeps its rows")
def _same_rows(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Subscriptions, "recheck", lambda self, session: [])


@_fault("the permission is not checked when a row changes")
def _rule_forgotten(patch: pytest.MonkeyPatch) -> None:
    right = SubscriptionGroup.__init__

    def init(self: SubscriptionGroup, *values: Any) -> None:
        right(self, *values)
        self._meets = predicate(self.filters)

    patch.setattr(SubscriptionGroup, "__init__", init)


@_fault("other users are told the origin of a change")
def _origin_told(patch: pytest.MonkeyPatch) -> None:
    right = messages.missed

    def missed(group: SubscriptionGroup, changes: Sequence[Change], epoch: str, user: str | None) -> Any:
        told = {change.seq: change.origin for change in changes if change.origin is not None}
        for update in right(group, changes, epoch, user):
            origin = told.get(update.position.seq)
            yield update if origin is None else msgspec.structs.replace(update, origin=origin)

    patch.setattr(driver, "missed", missed)


@_fault("equal requests that came meanwhile are forgotten")
def _unanswered(patch: pytest.MonkeyPatch) -> None:
    def live(subscription: Subscription, cursor: FeedCursor, event: Any) -> list[Any]:
        first = subscription.refs[:1] if catch_up_conditions.only_new_changes(subscription, cursor, event) else []
        subscription.refs = []
        return catch_up_actions.answer_live(subscription, cursor, first)

    replace(patch, catch_up_actions.live, live)


@_fault("catch-ups that wait are not woken when the feed pauses")
def _left_waiting(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(CatchUpDriver, "pause", lambda self: self._store.pause())
