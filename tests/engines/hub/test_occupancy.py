"""What the hub keeps of changes of rooms, and which of them it gives to workers again."""

from __future__ import annotations

import pytest

from tidegate.engines.hub.messages import Change, Changed
from tidegate.engines.hub.occupancy import GONE, VACATED, OccupancyOfRooms

BEGAN = 100


class Rooms:
    """`users`: the rooms that have one."""

    def __init__(self, *, waits: bool = False) -> None:
        self.users: set[str] = set()
        self.occupancy = OccupancyOfRooms(BEGAN, self.users.__contains__, waits=waits)

    def claim(self, node: str, has: list[tuple[int, int]], *changes: Change) -> None:
        self.occupancy.earlier(node, has, [("a", change) for change in changes])

    @property
    def kept(self) -> bool:
        return bool(self.occupancy._given or self.occupancy._last)


def test_a_change_is_given_again_until_its_worker_has_it_and_is_then_forgotten() -> None:
    rooms = Rooms()
    first = rooms.occupancy.give("a", "one", occupied=True)
    second = rooms.occupancy.give("b", "one", occupied=True)
    assert rooms.occupancy.back("one", BEGAN) == [Changed("a", first), Changed("b", second)]
    assert rooms.occupancy.back("one", first.number) == [Changed("b", second)]
    rooms.occupancy.has("one", second.number)
    assert not rooms.kept


def test_a_change_after_which_another_worker_was_given_one_is_not_given_again() -> None:
    rooms = Rooms()
    rooms.occupancy.give("a", "one", occupied=True)
    vacated = rooms.occupancy.give("a", "two", occupied=False)
    assert rooms.occupancy.back("one", BEGAN) == []
    rooms.occupancy.has("one", vacated.number)
    assert rooms.occupancy.back("two", BEGAN) == [Changed("a", vacated)]


def test_the_worker_that_is_gone_longest_is_forgotten_when_too_many_are() -> None:
    rooms = Rooms()
    for number in range(GONE + 3):
        rooms.occupancy.give(str(number), f"node {number}", occupied=True)
    rooms.occupancy.give("early", "has all", occupied=True)
    rooms.occupancy.has("has all", BEGAN + GONE + 4)
    for node in ("has all", "node 0", "node 1"):
        rooms.occupancy.gone(node)
    rooms.occupancy.back("node 0", BEGAN)
    for number in range(2, GONE + 1):
        rooms.occupancy.gone(f"node {number}")
    assert len(rooms.occupancy.back("node 1", BEGAN)) == 1, "there are not too many yet"
    rooms.occupancy.gone("node 1")
    for number in (GONE + 1, GONE + 2):
        rooms.occupancy.gone(f"node {number}")
    forgotten = [n for n in range(GONE + 3) if not rooms.occupancy.back(f"node {n}", BEGAN)]
    assert forgotten == [2, 3]
    assert not {"2", "3"} & rooms.occupancy._last.keys()


# -- a new hub --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("known", [False, True])
def test_no_room_is_told_to_be_occupied_while_workers_come_back(known: bool) -> None:
    """A worker that is not back yet may know that it was."""
    rooms = Rooms(waits=True)
    rooms.users.add("a")
    assert rooms.occupancy.changed("a", "one") == (None, None)
    assert list(rooms.occupancy.due()) == []
    if known:
        rooms.claim("two", [(50, 60)], Change(55, "two", occupied=True))
    rooms.occupancy.all_back()
    assert list(rooms.occupancy.due()) == ([] if known else [("a", True)])


def test_changes_count_that_their_worker_has_or_that_are_older_than_what_it_knows() -> None:
    for number, counts in ((40, True), (60, True), (61, False), (BEGAN + 1, False)):
        rooms = Rooms(waits=True)
        change = Change(number, "one", occupied=True)
        rooms.claim("one", [(50, 60), (70, 80)], change)
        assert rooms.occupancy.last("a") == (change if counts else None), number
    rooms = Rooms(waits=True)
    rooms.claim("two", [(50, 60)], Change(59, "gone", occupied=True))
    assert rooms.occupancy.last("a") is not None, "it is not known what a worker that is gone has"
    rooms.occupancy.earlier("two", [(50, 60)], [("b", Change(BEGAN + 1, "gone", occupied=True))])
    assert rooms.occupancy.last("b") is None, "the hub knows its own changes"


def test_what_was_told_is_compared_with_the_users_when_all_workers_are_back() -> None:
    rooms = Rooms(waits=True)
    rooms.claim("one", [(50, 60)], Change(55, "one", occupied=True))
    assert rooms.occupancy.changed("a", "one") == (None, Change(55, "one", occupied=True))
    assert list(rooms.occupancy.due()) == []
    rooms.occupancy.all_back()
    assert list(rooms.occupancy.due()) == [("a", False)]
    assert not (rooms.occupancy._claims or rooms.occupancy._numbers)


def test_a_worker_that_comes_back_late_does_not_tell_again_what_it_told() -> None:
    rooms = Rooms(waits=True)
    rooms.occupancy.all_back()
    rooms.claim("late", [(50, 60)], Change(55, "late", occupied=True))
    rooms.users.add("a")
    assert rooms.occupancy.changed("a", "late") == (None, Change(55, "late", occupied=True))
    rooms.users.discard("a")
    assert rooms.occupancy.changed("a", "late") == (None, Change(55, "late", occupied=True))
    rooms.occupancy.all_back()
    assert list(rooms.occupancy.due()) == [("a", False)], "only once"


def test_a_worker_that_comes_back_later_does_not_tell_again_that_a_room_is_vacated() -> None:
    rooms = Rooms(waits=True)
    occupied = Change(55, "one", occupied=True)
    rooms.claim("one", [(50, 60)], occupied)
    rooms.occupancy.all_back()
    assert list(rooms.occupancy.due()) == [("a", False)]
    vacated = rooms.occupancy.give("a", "one", occupied=False)
    rooms.occupancy.has("one", vacated.number)
    rooms.users.add("a")  # through the worker `two`, which was away
    rooms.claim("two", [(50, 60)], occupied)
    assert rooms.occupancy.changed("a", "two") == ("occupied", Change(BEGAN + 2, "two", occupied=True))
    rooms.occupancy.all_back()
    assert list(rooms.occupancy.due()) == []
    rooms.users.discard("a")
    assert rooms.occupancy.changed("a", "two") == ("vacated", Change(BEGAN + 3, "two", occupied=False))


def test_vacated_rooms_that_a_new_hub_remembers_are_limited() -> None:
    for waits, kept in ((True, VACATED), (False, 0)):
        rooms = Rooms(waits=waits)
        for number in range(VACATED + 2):
            rooms.occupancy.give(str(number), "one", occupied=False)
        rooms.occupancy.give("5", "one", occupied=True)
        assert len(rooms.occupancy._vacated or ()) == max(kept - 1, 0)
