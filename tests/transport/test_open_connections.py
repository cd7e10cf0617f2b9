"""The registry of open connections: its turns of sweeping, and waiting until it is empty."""

from __future__ import annotations

import asyncio
from collections import Counter

from tidegate.transport.open_connections import SLICES, OpenConnections


class FakeConnection:
    """Counts the calls of each method."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()

    def sweep(self, now: float) -> None:
        self.calls["sweep"] += 1

    def stood_still(self, seconds: float, now: float) -> None:
        self.calls["stood_still"] += 1

    def close(self, code: int, reason: str) -> None:
        self.calls["close"] += 1

    def abort(self) -> None:
        self.calls["abort"] += 1


def filled(count: int) -> tuple[OpenConnections[FakeConnection], list[FakeConnection]]:
    connections: OpenConnections[FakeConnection] = OpenConnections()
    fakes = [FakeConnection() for _ in range(count)]
    for each in fakes:
        connections.add(each)
    return connections, fakes


def test_slices_stay_even_while_connections_come_and_go() -> None:
    connections, _ = filled(7)
    for _ in range(20 * SLICES):
        late = FakeConnection()
        connections.add(late)
        connections.remove(late)
    assert [len(connections.sweep(0.0)) for _ in range(SLICES)].count(1) == 7


def test_a_full_round_of_sweeps_checks_each_connection_once_and_no_turn_checks_many() -> None:
    connections, fakes = filled(3 * SLICES)
    swept = []
    for _ in range(SLICES):
        before = sum(each.calls["sweep"] for each in fakes)
        connections.sweep(0.0)
        swept.append(sum(each.calls["sweep"] for each in fakes) - before)
    assert [each.calls["sweep"] for each in fakes] == [1] * len(fakes)
    assert swept == [3] * SLICES


def test_a_connection_that_ends_during_a_sweep_does_not_disturb_it() -> None:
    connections: OpenConnections[FakeConnection] = OpenConnections()

    class Ending(FakeConnection):
        def sweep(self, now: float) -> None:
            super().sweep(now)
            connections.remove(self)

    fakes = [Ending() for _ in range(2 * SLICES)]
    for each in fakes:
        connections.add(each)
    for _ in range(2 * SLICES):
        connections.sweep(0.0)
    assert [each.calls["sweep"] for each in fakes] == [1] * len(fakes)
    assert list(connections) == []


async def test_emptied_waits_for_the_last_connection_and_late_ones_are_cut_off() -> None:
    connections, (first,) = filled(1)
    connections.refuse_more()
    late = FakeConnection()
    connections.add(late)
    assert (first.calls["abort"], late.calls["abort"]) == (0, 1)
    waiting = asyncio.create_task(connections.emptied())
    connections.remove(first)
    await asyncio.sleep(0)
    assert not waiting.done()
    connections.remove(late)
    await waiting
    await connections.emptied()
