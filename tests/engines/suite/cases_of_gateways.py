"""Which other gateways an engine knows, and how each of them says who it is."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from tests.engines.suite.case import case
from tests.engines.suite.cases_of_failures import heals
from tests.engines.suite.ears import Ears
from tests.engines.suite.under_test import ADA, KEPT, Ability, Gateway, House
from tidegate.core.errors import Refused
from tidegate.core.rooms.ports import OtherGateway
from tidegate.core.round_trips import LOST
from tidegate.gateway.roll_call import RollCall


def roll_call(gateway: Gateway) -> RollCall:
    ears: Any = Ears(gateway)
    return RollCall(gateway.engine, ears, lambda: {"node": gateway.node, "version": "1", "name": gateway.heard.name})


def known(gateway: Gateway) -> dict[str, OtherGateway]:
    return {other.node: other for other in gateway.engine.others()}


@case()
async def a_gateway_alone_knows_no_other_one(house: House) -> None:
    gateway = await house.start()
    assert list(gateway.engine.others()) == []
    assert await roll_call(gateway).ask() == []


@case(Ability.SEVERAL)
async def each_gateway_knows_the_others_and_what_they_say_of_themselves(house: House) -> None:
    one, two = await house.two()
    three = await house.start()
    calls = [roll_call(gateway) for gateway in (one, two, three)]
    await house.until(lambda: known(one).keys() == {two.node, three.node}, "one knows the two others")
    await house.until(lambda: known(three).keys() == {one.node, two.node}, "three knows the two others")
    for other in one.engine.others():
        assert other.standing == "present"
        assert other.heard is None or 0 <= other.heard < house.under.times.lease + house.under.times.beat
    asked = asyncio.ensure_future(calls[0].ask(house.under.patience))
    await house.until(asked.done, "the others have answered")
    assert sorted(found["name"] for found in asked.result()) == [two.heard.name, three.heard.name]
    assert all(found["version"] == "1" and not found["silent"] for found in asked.result())


@case(Ability.SEVERAL)
async def a_gateway_that_does_not_answer_is_named(house: House) -> None:
    one, two = await house.two()
    asking, node = roll_call(one), two.node
    await house.until(lambda: node in known(one), "one knows two")
    two.heard.told = lambda kind, text: None  # type: ignore[method-assign]
    (silent,) = await asking.ask(0.01)
    assert (silent["node"], silent["standing"], silent["silent"]) == (node, "present", True)


@case(Ability.SEVERAL, Ability.KILL)
async def a_gateway_that_is_gone_is_not_known_any_more(house: House) -> None:
    one, two = await house.two()
    node = two.node
    await house.until(lambda: node in known(one), "one knows two")
    await house.kill(two)
    await house.until(lambda: known(one)[node].standing == "leaving", "two is leaving")
    await house.until(lambda: not known(one), "two is gone")


@case()
async def what_an_engine_asks_its_server_is_counted(house: House) -> None:
    gateway = await house.start()
    trips = gateway.engine.round_trips
    if trips is None:
        assert gateway.engine.pending == 0
        return
    before = trips.seconds.count
    await gateway.open()
    await gateway.publish("a")
    assert trips.seconds.count >= before + 2
    assert 0 < trips.seconds.sum < 60 * trips.seconds.count
    await house.until(lambda: gateway.engine.pending == 0, "everything is answered")
    assert (trips.connections, trips.reconnects) == (1, 0)


@case(Ability.CUT)
async def an_engine_that_is_back_is_a_reconnect_and_lost_answers_are_errors(house: House) -> None:
    gateway = await house.start()
    trips = gateway.engine.round_trips
    if trips is None:
        return
    await gateway.open()
    lost = gateway.engine.publish("kept-1", KEPT, ADA, "b", None, house.under.clock(), "user 1")
    await house.under.cut(gateway.engine)
    with contextlib.suppress(Refused):
        await lost
    await house.under.heal(gateway.engine)
    await heals(house, gateway)
    assert trips.reconnects >= 1
    assert trips.errors.keys() <= {LOST}
    assert trips.errors.get(LOST, 0) >= 1
    await house.until(lambda: gateway.engine.pending == 0, "everything is answered")
