"""The frames of snapshots, and which subscriptions share them.

Equal subscriptions share one reading if it has not begun when they ask: each gets rows that are no older than its
request. It sends nothing and reads nothing itself.
Invariant: the first frame of a snapshot says `reset`; the last one and no other says `done` and its position.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import msgspec

from tidegate.core.budgets.ledger import Ledger
from tidegate.core.budgets.payer import GATEWAY, Payer
from tidegate.core.rows.messages import snapshot_page
from tidegate.core.rows.ports import Pages, ReadQuery, Row, Store
from tidegate.core.rows.subscription_index import SubscriptionGroup
from tidegate_protocol import FeedPosition

FRAME_BYTES = 262144
"""A page whose frame is larger is divided, unless it has only one row."""


class _Shared:
    """Of pages that subscriptions share: how many do, who asked first and holds them, and what was counted for that."""

    __slots__ = ("account", "counted", "sharers")

    def __init__(self, account: str) -> None:
        self.account = account
        self.counted = 0
        self.sharers = 0


class SnapshotPages:
    """The snapshots that are being read or sent."""

    def __init__(self, store: Store, frame: Callable[[msgspec.Struct], bytes], ledger: Ledger | None = None) -> None:
        """The store calls `frame` in its threads."""
        self._store = store
        self._frame = frame
        self._ledger = ledger or Ledger()
        self._shared: dict[Pages, _Shared] = {}
        self._latest: dict[SubscriptionGroup, Pages] = {}

    @contextmanager
    def of(self, group: SubscriptionGroup, payer: Payer = GATEWAY) -> Iterator[Pages]:
        """The group's rows as they are now or a little later, kept until the context ends.

        Raises Refused(limit_reached) for an account that holds more memory than it may already.
        """
        pages = self._latest.get(group)
        if pages is None or not pages.join(payer):
            self._ledger.take(payer.account, "spools", 0)
            query = ReadQuery(resource=group.resource, where=group.where, fields=group.fields)
            pages = self._latest[group] = self._store.snapshot(query, partial(self._encode, group))
            pages.join(payer)
        shared = self._shared.setdefault(pages, _Shared(payer.account))
        shared.sharers += 1
        try:
            yield pages
        finally:
            pages.leave()
            shared.sharers -= 1
            if not shared.sharers:
                self._ledger.give(shared.account, "spools", shared.counted)
                del self._shared[pages]
            if self._latest.get(group) is pages:
                del self._latest[group]

    def count(self) -> None:
        """Count what the snapshots have in memory now; to be called often, because threads add to it meanwhile."""
        for pages, shared in list(self._shared.items()):
            grown = pages.in_memory - shared.counted
            if grown:
                shared.counted += grown
                self._ledger.add(shared.account, "spools", grown)

    def _encode(self, group: SubscriptionGroup, rows: list[Row], first: bool, seq: int | None) -> list[bytes]:
        end = None if seq is None else FeedPosition(epoch=self._store.epoch, seq=seq)
        frame = self._frame(snapshot_page(group, rows, first, end))
        if len(frame) <= FRAME_BYTES or len(rows) == 1:
            return [frame]
        half = len(rows) // 2
        return [*self._encode(group, rows[:half], first, None), *self._encode(group, rows[half:], False, seq)]
