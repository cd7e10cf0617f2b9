"""The model of a curve: the slowest growth that describes the points."""

from __future__ import annotations

import math

import pytest

from tests.bench.curves.model import fit

SIZES = (10, 100, 1_000, 10_000)


@pytest.mark.parametrize(
    ("name", "cost"),
    [
        ("constant", lambda n: 5.0),
        ("a + b log2 n", lambda n: 1 + 2 * math.log2(n)),
        ("a + b n", lambda n: 3 + 0.5 * n),
        ("a + b n log2 n", lambda n: 3 + 0.5 * n * math.log2(n)),
    ],
)
def test_model_that_made_the_points_is_found(name: str, cost: object) -> None:
    assert callable(cost)
    model = fit([(n, cost(n)) for n in SIZES])
    assert model.name == name
    assert model(100_000) == pytest.approx(cost(100_000))
    assert model.error < 1e-9


def test_noise_is_no_growth() -> None:
    assert fit([(10, 1.0), (100, 1.06), (1_000, 0.97), (10_000, 1.05)]).name == "constant"


def test_error_is_that_of_the_worst_point() -> None:
    model = fit([(10, 1.0), (100, 5.0), (1_000, 1.0)])
    assert model.error == pytest.approx(max(abs(model(n) - cost) / cost for n, cost in ((10, 1.0), (100, 5.0))))


def test_two_sizes_have_no_model() -> None:
    with pytest.raises(ValueError, match="needs three sizes"):
        fit([(1, 1.0), (2, 2.0)])
