"""What becomes of a durable room's row, without a database."""

from __future__ import annotations

import random

import pytest

from tidegate.core.errors import Refused
from tidegate.core.rooms.room_log import NewMessage
from tidegate.store.serving.retention import REQUESTS_KEEP_MS
from tidegate.store.serving.room_state import IDLE_MS, NEVER, SLACK, STEP, TOLERATED_MS, RoomState
from tidegate_protocol import RoomPosition


def message(time: int = 1000, size: int = 10, ttl: int = 500, digest: bytes = b"1") -> NewMessage:
    return NewMessage(room="r", text=b"{}", time=time, size=size, ttl=ttl, user="u", key="k", digest=digest)


def test_numbers_are_given_once_and_in_order() -> None:
    state = RoomState(generation=3)
    positions = [state.append(message(), "e").position for _ in range(5)]
    assert positions == [RoomPosition(epoch="e.3", offset=number) for number in range(1, 6)]


@pytest.mark.parametrize("seed", range(20))
def test_times_go_back_only_from_a_clock_that_was_wrong(seed: int) -> None:
    draw = random.Random(seed)
    state = RoomState(generation=0)
    before = 0
    for _ in range(200):
        now = draw.choice([before, before + draw.randrange(1000), max(0, before - draw.randrange(2 * TOLERATED_MS))])
        kept = state.append(message(now), "e")
        assert kept.time == now if now >= before or before > now + TOLERATED_MS else kept.time == before
        before = kept.time


def test_the_sweep_is_due_no_later_than_the_oldest_message_ends() -> None:
    state = RoomState(generation=0)
    assert state.due == NEVER
    state.append(message(1000, ttl=500), "e")
    state.append(message(1200, ttl=500), "e")
    assert state.due == 1500
    state.append(message(1210, ttl=50), "e")  # the schema says so now
    assert state.due == 1260
    state.swept(1200, more=False, now=1500)
    assert state.due == 1251
    state.swept(None, more=False, now=1300)
    assert state.due == 1210 + 50 + IDLE_MS
    assert not state.idle(state.due - 1)
    assert state.idle(state.due)
    state.append(message(2000, ttl=50), "e")
    assert state.due == 2050


def test_too_many_messages_go_in_steps() -> None:
    state = RoomState(generation=0, head=10 + SLACK)
    assert state.too_many(10) is None
    state.head += 1
    assert state.too_many(10) == SLACK + 1
    state.head = 5 * STEP
    assert state.too_many(10) == STEP, "a history that became shorter goes step by step"
    assert state.first(10) == 5 * STEP - 10, "and is seen at its new length at once"


def test_a_key_counts_in_its_generation_and_for_its_time() -> None:
    state = RoomState(generation=2, head=9)
    found = (b"1", 2, 7, 1000)
    earlier = state.earlier(message(), "e", found)
    assert earlier is not None
    assert (earlier.position, earlier.new) == (RoomPosition(epoch="e.2", offset=7), False)
    with pytest.raises(Refused, match="different message"):
        state.earlier(message(digest=b"2"), "e", found)
    assert state.earlier(message(), "e", (b"2", 1, 7, 1000)) is None
    assert state.earlier(message(1001 + REQUESTS_KEEP_MS), "e", found) is None
    assert state.earlier(message(), "e", None) is None


def test_what_was_delivered_and_is_not_there_is_lost() -> None:
    state = RoomState(generation=1, head=5)
    assert state.lost("e", RoomPosition(epoch="e.1", offset=6))
    for known in (None, RoomPosition(epoch="e.1", offset=5), RoomPosition(epoch="e.0", offset=6)):
        assert not state.lost("e", known)
    state.begin(4)
    assert (state.append(message(), "e").position, state.due) == (RoomPosition(epoch="e.4", offset=1), 0)
