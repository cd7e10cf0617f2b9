"""The server loses everything while users come and go: each change of a room is told once nevertheless."""

from __future__ import annotations

import contextlib
from functools import partial

from tests.engines.suite.case import case
from tests.engines.suite.under_test import Ability, Gateway, House
from tidegate.core.errors import Refused

OCCUPIED, VACATED = ("occupied", "kept-1"), ("vacated", "kept-1")


async def is_open(gateway: Gateway) -> bool:
    with contextlib.suppress(Refused):
        await gateway.open("kept-9")
        return True
    return False


async def everything_is_told(house: House, gateway: Gateway) -> None:
    """Wait until nothing of the loss is open any more: a room that changed after it was told to have changed."""
    await house.until_async(partial(is_open, gateway), "the server is back")
    gateway.say("last", room="kept-8")
    await house.until(lambda: ("occupied", "kept-8") in house.changes(), "a later change is told")


def of_the_room(house: House) -> list[tuple[str, str]]:
    return [change for change in house.changes() if change[1] == "kept-1"]


@case(Ability.SEVERAL, Ability.EMPTY, Ability.CUT)
async def a_room_that_its_last_users_leave_while_the_server_loses_everything_is_vacated_once(house: House) -> None:
    gateways = await house.two()
    for gateway in gateways:
        gateway.say("a")
    await house.until(lambda: of_the_room(house) == [OCCUPIED], "it is occupied")
    for gateway in gateways:
        await house.under.cut(gateway.engine)
        gateway.say("a", 0)
    await house.under.restart_empty()
    for gateway in gateways:
        await house.under.heal(gateway.engine)
    await house.until(lambda: of_the_room(house) == [OCCUPIED, VACATED], "it is vacated")
    await everything_is_told(house, gateways[0])
    assert of_the_room(house) == [OCCUPIED, VACATED]
    gateways[1].say("a")
    await house.until(lambda: of_the_room(house) == [OCCUPIED, OCCUPIED, VACATED], "it is occupied again")


async def decided_with_a_user(house: House) -> Gateway:
    """The server lost everything, and it is decided that the room has a user, as before. Returns the user's gateway."""
    one, two = await house.two()
    for gateway in (one, two):
        gateway.say("a")
    await house.until(lambda: of_the_room(house) == [OCCUPIED], "it is occupied")
    await house.under.cut(one.engine)
    one.say("a", 0)
    await house.under.restart_empty()
    await house.under.heal(one.engine)
    await everything_is_told(house, one)
    return two


@case(Ability.SEVERAL, Ability.EMPTY, Ability.CUT)
async def a_room_that_keeps_a_user_while_the_server_loses_everything_is_not_told(house: House) -> None:
    two = await decided_with_a_user(house)
    assert of_the_room(house) == [OCCUPIED], house.changes()
    two.say("a", 0)
    await house.until(lambda: of_the_room(house) == [OCCUPIED, VACATED], "it is vacated")


@case(Ability.SEVERAL, Ability.EMPTY, Ability.CUT)
async def a_new_user_does_not_occupy_a_room_that_another_gateway_had_told(house: House) -> None:
    """The gateway with the new user is the first one that is back."""
    one, two = await house.two()
    one.say("a")
    await house.until(lambda: of_the_room(house) == [OCCUPIED], "it is occupied")
    for gateway in (one, two):
        await house.under.cut(gateway.engine)
    two.say("new")
    two.say("new", room="kept-2")
    await house.under.restart_empty()
    await house.under.heal(two.engine)
    await house.until_async(partial(is_open, two), "the one is back")
    await house.under.heal(one.engine)
    one.say("a", 0)
    await everything_is_told(house, two)
    await house.until(lambda: ("occupied", "kept-2") in house.changes(), "a new room is told")
    assert of_the_room(house) == [OCCUPIED], house.changes()
    two.say("new", 0)
    await house.until(lambda: of_the_room(house) == [OCCUPIED, VACATED], "it is vacated")


@case(Ability.SEVERAL, Ability.EMPTY, Ability.CUT)
async def a_room_of_a_new_user_that_leaves_again_is_not_told(house: House) -> None:
    one, two = await house.two()
    one.say("a", room="kept-2")
    await house.until(lambda: house.changes() == [("occupied", "kept-2")], "a room is occupied")
    await house.under.cut(one.engine)
    await house.under.restart_empty()
    await house.under.heal(one.engine)
    await house.until_async(partial(is_open, one), "the server is back")
    one.say("new")
    one.say("new", 0)
    await everything_is_told(house, two)
    await house.until(lambda: of_the_room(house) in ([], [OCCUPIED, VACATED]), "both changes or none")


@case(Ability.SEVERAL, Ability.EMPTY, Ability.CUT)
async def a_gateway_that_comes_back_after_the_decision_occupies_a_room_that_was_vacated(house: House) -> None:
    """It still takes the room for occupied, as it was told before the loss."""
    late, other = await house.two()
    late.say("a")
    await house.until(lambda: of_the_room(house) == [OCCUPIED], "it is occupied")
    assert await other.present("a") is None
    for gateway in (late, other):
        await house.under.cut(gateway.engine)
    other.say("a", 0)
    await house.under.restart_empty()
    await house.under.heal(other.engine)
    await house.until(lambda: of_the_room(house) == [OCCUPIED, VACATED], "it is vacated")
    await house.under.heal(late.engine)
    await house.until(lambda: of_the_room(house) == [OCCUPIED, OCCUPIED, VACATED], "it is occupied again")
    await everything_is_told(house, other)
    late.say("a", 0)
    await house.until(lambda: of_the_room(house) == [OCCUPIED, OCCUPIED, VACATED, VACATED], "it is vacated again")


@case(Ability.SEVERAL, Ability.EMPTY, Ability.CUT, Ability.KILL)
async def a_decided_room_is_vacated_when_the_gateway_with_its_last_user_is_lost(house: House) -> None:
    two = await decided_with_a_user(house)
    await house.under.kill(two.engine)
    await house.until(lambda: of_the_room(house) == [OCCUPIED, VACATED], "it is vacated")
