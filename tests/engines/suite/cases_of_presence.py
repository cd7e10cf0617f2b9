"""Who is present through which gateway: entries, occupancy, gateways that leave, die, hang or come back."""

from __future__ import annotations

import contextlib
from functools import partial

import msgspec

from tests.engines.suite.case import case
from tests.engines.suite.cases_of_messages import ODD
from tests.engines.suite.under_test import KEPT, Ability, Gateway, House
from tidegate.core.errors import Refused
from tidegate.core.rooms.ports import PresenceEntry


@case()
async def a_room_is_occupied_once_and_vacated_once(house: House) -> None:
    gateway = await house.start()
    await gateway.open()
    assert await gateway.present("a") == "occupied"
    assert await gateway.present("a", 2) is None
    assert await gateway.present("b") is None
    assert await gateway.absent("a") is None
    assert await gateway.absent("x") is None, "who was not present changes nothing"
    assert await gateway.absent("b") == "vacated"
    assert await gateway.absent("b") is None
    assert await gateway.present("c") == "occupied"


@case(Ability.SEVERAL)
async def a_room_is_occupied_and_vacated_once_in_all_gateways_together(house: House) -> None:
    one, two = await house.two()
    assert await one.present("a") == "occupied"
    assert await two.present("a") is None
    assert await one.absent("a") is None
    assert await two.present("b") is None
    assert await two.absent("a") is None
    assert await two.absent("b") == "vacated"
    assert await one.present("b") == "occupied"


@case(Ability.SEVERAL)
async def a_gateway_hears_who_is_present_elsewhere(house: House) -> None:
    one, two = await house.two()
    await two.open()
    info = msgspec.Raw(b'{"colour":"r\xc3\xb6t"}')
    entry = PresenceEntry("Ada \U0001f409", 2, "away", 1234, info, version=7)
    await one.engine.present("kept-1", "a b", entry)
    heard = two.heard
    await house.until(lambda: heard.elsewhere.get("kept-1") == {(one.node, "a b"): entry}, "the entry as it was")
    await one.absent("a b")
    await house.until(lambda: heard.elsewhere.get("kept-1") == {}, "its end")
    assert one.heard.elsewhere.get("kept-1", {}) == {}, "a gateway does not hear itself"


@case(Ability.SEVERAL)
async def whoever_opens_a_room_hears_who_is_there(house: House) -> None:
    one, two = await house.two()
    for user in ODD:
        await one.present(user)
    await two.present("own")
    await two.open()
    assert two.heard.elsewhere["kept-1"].keys() == {(one.node, user) for user in ODD}, "before the answer, all, others"
    two.close()
    await one.absent(ODD[0])
    await two.open()
    assert two.heard.elsewhere["kept-1"].keys() == {(one.node, user) for user in ODD[1:]}


@case(Ability.SEVERAL)
async def the_last_of_quick_changes_counts(house: House) -> None:
    one, two = await house.two()
    await two.open()
    answers = []
    for connections in range(1, 21):
        answers.append(one.engine.present("kept-1", "a", PresenceEntry("A", connections, "online", 1)))
        answers.append(one.engine.present("kept-1", "b", PresenceEntry("B", 1, "online", 1)))
        answers.append(one.engine.present("kept-1", "b", None))
    for answer in answers:
        await answer
    await house.until_present(two, {"a": 20})


@case(Ability.SEVERAL)
async def two_gateways_of_one_user_are_two_entries(house: House) -> None:
    one, two = await house.two()
    three = await house.start()
    await three.open()
    await one.present("a", 1)
    await two.present("a", 2)
    await house.until_present(three, {"a": 3})
    await one.absent("a")
    await house.until_present(three, {"a": 2})


@case(Ability.SEVERAL, Ability.KILL)
async def the_users_of_a_dead_gateway_leave_after_lease_and_grace(house: House) -> None:
    one, two = await house.two()
    three = await house.start()
    for gateway in (two, three):
        await gateway.open()
    for user in ("a", "b c"):
        await one.present(user)
    await two.present("stays")
    await house.until_present(two, {"a": 1, "b c": 1})
    node = one.node
    died = house.under.clock()
    await house.kill(one)
    await house.until(lambda: two.heard.standings.get(node) == "leaving", "its users are ghosts")
    rests: list[tuple[Gateway, dict[str, int]]] = [(two, {}), (three, {"stays": 1})]
    for gateway, rest in rests:
        await house.until_present(gateway, rest)
        assert gateway.heard.gone_at["kept-1", "a"] - died >= house.under.times.grace, "not before the grace"
    await two.absent("stays")
    assert await two.present("new") == "occupied", "the dead one's entries are gone from the engine"


@case(Ability.SEVERAL, Ability.KILL)
async def one_gateway_is_told_of_a_room_that_a_dead_one_vacates(house: House) -> None:
    one, two = await house.two()
    three = await house.start()
    await two.open("kept-2")
    for room in ("kept-1", "kept-2", "kept-3"):
        await one.present("a", room=room)
    await one.present("b", room="kept-3")
    await three.present("a", room="kept-2")
    await house.kill(one)

    def told() -> list[str]:
        return sorted(room for gateway in house.gateways for room in gateway.heard.vacated_rooms)

    await house.until(lambda: len(told()) >= 2, "two rooms are vacated")
    await house.until_present(two, {"a": 1}, "kept-2")
    assert await three.absent("a", room="kept-2") == "vacated"
    await house.until_present(two, {}, "kept-2")
    assert told() == ["kept-1", "kept-3"], "each once, and not the room that another user left later"


@case(Ability.SEVERAL, Ability.KILL)
async def whoever_buries_may_die(house: House) -> None:
    one, two = await house.two()
    three = await house.start()
    await three.open()
    for number in range(20):
        await one.present(f"u{number}", room=f"kept-{number % 4}")
    await house.until(lambda: three.heard.present("kept-1"), "before")
    node = one.node
    await house.kill(one)
    await house.until(lambda: two.heard.standings.get(node) == "leaving", "the grace runs")
    await house.kill(two)
    await house.until_present(three, {})
    for number in range(4):
        await house.until_async(partial(_empty, three, f"kept-{number}"), f"kept-{number} is vacated")


async def _empty(gateway: Gateway, room: str) -> bool:
    """Whether no user is present in `room`."""
    occupancy = await gateway.present("probe", room=room)
    await gateway.absent("probe", room=room)
    return occupancy == "occupied"


@case(Ability.SEVERAL, Ability.KILL)
async def the_first_gateway_after_all_died_buries(house: House) -> None:
    one, two = await house.two()
    for gateway in (one, two):
        await gateway.present("a")
        await house.kill(gateway)
    three = await house.start()
    await three.open()
    await house.until_present(three, {})
    await house.until_async(partial(_empty, three, "kept-1"), "the room is vacated")


@case(Ability.SEVERAL)
async def a_gateway_that_leaves_keeps_its_users_for_the_grace(house: House) -> None:
    one, two = await house.two()
    await two.open()
    await one.present("a")
    await one.present("b")
    await house.until_present(two, {"a": 1, "b": 1})
    node = one.node
    left = house.under.clock()
    one.engine.leave()
    one.engine.present("kept-1", "a", None)
    await house.until(lambda: two.heard.standings.get(node) == "leaving", "it says that it leaves")
    assert two.heard.present("kept-1") == {"a": 1, "b": 1}, "no storm"
    house.gateways.remove(one)
    await one.engine.aclose()
    await house.until_present(two, {})
    assert two.heard.gone_at["kept-1", "a"] - left >= house.under.times.grace


@case(Ability.SEVERAL, Ability.CUT)
async def a_gateway_that_was_given_up_says_everything_again(house: House) -> None:
    one, two = await house.two()
    await two.open()
    await one.open()
    await one.present("a")
    await one.present("b", 2)
    await house.until_present(two, {"a": 1, "b": 2})
    former = one.node
    await house.under.cut(one.engine)
    one.engine.present("kept-1", "b", None)
    one.engine.present("kept-1", "c", PresenceEntry("C", 3, "online", 1))
    await house.until_present(two, {})
    await house.under.heal(one.engine)
    await house.until_present(two, {"a": 1, "c": 3})
    assert one.heard.elsewhere.get("kept-1", {}) == {}, "its former name is no other gateway"
    two.engine.tell(former, "kind", "text")
    await house.until(lambda: one.heard.told_kinds == [("kind", "text")], "streams that it has are still named so")


@case(Ability.SEVERAL, Ability.CUT)
async def a_gateway_that_is_back_within_the_grace_never_left(house: House) -> None:
    one, two = await house.two()
    await two.open()
    await one.present("a")
    await house.until_present(two, {"a": 1})
    node = one.node
    await house.under.cut(one.engine)
    await house.under.heal(one.engine)
    await one.present("b")
    await house.until_present(two, {"a": 1, "b": 1})
    assert one.node == node
    assert ("kept-1", "a") not in two.heard.gone_at


@case(Ability.SEVERAL, Ability.CUT)
async def members_that_vanished_during_a_cut_leave_afterwards(house: House) -> None:
    one, two = await house.two()
    await two.open("kept-1", KEPT)
    await one.present("a")
    await one.present("b")
    await house.until_present(two, {"a": 1, "b": 1})
    await house.under.cut(two.engine)
    await one.absent("a")
    await one.present("c")
    await house.under.heal(two.engine)
    await house.until_present(two, {"b": 1, "c": 1})


@case(Ability.SEVERAL, Ability.EMPTY)
async def presence_heals_after_the_server_lost_everything(house: House) -> None:
    one, two = await house.two()
    for gateway in (one, two):
        await gateway.open()
    await one.present("a")
    await two.present("b")
    await house.until_present(two, {"a": 1})
    await house.under.restart_empty()
    three = await house.start()
    await three.open()
    await house.until_present(three, {"a": 1, "b": 1})
    await house.until_present(one, {"b": 1})
    await house.until_present(two, {"a": 1})


@case(Ability.SEVERAL, Ability.KILL)
async def a_user_of_three_gateways_stays_while_one_of_them_lives(house: House) -> None:
    gateways = [await house.start() for _ in range(3)]
    watching = await house.start()
    await watching.open()
    for gateway in gateways:
        await gateway.present("a")
    await house.until_present(watching, {"a": 3})
    for gateway in gateways[:2]:
        await house.kill(gateway)
    await house.until_present(watching, {"a": 1})
    assert await gateways[2].absent("a") == "vacated"
    await house.until_present(watching, {})


@case(Ability.LOSE_CHANGE)
async def a_change_whose_answer_is_lost_is_told_once(house: House) -> None:
    gateway = await house.start()
    await gateway.present("a", room="kept-2")
    house.under.lose_change(gateway.engine)
    gateway.say("a")
    await house.until_changes([("occupied", "kept-1")])
    assert await gateway.present("b") is None
    assert await gateway.absent("b") is None
    house.under.lose_change(gateway.engine)
    gateway.say("a", 0)
    await house.until_changes([("occupied", "kept-1"), ("vacated", "kept-1")])
    assert await gateway.present("a") == "occupied"
    assert await gateway.absent("a") == "vacated"
    assert await gateway.absent("a", room="kept-2") == "vacated"
    assert house.changes() == [("occupied", "kept-1"), ("vacated", "kept-1")], "no change is told twice"


@case(Ability.LOSE_CHANGE)
async def a_change_without_an_answer_and_its_opposite_end_in_what_is_so(house: House) -> None:
    gateway = await house.start()
    house.under.lose_change(gateway.engine)
    gateway.say("a")
    for connections in (2, 0):
        gateway.say("a", connections)
    await house.until_async(partial(_is_back, gateway), "the engine answers")
    await house.until_async(partial(_empty, gateway, "kept-1"), "the room is empty")
    changes = [change for change, _ in house.changes()]
    assert changes in ([], ["occupied", "vacated"]), "both or none"


@case(Ability.SEVERAL, Ability.LOSE_CHANGE)
async def a_change_whose_answer_is_lost_is_told_where_others_come_and_go(house: House) -> None:
    one, two = await house.two()
    house.under.lose_change(one.engine)
    one.say("a")
    two.say("b")
    await house.until_changes([("occupied", "kept-1")])
    two.say("b", 0)
    await two.present("c", room="kept-2")
    house.under.lose_change(one.engine)
    one.say("a", 0)
    await house.until_changes([("occupied", "kept-1"), ("vacated", "kept-1")])
    two.say("b")
    two.say("b", 0)
    await house.until_changes(2 * [("occupied", "kept-1"), ("vacated", "kept-1")])


@case(Ability.SEVERAL, Ability.CUT)
async def what_changes_while_a_gateway_is_cut_off_is_told_once(house: House) -> None:
    one, two = await house.two()
    one.say("a")
    await house.until_changes([("occupied", "kept-1")])
    await house.under.cut(one.engine)
    one.say("a", 0)
    one.say("b", room="kept-2")
    one.say("c", room="kept-3")
    one.say("c", 0, room="kept-3")
    await house.under.heal(one.engine)
    await house.until_changes([("occupied", "kept-1"), ("occupied", "kept-2"), ("vacated", "kept-1")])
    assert await two.present("a", room="kept-2") is None
    assert await two.present("a") == "occupied"


@case(Ability.SEVERAL, Ability.CUT)
async def a_gateway_that_was_given_up_occupies_its_rooms_again(house: House) -> None:
    one, two = await house.two()
    one.say("a")
    one.say("a", room="kept-2")
    two.say("b", room="kept-2")
    before = [("occupied", "kept-1"), ("occupied", "kept-2")]
    await house.until_changes(before)
    await house.under.cut(one.engine)
    await house.until_changes([*before, ("vacated", "kept-1")])
    await house.under.heal(one.engine)
    await house.until_changes([*before, ("vacated", "kept-1"), ("occupied", "kept-1")])
    await two.absent("b", room="kept-2")
    assert await one.absent("a", room="kept-2") == "vacated"


@case(Ability.SEVERAL, Ability.EMPTY)
async def a_room_is_not_occupied_again_where_the_server_lost_everything(house: House) -> None:
    one, two = await house.two()
    for gateway in (one, two):
        gateway.say("a")
    await house.until_changes([("occupied", "kept-1")])
    await house.under.restart_empty()
    three = await house.start()
    await house.until_async(partial(_is_open, three), "the server is back")
    await house.until_present(three, {"a": 2})
    assert house.changes() == [("occupied", "kept-1")]


@case(Ability.SEVERAL, Ability.EMPTY, Ability.CUT)
async def a_room_is_not_occupied_again_where_a_user_changed_while_the_server_lost_everything(house: House) -> None:
    one, two = await house.two()
    one.say("a")
    one.say("b", room="kept-2")
    occupied = [("occupied", "kept-1"), ("occupied", "kept-2")]
    await house.until_changes(occupied)
    await house.under.cut(one.engine)
    one.say("a", 2)
    one.say("b", 0, room="kept-2")
    one.say("c", room="kept-2")
    await house.under.restart_empty()
    await house.until_async(partial(_is_open, two), "the server is back")
    await house.under.heal(one.engine)
    await house.until_present(two, {"a": 2})
    await house.until_async(partial(_is_back, one), "the engine answers")
    assert house.changes() == occupied


async def _is_back(gateway: Gateway) -> bool:
    with contextlib.suppress(Refused):
        await gateway.publish("hello", room="kept-5")
        return True
    return False


async def _is_open(gateway: Gateway) -> bool:
    with contextlib.suppress(Refused):
        await gateway.open()
        return True
    return False
