"""Conditions on rows that are kept up to date: whatever the order of the read and of the changes, none is lost."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tidegate.core.access.room_rules import Condition
from tidegate.core.filters.tree import tree
from tidegate.core.rows.ports import Change
from tidegate.core.watches.watch import KEPT_CHANGES, KEPT_KEYS
from tidegate.core.watches.watches import Watches

MINE = Condition("members", tree({"doc": 1, "user": "ann"}))


def row(key: int, doc: int = 1, user: str = "ann") -> dict[str, Any]:
    return {"id": key, "doc": doc, "user": user}


def change(seq: int, old: dict[str, Any] | None, new: dict[str, Any] | None) -> Change:
    return Change(seq, 0, "members", {}, "update", old, new)


def watches() -> Watches:
    return Watches({"members": ("id",), "docs": ("id",)})


@pytest.mark.parametrize(("head", "told"), list(itertools.product(range(1, 5), range(5))))
def test_a_read_at_any_moment_and_the_changes_around_it_come_to_the_same(head: int, told: int) -> None:
    history = [
        change(1, None, row(7)),
        change(2, row(7), row(7, doc=2)),
        change(3, row(7, doc=2), row(7)),
        change(4, row(7), None),
    ]
    all_watches = watches()
    watch = all_watches.acquire(MINE, "ann")
    for each in history[:told]:
        all_watches.dispatched([each], each.seq)
    all_watches.read(watch, [{"id": 7}] if head in (1, 3) else [], head)
    for position, each in enumerate(history[told:], told + 1):
        all_watches.dispatched([each], each.seq)
        assert watch.holds == (max(position, head) in (1, 3))
    assert not watch.holds


def test_a_watch_that_ends_is_told_once_at_the_end_of_its_changes() -> None:
    all_watches = watches()
    watch = all_watches.acquire(MINE, "ann")
    all_watches.read(watch, [{"id": 7}], 1)
    assert all_watches.dispatched([change(2, row(7), None), change(3, None, row(8))], 3) == []
    assert all_watches.dispatched([change(4, row(9, user="bo"), None)], 4) == []
    assert all_watches.dispatched([change(5, row(8), None)], 5) == [watch]
    assert (watch.holds, watch.unsure) == (False, False)


def test_an_older_read_changes_nothing_that_is_known() -> None:
    all_watches = watches()
    watch = all_watches.acquire(MINE, "ann")
    all_watches.read(watch, [{"id": 7}], 1)
    all_watches.dispatched([change(2, row(7), None)], 2)
    all_watches.read(watch, [{"id": 7}], 1)
    assert not watch.holds
    all_watches.read(watch, [{"id": 8}], 3)
    assert watch.holds


def test_more_rows_than_are_kept_leave_it_open_whether_one_is_left() -> None:
    all_watches = watches()
    watch = all_watches.acquire(MINE, "ann")
    all_watches.read(watch, [{"id": key} for key in range(KEPT_KEYS + 1)], 1)
    gone = [change(2 + key, row(key), None) for key in range(KEPT_KEYS)]
    assert all_watches.dispatched(gone, gone[-1].seq) == [watch]
    assert watch.unsure


def test_too_many_changes_during_a_read_are_not_kept() -> None:
    all_watches = watches()
    watch = all_watches.acquire(MINE, "ann")
    many = [change(seq, None, row(seq)) for seq in range(1, KEPT_CHANGES + 2)]
    assert all_watches.dispatched(many, len(many)) == [watch]
    assert watch.unsure


def test_a_reset_of_the_resource_leaves_nothing_known() -> None:
    all_watches = watches()
    watch = all_watches.acquire(MINE, "ann")
    other = all_watches.acquire(Condition("docs", tree({"id": 1})), "ann")
    all_watches.read(watch, [{"id": 7}], 1)
    assert all_watches.dispatched([Change(2, 0, "members", {}, "reset", None, None)], 2) == [watch]
    assert watch.unsure
    assert not other.unsure


def test_equal_conditions_share_a_watch_that_ends_with_its_last_holder() -> None:
    all_watches = watches()
    one, other = (all_watches.acquire(MINE, holder) for holder in ("ann", "bo"))
    whole = all_watches.acquire(Condition("members", tree({"doc": {"gt": 3}})), "ann")
    assert one is other
    assert len(all_watches) == 2
    for holder in ("ann", "ann", "bo"):
        all_watches.release(one, holder)
    all_watches.release(whole, "ann")
    assert not all_watches
    assert all_watches._indexed["members"] == {"doc": {}} or not any(all_watches._indexed["members"].values())
    again = all_watches.acquire(MINE, "ann")
    assert again is not one
    assert not again.live
