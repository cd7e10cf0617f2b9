"""Memory that clients took is given back to the operating system when they are gone."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

import pytest

from tests.core.rooms.test_memberships import House, client
from tidegate import heap, trimming
from tidegate.core.budgets.ledger import Ledger
from tidegate.core.rooms.ghosts import GRACE_S
from tidegate.trimming import PEAK_BYTES, AfterFrees, after_peak

STATM = Path("/proc/self/statm")


@pytest.mark.parametrize(
    ("peak", "now", "collected"),
    [
        (PEAK_BYTES - 1, 0, False),
        (PEAK_BYTES, 0, True),
        (4 * PEAK_BYTES, 2 * PEAK_BYTES, True),
        (4 * PEAK_BYTES, 3 * PEAK_BYTES, False),
        (0, 0, False),
    ],
)
def test_garbage_is_collected_after_a_peak(
    peak: int, now: int, collected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    collections: list[None] = []
    monkeypatch.setattr(gc, "collect", lambda: collections.append(None))
    ledger = Ledger()
    ledger.take("user 1", "rooms", peak)
    ledger.give("user 1", "rooms", peak - now)
    after_peak(ledger)
    after_peak(ledger)
    assert len(collections) == collected, "once for each peak"


class FakeHeap:
    """What a look finds is set by the test."""

    def __init__(self, free: int, resident: int) -> None:
        self.sizes = free, resident
        self.trims = 0

    def free(self) -> int:
        return self.sizes[0]

    def resident(self) -> int:
        return self.sizes[1]

    def trim(self) -> None:
        """Half of what is free is in whole pages; it still counts as free."""
        self.trims += 1
        self.sizes = self.sizes[0], self.sizes[1] - self.sizes[0] // 2


@pytest.mark.parametrize(
    ("found", "trims"),
    [
        ([(4, 100), (11, 107)], [0, 0]),
        ([(4, 100), (12, 108)], [0, 1]),
        # The memory is in use when it is looked at, and freed later.
        ([(4, 130), (34, 130)], [0, 1]),
        # What was given back still counts as free: not again.
        ([(30, 130), (30, 115), (31, 116)], [1, 1, 1]),
        # It was used and freed again between two looks.
        ([(30, 130), (30, 115), (30, 130)], [1, 1, 2]),
        # Memory that is in use and stays is no reason.
        ([(4, 200), (5, 300), (6, 400)], [0, 0, 0]),
    ],
)
def test_free_pages_are_given_back_once(found: list[tuple[int, int]], trims: list[int]) -> None:
    fake = FakeHeap(4 << 20, 100 << 20)
    look = AfterFrees(fake).look
    counts = []
    for free, resident in found:
        fake.sizes = free << 20, resident << 20
        look()
        counts.append(fake.trims)
    assert counts == trims


@pytest.mark.skipif(not STATM.exists(), reason="reads Linux's /proc")
@pytest.mark.skipif(sys.version_info >= (3, 12), reason="measured with CPython 3.11, which has the largest free lists")
def test_what_rooms_took_is_given_back() -> None:
    house = House(new_rooms=0)
    before = resident()
    sessions = [client(f"anon-{number}") for number in range(150)]
    for session in sessions:
        for number in range(100):
            house.join(session, f"room-{session.id}-{number}")
    grown = resident() - before
    for session in sessions:
        house.protocol.ended(session, None, 0.0)
    del session, sessions
    house.protocol.tick(GRACE_S + 1)
    assert house.ledger.total == 0
    after_peak(house.ledger)
    if (own := heap.of_process()) is not None:
        own.trim()
    assert resident() - before < grown / 2


def resident() -> int:
    """Bytes of this process in memory."""
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_a_look_is_taken_often_enough() -> None:
    assert trimming.LOOK_S <= 10
