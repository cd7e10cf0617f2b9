"""The growth of memory: what is after the warm-up counts, single rounds do not."""

from __future__ import annotations

import pytest

from tests.bench.churn import LIMIT, growth


def test_memory_that_grows_in_the_warm_up_alone_is_flat() -> None:
    assert growth([float(min(number, 20)) for number in range(1, 101)]) == pytest.approx(1.0)


def test_memory_that_grows_all_the_time_is_above_the_limit() -> None:
    assert growth([100.0 + number for number in range(100)]) > LIMIT


def test_one_large_round_is_no_growth() -> None:
    assert growth([100.0] * 99 + [500.0]) == 1.0


def test_few_rounds_say_nothing() -> None:
    with pytest.raises(ValueError, match="it takes 20"):
        growth([1.0] * 19)
