"""Token buckets: never more than the burst and the rate, in random histories and against a model."""

from __future__ import annotations

import random

import pytest

from tidegate.core.budgets.rates import ENDLESS, Bucket, KeyedBuckets, Rate


def test_burst_is_there_at_once_and_the_rest_comes_at_the_rate() -> None:
    bucket = Bucket(Rate(10, 5))
    assert [bucket.take(100.0) for _ in range(5)] == [0.0] * 5
    assert bucket.take(100.0) == pytest.approx(0.1)
    assert bucket.take(100.05) == pytest.approx(0.05)
    assert bucket.take(100.1 + 1e-9) == 0.0
    assert not bucket.full(100.5)
    assert bucket.full(101.0)
    assert bucket.level(200.0) == 5


def test_more_than_the_burst_waits_for_a_full_bucket_and_is_then_owed() -> None:
    bucket = Bucket(Rate(10, 5))
    bucket.owe(0.0, 2)
    assert bucket.take(0.0, 100) == pytest.approx(0.2)
    assert bucket.take(0.2, 100) == 0.0
    assert bucket.level(0.2) == pytest.approx(-5), "one burst is owed at most"
    assert bucket.wait(0.2) == pytest.approx(0.6)


def test_no_limit_never_waits() -> None:
    bucket = Bucket(Rate(0, 0))
    for _ in range(1000):
        bucket.owe(5.0, 1e6)
    assert (bucket.take(5.0, 1e6), bucket.wait(5.0), bucket.level(5.0), bucket.full(5.0)) == (0.0, 0.0, ENDLESS, True)


def test_bucket_that_gets_another_rate_keeps_what_was_taken() -> None:
    bucket = Bucket(Rate(10, 50))
    bucket.owe(0.0, 20)
    bucket.use(Rate(2, 30), 1.0)
    assert bucket.level(1.0) == pytest.approx(20), "10 of the 20 had come back"
    assert bucket.level(3.0) == pytest.approx(24)
    bucket.use(Rate(1, 3), 3.0)
    assert bucket.level(3.0) == pytest.approx(-3), "one burst is owed at most"
    bucket.use(Rate(0, 0), 3.0)
    assert (bucket.take(3.0, 1000.0), bucket.full(3.0)) == (0.0, True)
    bucket.use(Rate(1, 3), 4.0)
    assert bucket.level(4.0) == 3


def test_bucket_heals_when_its_clock_was_set_back() -> None:
    bucket = Bucket(Rate(1, 10))
    bucket.owe(1000.0, 10)
    bucket.owe(0.0)
    assert bucket.wait(20.0) == 0.0


@pytest.mark.parametrize("seed", range(20))
def test_random_takes_agree_with_a_bucket_that_is_counted_out(seed: int) -> None:
    chance = random.Random(seed)
    rate = Rate(chance.choice((0.5, 3, 100)), chance.choice((1, 7, 1000)))
    bucket, level, now, before, taken = Bucket(rate), rate.burst, 0.0, 0.0, 0.0
    for _ in range(500):
        now += chance.random() ** 3 * rate.burst / rate.per_second
        level = min(rate.burst, level + (now - before) * rate.per_second)
        before = now
        amount = chance.randint(1, max(1, int(rate.burst / 3)))
        if abs(level - amount) < 1e-6:
            continue  # either is right
        wait = bucket.take(now, amount)
        assert (wait == 0.0) == (level > amount)
        if wait:
            assert wait == pytest.approx((amount - level) / rate.per_second)
        else:
            level -= amount
            taken += amount
        assert bucket.level(now) == pytest.approx(level, abs=1e-6)
        assert taken <= rate.burst + rate.per_second * now + 1e-6


@pytest.mark.parametrize("seed", range(10))
def test_keys_have_separate_buckets_and_full_ones_are_forgotten(seed: int) -> None:
    chance = random.Random(seed)
    rate = Rate(2, 4)
    model: dict[object, Bucket] = {}
    buckets, now = KeyedBuckets(rate), 0.0
    for number in range(2000):
        now += chance.random() * 0.2
        key = chance.randrange(20) if chance.random() < 0.5 else f"once {number}"
        expected = model.setdefault(key, Bucket(rate))
        assert buckets.wait(key, now) == expected.wait(now)
        if chance.random() < 0.1:
            buckets.owe(key, now)
            expected.owe(now)
        else:
            assert buckets.take(key, now) == expected.take(now)
        assert len(buckets) < 100, "those of keys that came once are full again after seconds"


def test_number_of_keys_is_bounded_and_the_newest_stay() -> None:
    buckets = KeyedBuckets(Rate(0.001, 1), most_keys=10)
    for key in range(100):
        assert buckets.take(key, 0.0) == 0.0
        assert len(buckets) <= 10
    assert [buckets.take(key, 0.0) > 0 for key in range(95, 100)] == [True] * 5
    assert buckets.take(5, 0.0) == 0.0
