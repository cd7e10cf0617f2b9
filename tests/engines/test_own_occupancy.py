"""Who is told what a gateway's own changes did to a room: a caller that waits; where none does, the listener."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from tests.engines.told_changes import ToldChanges
from tidegate.core.rooms.ports import Occupancy
from tidegate.engines.occupancy import OwnOccupancy

CHANGES: tuple[Occupancy, ...] = ("occupied", "vacated", None)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def at() -> tuple[OwnOccupancy, ToldChanges, Clock]:
    clock, told = Clock(), ToldChanges()
    occupancy = OwnOccupancy(clock)
    occupancy.listener = cast("Any", told)
    return occupancy, told, clock


def listening() -> tuple[OwnOccupancy, ToldChanges]:
    occupancy, told, _ = at()
    return occupancy, told


async def answered(occupancy: OwnOccupancy, room: str, change: Occupancy) -> Occupancy:
    answer: asyncio.Future[Occupancy] = asyncio.get_running_loop().create_future()
    occupancy.came(room, change, answer)
    return answer.result()


@pytest.mark.parametrize("change", CHANGES)
async def test_a_caller_that_waits_is_told_and_then_the_listener_is_not(change: Occupancy) -> None:
    occupancy, told = listening()
    assert await answered(occupancy, "r", change) == change
    assert told.changes == []


@pytest.mark.parametrize("gone", [False, True])
@pytest.mark.parametrize("change", CHANGES)
async def test_the_listener_is_told_what_no_caller_waits_for(change: Occupancy, gone: bool) -> None:
    occupancy, told = listening()
    answer: asyncio.Future[Occupancy] | None = None
    if gone:
        answer = asyncio.get_running_loop().create_future()
        answer.cancel()
    occupancy.came("r", change, answer)
    assert told.changes == ([] if change is None else [("r", change)])
    occupancy.listener = None
    occupancy.came("r", change, answer)
    assert len(told.changes) <= 1


def test_what_the_server_lost_is_said_again_with_what_was_told() -> None:
    """Of a room that is new to this gateway it is open, too: another gateway may know more."""
    occupancy, _, clock = at()
    for room, user in (("r", "ada"), ("r", "bob"), ("s", "ada"), ("left", "ada")):
        occupancy.took(room, user, present=True)
    occupancy.took("left", "ada", present=False)
    assert occupancy.said("r") == (0, False), "nothing is open"
    assert occupancy.find_out(10) == {("r", "ada"), ("r", "bob"), ("s", "ada")}
    clock.now += 4
    assert [occupancy.said(room) for room in ("r", "left")] == [(6000, True), (6000, False)]
    assert occupancy.to_decide() == []
    clock.now += 6
    assert sorted(occupancy.to_decide()) == ["left", "r", "s"]
    assert [occupancy.said(room) for room in ("r", "left", "new")] == [(1, True), (1, False), (0, False)]
    occupancy.took("r", "ada", present=False)
    assert occupancy.said("r") == (0, False), "another gateway may have decided already"
    occupancy.decided("r", "vacated")
    assert sorted(occupancy.to_decide()) == ["left", "s"]


def test_what_is_decided_is_told_to_the_listener() -> None:
    occupancy, told, _ = at()
    for room, change in zip("abc", CHANGES, strict=True):
        occupancy.took(room, "ada", present=True)
        occupancy.find_out(0)
        occupancy.decided(room, change)
    assert told.changes == [("a", "occupied"), ("b", "vacated")]
    assert occupancy.to_decide() == []


def test_a_room_that_another_gateway_keeps_open_is_to_be_decided_by_this_one_too() -> None:
    """That one may end first. And a user there is no sign that the room was told to be occupied."""
    occupancy, _, _ = at()
    occupancy.took("r", "ada", present=True)
    occupancy.left_open("r")
    assert occupancy.to_decide() == ["r"]
    assert occupancy.said("r") == (0, False)
    occupancy.find_out(10)
    assert occupancy.said("r") == (10_000, False)


def test_a_second_loss_lengthens_the_time_and_makes_no_news_of_what_was_not_told() -> None:
    occupancy, _, clock = at()
    occupancy.took("r", "ada", present=True)
    occupancy.find_out(10)
    occupancy.said("new")
    occupancy.took("new", "bob", present=True)
    clock.now += 8
    assert occupancy.find_out(10) == {("new", "bob"), ("r", "ada")}
    assert [occupancy.said(room) for room in ("r", "new")] == [(10_000, True), (10_000, False)]
    clock.now += 9
    assert occupancy.to_decide() == []


def test_what_a_gateway_knows_about_an_open_room_is_said_after_each_loss_also_where_its_users_are_gone() -> None:
    occupancy, _, _ = at()
    occupancy.took("r", "ada", present=True)
    for _ in range(3):
        assert occupancy.find_out(10) == {("r", "ada")}
        assert occupancy.said("r") == (10_000, True)
        occupancy.took("r", "ada", present=False)
    occupancy.decided("r", "vacated")
    assert occupancy.find_out(10) == set()
