from __future__ import annotations

import pytest

from tidegate.core.errors import Refused
from tidegate.core.rooms.history import RECENT_KEYS, History
from tidegate_protocol import RoomPosition


def said(history: History, text: str, now: float) -> RoomPosition:
    position = history.next_position()
    history.append(text.encode(), now)
    return position


def texts(messages: list[bytes] | None) -> list[str] | None:
    return None if messages is None else [message.decode() for message in messages]


@pytest.fixture
def history() -> History:
    history = History("e1", size=3, ttl=60, now=0.0)
    for number, text in enumerate("abcd"):
        said(history, text, float(number))
    return history


def test_offsets_count_from_one_without_a_gap(history: History) -> None:
    assert history.head == RoomPosition(epoch="e1", offset=4)
    assert len(history) == 3
    assert history.page(3, 10, 4.0) == ([b"b"], False), "the oldest that is kept has offset 2"


def test_its_size_is_that_of_what_it_keeps(history: History) -> None:
    assert history.bytes == 3
    said(history, "long", 4.0)
    assert history.bytes == 6
    history.drop(2)
    assert (history.bytes, len(history)) == (4, 1)
    assert history.after(RoomPosition(epoch="e1", offset=3), 4.0) is None
    assert history.head.offset == 5
    history.drop(9)
    assert (history.bytes, len(history)) == (0, 0)


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
    history = History("e", size=0, ttl=0, now=0.0)
    said(history, "a", 0.0)
    assert history.head.offset == 1
    assert history.page(None, 10, 0.0) == ([], False)
    assert history.after(RoomPosition(epoch="e", offset=0), 0.0) is None


def test_a_key_said_before_is_found_until_many_others_came(history: History) -> None:
    history.remember("1", "k", b"what")
    assert history.published("1", "k", b"what") == RoomPosition(epoch="e1", offset=4)
    assert history.published("2", "k", b"what") is None
    with pytest.raises(Refused) as refused:
        history.published("1", "k", b"something else")
    assert (refused.value.code, refused.value.pointer) == ("conflict", "/key")
    for number in range(RECENT_KEYS):
        history.remember("1", f"other {number}", b"")
    assert history.published("1", "k", b"what") is None


def test_it_expires_by_its_last_message(history: History) -> None:
    assert not history.expired(63.0)
    assert history.expired(63.1)
