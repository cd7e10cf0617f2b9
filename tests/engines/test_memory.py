"""The broker of a single gateway: positions without a gap, histories that live for their ttl, keys said once."""

from __future__ import annotations

import itertools

import msgspec
import pytest

from tidegate.core.errors import Refused
from tidegate.core.rooms.history import RECENT_KEYS
from tidegate.core.rooms.room import RoomRules
from tidegate.engines.memory import SWEEP_S, MemoryBroker
from tidegate_protocol import RoomMessage, RoomPosition, Sender

KEPT = RoomRules("chat-*", history_size=3, history_ttl=60.0)
FLEETING = RoomRules("cursor-*")
LIMIT = 10_000
ADA, BOB = Sender(id="1", name="Ada"), Sender(id="2", name="Bob")


class House:
    """A broker, what it delivered, and which rooms somebody is in."""

    def __init__(self) -> None:
        self.delivered: list[RoomMessage] = []
        self.occupied: set[str] = set()
        epochs = itertools.count(1)
        self.broker = MemoryBroker(msgspec.json.encode, self.deliver, lambda: f"e{next(epochs)}", limit=LIMIT)

    def deliver(self, room: str, text: bytes) -> None:
        message = msgspec.json.decode(text, type=RoomMessage)
        assert message.room == room
        self.delivered.append(message)

    def say(
        self,
        data: object,
        now: float = 0.0,
        room: str = "chat-1",
        rules: RoomRules = KEPT,
        sender: Sender = ADA,
        key: str | None = None,
    ) -> RoomPosition:
        return self.broker.publish(room, rules, sender, data, key, now)

    def sweep(self, now: float) -> None:
        self.broker.sweep(now, self.occupied.__contains__)

    def epoch(self, now: float, room: str = "chat-1") -> str:
        return self.broker.history(room, KEPT, now).epoch


@pytest.fixture
def house() -> House:
    return House()


def test_a_message_is_delivered_with_its_position_before_publish_returns(house: House) -> None:
    position = house.say({"text": "hi"}, now=12.3456)
    assert position == RoomPosition(epoch="e1", offset=1)
    (message,) = house.delivered
    assert (message.room, message.from_, message.sender, message.data) == ("chat-1", "1", ADA, {"text": "hi"})
    assert (message.position, message.time) == (position, 12345)


def test_it_can_be_read_back_by_whoever_is_told_of_it() -> None:
    seen: list[int] = []

    def deliver(room: str, text: bytes) -> None:
        history = broker.history(room, KEPT, 0.0)
        seen.append(history.offset)
        assert history.page(None, 1, 0.0)[0] == [text]

    broker = MemoryBroker(msgspec.json.encode, deliver, lambda: "e")
    for _ in range(5):
        broker.publish("chat-1", KEPT, ADA, "x", None, 0.0)
    assert seen == [1, 2, 3, 4, 5]


def test_each_room_counts_for_itself_and_has_an_epoch_of_its_own(house: House) -> None:
    offsets = [(house.say("x", room=room).epoch, house.say("y", room=room).offset) for room in ("chat-1", "chat-2")]
    assert offsets == [("e1", 2), ("e2", 2)]


def test_a_room_without_history_counts_but_keeps_nothing(house: House) -> None:
    for number in range(1, 4):
        assert house.say("x", room="cursor-1", rules=FLEETING).offset == number
    history = house.broker.history("cursor-1", FLEETING, 0.0)
    assert (history.offset, len(history)) == (3, 0)


def test_a_key_said_before_is_answered_with_its_position_and_not_said_again(house: House) -> None:
    first = house.say("a", key="k")
    house.say("between")
    assert house.say("a", key="k") == first
    assert [message.data for message in house.delivered] == ["a", "between"]
    assert house.say("next").offset == 3


def test_a_key_is_its_users_and_its_rooms_own(house: House) -> None:
    house.say("a", key="k")
    assert house.say("b", key="k", sender=BOB).offset == 2
    assert house.say("c", key="k", room="chat-2").offset == 1
    assert len(house.delivered) == 3


def test_something_else_under_the_same_key_is_a_conflict(house: House) -> None:
    house.say("a", key="k")
    with pytest.raises(Refused) as refused:
        house.say("b", key="k")
    assert (refused.value.code, refused.value.pointer) == ("conflict", "/key")
    assert len(house.delivered) == 1


def test_only_so_many_keys_are_remembered(house: House) -> None:
    for number in range(RECENT_KEYS + 1):
        house.say("x", key=f"k{number}")
    assert house.say("x", key=f"k{RECENT_KEYS}").offset == RECENT_KEYS + 1, "the newest is still known"
    assert house.say("x", key="k0").offset == RECENT_KEYS + 2, "the oldest is said again"


def test_a_history_that_nobody_reads_lives_for_its_ttl_and_comes_back_under_another_epoch(house: House) -> None:
    house.say("x", now=100.0)
    house.sweep(100.0 + KEPT.history_ttl - 1)
    assert house.epoch(161.0) == "e1"
    house.sweep(100.0 + KEPT.history_ttl + SWEEP_S)
    assert house.epoch(171.0) == "e2"
    assert house.say("y", now=171.0) == RoomPosition(epoch="e2", offset=1)


def test_the_history_of_a_room_with_somebody_in_it_is_never_forgotten(house: House) -> None:
    house.occupied.add("chat-1")
    house.say("x", now=100.0)
    for now in range(110, 10_000, 10):
        house.sweep(float(now))
    assert house.epoch(10_000.0) == "e1"


def test_the_ttl_counts_from_when_the_room_was_left_not_from_when_it_was_last_spoken_in(house: House) -> None:
    """Who is gone for a minute from a quiet room must not be told that it could not be recovered."""
    house.occupied.add("chat-1")
    position = house.say("x", now=100.0)
    for now in range(110, 1000, 10):
        house.sweep(float(now))
    house.occupied.clear()
    house.sweep(1000.0 + KEPT.history_ttl - 15)
    history = house.broker.history("chat-1", KEPT, 1050.0)
    assert history.after(position, 1050.0) == []
    house.sweep(1000.0 + KEPT.history_ttl + 15)
    assert house.epoch(1076.0) == "e2"


def test_sweeping_often_looks_only_every_so_often(house: House) -> None:
    asked: list[str] = []

    def occupied(room: str) -> bool:
        asked.append(room)
        return True

    house.say("x", now=100.0)
    for tenth in range(1000):
        house.broker.sweep(200.0 + tenth / 10, occupied)
    assert len(asked) <= 100 / SWEEP_S + 1


def test_all_histories_together_stay_within_the_limit_at_the_cost_of_the_most_silent(house: House) -> None:
    first = house.say("x" * 800, now=0.0, room="chat-first")
    for number in range(20):
        house.say("x" * 800, now=1.0 + number, room=f"chat-{number}")
    kept = [house.broker.history(f"chat-{number}", KEPT, 21.0).bytes for number in range(20)]
    assert 0.5 * LIMIT < sum(kept) <= LIMIT
    assert kept == sorted(kept), "the latest are those that are there"
    history = house.broker.history("chat-first", KEPT, 21.0)
    assert history.after(RoomPosition(epoch=first.epoch, offset=0), 21.0) is None
    assert history.head == first, "what is gone is not said again"


def test_one_room_alone_cannot_pass_the_limit_either(house: House) -> None:
    for number in range(9):
        house.say("x" * 6000, now=float(number))
    assert house.broker.history("chat-1", KEPT, 9.0).bytes <= LIMIT
