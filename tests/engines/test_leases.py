"""Which gateways live: each finding alone, then random beats, deaths, pauses and burials of a few gateways."""

from __future__ import annotations

import random

from tidegate.core.rooms.ports import Standing
from tidegate.engines.leases import Beat, Leases
from tidegate.engines.setup import LeaseTimes

TIMES = LeaseTimes(lease=15.0, beat=5.0, grace=10.0)


def leases() -> Leases:
    """Of gateway a, which has beaten once beside b."""
    found = Leases("a", TIMES)
    assert found.beaten(False, {"a": 115.0, "b": 112.0}, 100.0) == Beat({})
    return found


def test_a_gateway_that_beats_is_present() -> None:
    assert leases().beaten(True, {"a": 120.0, "b": 117.0}, 105.0) == Beat({})


def test_a_gateway_whose_lease_ended_is_leaving_for_the_grace_and_then_to_be_buried() -> None:
    found = leases()
    assert found.beaten(True, {"a": 127.0, "b": 112.0}, 112.0) == Beat({"b": "leaving"})
    assert found.standing("b") == "leaving"
    assert found.beaten(True, {"a": 130.0, "b": 112.0}, 121.9) == Beat({})
    for now in (122.0, 127.0, 132.0):
        assert found.beaten(True, {"a": now + 15, "b": 112.0}, now) == Beat({}, ("b",)), "until it is done"
    assert found.beaten(True, {"a": 152.0}, 137.0) == Beat({"b": "gone"})
    assert found.beaten(True, {"a": 157.0}, 142.0) == Beat({})


def test_a_gateway_that_beats_again_within_the_grace_is_present_again() -> None:
    found = leases()
    found.beaten(True, {"a": 127.0, "b": 112.0}, 112.0)
    assert found.beaten(True, {"a": 130.0, "b": 129.0}, 115.0) == Beat({"b": "present"})


def test_a_gateway_that_is_first_seen_when_its_lease_is_over_is_leaving() -> None:
    assert leases().beaten(True, {"a": 120.0, "b": 117.0, "c": 90.0}, 105.0) == Beat({"c": "leaving"}, ("c",))


def test_a_gateway_that_says_that_it_leaves_is_leaving_at_once() -> None:
    found = leases()
    assert found.left("b") == {"b": "leaving"}
    assert found.left("b") == {}, "told once"
    assert found.left("a") == {}, "a gateway says nothing to itself"
    assert found.beaten(True, {"a": 120.0, "b": 103.0}, 105.0) == Beat({}), "known already"
    assert found.left("new") == {"new": "leaving"}
    assert found.beaten(True, {"a": 125.0, "b": 103.0}, 110.0) == Beat({"new": "gone"})


def test_a_gateway_that_was_given_up_goes_on_under_another_name() -> None:
    found = leases()
    assert found.beaten(False, {"a": 150.0, "b": 145.0}, 135.0) == Beat({}, given_up=True)
    found.renamed("a2")
    assert found.beaten(False, {"a2": 155.0, "b": 150.0}, 140.0) == Beat({})
    assert found.beaten(True, {"a2": 160.0, "b": 150.0}, 145.0) == Beat({})


def test_a_gateway_neither_buries_nor_tells_itself() -> None:
    found = Leases("a", TIMES)
    assert found.beaten(True, {"a": 50.0}, 100.0) == Beat({})


class Cluster:
    """Some gateways and their list of leases; each dies, hangs and comes back at random."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.now = 0.0
        self.ends: dict[str, float] = {}
        self.entries: dict[str, set[str]] = {}
        """In the engine: by node, the rooms in which it says that users are present."""
        self.living = {f"g{number}": Leases(f"g{number}", TIMES) for number in range(4)}
        self.heard: dict[str, dict[str, Standing]] = {node: {} for node in self.living}
        self.hangs_until: dict[str, float] = {}
        self.dead_since: dict[str, float] = {}
        self.names = 0

    def beat(self, name: str) -> None:
        one = self.living[name]
        known = one.node in self.ends
        self.ends[one.node] = self.now + TIMES.lease
        beat = one.beaten(known, dict(self.ends), self.now)
        for node, standing in beat.changes.items():
            assert self.heard[name].get(node, "present") != standing, "told once"
            self.heard[name][node] = standing
        if beat.given_up:
            self.ends.pop(one.node)
            self.names += 1
            one.renamed(f"{name}.{self.names}")
            self.beat(name)
        self.entries[one.node] = {"r1", "r2", "r3"}
        for node in beat.bury:
            self.bury(node)

    def bury(self, node: str) -> None:
        for room in sorted(self.entries.get(node, ())):
            if not Leases("x", TIMES).due(self.ends.get(node, self.now), self.now) or self.chance.random() < 0.2:
                return  # it beats again, or the one that buries dies
            self.entries[node].discard(room)
        self.ends.pop(node, None)

    def step(self) -> None:
        self.now += 1.0
        for name in list(self.living):
            if self.hangs_until.get(name, 0.0) <= self.now and (self.now + int(name[1:])) % TIMES.beat < 1:
                self.beat(name)
        chance = self.chance.random()
        name = self.chance.choice(sorted(self.living))
        if chance < 0.01 and len(self.living) > 1:
            self.dead_since[self.living.pop(name).node] = self.now
        elif chance < 0.03:
            self.hangs_until[name] = self.now + self.chance.choice((3.0, 12.0, 20.0, 40.0))

    def judge(self) -> None:
        """After a quiet time the entries are those of the living, and each knows that."""
        nodes = {one.node for one in self.living.values()}
        assert self.ends.keys() == nodes
        assert {node for node, rooms in self.entries.items() if rooms} == nodes
        for name in self.living:
            for node, standing in self.heard[name].items():
                assert standing == ("present" if node in nodes else "gone")


def test_random_deaths_hangs_and_burials() -> None:
    for seed in range(150):
        cluster = Cluster(seed)
        for _ in range(200):
            cluster.step()
        cluster.chance.random = lambda: 1.0  # type: ignore[method-assign]  # nothing breaks any more
        for _ in range(120):
            cluster.step()
        cluster.judge()
