"""Costly changes are dispatched in several turns of the event loop, in order, and before anything else of the feed."""

from __future__ import annotations

import asyncio

import pytest

from tests.core.rows.test_costly_changes import LONG, crowded, told, updated
from tidegate.core.effects import Effect
from tidegate.gateway.feed import SLICE_S, Feed

STEP_S = SLICE_S / 3.5


class NoRooms:
    """No rule of a room looks at rows."""

    def changed(self, changes: object, head: int) -> None: ...
    def skipped(self, head: int) -> None: ...


class Gateway:
    """A feed over 40 groups. Each look at the clock comes `STEP_S` after the one before."""

    def __init__(self) -> None:
        house, _ = crowded()
        self.rows = house.rows
        self.now = 0.0
        self.told: list[tuple[int, str]] = []
        self.advances = 0
        self.fails = False
        self.feed = Feed(self, self, self, NoRooms(), self.clock)  # type: ignore[arg-type]  # what it uses of them

    def clock(self) -> float:
        self.now += STEP_S
        return self.now

    def run(self, effects: list[Effect]) -> None:
        if self.fails and effects:
            raise RuntimeError("a bug")
        self.told += told(effects)

    def advanced(self) -> None:
        self.advances = self.rows.cursor.seq


async def turn() -> None:
    await asyncio.sleep(0)


async def test_cheap_changes_are_dispatched_at_once() -> None:
    gateway = Gateway()
    assert gateway.feed.changed([updated(2, "x")], 3) is None
    assert len(gateway.told) == 20
    assert gateway.advances == 3


async def test_costly_changes_take_several_turns_of_the_loop() -> None:
    gateway = Gateway()
    done = gateway.feed.changed([updated(2, "x" * LONG), updated(3, "xy" * LONG)], 3)
    assert done is not None
    longest, turns = 0.0, 0
    while not done.done():
        before = gateway.now
        await turn()
        longest, turns = max(longest, gateway.now - before), turns + 1
        assert not gateway.told or len(gateway.told) in {20, 40}
    assert longest <= SLICE_S + 2 * STEP_S
    assert turns > 15
    assert [seq for seq, _ in gateway.told] == [2] * 20 + [3] * 20
    assert gateway.advances == 3


@pytest.mark.parametrize("skips", [True, False])
async def test_what_is_under_way_is_finished_before_anything_else(skips: bool) -> None:
    gateway = Gateway()
    done = gateway.feed.changed([updated(2, "x" * LONG)], 2)
    assert done is not None
    if skips:
        gateway.feed.skipped(7)
    else:
        assert gateway.feed.changed([updated(3, "x")], 7) is None
    assert done.done()
    assert [seq for seq, _ in gateway.told][:20] == [2] * 20
    assert gateway.rows.cursor.seq == 7
    await turn()
    assert gateway.rows.cursor.seq == 7


async def test_a_failure_is_told_and_the_feed_goes_on() -> None:
    gateway = Gateway()
    gateway.fails = True
    done = gateway.feed.changed([updated(2, "x" * LONG)], 2)
    assert done is not None
    with pytest.raises(RuntimeError):
        await done
    gateway.fails = False
    assert gateway.feed.changed([updated(3, "x")], 3) is None
    assert gateway.advances == 3
