"""Faults in what the subscribers of a group are sent, and in which changes: for a simulated gateway.

`faults` has those in how a subscriber is brought up. Each must be seen by the judge.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.simulate.faults import replace
from tests.simulate.store import SimulatedFeed
from tidegate.core.rows import catch_up_conditions, subscription_index
from tidegate.core.rows.effects import CatchUp
from tidegate.core.rows.feed_cursor import FeedCursor
from tidegate.core.rows.ports import Change
from tidegate.core.rows.subscription import State, Subscription
from tidegate.core.rows.subscription_index import SubscriptionGroup
from tidegate.core.rows.subscriptions import Subscriptions

Plant = Callable[[pytest.MonkeyPatch], None]
FAULTS: dict[str, Plant] = {}


def _fault(what: str) -> Callable[[Plant], Plant]:
    def plant(function: Plant) -> Plant:
        FAULTS[what] = function
        return function

    return plant


@_fault("the old row is not matched")
def _old_row(patch: pytest.MonkeyPatch) -> None:
    right = SubscriptionGroup.outcome

    def outcome(self: SubscriptionGroup, change: Change) -> Any:
        found = right(self, change)
        return None if found is not None and found[0] == "delete" and change.action == "update" else found

    patch.setattr(SubscriptionGroup, "outcome", outcome)


@_fault("a row that leaves is sent with its new content")
def _new_content(patch: pytest.MonkeyPatch) -> None:
    right = SubscriptionGroup.outcome

    def outcome(self: SubscriptionGroup, change: Change) -> Any:
        found = right(self, change)
        left = found is not None and found[0] == "delete" and change.new is not None
        return ("delete", self.image(change.new)) if left and change.new is not None else found

    patch.setattr(SubscriptionGroup, "outcome", outcome)


@_fault("changes of hidden columns are sent")
def _hidden_columns(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SubscriptionGroup, "image", lambda self, row: dict(row))


@_fault("a replay begins one change too early")
def _too_early(patch: pytest.MonkeyPatch) -> None:
    right = FeedCursor.since
    patch.setattr(FeedCursor, "since", lambda self, seq: right(self, max(seq - 1, self.floor)))


@_fault("a replay begins one change too late")
def _too_late(patch: pytest.MonkeyPatch) -> None:
    right = FeedCursor.since
    patch.setattr(FeedCursor, "since", lambda self, seq: (right(self, seq) or [])[1:])


@_fault("a position of another gateway is recovered before this one has dispatched it")
def _of_another_gateway(patch: pytest.MonkeyPatch) -> None:
    # Positions that no gateway has told, which clients make up, stay refused: they would show another fault.
    patch.setattr(
        FeedCursor, "recoverable", lambda self, since: since.epoch == self.epoch and since.seq < self.seq + 50
    )

    def caught_up(subscription: Subscription, cursor: FeedCursor, event: Any) -> bool:
        since = subscription.since
        too_early = since is not None and subscription.at == since.seq > cursor.seq
        return too_early or subscription.at == cursor.seq

    replace(patch, catch_up_conditions.caught_up, caught_up)


@_fault("the feed skips a change now and then")
def _skips(patch: pytest.MonkeyPatch) -> None:
    right = SimulatedFeed._hand_over

    def hand_over(self: SimulatedFeed, changes: list[Change], upto: int) -> None:
        right(self, [change for change in changes if change.seq % 20], upto)

    patch.setattr(SimulatedFeed, "_hand_over", hand_over)


@_fault("a client that becomes another user gets no snapshot")
def _no_snapshot(patch: pytest.MonkeyPatch) -> None:
    right = Subscriptions.start_again

    def start_again(self: Subscriptions, *values: Any) -> CatchUp:
        effect = right(self, *values)
        effect.subscription.state, effect.subscription.snapshot = State.WAITING, False
        effect.subscription.refs = effect.subscription.refs or [None]
        return effect

    patch.setattr(Subscriptions, "start_again", start_again)


@_fault("the rows of one user are continued for another")
def _one_fingerprint(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(subscription_index, "_fingerprint", lambda rule: "the same for all")
