"""Where the gateway is in the change feed, and which changes it keeps."""

from __future__ import annotations

import msgspec
import pytest

from tests.core.rows.kit import reset
from tidegate.core.rows import feed_cursor
from tidegate.core.rows.feed_cursor import KEPT_BYTES, FeedCursor
from tidegate.core.rows.ports import Change
from tidegate_protocol import FeedPosition


def changes(*seqs: int) -> list[Change]:
    return [
        Change(seq=seq, time=0, resource="users", key={"id": seq}, action="create", old=None, new={}) for seq in seqs
    ]


def since(cursor: FeedCursor, seq: int) -> list[int] | None:
    found = cursor.since(seq)
    assert (found is not None) is cursor.keeps(seq)
    return None if found is None else [change.seq for change in found]


def test_the_cursor_advances_to_the_head_even_without_changes() -> None:
    cursor = FeedCursor("e", 5)
    cursor.advance([], 9)
    assert cursor.position == FeedPosition(epoch="e", seq=9)


def test_kept_changes_are_given_from_any_position_they_cover() -> None:
    cursor = FeedCursor("e", 5)
    cursor.advance(changes(6, 8), 8)
    assert [since(cursor, seq) for seq in (4, 5, 6, 8)] == [None, [6, 8], [8], []]


def test_changes_that_were_dropped_are_not_given() -> None:
    cursor = FeedCursor("e", 0, keep=2)
    cursor.advance(changes(1, 2, 3), 3)
    assert [since(cursor, seq) for seq in (0, 1)] == [None, [2, 3]]


def test_equal_positions_share_a_list_until_the_cursor_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_cursor, "SHARED_LISTS", 1)
    cursor = FeedCursor("e", 5)
    cursor.advance(changes(6, 7), 7)
    shared = cursor.since(5)
    assert cursor.since(5) is shared
    assert cursor.since(6) is not cursor.since(6), "there is room for one list"
    cursor.advance(changes(8), 8)
    assert since(cursor, 5) == [6, 7, 8]


def test_only_positions_of_this_feed_and_not_ahead_of_it_are_recoverable() -> None:
    cursor = FeedCursor("e", 5)
    assert cursor.recoverable(FeedPosition(epoch="e", seq=5))
    assert not cursor.recoverable(FeedPosition(epoch="e", seq=6))
    assert not cursor.recoverable(FeedPosition(epoch="f", seq=5))


def test_after_a_jump_no_earlier_change_is_kept() -> None:
    cursor = FeedCursor("e", 5)
    cursor.advance(changes(6, 7), 7)
    assert since(cursor, 7) == []
    cursor.jump(20)
    assert cursor.position == FeedPosition(epoch="e", seq=20)
    assert [since(cursor, seq) for seq in (5, 7, 19, 20)] == [None, None, None, []]
    cursor.advance(changes(21), 21)
    assert [since(cursor, seq) for seq in (19, 20)] == [None, [21]]


def test_changes_before_a_jump_do_not_count_towards_the_kept_ones() -> None:
    cursor = FeedCursor("e", 5, keep=2)
    cursor.advance(changes(6, 7), 7)
    cursor.jump(20)
    cursor.advance(changes(21), 21)
    assert cursor.floor == 20
    assert since(cursor, 20) == [21]
    assert [since(cursor, seq) for seq in range(6, 20)] == [None] * 14


def test_changes_read_from_the_log_are_kept() -> None:
    cursor = FeedCursor("e", 20, keep=4)
    cursor.advance(changes(21), 21)
    assert since(cursor, 20) == [21]
    cursor.remember(changes(18, 20), after=16, upto=20)
    assert [since(cursor, seq) for seq in (15, 16, 20)] == [None, [18, 20, 21], [21]]
    cursor.advance(changes(22, 23), 23)
    assert [since(cursor, seq) for seq in (16, 18)] == [None, [20, 21, 22, 23]]


def test_changes_that_do_not_join_the_kept_ones_or_are_too_many_are_not_kept() -> None:
    cursor = FeedCursor("e", 20, keep=2)
    cursor.remember(changes(17, 18, 19), after=16, upto=20)
    assert since(cursor, 16) is None
    cursor.remember(changes(18), after=17, upto=18)  # the cursor jumped during the read
    assert since(cursor, 17) is None
    assert since(cursor, 20) == []


def test_only_changes_that_may_fit_are_missing() -> None:
    cursor = FeedCursor("e", 20, keep=2)
    assert [cursor.missing(seq) for seq in (17, 18, 19, 20, 21)] == [None, 20, 20, None, None]


def test_a_reset_among_the_kept_changes_is_known_by_its_resource() -> None:
    cursor = FeedCursor("e", 20)
    cursor.advance([*changes(21), reset(22), *changes(23)], 23)
    assert [cursor.reset_since(seq, "users") for seq in (20, 21, 22, 23)] == [True, True, False, False]
    assert not cursor.reset_since(20, "places")
    cursor.remember([reset(18, "places"), reset(19)], after=17, upto=20)
    assert [cursor.reset_since(seq, "places") for seq in (17, 18)] == [True, False]
    assert cursor.reset_since(21, "users"), "an earlier reset does not hide a later one"


def test_large_changes_are_kept_up_to_a_number_of_bytes() -> None:
    def large(*seqs: int, size: int = KEPT_BYTES // 4) -> list[Change]:
        return [msgspec.structs.replace(change, size=size) for change in changes(*seqs)]

    cursor = FeedCursor("e", 0)
    cursor.advance(large(5, 6, 7, 8, 9), 9)
    assert [since(cursor, seq) for seq in (4, 5)] == [None, [6, 7, 8, 9]]
    cursor.remember(large(4, 5), 3, 5)
    assert cursor.floor == 5, "they do not fit"
    cursor.jump(20)
    cursor.advance(large(21, size=KEPT_BYTES + 1), 21)
    assert since(cursor, 20) is None, "one that is too large is not kept"
    cursor.advance(changes(22), 22)
    assert since(cursor, 21) == [22]
