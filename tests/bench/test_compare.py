"""The verdict of a comparison: median, interval, and when a build is called slower."""

from __future__ import annotations

import random

import pytest

from tests.bench import measures
from tests.bench.compare import FEWEST_ROUNDS, checkout, gateway, verdict
from tests.support.gateway import ROOT


def test_interval_of_twelve_rounds_leaves_out_two_on_each_side() -> None:
    found = verdict([1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9, 2.0, 2.1])
    assert (found.low, found.high) == (1.2, 1.9)
    assert found.median == pytest.approx(1.55)


def test_interval_holds_the_true_median_in_about_95_of_100_comparisons() -> None:
    chance = random.Random(1)
    held = 0
    for _ in range(2000):
        found = verdict([chance.lognormvariate(0, 0.1) for _ in range(12)])
        held += found.low <= 1.0 <= found.high
    assert 0.95 <= held / 2000 <= 0.98


@pytest.mark.parametrize(
    ("ratios", "slower"),
    [
        ([1.2] * 12, True),
        ([1.04] * 12, False),
        ([0.9, 0.95, 1.0] + [1.2] * 9, False),  # the interval reaches below the limit
        ([0.9, 0.95] + [1.2] * 10, True),  # two outliers of twelve do not
    ],
)
def test_build_is_slower_only_when_the_whole_interval_is_above_the_limit(ratios: list[float], slower: bool) -> None:
    assert verdict(ratios).slower is slower


def test_too_few_rounds_have_no_interval() -> None:
    with pytest.raises(ValueError, match="it takes 6"):
        verdict([1.0] * (FEWEST_ROUNDS - 1))


@pytest.mark.process
def test_unknown_commit_is_named_in_the_message() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("this is no Git checkout, so there is no other commit to compare with: clone the repository")
    with pytest.raises(SystemExit, match="git knows no commit 'no-such-commit'"), checkout("no-such-commit"):
        pass


@pytest.mark.process
async def test_gateway_of_another_commit_is_measured_with_the_code_of_that_commit() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("this is no Git checkout, so there is no other commit to compare with: clone the repository")
    with checkout("HEAD") as folder, gateway("HEAD", folder) as server:
        assert await measures.subscribe(server, 1, clients=2) > 0
        assert await measures.subscribe_with_rows(server, 1, clients=2) > 0
        assert await measures.create(server, 1, clients=2) > 0
