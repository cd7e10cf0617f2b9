from __future__ import annotations

from tidegate.core.ports import Change
from tidegate.core.position import Dispatched
from tidegate_protocol import FeedPosition


def changes(*seqs: int) -> list[Change]:
    return [
        Change(seq=seq, time=0, resource="users", key={"id": seq}, action="create", old=None, new={}) for seq in seqs
    ]


def test_it_advances_to_the_head_even_without_changes() -> None:
    dispatched = Dispatched("e", 5)
    dispatched.advance([], 9)
    assert dispatched.position == FeedPosition(epoch="e", seq=9)


def test_recent_changes_are_given_from_any_position_they_cover() -> None:
    dispatched = Dispatched("e", 5)
    dispatched.advance(changes(6, 8), 8)
    assert [change.seq for change in dispatched.since(5) or ()] == [6, 8]
    assert [change.seq for change in dispatched.since(6) or ()] == [8]
    assert dispatched.since(8) == []
    assert dispatched.since(4) is None


def test_what_was_dropped_is_not_pretended_to_be_there() -> None:
    dispatched = Dispatched("e", 0, keep=2)
    dispatched.advance(changes(1, 2, 3), 3)
    assert dispatched.since(0) is None
    assert [change.seq for change in dispatched.since(1) or ()] == [2, 3]


def test_only_positions_of_this_feed_and_not_ahead_of_it_can_be_recovered() -> None:
    dispatched = Dispatched("e", 5)
    assert dispatched.recoverable(FeedPosition(epoch="e", seq=5))
    assert not dispatched.recoverable(FeedPosition(epoch="e", seq=6))
    assert not dispatched.recoverable(FeedPosition(epoch="f", seq=5))
