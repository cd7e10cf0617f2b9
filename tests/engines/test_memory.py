"""The engine of one process: positions without a gap, histories that live for their ttl, each key published once."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from tidegate.core.budgets.ledger import Ledger
from tidegate.core.errors import Refused
from tidegate.core.rooms.history import HISTORY_BYTES, RECENT_KEYS
from tidegate.core.rooms.ports import Answer, HistoryPage, Opened, PresenceEntry, RemoteMember, Standing
from tidegate.core.rooms.room import RoomRules
from tidegate.engines.memory import SWEEP_S, MemoryEngine
from tidegate_protocol import RoomMessage, RoomPosition, Sender

KEPT = RoomRules("chat-*", history_size=3, history_ttl=60.0)
FLEETING = RoomRules("cursor-*")
SHARE = 80_000
"""Bytes that one account may hold."""
ADA, BOB = Sender(id="1", name="Ada"), Sender(id="2", name="Bob")
ENTRY = PresenceEntry("Ada", 1, "online", 0)


class Listening:
    """An engine and what it told its gateway."""

    def __init__(self) -> None:
        self.delivered_messages: list[RoomMessage] = []
        self.other: list[tuple[str, ...]] = []
        self.ledger = Ledger(8 * SHARE)
        self.engine = MemoryEngine(msgspec.json.encode, "e", self.ledger)
        self.engine.listen(self)

    # -- EngineListener -------------------------------------------------------------------------------------------

    def delivered(self, room: str, offset: int, text: bytes) -> None:
        message = msgspec.json.decode(text, type=RoomMessage)
        assert (message.room, message.position.offset) == (room, offset)
        self.delivered_messages.append(message)

    def present_elsewhere(self, room: str, node: str, user: str, entry: PresenceEntry | None) -> None:
        raise AssertionError("there is no other gateway")

    def members_elsewhere(self, room: str, members: Sequence[RemoteMember]) -> None:
        raise AssertionError("there is no other gateway")

    def gateway(self, node: str, standing: Standing) -> None:
        raise AssertionError("there is no other gateway")

    def occupied(self, room: str) -> None:
        raise AssertionError("there is no other gateway")

    def vacated(self, room: str) -> None:
        raise AssertionError("there is no other gateway")

    def restarted(self, room: str, head: RoomPosition) -> None:
        self.other.append(("restarted", room))

    def told(self, kind: str, text: str) -> None:
        self.other.append((kind, text))

    def told_user(self, user: str, text: bytes) -> None:
        self.other.append((user, text.decode()))

    # -- short ways -----------------------------------------------------------------------------------------------

    def publish(
        self,
        data: object,
        now: float = 0.0,
        room: str = "chat-1",
        rules: RoomRules = KEPT,
        sender: Sender = ADA,
        key: str | None = None,
        account: str = "user 1",
    ) -> RoomPosition:
        answer = self.engine.publish(room, rules, sender, data, key, now, account)
        assert answer.done()
        return answer.result()

    def open(self, now: float, since: RoomPosition | None = None, room: str = "chat-1") -> Opened:
        return self.engine.open(room, KEPT, since, now).result()

    def page(self, now: float, room: str = "chat-1", rules: RoomRules = KEPT) -> list[bytes]:
        return list(self.engine.history(room, rules, None, 100, now).result().texts)

    def epoch(self, now: float, room: str = "chat-1") -> str:
        """Of the history that a message would go to now; it tells the history of a closed room from a new one."""
        opened = self.open(now, room=room)
        self.engine.close(room, now)
        return opened.head.epoch


@pytest.fixture
def listening() -> Listening:
    return Listening()


def test_a_message_is_delivered_with_its_position_before_publish_returns(listening: Listening) -> None:
    position = listening.publish({"text": "hi"}, now=12.3456)
    assert position == RoomPosition(epoch="e.0", offset=1)
    (message,) = listening.delivered_messages
    assert (message.room, message.from_, message.sender, message.data) == ("chat-1", "1", ADA, {"text": "hi"})
    assert (message.position, message.time) == (position, 12345)


def test_a_message_can_be_read_in_the_moment_in_which_it_is_delivered(listening: Listening) -> None:
    pages: list[list[bytes]] = []

    class Reading(Listening):
        def delivered(self, room: str, offset: int, text: bytes) -> None:
            pages.append(list(self.engine.history(room, KEPT, None, 1, 0.0).result().texts))
            assert pages[-1] == [text]

    reading = Reading()
    for _ in range(5):
        reading.publish("x")
    assert len(pages) == 5


async def test_answers_are_ready_and_can_be_awaited(listening: Listening) -> None:
    answer: Answer[RoomPosition] = listening.engine.publish("chat-1", KEPT, ADA, "x", None, 0.0, "user 1")
    assert answer.done()
    assert await answer == answer.result() == RoomPosition(epoch="e.0", offset=1)


def test_each_room_counts_for_itself(listening: Listening) -> None:
    offsets = [
        (listening.publish("x", room=room).offset, listening.publish("y", room=room).offset)
        for room in ("chat-1", "chat-2")
    ]
    assert offsets == [(1, 2), (1, 2)]


def test_a_room_without_history_counts_but_keeps_nothing(listening: Listening) -> None:
    for number in range(1, 4):
        assert listening.publish("x", room="cursor-1", rules=FLEETING).offset == number
    assert listening.page(0.0, "cursor-1", FLEETING) == []


def test_a_repeated_key_is_answered_with_its_position_and_not_published_again(listening: Listening) -> None:
    first = listening.publish("a", key="k")
    listening.publish("between")
    assert listening.publish("a", key="k") == first
    assert [message.data for message in listening.delivered_messages] == ["a", "between"]
    assert listening.publish("next").offset == 3


def test_a_key_belongs_to_its_user_and_its_room(listening: Listening) -> None:
    listening.publish("a", key="k")
    assert listening.publish("b", key="k", sender=BOB).offset == 2
    assert listening.publish("c", key="k", room="chat-2").offset == 1
    assert len(listening.delivered_messages) == 3


def test_other_data_under_the_same_key_is_a_conflict(listening: Listening) -> None:
    listening.publish("a", key="k")
    with pytest.raises(Refused) as refused:
        listening.publish("b", key="k")
    assert (refused.value.code, refused.value.pointer) == ("conflict", "/key")
    assert len(listening.delivered_messages) == 1


def test_a_limited_number_of_keys_is_remembered(listening: Listening) -> None:
    for number in range(RECENT_KEYS + 1):
        listening.publish("x", key=f"k{number}", account=f"user {number}")
    assert listening.publish("x", key=f"k{RECENT_KEYS}").offset == RECENT_KEYS + 1, "the newest is still known"
    assert listening.publish("x", key="k0").offset == RECENT_KEYS + 2, "the oldest is published again"


def test_opening_a_room_gives_what_was_missed_only_to_a_client_that_says_since_when(listening: Listening) -> None:
    first = listening.publish("a")
    second = listening.publish("b")
    assert listening.open(0.0) == Opened(head=second, missed=None)
    missed = listening.open(0.0, since=first).missed
    assert missed is not None
    assert [msgspec.json.decode(text)["data"] for text in missed] == ["b"]
    assert listening.open(0.0, since=RoomPosition(epoch="another", offset=1)).missed is None


def test_a_page_of_history_says_whether_there_is_more(listening: Listening) -> None:
    for number in range(3):
        listening.publish(number)
    page = listening.engine.history("chat-1", KEPT, 3, 1, 0.0).result()
    assert isinstance(page, HistoryPage)
    assert ([msgspec.json.decode(text)["data"] for text in page.texts], page.more) == ([1], True)


def test_the_history_of_a_closed_room_lives_for_its_ttl_and_comes_back_under_another_epoch(
    listening: Listening,
) -> None:
    listening.publish("x", now=100.0)
    listening.engine.sweep(100.0 + KEPT.history_ttl - 1)
    assert len(listening.page(100.0)) == 1
    listening.engine.sweep(100.0 + KEPT.history_ttl + SWEEP_S)
    assert listening.publish("y", now=171.0) == RoomPosition(epoch="e.1", offset=1)


def test_the_history_of_an_open_room_is_never_forgotten(listening: Listening) -> None:
    listening.open(100.0)
    listening.publish("x", now=100.0)
    for now in range(110, 10_000, 10):
        listening.engine.sweep(float(now))
    assert listening.epoch(10_000.0) == "e.0"


def test_the_ttl_counts_from_when_the_room_was_closed(listening: Listening) -> None:
    """A client that left a quiet room a minute ago must not be told that nothing can be recovered."""
    listening.open(100.0)
    position = listening.publish("x", now=100.0)
    listening.engine.close("chat-1", 1000.0)
    listening.engine.close("chat-never-opened", 1000.0)
    listening.engine.sweep(1000.0 + KEPT.history_ttl)
    assert listening.open(1000.0 + KEPT.history_ttl, since=position).missed == []
    listening.engine.close("chat-1", 1060.0)
    listening.engine.sweep(1061.0 + KEPT.history_ttl)
    assert listening.epoch(1122.0) == "e.1"


def test_rooms_without_a_message_leave_nothing_behind(listening: Listening) -> None:
    for number in range(1000):
        opened = listening.open(0.0, room=f"chat-{number}")
        listening.open(0.0, opened.head, f"chat-{number}")
        listening.page(0.0, f"chat-{number}")
        listening.engine.close(f"chat-{number}", 1.0)
    assert listening.ledger.total == 0
    assert not listening.engine._histories
    assert not listening.engine._open


def test_a_client_of_a_room_without_messages_misses_none(listening: Listening) -> None:
    """Its position is good before the first message, after it, and when other histories were forgotten meanwhile."""
    head = listening.open(0.0).head
    assert head.offset == 0
    assert listening.open(0.0, since=head).missed == [], "while the room is open"
    listening.publish("x", room="chat-other")
    listening.engine.close("chat-1", 1.0)
    listening.engine.forget("chat-other")
    opened = listening.open(2.0, since=head)
    assert (opened.missed, opened.head) == ([], RoomPosition(epoch="e.1", offset=0))
    first = listening.publish("first", now=3.0)
    assert first == RoomPosition(epoch="e.1", offset=1)
    for since in (head, opened.head):
        missed = listening.open(4.0, since=since).missed
        assert missed is not None
        assert len(missed) == 1


def test_a_client_that_left_before_the_first_message_is_told_where_it_was_forgotten(listening: Listening) -> None:
    head = listening.open(0.0).head
    listening.publish("x")
    assert listening.open(0.0, since=head).missed is not None
    listening.engine.forget("chat-1")
    assert listening.open(0.0, since=head).missed is None
    listening.publish("y")
    assert listening.open(0.0, since=head).missed is None


def test_an_account_with_its_share_of_histories_loses_the_histories_of_empty_rooms_first(listening: Listening) -> None:
    for room in ("chat-open", "chat-left", "chat-left-later"):
        listening.open(0.0, room=room)
        listening.publish("x" * 4000, room=room)
    position = listening.publish("y" * 2000, room="chat-left")
    listening.publish("x" * 4000, room="chat-bob", account="user 2")
    listening.engine.close("chat-left", 1.0)
    listening.engine.close("chat-left-later", 2.0)
    listening.publish("x" * 5000, room="chat-open")
    kept = {room: len(listening.page(2.0, room)) for room in ("chat-open", "chat-left", "chat-left-later", "chat-bob")}
    assert kept == {"chat-open": 2, "chat-left": 0, "chat-left-later": 1, "chat-bob": 1}
    assert listening.open(3.0, position, "chat-left").missed is None


def test_where_all_rooms_are_open_the_most_silent_gives_way(listening: Listening) -> None:
    rooms = [f"chat-{number}" for number in range(12)]
    for room in rooms:
        listening.open(0.0, room=room)
    first = listening.publish("x" * 2000, now=0.0, room="chat-0")
    for number, room in enumerate(rooms[1:]):
        listening.publish("x" * 2000, now=1.0 + number, room=room)
    kept = [len(listening.page(21.0, room)) for room in rooms]
    assert kept == sorted(kept), "the latest are there"
    assert 5 < sum(kept) < 12
    assert listening.ledger.of_account("user 1") <= SHARE
    opened = listening.open(21.0, RoomPosition(epoch=first.epoch, offset=0), "chat-0")
    assert opened.missed is None
    assert opened.head == first, "positions go on where they were"


def test_one_room_alone_cannot_pass_the_share_either(listening: Listening) -> None:
    many = RoomRules("chat-*", history_size=100, history_ttl=60.0)
    for number in range(50):
        listening.publish("x" * 3000, now=float(number), rules=many)
        assert listening.ledger.of_account("user 1") <= SHARE
    assert listening.page(50.0, rules=many)


def test_a_message_larger_than_all_that_may_be_held_is_refused_and_leaves_no_history(listening: Listening) -> None:
    listening.ledger.take("user 1", "presence", SHARE - HISTORY_BYTES - 200)
    with pytest.raises(Refused) as refused:
        listening.publish("x" * 1000)
    assert refused.value.code == "limit_reached"
    assert not listening.engine._histories
    listening.ledger.take("user 1", "presence", 1000)
    with pytest.raises(Refused):
        listening.publish("x")
    assert (listening.delivered_messages, listening.ledger.of_kind("rooms")) == ([], 0)


def test_histories_of_others_give_way_where_the_whole_is_full(listening: Listening) -> None:
    listening.publish("x" * 8000, room="chat-old", account="user 2")
    for number in range(7):
        listening.ledger.take(f"user {number + 10}", "presence", SHARE)
    listening.ledger.take("user 3", "presence", SHARE - 8000)
    assert listening.page(0.0, "chat-old") == []


def test_without_a_limit_everything_is_kept() -> None:
    listening = Listening()
    listening.ledger.limit = 0
    for number in range(100):
        listening.publish("x" * 8000, room=f"chat-{number}")
    assert all(listening.page(0.0, f"chat-{number}") for number in range(100))


def test_a_room_whose_history_ended_leaves_nothing_in_the_ledger(listening: Listening) -> None:
    listening.open(0.0)
    listening.publish("x", key="k")
    assert listening.ledger.of_kind("keys")
    listening.engine.close("chat-1", 0.0)
    listening.engine.sweep(KEPT.history_ttl + 1)
    assert listening.ledger.total == 0


def test_forgetting_a_room_begins_a_new_epoch_and_frees_its_bytes(listening: Listening) -> None:
    listening.publish("x" * 6000)
    assert listening.engine.forget("chat-1").result() is None
    listening.engine.forget("chat-1")
    assert listening.publish("x" * 6000) == RoomPosition(epoch="e.1", offset=1)
    assert len(listening.page(0.0)) == 1, "the limit is not reached"


def test_presence_tells_when_the_first_user_appears_and_the_last_one_vanishes(listening: Listening) -> None:
    steps = [("1", ENTRY), ("2", ENTRY), ("2", ENTRY), ("1", None), ("1", None), ("2", None), ("2", None)]
    outcomes = [listening.engine.present("chat-1", user, entry).result() for user, entry in steps]
    assert outcomes == ["occupied", None, None, None, None, "vacated", None]


def test_the_only_gateway_is_told_whatever_is_told_to_any(listening: Listening) -> None:
    listening.engine.tell(None, "kick", "1")
    listening.engine.tell("another", "revoke", "2")
    listening.engine.user("1", b"{}")
    assert listening.other == [("kick", "1"), ("revoke", "2"), ("1", "{}")]


async def test_after_the_end_its_gateway_is_told_nothing(listening: Listening) -> None:
    assert listening.engine.healthy
    await listening.engine.aclose()
    listening.publish("x")
    listening.engine.tell(None, "kick", "1")
    listening.engine.user("1", b"{}")
    assert (listening.delivered_messages, listening.other) == ([], [])
