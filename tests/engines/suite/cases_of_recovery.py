"""Joins and positions: what a session that was away is given, and what a client's claim may not do."""

from __future__ import annotations

import asyncio
import json

from tests.engines.suite.case import case
from tests.engines.suite.under_test import FLEETING, KEPT, LONG, Ability, House
from tidegate.core.errors import Refused
from tidegate_protocol import RoomPosition

FARTHEST = 2**53 - 1


@case()
async def a_position_at_the_head_missed_nothing(house: House) -> None:
    gateway = await house.start()
    empty = (await gateway.open()).head
    assert (await gateway.open(since=empty)).missed == []
    head = await gateway.publish("a")
    opened = await gateway.open(since=head)
    assert (opened.head, opened.missed) == (head, [])
    missed = (await gateway.open(since=empty)).missed
    assert missed is not None and [json.loads(text)["data"] for text in missed] == ["a"]


@case()
async def a_position_ahead_of_the_head_is_not_recovered_and_changes_nothing(house: House) -> None:
    gateway = await house.start()
    await gateway.open()
    head = await gateway.publish("a")
    for offset in (2, 3, 1000, 2**31, 2**32, FARTHEST):
        opened = await gateway.open(since=RoomPosition(epoch=head.epoch, offset=offset))
        assert (opened.head, opened.missed) == (head, None), offset
    assert [json.loads(text)["data"] for text in (await gateway.page()).texts] == ["a"]
    after = await gateway.publish("b")
    assert (after.epoch, after.offset) == (head.epoch, 2)
    assert gateway.heard.restarts == {}


@case(Ability.SEVERAL)
async def a_position_ahead_of_the_head_changes_nothing_through_a_gateway_new_to_the_room(house: House) -> None:
    one, two = await house.two()
    await one.open()
    head = await one.publish("a")
    opened = await two.open(since=RoomPosition(epoch=head.epoch, offset=FARTHEST))
    assert (opened.head, opened.missed) == (head, None)
    assert (await one.publish("b")).epoch == head.epoch
    await house.until_data(two, ["b"])
    await house.until_data(one, ["a", "b"])
    assert one.heard.restarts == two.heard.restarts == {}


@case()
async def a_position_of_another_epoch_is_not_recovered(house: House) -> None:
    gateway = await house.start()
    head = await gateway.publish("a")
    for epoch in ("another", "x y", "}", head.epoch + "x", head.epoch[:-1], "é"):
        for offset in (0, 1, 2, FARTHEST):
            opened = await gateway.open(since=RoomPosition(epoch=epoch, offset=offset))
            assert (opened.head, opened.missed) == (head, None), (epoch, offset)


@case()
async def a_room_that_was_closed_goes_on_where_it_was(house: House) -> None:
    gateway = await house.start()
    await gateway.open()
    await gateway.publish("a")
    head = await gateway.publish("b")
    await house.until_data(gateway, ["a", "b"])
    gateway.close()
    await gateway.publish("unheard")
    opened = await gateway.open(since=head)
    assert opened.missed is not None
    assert [json.loads(text)["data"] for text in opened.missed] == ["unheard"]
    await gateway.publish("c")
    await house.until_last(gateway, "c")
    assert "unheard" not in gateway.heard.data("kept-1")


@case()
async def opening_and_closing_in_a_hurry_ends_as_it_was_asked(house: House) -> None:
    gateway = await house.start()
    under = house.under
    for _ in range(5):
        answers = [gateway.engine.open("kept-1", KEPT, None, under.clock()) for _ in range(3)]
        gateway.engine.close("kept-1", under.clock())
        last = gateway.engine.open("kept-1", KEPT, None, under.clock())
        await asyncio.gather(*(_outcome(answer) for answer in answers))
        head = (await last).head
        position = await gateway.publish("x")
        assert (position.epoch, position.offset) == (head.epoch, head.offset + 1)
        await house.until_count(gateway, position.offset)
        gateway.close()


async def _outcome(answer: object) -> None:
    """An answer for a room that was closed meanwhile may be a refusal; it may not be missing."""
    try:
        await answer  # type: ignore[misc]
    except Refused:
        return


@case(Ability.SEVERAL)
async def joins_while_messages_flow_miss_nothing_after_their_head(house: House) -> None:
    """Each session gets what it missed and then what is delivered: without a gap whatever the moment."""
    one, two = await house.two()
    start = (await one.open("long-1", LONG)).head
    done = False

    async def publish() -> None:
        for number in range(1, 201):
            await one.publish(number, "long-1", LONG)

    publishing = asyncio.ensure_future(publish())
    joins = 0
    while not done:
        done = publishing.done()
        before = len(two.heard.data("long-1"))
        opened = await two.open("long-1", LONG, start)
        assert opened.missed is not None
        missed = [json.loads(text)["data"] for text in opened.missed]
        assert missed == list(range(1, opened.head.offset + 1)), f"{before} delivered"
        joins += 1
        if joins % 3 == 0:
            two.close("long-1")
        await house.under.turn()
    await publishing


@case(Ability.SEVERAL)
async def a_second_session_joins_at_the_head_that_was_delivered(house: House) -> None:
    one, two = await house.two()
    await two.open("fleeting-1", FLEETING)
    for number in range(10):
        position = await one.publish(number, "fleeting-1", FLEETING)
    await house.until_count(two, 10, "fleeting-1")
    opened = await two.open("fleeting-1", FLEETING, position)
    assert (opened.head, opened.missed) == (position, [])
