"""Memory that clients took is given back to the operating system when they are gone."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

import pytest

from tests.core.rooms.test_memberships import House, client
from tidegate import trimming
from tidegate.core.budgets.ledger import Ledger
from tidegate.core.rooms.ghosts import GRACE_S
from tidegate.trimming import PEAK_BYTES, AfterDrop, after_peak

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


def test_memory_is_given_back_after_much_was_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    trims: list[None] = []
    monkeypatch.setattr(trimming, "_trim", lambda: trims.append(None))
    look = AfterDrop()
    counts = []
    for dropped in (0, PEAK_BYTES - 1, PEAK_BYTES, PEAK_BYTES, 2 * PEAK_BYTES - 1, 2 * PEAK_BYTES):
        look(dropped)
        counts.append(len(trims))
    assert counts == [0, 0, 1, 1, 1, 2]


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
    assert resident() - before < grown / 2


def resident() -> int:
    """Bytes of this process in memory."""
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_a_look_is_taken_often_enough() -> None:
    assert trimming.LOOK_S <= 10
