"""Messages: positions, order, texts, idempotency keys, pages, what is kept, and what one gateway tells another."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from itertools import chain

from tests.engines.suite.case import case, refuses
from tests.engines.suite.under_test import (
    ADA,
    APPLICATION,
    BOB,
    FLEETING,
    KEPT,
    LONG,
    NO_TIME,
    SHORT,
    Ability,
    Gateway,
    House,
)
from tidegate.core.rooms.room import RoomRules
from tidegate.engines.setup import EngineError
from tidegate_protocol import RoomPosition, Sender

ODD = ("a b", "{x}", "}{", "ä\u2028ö", "\U0001f409", '"', "\\", "%s", ":", "a\u0301", "x" * 200, "'; --", "${a}", "*")
"""Names that a separator, a key of a cluster, a pattern or an encoding may take for something else."""


def _told(gateway: Gateway, kinds: list[tuple[str, str]]) -> bool:
    return sorted(gateway.heard.told_kinds) == sorted(kinds)


def _for_users(gateway: Gateway, count: int) -> bool:
    return len(gateway.heard.users) == count


def room_of(number: int) -> tuple[str, RoomRules]:
    return f"kept-{ODD[number % len(ODD)]}", KEPT


@case()
async def positions_count_from_one_in_one_epoch(house: House) -> None:
    gateway = await house.start()
    opened = await gateway.open()
    assert (opened.head.offset, opened.missed) == (0, None)
    positions = [await gateway.publish(number) for number in range(5)]
    assert [position.offset for position in positions] == [1, 2, 3, 4, 5]
    assert len({position.epoch for position in positions}) == 1
    await house.until_data(gateway, [0, 1, 2, 3, 4])
    assert (await gateway.open()).head == positions[-1]


@case()
async def the_text_is_that_of_the_whole_message(house: House) -> None:
    gateway = await house.start()
    await gateway.open()
    tricky = {
        "position": {"epoch": "-", "offset": 0},
        "time": 0,
        "text": '"position":{"epoch":"-","offset":0},"time":0',
    }
    position = await gateway.publish(tricky, sender=BOB)
    await house.until(lambda: gateway.heard.data("kept-1"), "the message is delivered")
    message = json.loads(gateway.heard.texts["kept-1"][0])
    assert isinstance(message.pop("time"), int)
    assert message == {
        "type": "message",
        "room": "kept-1",
        "from": "2",
        "sender": {"id": "2", "name": "Bob"},
        "data": tricky,
        "position": {"epoch": position.epoch, "offset": position.offset},
    }
    assert list((await gateway.page()).texts) == gateway.heard.texts["kept-1"], "history has the same bytes"


@case()
async def names_of_any_characters_are_different_names(house: House) -> None:
    gateway = await house.start()
    for number, odd in enumerate(ODD):
        room, rules = room_of(number)
        head = (await gateway.open(room, rules)).head
        assert head.offset == 0, odd
        sender = Sender(id=odd, name=odd)
        assert (await gateway.publish(odd, room, rules, sender, key=odd)).offset == 1, odd
        assert (await gateway.publish(odd, room, rules, sender, key=odd)).offset == 1, odd
    for number, odd in enumerate(ODD):
        room, rules = room_of(number)
        assert [json.loads(text)["data"] for text in (await gateway.page(room=room, rules=rules)).texts] == [odd]
        await house.until_data(gateway, [odd], room)


@case()
async def rooms_count_for_themselves(house: House) -> None:
    gateway = await house.start()
    assert [(await gateway.publish("x", room=room)).offset for room in ("kept-1", "kept-2", "kept-1")] == [1, 1, 2]


@case()
async def a_room_that_keeps_nothing_counts_in_one_epoch(house: House) -> None:
    gateway = await house.start()
    for room, rules in (("fleeting-1", FLEETING), ("no-time-1", NO_TIME)):
        head = (await gateway.open(room, rules)).head
        positions = [await gateway.publish(number, room, rules) for number in range(4)]
        assert [position.offset for position in positions] == [1, 2, 3, 4]
        assert {position.epoch for position in positions} == {head.epoch}
        await house.until_data(gateway, [0, 1, 2, 3], room)
        assert not (await gateway.page(room=room, rules=rules)).texts


@case()
async def a_room_keeps_the_last_messages_of_its_size(house: House) -> None:
    gateway = await house.start()
    positions = [await gateway.publish(number) for number in range(12)]
    texts = (await gateway.page()).texts
    assert [json.loads(text)["data"] for text in texts] == [7, 8, 9, 10, 11]
    epoch = positions[0].epoch
    assert (await gateway.open(since=RoomPosition(epoch=epoch, offset=6))).missed is None
    missed = (await gateway.open(since=RoomPosition(epoch=epoch, offset=7))).missed
    assert missed is not None and [json.loads(text)["data"] for text in missed] == [7, 8, 9, 10, 11]


@case(Ability.EXPIRE)
async def a_message_is_kept_for_its_time(house: House) -> None:
    gateway = await house.start()
    await gateway.open("short-1", SHORT)
    first = await gateway.publish("old", "short-1", SHORT)
    await house.under.pass_time(2.0)
    second = await gateway.publish("new", "short-1", SHORT)
    assert (second.epoch, second.offset) == (first.epoch, 2), "a room with members goes on"
    texts = (await gateway.page(room="short-1", rules=SHORT)).texts
    assert [json.loads(text)["data"] for text in texts] == ["new"]
    assert (await gateway.open("short-1", SHORT, RoomPosition(epoch=first.epoch, offset=0))).missed is None


@case()
async def pages_of_history_go_back_to_the_oldest_message(house: House) -> None:
    gateway = await house.start()
    for number in range(1, 11):
        await gateway.publish(number, "long-1", LONG)
    pages, before = [], None
    while True:
        page = await gateway.page(before, 4, "long-1", LONG)
        offsets = [json.loads(text)["position"]["offset"] for text in page.texts]
        pages.append(offsets)
        if not page.more:
            break
        before = offsets[0]
    assert pages == [[7, 8, 9, 10], [3, 4, 5, 6], [1, 2]]
    assert not (await gateway.page(1, 4, "long-1", LONG)).texts
    assert [json.loads(t)["data"] for t in (await gateway.page(2**53 - 1, 1, "long-1", LONG)).texts] == [10]


@case()
async def a_page_has_few_bytes_or_one_message(house: House) -> None:
    gateway = await house.start()
    for number in range(5):
        await gateway.publish([number, "x" * 100_000], "long-1", LONG)
    page = await gateway.page(None, 5, "long-1", LONG)
    assert [json.loads(text)["data"][0] for text in page.texts] == [3, 4]
    assert page.more


@case()
async def a_key_is_published_once(house: House) -> None:
    gateway = await house.start()
    await gateway.open()
    first = await gateway.publish("a", key="k")
    await gateway.publish("between")
    assert await gateway.publish("a", key="k") == first
    with refuses("conflict"):
        await gateway.publish("b", key="k")
    assert (await gateway.publish("b", key="k", sender=BOB)).offset == 3, "a key belongs to its user"
    assert (await gateway.publish("b", "kept-2", key="k")).offset == 1, "and to its room"
    await house.until_data(gateway, ["a", "between", "b"])


@case()
async def users_and_keys_with_spaces_are_not_mixed(house: House) -> None:
    gateway = await house.start()
    pairs = [
        ("a b", "c"),
        ("a", "b c"),
        ("a b c", ""),
        ("a", "b"),
        ("a:b", "c"),
        ("a", "b:c"),
        ("6120", "62"),
        ("61", "2062"),
    ]
    positions = [
        await gateway.publish(number, "long-1", LONG, Sender(id=user, name="x"), key=key or "k")
        for number, (user, key) in enumerate(pairs)
    ]
    assert [position.offset for position in positions] == list(range(1, len(pairs) + 1))


@case(Ability.SEVERAL)
async def a_key_is_published_once_across_gateways(house: House) -> None:
    one, two = await house.two()
    await two.open()
    first = await one.publish("a", key="k")
    assert await two.publish("a", key="k") == first
    with refuses("conflict"):
        await two.publish("b", key="k")
    both = await asyncio.gather(*(gateway.publish("x", key="same") for gateway in (one, two) for _ in range(5)))
    assert len(set(map(str, both))) == 1
    await house.until_data(two, ["a", "x"])


@case()
async def after_forget_a_room_begins_a_new_epoch_and_a_key_counts_no_more(house: House) -> None:
    gateway = await house.start()
    await gateway.open()
    first = await gateway.publish("a", key="k")
    await gateway.engine.forget("kept-1")
    assert not (await gateway.page()).texts
    again = await gateway.publish("a", key="k")
    assert again.offset == 1 and again.epoch != first.epoch
    assert (await gateway.open(since=first)).missed is None
    with refuses("conflict"):
        await gateway.publish("b", key="k")


@case(Ability.SEVERAL)
async def after_forget_members_of_other_gateways_are_told_and_go_on(house: House) -> None:
    one, two = await house.two()
    for gateway in (one, two):
        await gateway.open()
    first = await one.publish("a")
    await house.until_data(two, ["a"])
    await one.engine.forget("kept-1")
    again = await one.publish("b")
    assert again.epoch != first.epoch
    await house.until_data(two, ["a", "b"])
    assert [head.epoch for head in two.heard.restarts["kept-1"]] == [again.epoch], "told once"


@case(Ability.SEVERAL)
async def every_gateway_delivers_one_order(house: House) -> None:
    gateways = [await house.start() for _ in range(3)]
    for gateway in gateways:
        await gateway.open("long-1", LONG)

    async def publish(gateway: Gateway, name: int) -> list[int]:
        sender = Sender(id=str(name), name="x")
        return [(await gateway.publish([name, number], "long-1", LONG, sender)).offset for number in range(30)]

    offsets = await asyncio.gather(*(publish(gateway, name) for name, gateway in enumerate(gateways * 2)))
    assert all(mine == sorted(mine) for mine in offsets), "each publisher's own order"
    assert sorted(chain(*offsets)) == list(range(1, 181))
    for gateway in gateways:
        await house.until_count(gateway, 180, "long-1")
    assert gateways[0].heard.texts == gateways[1].heard.texts == gateways[2].heard.texts


@case(Ability.SEVERAL)
async def a_gateway_without_the_room_hears_nothing(house: House) -> None:
    one, two = await house.two()
    await one.open()
    await two.open()
    two.close()
    await one.publish("a")
    await two.open("kept-2")
    await one.publish("b", "kept-2")
    await house.until_data(two, ["b"], "kept-2")
    assert two.heard.data("kept-1") == []


@case(Ability.SEVERAL)
async def tell_reaches_one_gateway_or_all(house: House) -> None:
    gateways = [await house.start() for _ in range(3)]
    gateways[0].engine.tell(gateways[1].node, "one", "täxt ")
    gateways[0].engine.tell(None, "all", "{}")
    gateways[0].engine.tell(gateways[0].node, "self", "")
    expected = [[("all", "{}"), ("self", "")], [("one", "täxt "), ("all", "{}")], [("all", "{}")]]
    for gateway, kinds in zip(gateways, expected, strict=True):
        await house.until(partial(_told, gateway, kinds), "what is told")


@case()
async def user_reaches_every_gateway(house: House) -> None:
    one = await house.start()
    gateways = [one] if Ability.SEVERAL in house.under.cannot else [one, await house.start()]
    for user in ODD[:5]:
        one.engine.user(user, f'{{"to": "{len(user)}"}}'.encode())
    for gateway in gateways:
        await house.until(partial(_for_users, gateway, 5), "what is for users")
        assert gateway.heard.users == [(user, f'{{"to": "{len(user)}"}}'.encode()) for user in ODD[:5]]


@case(Ability.SEVERAL, Ability.PREFIX)
async def two_applications_do_not_share_a_prefix(house: House) -> None:
    await house.start()
    await house.start((APPLICATION[0], "new-*"))
    try:
        await house.start(("boats-*",))
    except EngineError as error:
        assert "engine_prefix" in str(error)
    else:
        raise AssertionError("an application of other rooms was let in")


@case()
async def many_messages_in_flight_keep_their_order(house: House) -> None:
    gateway = await house.start()
    await gateway.open("long-1", LONG)
    answers = [gateway.engine.publish("long-1", LONG, ADA, number, None, 0.0, "user 1") for number in range(300)]
    positions = [await answer for answer in answers]
    assert [position.offset for position in positions] == list(range(1, 301))
    await house.until_data(gateway, list(range(300)), "long-1")


@case()
async def a_large_message_arrives_as_it_was_sent(house: House) -> None:
    gateway = await house.start()
    await gateway.open("long-1", LONG)
    texts = ['\u2028\x00"\\' * 20_000, "x" * 500_000, "\U0001f409" * 50_000]
    for text in texts:
        await gateway.publish(text, "long-1", LONG)
    await house.until_data(gateway, texts, "long-1")
    page = await gateway.page(None, 1, "long-1", LONG)
    assert [json.loads(text)["data"] for text in page.texts] == texts[-1:]


@case(Ability.SEVERAL)
async def what_is_told_to_a_gateway_that_does_not_exist_breaks_nothing(house: House) -> None:
    one, two = await house.two()
    for node in ("", "x", "a b", "*", "}"):
        one.engine.tell(node, "kind", "text")
    one.engine.tell(two.node, "kind", "last")
    await house.until(lambda: two.heard.told_kinds, "what is told to one that does")
    assert two.heard.told_kinds == [("kind", "last")]
    assert one.heard.told_kinds == []
