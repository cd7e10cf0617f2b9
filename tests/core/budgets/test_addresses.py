"""What one address may do: connect, be connected, have tokens refused. And what is kept of it."""

from __future__ import annotations

import random

from tidegate.core.budgets.addresses import FULL_S, Addresses, AddressLimits
from tidegate.core.budgets.rates import Rate
from tidegate.core.budgets.traffic import TrafficRates

CONNECTION = TrafficRates(Rate(100, 1000), Rate(1 << 20, 1 << 22))
TRAFFIC = TrafficRates(Rate(1000, 10_000), Rate(10 << 20, 40 << 20))
LIMITS = AddressLimits(
    Rate(20, 200), connections=1000, tokens=Rate(10 / 60, 10), connection=CONNECTION, traffic=TRAFFIC
)
FREE = TrafficRates(Rate(0, 0), Rate(0, 0))
NONE = AddressLimits(Rate(0, 0), 0, Rate(0, 0), FREE, FREE)


def lines(addresses: Addresses, name: str, now: float) -> int:
    shared = addresses.traffic(name, now).shared
    assert shared is not None
    return shared.connections


def test_a_line_shares_the_rate_of_its_address_where_it_has_one() -> None:
    addresses = Addresses(LIMITS)
    assert addresses.traffic("a", 0.0).shared is addresses.traffic("a", 1.0).shared
    assert addresses.traffic("b", 0.0).shared is not addresses.traffic("a", 1.0).shared
    assert addresses.traffic(None, 0.0).shared is None


def test_connects_beyond_the_burst_wait_for_the_rate_and_other_addresses_do_not() -> None:
    addresses = Addresses(LIMITS)
    assert [addresses.connect("a", 0.0) for _ in range(200)] == [0.0] * 200
    assert 0 < addresses.connect("a", 0.0) < 0.051
    assert addresses.connect("b", 0.0) == 0.0
    assert addresses.connect("a", 0.06) == 0.0
    assert lines(addresses, "a", 0.06) == 201


def test_connections_at_a_time_are_limited_and_make_room_when_they_end() -> None:
    addresses = Addresses(LIMITS)
    for number in range(1000):
        assert addresses.connect("a", float(number)) == 0.0
    assert addresses.connect("a", 1000.0) == FULL_S
    addresses.ended("a")
    assert addresses.connect("a", 1001.0) == 0.0


def test_tokens_are_not_looked_at_after_a_burst_of_refused_ones() -> None:
    addresses = Addresses(LIMITS)
    assert addresses.token_wait("a", 0.0) == 0.0
    for _ in range(10):
        assert addresses.token_wait("a", 0.0) == 0.0
        addresses.token_refused("a", 0.0)
    assert 5.9 < addresses.token_wait("a", 0.0) <= 6.0
    assert addresses.token_wait("b", 0.0) == 0.0
    assert addresses.token_wait("a", 6.1) == 0.0


def test_other_limits_hold_at_once_for_addresses_and_connections_that_are_there() -> None:
    addresses = Addresses(LIMITS)
    for _ in range(3):
        assert addresses.connect("a", 0.0) == 0.0
    mine, foreign = addresses.traffic("a", 0.0), addresses.traffic(None, 0.0)
    assert mine.more_frames(0.0) and foreign.more_frames(0.0)
    few = TrafficRates(Rate(1, 10), Rate(1 << 20, 1 << 22))
    addresses.limit(AddressLimits(Rate(1, 2), 3, Rate(1, 1), few, few), 0.0)
    assert [mine.more_frames(0.0) for _ in range(3)] == [True, True, False], "2 are left, one at a time"
    assert [foreign.more_frames(0.0) for _ in range(3)] == [True, False, False]
    assert addresses.connect("a", 0.0) > 0, "3 connects of 2"
    assert addresses.connect("a", 10.0) == FULL_S
    addresses.token_refused("a", 10.0)
    assert addresses.token_wait("a", 10.0) == 1.0
    addresses.limit(NONE, 10.0)
    assert addresses.token_wait("a", 10.0) == 0.0
    assert [addresses.connect("a", 10.0) for _ in range(5)] == [0.0] * 5
    assert all(mine.more_frames(10.0) for _ in range(100))
    addresses.limit(LIMITS, 10.0)
    sent = 0
    while foreign.more_frames(10.0):
        sent += 1
    assert sent == 1000 / 8, "8 frames at a time"


def test_without_limits_nothing_waits_and_nothing_is_kept() -> None:
    addresses = Addresses(NONE)
    for number in range(3000):
        assert addresses.connect("a", 0.0) == 0.0
        addresses.token_refused(f"b{number}", 0.0)
        assert addresses.token_wait("a", 0.0) == 0.0
    assert len(addresses) < 5


def test_addresses_that_are_as_good_as_new_are_forgotten() -> None:
    chance, addresses, open_now, now = random.Random(1), Addresses(LIMITS), [], 0.0
    for number in range(20_000):
        now += 0.1
        name = f"a{number}"
        assert addresses.connect(name, now) == 0.0
        if number % 100:
            addresses.ended(name)
        else:
            open_now.append(name)
        if chance.random() < 0.1:
            addresses.token_refused(name, now)
    assert len(addresses) < 2000
    for name in open_now:
        assert lines(addresses, name, now) == 1
        addresses.ended(name)


def test_number_of_addresses_is_bounded_but_for_those_with_connections() -> None:
    addresses = Addresses(LIMITS, most=10)
    for number in range(5):
        addresses.connect(f"open {number}", 0.0)
    for number in range(1000):
        addresses.token_refused(f"a{number}", 0.0)
    assert len(addresses) <= 16
    for number in range(5):
        addresses.ended(f"open {number}")
