"""Token buckets: how much may happen a second, with a burst that may happen at once.

A bucket is one number, the time at which it is full again, so that nothing has to be done while nothing happens. It
knows neither who takes from it nor what time is: `now` is a clock in seconds that every call is given.
Invariant: of one bucket no more than `burst + per_second * t` is taken in any `t` seconds, and what was owed; after a
standstill of this process, what could have been taken in it as well.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

ENDLESS = 1e9
"""The amount that a bucket without a limit has, and the seconds that it lasts."""
AT_ONCE = 1e-6
"""Seconds that count as none: sums of floats are not exact."""
MOST_KEYS = 65536
LONGEST_STANDSTILL_S = 300.0
"""A longer standstill counts as one of this length."""


class Rate(NamedTuple):
    """A limit. With 0 a second there is none."""

    per_second: float
    burst: float
    """What may be taken at once, after a rest."""


class Bucket:
    """What one party may still take of a rate."""

    __slots__ = ("_each", "_full_at", "_full_in", "_more")

    def __init__(self, rate: Rate) -> None:
        self._each: float
        """The seconds in which one more may be taken; 0.0 without a limit."""
        self._full_in: float
        """The seconds in which an empty bucket is full."""
        self._limit(rate)
        self._full_at = -ENDLESS
        self._more = 0.0
        """Seconds by which the bucket is more than full after a standstill: what arrives then was sent during it."""

    def use(self, rate: Rate, now: float) -> None:
        """Hold to another rate from now on. What was taken stays taken."""
        owed = max(0.0, self._full_at - now) / self._each if self._each else 0.0
        self._limit(rate)
        self._full_at = now + min(owed * self._each, 2 * self._full_in) if owed else -ENDLESS
        self._more = 0.0

    def _limit(self, rate: Rate) -> None:
        limited = rate.per_second > 0
        self._each = 1 / rate.per_second if limited else 0.0
        self._full_in = rate.burst / rate.per_second if limited else ENDLESS

    def level(self, now: float) -> float:
        """How much may be taken now; below 0 while more is owed."""
        left = self._full_in - max(self._full_at - now, -self._more)
        return left / self._each if self._each else ENDLESS

    def full(self, now: float) -> bool:
        return self._full_at <= now

    def wait(self, now: float, amount: float = 1.0) -> float:
        """Seconds until `amount`, or all that the bucket holds, may be taken; 0.0 for now."""
        wait = max(self._full_at - now, -self._more) - max(0.0, self._full_in - amount * self._each)
        return wait if wait > AT_ONCE else 0.0

    def take(self, now: float, amount: float = 1.0) -> float:
        """Take `amount` and return 0.0; or, where that is not there, take nothing and return the seconds to wait."""
        wait = self.wait(now, amount)
        if not wait:
            self.owe(now, amount)
        return wait

    def owe(self, now: float, amount: float = 1.0) -> None:
        """Take `amount`, whether it is there or not. At most one more burst can be owed."""
        # The limit also mends a bucket whose clock was set back.
        self._full_at = min(max(self._full_at, now - self._more) + amount * self._each, now + 2 * self._full_in)
        if self._more:
            self._more = max(0.0, min(self._more, now - self._full_at))

    def stood_still(self, seconds: float, now: float) -> None:
        """This process stood still for `seconds`: what the rate allows in that time may be taken as well."""
        more = min(seconds, LONGEST_STANDSTILL_S)
        self._full_at = max(self._full_at, now) - more
        self._more = max(0.0, now - self._full_at)


class KeyedBuckets:
    """A bucket of the same rate for each key. A full one is as good as a new one, and is forgotten."""

    def __init__(
        self,
        rate: Rate,
        most_keys: int = MOST_KEYS,
        bucket: Callable[[Any, Rate], Bucket] = lambda key, rate: Bucket(rate),
    ) -> None:
        """`most_keys`: of more keys, those that were used longest ago are forgotten, full or not.

        `bucket`: makes the bucket of a key.
        """
        self._bucket = bucket
        self._rate = rate
        self._most_keys = most_keys
        self._buckets: dict[Hashable, Bucket] = {}
        """Those that were used longest ago come first."""

    def __len__(self) -> int:
        return len(self._buckets)

    def wait(self, key: Hashable, now: float, amount: float = 1.0) -> float:
        """As `Bucket.wait`."""
        bucket = self._buckets.get(key)
        return 0.0 if bucket is None else bucket.wait(now, amount)

    def take(self, key: Hashable, now: float, amount: float = 1.0) -> float:
        """As `Bucket.take`."""
        return self._used(key, now).take(now, amount)

    def owe(self, key: Hashable, now: float, amount: float = 1.0) -> None:
        """As `Bucket.owe`."""
        self._used(key, now).owe(now, amount)

    def _used(self, key: Hashable, now: float) -> Bucket:
        bucket = self._buckets.pop(key, None)
        if bucket is None:
            bucket = self._bucket(key, self._rate)
            self._forget(now)
        self._buckets[key] = bucket
        return bucket

    def _forget(self, now: float) -> None:
        """Make room for one more. Two are looked at for each that is added, so that the full ones go in time."""
        for _ in range(min(2, len(self._buckets))):
            oldest = next(iter(self._buckets))
            if len(self._buckets) < self._most_keys and not self._buckets[oldest].full(now):
                return
            del self._buckets[oldest]
