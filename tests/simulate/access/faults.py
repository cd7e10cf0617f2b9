"""Faults that let a user stay in a room, or keep one out, for a simulated gateway: the judge must see each of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tidegate.core.rooms.guard import Guard
from tidegate.core.watches.watch import Changed, Watch
from tidegate.core.watches.watches import Watches
from tidegate.gateway.watched_rooms import WatchedRooms

Plant = Callable[[pytest.MonkeyPatch], None]


def _forgotten(patch: pytest.MonkeyPatch) -> None:
    right = Watch.apply

    def apply(self: Watch, change: Changed) -> None:
        if self.live:
            right(self, change)

    patch.setattr(Watch, "apply", apply)


def _twice(patch: pytest.MonkeyPatch) -> None:
    right = Watch.read

    def read(self: Watch, rows: list[dict[str, object]], seq: int, dispatched: int) -> None:
        right(self, rows, seq, dispatched)
        self.at = 0

    patch.setattr(Watch, "read", read)


FAULTS: dict[str, Plant] = {
    "changes during the read of a join are forgotten": _forgotten,
    "changes that a read has seen are applied again": _twice,
    "a membership outlives its rule": lambda patch: patch.setattr(Guard, "_recheck", lambda self, grant, now: []),
    "a reset of the rows is ignored": lambda patch: patch.setattr(Watches, "of_resource", lambda self, resource: []),
    "the feed pauses while a rule needs it": lambda patch: patch.setattr(WatchedRooms, "__bool__", lambda self: False),
    "memberships outlive the change feed": lambda patch: patch.setattr(WatchedRooms, "look", lambda self: None),
    "another user of a connection stays": lambda patch: patch.setattr(
        Guard, "user_changes", lambda self, session, room, user, claims: None
    ),
}
