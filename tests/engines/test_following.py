"""What is delivered of rooms: each case alone, then thousands of random orders, losses, restarts and late answers."""

from __future__ import annotations

import random
from collections import deque

import pytest

from tidegate.engines.following import Ask, Following
from tidegate_protocol import RoomPosition

ROOM = "chat-1"


def at(offset: int, epoch: str = "e") -> RoomPosition:
    return RoomPosition(epoch=epoch, offset=offset)


class Told:
    """Implements `Told`: what was told, in its order."""

    def __init__(self) -> None:
        self.all: list[object] = []

    def delivered(self, room: str, offset: int, text: bytes) -> None:
        self.all.append((offset, text.decode()))

    def restarted(self, room: str, head: RoomPosition) -> None:
        self.all.append(("restarted", head.epoch, head.offset))


class Room:
    """`Following` of one room, from head 3 on."""

    def __init__(self, held_bytes: int = 1000) -> None:
        self.told = Told()
        self.following = Following(self.told, held_bytes)
        ask = self.following.follow(ROOM)
        assert ask is not None and ask.known is None
        assert self.following.answered(ask, at(3), None) is None

    def arrives(self, *offsets: int, epoch: str = "e") -> Ask | None:
        """The last question that follows."""
        asks = [self.following.arrived(ROOM, epoch, offset, f"{epoch}{offset}".encode()) for offset in offsets]
        return next((ask for ask in reversed(asks) if ask is not None), None)

    def answers(self, ask: Ask | None, head: RoomPosition, missed: list[int] | None) -> Ask | None:
        assert ask is not None
        texts = None if missed is None else [f"{head.epoch}{offset}".encode() for offset in missed]
        return self.following.answered(ask, head, texts)


def delivered(*offsets: int, epoch: str = "e") -> list[object]:
    return [(offset, f"{epoch}{offset}") for offset in offsets]


def test_messages_in_order_are_delivered_and_earlier_ones_dropped() -> None:
    room = Room()
    assert room.arrives(3, 4, 5, 4, 5, 6, 1) is None
    assert room.told.all == delivered(4, 5, 6)
    assert room.following.position(ROOM) == room.following.known(ROOM) == at(6)


def test_messages_before_the_first_answer_wait_for_it() -> None:
    told = Told()
    following = Following(told)
    ask = following.follow(ROOM)
    assert following.follow(ROOM) is None, "it is followed already"
    for offset in (2, 3, 4, 5):
        assert following.arrived(ROOM, "e", offset, f"e{offset}".encode()) is None
    assert following.position(ROOM) is following.known(ROOM) is None
    assert told.all == []
    assert ask is not None
    assert following.answered(ask, at(3), None) is None
    assert told.all == delivered(4, 5)


def test_a_gap_is_filled_before_what_comes_after_it() -> None:
    room = Room()
    ask = room.arrives(5)
    assert ask is not None and ask.known == at(3)
    assert room.arrives(6, 7) is None, "one question is enough"
    assert room.following.position(ROOM) is None
    assert room.told.all == []
    assert room.answers(ask, at(6), [4, 5, 6]) is None
    assert room.told.all == delivered(4, 5, 6, 7)


def test_a_gap_that_cannot_be_filled_is_told_once_and_the_room_goes_on() -> None:
    room = Room()
    ask = room.arrives(9, 10)
    assert room.answers(ask, at(9), None) is None
    assert room.told.all == [("restarted", "e", 8), *delivered(9, 10)]
    assert room.arrives(11) is None
    assert room.told.all[-1:] == delivered(11)


def test_without_a_message_that_waits_a_room_goes_on_at_its_head() -> None:
    room = Room()
    (ask,) = room.following.again()
    assert room.answers(ask, at(9), None) is None
    assert room.arrives(9, 10) is None
    assert room.told.all == [("restarted", "e", 9), *delivered(10)]


def test_a_question_while_messages_arrive_is_no_loss_although_none_is_kept() -> None:
    """A gateway that was given up asks again over the same connection, in a room without history."""
    room = Room()
    ask = room.following.ask_again(ROOM)
    assert room.arrives(4, 5, 6) is None
    assert room.answers(ask, at(5), None) is None
    assert room.told.all == delivered(4, 5, 6)


def test_a_message_that_was_delivered_is_not_the_start_after_a_loss() -> None:
    room = Room()
    (ask,) = room.following.again()
    assert room.arrives(2, 3, 12) is None
    again = room.answers(ask, at(9), None)
    assert room.told.all == [("restarted", "e", 9)]
    assert again is not None and again.known == at(9)
    assert room.answers(again, at(12), [10, 11, 12]) is None
    assert room.told.all[1:] == delivered(10, 11, 12)


def test_another_epoch_is_told_once_and_none_of_its_messages_is_missing() -> None:
    room = Room()
    ask = room.arrives(1, epoch="f")
    assert ask is not None and ask.known == at(3)
    assert room.arrives(2, epoch="f") is None
    assert room.answers(ask, at(2, "f"), None) is None
    assert room.told.all == [("restarted", "f", 0), *delivered(1, 2, epoch="f")]


def test_a_message_of_an_epoch_that_ended_is_asked_about_and_then_forgotten() -> None:
    room = Room()
    ask = room.arrives(2, epoch="old")
    again = room.answers(ask, at(3), [])
    assert again is not None, "it may be of an epoch that began after the answer"
    assert room.answers(again, at(3), []) is None
    assert room.told.all == []
    assert room.arrives(4) is None
    assert room.told.all == delivered(4)


def test_a_part_of_what_is_missing_is_delivered_and_the_rest_asked_for() -> None:
    room = Room()
    (ask,) = room.following.again()
    again = room.answers(ask, at(8), [4, 5])
    assert again is not None and again.known == at(5)
    assert room.answers(again, at(8), [6, 7, 8]) is None
    assert room.told.all == delivered(4, 5, 6, 7, 8)


@pytest.mark.parametrize(
    ("head", "missed"),
    [(at(5), []), (at(5), [4, 5, 6]), (at(2), []), (at(3), [4]), (at(5, "f"), [4, 5])],
    ids=["none", "too many", "behind", "beyond", "another epoch"],
)
def test_an_answer_that_does_not_fit_counts_as_a_loss(head: RoomPosition, missed: list[int]) -> None:
    room = Room()
    (ask,) = room.following.again()
    assert room.answers(ask, head, missed) is None
    assert room.told.all == [("restarted", head.epoch, head.offset)]


def test_only_the_latest_question_may_be_answered() -> None:
    room = Room()
    (first,) = room.following.again()
    (second,) = room.following.again()
    third = room.following.ask_again(ROOM)
    for ask in (first, second):
        assert room.answers(ask, at(9, "wrong"), None) is None
    assert room.told.all == []
    assert room.answers(third, at(4), [4]) is None
    assert room.answers(third, at(4), [4]) is None
    assert room.told.all == delivered(4)


def test_a_room_that_was_closed_and_opened_meanwhile_takes_no_earlier_answer() -> None:
    room = Room()
    (ask,) = room.following.again()
    room.arrives(5)
    room.following.unfollow(ROOM)
    assert ROOM not in room.following and len(room.following) == 0
    assert (room.arrives(6), room.following.ask_again(ROOM), room.following.position(ROOM)) == (None, None, None)
    assert room.answers(ask, at(5), [4, 5]) is None
    new = room.following.follow(ROOM)
    assert ROOM in room.following and len(room.following) == 1
    assert room.answers(ask, at(5), [4, 5]) is None
    assert room.told.all == []
    assert room.answers(new, at(7), None) is None
    assert room.arrives(8) is None
    assert room.told.all == delivered(8)
    room.following.unfollow("another")


def test_what_waits_is_bounded_and_then_asked_for() -> None:
    room = Room(held_bytes=10)
    (ask,) = room.following.again()
    assert room.arrives(*range(5, 20)) is None
    again = room.answers(ask, at(6), [4, 5, 6])
    assert again is not None and again.known == at(6)
    assert room.told.all == delivered(4, 5, 6)
    assert room.answers(again, at(19), list(range(7, 20))) is None
    assert room.told.all == delivered(*range(4, 20))


class World:
    """A server, a line to it that may break, and one gateway that follows one room."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.epochs = [f"e{number}" for number in range(50)]
        self.epoch, self.head, self.kept = self.epochs.pop(), 0, deque[int](maxlen=self.chance.choice((0, 1, 3, 50)))
        self.pushes: deque[tuple[str, int]] = deque()
        self.replies: list[tuple[Ask, RoomPosition, list[int] | None]] = []
        self.asked: list[Ask] = []
        self.expected: tuple[str, int] | None = None
        self.seen: set[tuple[str, int]] = set()
        self.following = Following(self, self.chance.choice((5, 30, 10_000)))
        self.ask(self.following.follow(ROOM))

    # -- what the gateway is told -----------------------------------------------------------------------------------

    def restarted(self, room: str, head: RoomPosition) -> None:
        self.expected = (head.epoch, head.offset + 1)

    def delivered(self, room: str, offset: int, text: bytes) -> None:
        epoch, _, said = text.decode().partition(" ")
        told = (epoch, int(said))
        assert told == (epoch, offset)
        assert told not in self.seen, f"{told} comes twice"
        assert self.expected is None or told == self.expected, f"{told} where {self.expected} is next"
        self.seen.add(told)
        self.expected = (epoch, offset + 1)

    # -- steps ------------------------------------------------------------------------------------------------------

    def ask(self, ask: Ask | None) -> None:
        if ask is not None:
            self.asked.append(ask)

    def publish(self) -> None:
        self.head += 1
        self.kept.append(self.head)
        self.pushes.append((self.epoch, self.head))
        if self.chance.random() < 0.1:
            self.pushes.append((self.epoch, self.head))

    def read(self) -> None:
        """The server carries out the oldest question; its answer may come before or after pushes."""
        if self.asked:
            ask = self.asked.pop(0)
            known, missed = ask.known, None
            if known is not None and known.epoch == self.epoch and known.offset <= self.head:
                lacking = list(range(known.offset + 1, self.head + 1))
                if set(lacking) <= set(self.kept):
                    missed = lacking[: self.chance.choice((1, 2, 100))]
            self.replies.append((ask, RoomPosition(epoch=self.epoch, offset=self.head), missed))

    def hear(self) -> None:
        if self.pushes:
            epoch, offset = self.pushes.popleft()
            self.ask(self.following.arrived(ROOM, epoch, offset, f"{epoch} {offset}".encode()))

    def reply(self) -> None:
        if self.replies:
            ask, head, missed = self.replies.pop(self.chance.randrange(len(self.replies)))
            texts = None if missed is None else [f"{head.epoch} {offset}".encode() for offset in missed]
            self.ask(self.following.answered(ask, head, texts))

    def break_line(self) -> None:
        self.pushes.clear()
        if self.chance.random() < 0.7:
            self.replies.clear()
        self.asked = self.following.again()

    def lose_everything(self) -> None:
        self.epoch, self.head = self.epochs.pop(), 0
        self.kept.clear()
        for _ in range(self.chance.choice((1, 2, 4))):
            self.publish()

    def open_again(self) -> None:
        self.following.unfollow(ROOM)
        self.asked = []
        self.expected = None
        self.seen = set()
        self.ask(self.following.follow(ROOM))

    def play(self, steps: int) -> None:
        usual = (self.publish, self.publish, self.hear, self.hear, self.hear, self.read, self.reply)
        for _ in range(steps):
            rare = self.chance.random()
            if rare < 0.02:
                self.break_line()
            elif rare < 0.03:
                self.lose_everything() if len(self.epochs) > 1 else None
            elif rare < 0.035:
                self.open_again()
            else:
                self.chance.choice(usual)()
        while self.asked or self.replies or self.pushes:
            self.read()
            self.reply()
            self.hear()


def test_random_orders_losses_and_restarts() -> None:
    for seed in range(600):
        world = World(seed)
        world.play(150)
        assert world.following.position(ROOM) == RoomPosition(epoch=world.epoch, offset=world.head), seed
