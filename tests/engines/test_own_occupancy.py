"""Who is told what a gateway's own changes did to a room: a caller that waits; where none does, the listener."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from tests.engines.told_changes import ToldChanges
from tidegate.core.rooms.ports import Occupancy
from tidegate.engines.occupancy import OwnOccupancy

CHANGES: tuple[Occupancy, ...] = ("occupied", "vacated", None)


def listening() -> tuple[OwnOccupancy, ToldChanges]:
    occupancy, told = OwnOccupancy(), ToldChanges()
    occupancy.listener = cast("Any", told)
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


async def test_a_room_that_the_server_lost_is_not_told_as_occupied_when_its_users_are_said_again() -> None:
    occupancy, told = listening()
    occupancy.took("r", "ada", present=True)
    occupancy.took("left", "ada", present=True)
    occupancy.emptied(iter(["r", "left", "other"]))
    occupancy.came("other", "occupied")
    assert await answered(occupancy, "r", "occupied") is None
    assert await answered(occupancy, "left", "vacated") == "vacated"
    assert told.changes == [("other", "occupied")]
    for room in ("r", "left"):
        assert await answered(occupancy, room, "occupied") == "occupied"


async def test_a_room_is_told_as_occupied_where_the_server_had_none_of_its_users() -> None:
    occupancy, _ = listening()
    for user in ("ada", "bob"):
        occupancy.took("r", user, present=True)
        occupancy.took("r", user, present=False)
    occupancy.took("s", "ada", present=True)
    occupancy.took("s", "bob", present=True)
    occupancy.took("s", "ada", present=False)
    occupancy.emptied(["r", "s"])
    assert await answered(occupancy, "r", "occupied") == "occupied"
    assert await answered(occupancy, "s", "occupied") is None


async def test_a_room_without_a_user_now_is_told_when_it_has_one_again() -> None:
    occupancy, _ = listening()
    occupancy.took("r", "ada", present=True)
    occupancy.emptied([])
    assert await answered(occupancy, "r", "occupied") == "occupied"


async def test_what_several_losses_took_is_kept_until_the_server_answers() -> None:
    occupancy, told = listening()
    for room in ("r", "s"):
        occupancy.took(room, "ada", present=True)
        occupancy.emptied([room])
    for room in ("r", "s"):
        occupancy.came(room, "occupied")
    assert told.changes == []
    occupancy.took("r", "ada", present=True)
    occupancy.emptied(["r"])
    occupancy.came("r", None)
    occupancy.came("r", "occupied")
    assert told.changes == [("r", "occupied")]
