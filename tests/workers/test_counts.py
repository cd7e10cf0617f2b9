"""What workers count together: the limits of an address hold for all of them, and what a process had goes with it."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator
from functools import partial

import pytest

from tidegate.core.budgets.addresses import FULL_S, Addresses, AddressLimits
from tidegate.core.budgets.rates import Bucket, Rate
from tidegate.core.budgets.traffic import TrafficRates
from tidegate.core.errors import Refused
from tidegate.core.rooms.limits import Openings
from tidegate.core.session import Session
from tidegate.workers.counts import CONNECTION_SETS, ROWS, Counts, most_workers
from tidegate_protocol import Principal

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="workers need Linux")

NONE = TrafficRates(Rate(0, 0), Rate(0, 0))
LIMITS = AddressLimits(Rate(10, 20), 5, Rate(1, 3), NONE, NONE)


@pytest.fixture
def counts() -> Iterator[Counts]:
    made = Counts.make(most_workers(2))
    yield made
    os.close(made.descriptor)


def worker(counts: Counts, column: int) -> Addresses:
    """What another process sees: the same file, mapped again."""
    return Addresses(LIMITS, Counts(counts.descriptor, most_workers(2)).of_worker(column))


def test_connections_of_an_address_count_in_all_workers(counts: Counts) -> None:
    first, second = worker(counts, 0), worker(counts, 1)
    for each in (first, second, first, second, first):
        assert each.connect("192.0.2.1", 0.0) == 0.0
    assert first.connect("192.0.2.1", 1.0) == second.connect("192.0.2.1", 1.0) == FULL_S
    assert second.connect("192.0.2.2", 1.0) == 0.0
    first.ended("192.0.2.1")
    assert second.connect("192.0.2.1", 2.0) == 0.0


def test_connections_of_a_process_that_ended_do_not_count(counts: Counts) -> None:
    first, second = worker(counts, 0), worker(counts, 1)
    for _ in range(5):
        assert first.connect("192.0.2.1", 0.0) == 0.0
    assert second.connect("192.0.2.1", 1.0) == FULL_S
    counts.clear(0)
    assert second.connect("192.0.2.1", 1.0) == 0.0


def test_connects_and_tokens_of_an_address_are_taken_from_one_bucket(counts: Counts) -> None:
    first, second = worker(counts, 0), worker(counts, 1)
    for number in range(20):
        each = (first, second)[number % 2]
        if each.connect("192.0.2.1", 0.0) == 0.0:
            each.ended("192.0.2.1")
    assert first.connect("192.0.2.1", 0.0) > 0.0
    assert second.connect("192.0.2.1", 0.0) > 0.0
    for _ in range(3):
        first.token_refused("192.0.2.1", 0.0)
    assert second.token_wait("192.0.2.1", 0.0) > 0.0
    assert worker(counts, 2).token_wait("192.0.2.1", 0.0) > 0.0  # it has not seen the address yet
    assert second.token_wait("192.0.2.2", 0.0) == 0.0


def test_a_shared_bucket_is_a_bucket(counts: Counts) -> None:
    """Each of three workers takes from it by chance; one bucket that is not shared is asked for the same."""
    rate, chance, now = Rate(7.0, 11.0), random.Random(3), 5.0
    alone = Bucket(rate)
    shared = [counts.of_worker(column).bucket("rooms", "user:1", rate) for column in range(3)]
    for _ in range(2000):
        now += chance.random() * 0.2
        one, amount = chance.choice(shared), chance.choice([1.0, 1.0, 3.0])
        match chance.randrange(4):
            case 0:
                assert one.take(now, amount) == pytest.approx(alone.take(now, amount))
            case 1:
                one.owe(now, amount)
                alone.owe(now, amount)
            case 2:
                assert one.full(now) == alone.full(now)
            case _:
                assert one.level(now) == pytest.approx(alone.level(now))
                assert one.wait(now) == pytest.approx(alone.wait(now))


def test_rooms_that_an_account_is_the_first_to_join_count_in_all_workers(counts: Counts) -> None:
    first, second = Openings(2.0), Openings(2.0)
    for column, openings in enumerate((first, second)):
        openings.count_with(partial(counts.of_worker(column).bucket, "rooms"))
    session = Session("1", "sink", Principal(id="ada", name="Ada", roles=[], anonymous=False))
    first.ask(session, 0.0)
    second.ask(session, 0.0)
    for openings in (first, second):
        with pytest.raises(Refused, match="too many rooms"):
            openings.ask(session, 1.0)
        openings.ask(Session("2", "sink", Principal(id="bo", name="Bo", roles=[], anonymous=False)), 1.0)


def test_kinds_of_buckets_are_apart(counts: Counts) -> None:
    together = counts.of_worker(0)
    together.bucket("connects", "a", Rate(1, 1)).owe(0.0)
    assert together.bucket("tokens", "a", Rate(1, 1)).full(0.0)
    assert not together.bucket("connects", "a", Rate(1, 1)).full(0.0)


def test_more_addresses_than_there_is_room_for_are_counted_in_each_worker_alone(counts: Counts) -> None:
    together = counts.of_worker(0)
    most = CONNECTION_SETS * ROWS
    for number in range(2 * most):
        together.here(str(number), 1)
    other = counts.of_worker(1)
    known = sum(other.elsewhere(str(number)) for number in range(0, 2 * most, 16))
    assert most // 16 * 0.8 <= known <= most // 16 * 1.2
    for number in range(2 * most):
        together.here(str(number), 0)
    together.here("new", 3)
    assert other.elsewhere("new") == 3


def test_where_there_are_too_many_buckets_the_one_that_is_full_first_goes(counts: Counts) -> None:
    together, rate = counts.of_worker(0), Rate(1.0, 1000.0)
    for number in range(30_000):
        together.bucket("connects", str(number), rate).owe(0.0, 1.0)
    for _ in range(100):
        together.bucket("connects", "attacker", rate).owe(0.0, 5.0)
    for number in range(30_000, 60_000):
        together.bucket("connects", str(number), rate).owe(0.0, 1.0)
    assert together.bucket("connects", "attacker", rate).level(0.0) == pytest.approx(500.0)
