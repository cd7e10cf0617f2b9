from __future__ import annotations

from random import Random

import pytest

from tidegate.core.budgets.ledger import LASTING, Ledger, Order
from tidegate.core.errors import Refused
from tidegate.core.rooms.history import (
    BLOCK_BYTES,
    GROWTH,
    HISTORY_BYTES,
    KEY_BYTES,
    MESSAGE_BYTES,
    PAGE_BYTES,
    RECENT_KEYS,
    History,
)
from tidegate_protocol import RoomPosition


def said(history: History, text: str, now: float) -> RoomPosition:
    position = history.next_position()
    history.append(text.encode(), now, "user 1")
    return position


def used(history: History) -> dict[str, int]:
    return {account: share.used for account, share in history.held.items()}


def texts(messages: list[bytes] | None) -> list[str] | None:
    return None if messages is None else [message.decode() for message in messages]


@pytest.fixture
def history() -> History:
    history = History(Ledger(), "user 1", "e1", (3, 60.0), 0.0)
    for number, text in enumerate("abcd"):
        said(history, text, float(number))
    return history


def test_offsets_count_from_one_without_a_gap(history: History) -> None:
    assert history.head == RoomPosition(epoch="e1", offset=4)
    assert len(history) == 3
    assert history.page(3, 10, 4.0) == ([b"b"], False), "the oldest that is kept has offset 2"


def test_the_ledger_counts_what_it_keeps() -> None:
    ledger = Ledger()
    history = History(ledger, "user 1", "e1", (3, 60.0), 0.0)
    assert (ledger.of_account("user 1", "rooms"), ledger.total) == (HISTORY_BYTES, HISTORY_BYTES)
    for number, account in enumerate(["user 1", "user 2", "user 1", "user 2"]):
        history.append(b"x" * 10, float(number), account)
    message = MESSAGE_BYTES + 10
    assert used(history) == {"user 1": message, "user 2": 2 * message}, "the oldest fell out of the ring"
    assert (ledger.of_account("user 1", "histories"), ledger.of_account("user 2")) == (BLOCK_BYTES, BLOCK_BYTES)
    history.drop(2)
    assert (used(history), len(history)) == ({"user 2": message}, 1)
    assert ledger.of_account("user 1", "histories") == 0
    assert history.after(RoomPosition(epoch="e1", offset=2), 4.0) is None
    history.remember("3", "key", b"digest", "user 3")
    assert ledger.of_account("user 3", "keys") == KEY_BYTES + 4
    history.drop(9)
    assert (len(history), history.head.offset) == (0, 4), "it goes on where it was"
    history.close()
    assert ledger.total == 0


def test_a_message_that_finds_no_memory_is_refused_and_not_counted() -> None:
    ledger = Ledger(8 * LASTING * 2 * BLOCK_BYTES)
    history = History(ledger, "user 1", "e1", (3, 60.0), 0.0)
    history.append(b"x", 0.0, "user 1")
    with pytest.raises(Refused) as refused:
        history.append(b"x" * 2 * BLOCK_BYTES, 1.0, "user 1")
    assert refused.value.code == "limit_reached"
    assert (history.head.offset, len(history)) == (1, 1)


def test_keys_are_counted_until_they_are_forgotten() -> None:
    ledger = Ledger()
    history = History(ledger, "user 1", "e1", (3, 60.0), 0.0)
    for number in range(RECENT_KEYS + 5):
        history.remember("1", f"{number:03}", b"", "user 1")
    assert ledger.of_kind("keys") == RECENT_KEYS * (KEY_BYTES + 4)


def test_a_page_has_a_limit_in_bytes() -> None:
    history = History(Ledger(), "user 1", "e1", (100, 60.0), 0.0)
    for number in range(10):
        history.append(bytes([number]) * (PAGE_BYTES // 4), 0.0, "user 1")
    pages: list[list[int]] = []
    before, more = None, True
    while more:
        page, more = history.page(before, 1000, 0.0)
        pages.append([text[0] for text in page])
        before = pages[-1][0] + 1  # its offset
    assert pages == [[6, 7, 8, 9], [2, 3, 4, 5], [0, 1]]


def test_a_page_has_one_message_at_least() -> None:
    history = History(Ledger(), "user 1", "e1", (100, 60.0), 0.0)
    for _ in range(2):
        history.append(bytes(PAGE_BYTES + 1), 0.0, "user 1")
    page, more = history.page(None, 1000, 0.0)
    assert (len(page), more) == (1, True)


def test_after_gives_exactly_what_was_missed(history: History) -> None:
    assert texts(history.after(RoomPosition(epoch="e1", offset=2), 4.0)) == ["c", "d"]
    assert texts(history.after(RoomPosition(epoch="e1", offset=1), 4.0)) == ["b", "c", "d"]
    assert texts(history.after(history.head, 4.0)) == []


@pytest.mark.parametrize(
    "since",
    [
        pytest.param(RoomPosition(epoch="e1", offset=0), id="beyond the ring"),
        pytest.param(RoomPosition(epoch="e1", offset=5), id="ahead of the head"),
        pytest.param(RoomPosition(epoch="e0", offset=3), id="another epoch"),
    ],
)
def test_after_says_none_rather_than_too_little(history: History, since: RoomPosition) -> None:
    assert history.after(since, 4.0) is None


def test_messages_past_their_ttl_cannot_be_recovered(history: History) -> None:
    assert history.after(RoomPosition(epoch="e1", offset=1), 62.5) is None
    assert texts(history.after(RoomPosition(epoch="e1", offset=3), 62.5)) == ["d"]


def test_a_page_goes_backwards_and_says_whether_there_is_more(history: History) -> None:
    messages, more = history.page(None, 2, 4.0)
    assert (texts(messages), more) == (["c", "d"], True)
    messages, more = history.page(3, 2, 4.0)
    assert (texts(messages), more) == (["b"], False)


def test_a_history_of_size_zero_still_counts() -> None:
    history = History(Ledger(), "user 1", "e", (0, 0.0), 0.0)
    said(history, "a", 0.0)
    assert history.head.offset == 1
    assert history.page(None, 10, 0.0) == ([], False)
    assert history.after(RoomPosition(epoch="e", offset=0), 0.0) is None


def test_a_key_said_before_is_found_until_many_others_came(history: History) -> None:
    history.remember("1", "k", b"what", "user 1")
    assert history.published("1", "k", b"what") == RoomPosition(epoch="e1", offset=4)
    assert history.published("2", "k", b"what") is None
    with pytest.raises(Refused) as refused:
        history.published("1", "k", b"something else")
    assert (refused.value.code, refused.value.pointer) == ("conflict", "/key")
    for number in range(RECENT_KEYS):
        history.remember("1", f"other {number}", b"", "user 1")
    assert history.published("1", "k", b"what") is None


def test_it_expires_by_its_last_message(history: History) -> None:
    assert not history.expired(63.0)
    assert history.expired(63.1)


@pytest.mark.parametrize("seed", range(20))
def test_no_account_holds_more_than_is_reserved_or_has_much_reserved_that_it_does_not_use(seed: int) -> None:
    random, ledger = Random(seed), Ledger()
    history = History(ledger, "user 1", "e1", (random.randint(1, 20), 60.0), 0.0)
    most = dict[str, int]()
    for _ in range(200):
        history.append(b"x" * random.choice((10, 300, 5000)), 0.0, f"user {random.randint(1, 3)}")
        if random.random() < 0.05:
            history.drop(random.randint(1, 20))
        for account, share in history.held.items():
            most[account] = max(most.get(account, 0), share.used)
            assert 0 < share.used <= share.reserved < share.used + 2 * max(BLOCK_BYTES, most[account] // GROWTH)
            assert ledger.of_account(account, "histories") == share.reserved
        assert ledger.of_kind("histories") == sum(share.reserved for share in history.held.values())
    history.close()
    assert ledger.total == 0


def test_a_message_that_needs_memory_may_make_the_history_give_way_first() -> None:
    ledger = Ledger(8 * LASTING * 3 * BLOCK_BYTES)
    history = History(ledger, "user 1", "e1", (9, 60.0), 0.0)
    ledger.gives_way(Order.HISTORIES, lambda size, account: history.drop(len(history)))
    for size in (1000, 1000, 2000):
        history.append(b"x" * size, 0.0, "user 1")
    assert (len(history), used(history)) == (1, {"user 1": 2000 + MESSAGE_BYTES})
    history.close()
    assert ledger.total == 0
