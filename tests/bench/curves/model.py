"""A model for costs that grow with a size: the simplest of four that describes them, and what it says of larger sizes.

The models are y = a, y = a + b * log2(n), y = a + b * n and y = a + b * n * log2(n). They are fitted so that the
relative errors are small: a wrong small cost counts as much as a wrong large one. Pure: it measures nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import msgspec

Points = Sequence[tuple[int, float]]
"""Sizes, and what each cost."""
TERMS: dict[str, Callable[[float], float]] = {
    "constant": lambda n: 0.0,
    "a + b log2 n": math.log2,
    "a + b n": lambda n: n,
    "a + b n log2 n": lambda n: n * math.log2(n),
}
"""From the slowest growth to the quickest."""
BETTER = 0.8
"""A model that grows faster is taken only if its error is at most so much of the error of the one before."""
SMALL = 0.1
"""An error that is no larger is taken for noise: the slowest growth with such an error is the model."""
FURTHER = 10
"""How many times the largest measured size the model is asked for."""


class Model(msgspec.Struct, frozen=True):
    """`name` of TERMS. `error`: the largest difference between the model and a point, relative to the point."""

    name: str
    a: float
    b: float
    error: float

    def __call__(self, n: float) -> float:
        return self.a + self.b * TERMS[self.name](n)

    def formula(self) -> str:
        if self.name == "constant":
            return f"{self.a:.3g}"
        return f"{self.a:.3g} + {self.b:.3g} {self.name.removeprefix('a + b ')}"


def fit(points: Points) -> Model:
    """The model of `points`. Raises ValueError for fewer than three: two points lie on every line."""
    if len(points) < 3:
        raise ValueError(f"a model needs three sizes, and there are {len(points)}")
    best, *others = (_fitted(name, points) for name in TERMS)
    for other in others:
        if best.error > SMALL and other.b > 0 and other.error < best.error * BETTER:
            best = other
    return best


def _fitted(name: str, points: Points) -> Model:
    """Least squares, with each point weighted by one over the square of its cost."""
    term = TERMS[name]
    weights = [1 / cost**2 for _, cost in points]
    total = sum(weights)
    middle_x = sum(w * term(n) for w, (n, _) in zip(weights, points, strict=True)) / total
    middle_y = sum(w * cost for w, (_, cost) in zip(weights, points, strict=True)) / total
    spread = sum(w * (term(n) - middle_x) ** 2 for w, (n, _) in zip(weights, points, strict=True))
    together = sum(w * (term(n) - middle_x) * (cost - middle_y) for w, (n, cost) in zip(weights, points, strict=True))
    b = together / spread if spread else 0.0
    model = Model(name, middle_y - b * middle_x, b, 0.0)
    return Model(name, model.a, model.b, max(abs(model(n) - cost) / cost for n, cost in points))
