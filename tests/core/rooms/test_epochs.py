"""Which position before the first message of a room is still good when the room has had histories meanwhile."""

from __future__ import annotations

from tidegate.core.rooms import epochs
from tidegate.core.rooms.epochs import Epochs
from tidegate_protocol import RoomPosition


def at(epoch: str, offset: int = 0) -> RoomPosition:
    return RoomPosition(epoch=epoch, offset=offset)


def test_an_epoch_ends_with_each_history_that_is_forgotten() -> None:
    of = Epochs("run")
    seen = [of.current]
    for room in ("a", "b", "a"):
        of.forgot(room)
        seen.append(of.current)
    assert len(set(seen)) == 4


def test_a_position_outlives_the_histories_of_other_rooms_alone() -> None:
    of = Epochs("run")
    first = at(of.current)
    of.forgot("b")
    second = at(of.current)
    assert of.nothing_lost("a", first)
    assert not of.nothing_lost("b", first)
    assert of.nothing_lost("b", second)
    of.forgot("b")
    assert not of.nothing_lost("b", second)
    assert of.nothing_lost("a", second)


def test_only_offset_0_of_this_run_is_before_the_first_message() -> None:
    of = Epochs("run")
    assert of.nothing_lost("a", at("run.0"))
    for position in (at("run.0", 1), at("other.0"), at("run.1"), at("run.x"), at("run"), at(".0")):
        assert not of.nothing_lost("a", position)


def test_what_is_not_remembered_any_more_counts_as_lost() -> None:
    of = Epochs("run")
    old = at(of.current)
    for number in range(epochs.REMEMBERED + 1):
        of.forgot(f"room {number}")
        if number == 0:
            newer = at(of.current)
    assert not of.nothing_lost("a", old), "perhaps its history was forgotten long ago"
    assert of.nothing_lost("a", newer)
    assert len(of._forgotten) == epochs.REMEMBERED
