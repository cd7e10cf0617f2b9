"""A gateway that is cut off, a server that restarts without anything, a replica that lacks acknowledged writes."""

from __future__ import annotations

import asyncio
import json
from functools import partial

from tests.engines.suite.case import case, refuses
from tests.engines.suite.under_test import FLEETING, KEPT, LONG, Ability, Gateway, House
from tidegate.core.errors import Refused
from tidegate.engines.health import AWAY_S
from tidegate_protocol import RoomPosition


async def heals(house: House, gateway: Gateway, room: str = "kept-1") -> RoomPosition:
    """Publish until the engine takes a message."""
    positions: list[RoomPosition] = []

    async def tried() -> bool:
        try:
            positions.append(await gateway.publish("healed", room))
        except Refused as refused:
            assert refused.code == "unavailable" and refused.retry_after is not None
            return False
        return True

    await house.until_async(tried, "the engine is back")
    return positions[-1]


@case(Ability.CUT)
async def an_engine_that_is_away_refuses_and_heals_without_a_restart(house: House) -> None:
    gateway = await house.start()
    await gateway.open()
    await gateway.publish("a")
    assert gateway.engine.healthy
    await house.under.cut(gateway.engine)
    with refuses("unavailable"):
        await gateway.publish("lost")
    with refuses("unavailable"):
        await gateway.open("kept-2")
    with refuses("unavailable"):
        await gateway.page(room="kept-2")
    with refuses("unavailable"):
        await gateway.engine.forget("kept-2")
    gateway.close("kept-2")
    await house.under.heal(gateway.engine)
    position = await heals(house, gateway)
    assert position.offset >= 2
    await house.until_last(gateway, "healed")
    assert gateway.engine.healthy
    assert gateway.heard.restarts == {}, "nothing was lost"


@case(Ability.CUT)
async def a_gateway_is_not_healthy_when_its_engine_is_away_for_some_seconds(house: House) -> None:
    gateway = await house.start()
    cut = house.under.clock()
    await house.under.cut(gateway.engine)
    await house.until(lambda: not gateway.engine.healthy, "it is noticed")
    assert house.under.clock() - cut >= AWAY_S - 0.5, "a moment is no failure"
    await house.under.heal(gateway.engine)
    await house.until(lambda: gateway.engine.healthy, "it is healthy again")


@case(Ability.SEVERAL, Ability.CUT)
async def what_was_missed_during_a_cut_is_delivered_once_and_in_order(house: House) -> None:
    one, two = await house.two()
    for gateway in (one, two):
        await gateway.open("long-1", LONG)
    for number in range(10):
        await one.publish(number, "long-1", LONG)
    await house.under.cut(two.engine)
    for number in range(10, 17):
        await one.publish(number, "long-1", LONG)
    await house.under.heal(two.engine)
    for number in range(17, 40):
        await one.publish(number, "long-1", LONG)
        await house.under.turn()
    await house.until_data(two, list(range(40)), "long-1")
    assert two.heard.restarts == {}


@case(Ability.SEVERAL, Ability.CUT, Ability.MISS)
async def what_cannot_be_delivered_any_more_is_told_once(house: House) -> None:
    one, two = await house.two()
    for gateway in (one, two):
        await gateway.open()
    await one.publish("a")
    await house.until_data(two, ["a"])
    await house.under.cut(two.engine)
    for number in range(KEPT.history_size + 3):
        await one.publish(number)
    await house.under.heal(two.engine)
    await house.until(lambda: two.heard.restarts.get("kept-1"), "the loss is told")
    await one.publish("after")
    await house.until_last(two, "after")
    assert len(two.heard.restarts["kept-1"]) == 1


@case(Ability.SEVERAL, Ability.CUT, Ability.MISS)
async def rooms_that_keep_nothing_tell_a_loss_only_if_there_is_one(house: House) -> None:
    one, two = await house.two()
    for room in ("fleeting-1", "fleeting-2"):
        await two.open(room, FLEETING)
        await one.publish("a", room, FLEETING)
        await house.until_data(two, ["a"], room)
    await house.under.cut(two.engine)
    await one.publish("lost", "fleeting-1", FLEETING)
    await house.under.heal(two.engine)
    await house.until(lambda: two.heard.restarts.get("fleeting-1"), "the loss is told")
    for room in ("fleeting-1", "fleeting-2"):
        await one.publish("b", room, FLEETING)
        await house.until_last(two, "b", room)
    assert two.heard.restarts.keys() == {"fleeting-1"}


@case(Ability.SEVERAL, Ability.CUT)
async def a_room_that_is_closed_and_opened_during_a_cut_is_a_new_one(house: House) -> None:
    one, two = await house.two()
    await two.open("long-1", LONG)
    await one.publish("a", "long-1", LONG)
    await house.until_data(two, ["a"], "long-1")
    await house.under.cut(two.engine)
    two.close("long-1")
    await one.publish("b", "long-1", LONG)
    await house.under.heal(two.engine)
    await house.until_async(lambda: _opened(two), "it can be opened")
    await one.publish("c", "long-1", LONG)
    await house.until_data(two, ["a", "c"], "long-1")


async def _opened(gateway: Gateway) -> bool:
    try:
        await gateway.open("long-1", LONG)
    except Refused:
        return False
    return True


@case(Ability.SEVERAL, Ability.CUT)
async def publishers_that_are_cut_lose_nothing_that_was_acknowledged(house: House) -> None:
    one, two = await house.two()
    await two.open("long-1", LONG)
    acknowledged: list[int] = []

    async def publish() -> None:
        for number in range(60):
            while True:
                try:
                    await one.publish(number, "long-1", LONG, key=f"k{number}")
                except Refused as refused:
                    assert refused.code == "unavailable"
                    await house.under.turn()
                else:
                    break
            acknowledged.append(number)

    def reached(goal: int) -> bool:
        return len(acknowledged) >= goal

    publishing = asyncio.ensure_future(publish())
    for goal in (10, 30):
        await house.until(partial(reached, goal), "messages flow")
        await house.under.cut(one.engine)
        await house.under.turn()
        await house.under.heal(one.engine)
    await house.until(publishing.done, "all were acknowledged")
    await publishing
    await house.until_data(two, list(range(60)), "long-1")


@case(Ability.EMPTY)
async def a_server_that_comes_back_empty_begins_new_epochs(house: House) -> None:
    gateway = await house.start()
    for room in ("kept-1", "kept-2"):
        await gateway.open(room)
        for number in range(3):
            head = await gateway.publish(number, room)
        await house.until_data(gateway, [0, 1, 2], room)
    await house.under.restart_empty()
    position = await heals(house, gateway)
    assert position.epoch != head.epoch
    await house.until_last(gateway, "healed")
    for room in ("kept-1", "kept-2"):
        await house.until(partial(gateway.heard.restarts.get, room), "the loss is told")
        assert len(gateway.heard.restarts[room]) == 1
        assert (await gateway.open(room, since=RoomPosition(epoch=head.epoch, offset=1))).missed is None


@case(Ability.EMPTY)
async def a_key_of_a_lost_epoch_is_published_again(house: House) -> None:
    gateway = await house.start()
    await gateway.open()
    await gateway.publish("a", key="k")
    await house.under.restart_empty()
    await heals(house, gateway)
    await gateway.publish("a", key="k")
    await house.until_last(gateway, "a")


@case(Ability.SEVERAL, Ability.PROMOTE)
async def acknowledged_messages_that_a_replica_lacks_are_told_as_lost(house: House) -> None:
    """Positions of lost messages never mean other messages: also when a gateway without members publishes first."""
    one, two = await house.two()
    await one.open("long-1", LONG)
    for number in range(10):
        before = await one.publish(number, "long-1", LONG)
    lost: list[RoomPosition] = []

    async def lose() -> None:
        for number in range(10, 15):
            lost.append(await one.publish(number, "long-1", LONG, key="k" if number == 14 else None))
        await house.until(lambda: len(one.heard.data("long-1")) == 15, "delivered before they are lost")

    await house.under.promote(lose)
    first = await heals(house, two, "long-1")
    assert first.epoch != before.epoch
    for number in range(6):
        await two.publish(number, "long-1", LONG)
    again = await two.publish(14, "long-1", LONG, key="k")
    assert again.epoch == first.epoch, "a key of the lost epoch does not count"
    for since in (*lost, before):
        assert (await two.open("long-1", LONG, since)).missed is None
    # The one gateway may be back later than all of this was published.
    await house.until(lambda: one.heard.restarts.get("long-1"), "the loss is told")
    await two.publish("after", "long-1", LONG)
    await house.until_last(one, "after", "long-1")
    assert len(one.heard.restarts["long-1"]) == 1
    texts = (await two.page(room="long-1", rules=LONG)).texts
    assert {json.loads(text)["position"]["epoch"] for text in texts} == {first.epoch}


@case(Ability.SEVERAL, Ability.CUT)
async def a_room_that_is_forgotten_during_a_cut_is_told_afterwards(house: House) -> None:
    one, two = await house.two()
    for gateway in (one, two):
        await gateway.open("long-1", LONG)
    before = await one.publish("a", "long-1", LONG)
    await house.until_data(two, ["a"], "long-1")
    await house.under.cut(two.engine)
    await one.engine.forget("long-1")
    after = await one.publish("b", "long-1", LONG)
    assert after.epoch != before.epoch
    await house.under.heal(two.engine)
    await house.until(lambda: two.heard.restarts.get("long-1"), "the loss is told")
    await one.publish("c", "long-1", LONG)
    await house.until_last(two, "c", "long-1")
    assert len(two.heard.restarts["long-1"]) == 1


@case(Ability.SEVERAL, Ability.CUT)
async def cut_after_cut_loses_nothing(house: House) -> None:
    one, two = await house.two()
    await two.open("long-1", LONG)
    for number in range(40):
        if number % 8 == 3:
            await house.under.cut(two.engine)
        await one.publish(number, "long-1", LONG)
        if number % 8 == 5:
            await house.under.heal(two.engine)
            if number % 16 == 5:
                await house.under.turn()
    await house.until_data(two, list(range(40)), "long-1")
    assert two.heard.restarts == {}


@case(Ability.EMPTY)
async def a_server_that_comes_back_empty_twice_is_told_twice_at_most(house: House) -> None:
    gateway = await house.start()
    await gateway.open()
    epochs = {(await gateway.publish(0)).epoch}
    for number in (1, 2):
        await house.under.restart_empty()
        epochs.add((await heals(house, gateway)).epoch)
        await house.until(partial(_told, gateway, number), "the loss is told")
        await house.until_last(gateway, "healed")
    assert len(epochs) == 3, "no epoch comes back"
    assert len(gateway.heard.restarts["kept-1"]) == 2


def _told(gateway: Gateway, times: int) -> bool:
    return len(gateway.heard.restarts.get("kept-1", ())) >= times


@case(Ability.SEVERAL, Ability.EMPTY, Ability.CUT)
async def a_gateway_that_is_cut_while_the_server_is_emptied_is_told_afterwards(house: House) -> None:
    one, two = await house.two()
    for gateway in (one, two):
        await gateway.open("long-1", LONG)
        await gateway.present(gateway.heard.name, room="long-1")
    before = await one.publish("a", "long-1", LONG)
    await house.until_data(two, ["a"], "long-1")
    await house.under.cut(two.engine)
    await house.under.restart_empty()
    assert (await heals(house, one, "long-1")).epoch != before.epoch
    await house.under.heal(two.engine)
    await house.until(lambda: two.heard.restarts.get("long-1"), "the loss is told")
    await one.publish("b", "long-1", LONG)
    await house.until_last(two, "b", "long-1")
    await house.until_present(one, {two.heard.name: 1}, "long-1")
    await house.until_present(two, {one.heard.name: 1}, "long-1")


@case(Ability.SEVERAL, Ability.EMPTY, Ability.CUT)
async def a_gateway_that_left_the_emptied_server_and_is_back_counts_as_present(house: House) -> None:
    one, two = await house.two()
    for gateway in (one, two):
        await gateway.open()
        await gateway.present(gateway.heard.name)
    await house.under.cut(two.engine)
    await house.until(lambda: one.heard.standings.get(two.node) == "leaving", "it is missed")
    await house.under.restart_empty()
    await heals(house, one)
    await house.under.heal(two.engine)
    await house.until_present(one, {two.heard.name: 1})
    await house.until(lambda: one.heard.standings.get(two.node, "present") == "present", "it is back")


@case(Ability.SEVERAL, Ability.CUT, Ability.LOSE)
async def a_gateway_that_was_given_up_and_is_not_answered_at_first_says_again_who_is_present(house: House) -> None:
    one, two = await house.two()
    for gateway in (one, two):
        await gateway.open()
        await gateway.present(gateway.heard.name)
    await house.until_present(two, {one.heard.name: 1})
    await house.under.cut(one.engine)
    await house.until_present(two, {})
    house.under.lose_beat(one.engine)
    await house.under.heal(one.engine)
    await heals(house, one)
    await house.until_present(two, {one.heard.name: 1})
    await house.until_present(one, {two.heard.name: 1})
    three = await house.start()
    await three.open()
    await house.until_present(three, {one.heard.name: 1, two.heard.name: 1})


@case(Ability.SEVERAL, Ability.EMPTY, Ability.LOSE)
async def gateways_that_an_emptied_server_does_not_answer_at_first_say_again_who_is_present(house: House) -> None:
    one, two = await house.two()
    for gateway in (one, two):
        await gateway.open()
        await gateway.present(gateway.heard.name)
        house.under.lose_beat(gateway.engine)
    await house.under.restart_empty()
    for gateway in (one, two):
        await heals(house, gateway)
    three = await house.start()
    await three.open()
    await house.until_present(three, {one.heard.name: 1, two.heard.name: 1})
    await house.until_present(one, {two.heard.name: 1})
