"""Durations in fixed buckets."""

from __future__ import annotations

from tidegate.core.histogram import BOUNDS, Histogram


def test_a_duration_is_in_the_first_bucket_whose_bound_it_does_not_exceed() -> None:
    histogram = Histogram((0.1, 1.0))
    for seconds in (0.05, 0.1, 0.11, 1.0, 30.0):
        histogram.observe(seconds)
    assert (histogram.buckets, histogram.count) == ([2, 2, 1], 5)
    assert histogram.sum == 31.26
    assert list(BOUNDS) == sorted(BOUNDS)
