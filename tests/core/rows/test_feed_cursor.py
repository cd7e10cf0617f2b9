from __future__ import annotations

from tidegate.core.rows.feed_cursor import FeedCursor
from tidegate.core.rows.ports import Change
from tidegate_protocol import FeedPosition


def changes(*seqs: int) -> list[Change]:
    return [
        Change(seq=seq, time=0, resource="users", key={"id": seq}, action="create", old=None, new={}) for seq in seqs
    ]


def test_it_advances_to_the_head_even_without_changes() -> None:
    dispatched = FeedCursor("e", 5)
    dispatched.advance([], 9)
    assert dispatched.position == FeedPosition(epoch="e", seq=9)


def test_recent_changes_are_given_from_any_position_they_cover() -> None:
    dispatched = FeedCursor("e", 5)
    dispatched.advance(changes(6, 8), 8)
    assert [change.seq for change in dispatched.since(5) or ()] == [6, 8]
    assert [change.seq for change in dispatched.since(6) or ()] == [8]
    assert dispatched.since(8) == []
    assert dispatched.since(4) is None


def test_what_was_dropped_is_not_pretended_to_be_there() -> None:
    dispatched = FeedCursor("e", 0, keep=2)
    dispatched.advance(changes(1, 2, 3), 3)
    assert dispatched.since(0) is None
    assert [change.seq for change in dispatched.since(1) or ()] == [2, 3]


def test_only_positions_of_this_feed_and_not_ahead_of_it_can_be_recovered() -> None:
    dispatched = FeedCursor("e", 5)
    assert dispatched.recoverable(FeedPosition(epoch="e", seq=5))
    assert not dispatched.recoverable(FeedPosition(epoch="e", seq=6))
    assert not dispatched.recoverable(FeedPosition(epoch="f", seq=5))


def test_after_a_jump_it_has_nothing_of_what_was_jumped_over() -> None:
    dispatched = FeedCursor("e", 5)
    dispatched.advance(changes(6, 7), 7)
    dispatched.jump(20)
    assert dispatched.position == FeedPosition(epoch="e", seq=20)
    assert [dispatched.since(seq) for seq in (5, 7, 19)] == [None, None, None]
    assert dispatched.since(20) == []
    dispatched.advance(changes(21), 21)
    assert [change.seq for change in dispatched.since(20) or ()] == [21]
    assert dispatched.since(19) is None


def test_what_was_before_a_jump_never_counts_again() -> None:
    dispatched = FeedCursor("e", 5, keep=2)
    dispatched.advance(changes(6, 7), 7)
    dispatched.jump(20)
    dispatched.advance(changes(21), 21)
    assert dispatched.floor == 20
    assert [change.seq for change in dispatched.since(20) or ()] == [21]
    assert [dispatched.since(seq) for seq in range(6, 20)] == [None] * 14


def test_it_remembers_what_was_read_back_for_it() -> None:
    dispatched = FeedCursor("e", 20, keep=4)
    dispatched.advance(changes(21), 21)
    dispatched.remember(changes(18, 20), since=16, floor=20)
    assert [change.seq for change in dispatched.since(16) or ()] == [18, 20, 21]
    assert dispatched.since(15) is None
    dispatched.advance(changes(22, 23), 23)
    assert dispatched.since(16) is None
    assert [change.seq for change in dispatched.since(18) or ()] == [20, 21, 22, 23]


def test_what_does_not_join_on_or_is_too_much_is_not_remembered() -> None:
    dispatched = FeedCursor("e", 20, keep=2)
    dispatched.remember(changes(17, 18, 19), since=16, floor=20)
    assert dispatched.since(16) is None
    dispatched.remember(changes(18), since=17, floor=18)  # it jumped while this was read
    assert dispatched.since(17) is None
    assert dispatched.since(20) == []
