"""The kinds of JSON values, and the bounds of numbers."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from tidegate.schema.compat.parts import Part
from tidegate.schema.resource import kind_of

KINDS = frozenset({"null", "boolean", "integer", "fraction", "string", "array", "object"})
"""The kinds of JSON values. A number is an integer or a fraction."""
NUMBERS = frozenset({"integer", "fraction"})
Bound = tuple[Fraction, bool]
"""A lower bound of numbers, and whether it is excluded. Of two bounds, the larger one is stricter."""


def kinds_of_types(types: Any) -> frozenset[str]:
    """The kinds of values that the keyword `type` allows."""
    names = {types} if isinstance(types, str) else set(types)
    return frozenset(names - {"number"} | (NUMBERS if "number" in names else frozenset()))


def value_kind(value: Any) -> str:
    kind = kind_of(value)
    if kind == "number":
        return "integer" if value == int(value) else "fraction"
    return kind


def fraction(value: float) -> Fraction:
    """The number as it is written."""
    return Fraction(str(value))


def lower_bounds(part: Part, whole: bool) -> Iterator[Bound]:
    """The lower bounds that `part` names. `whole`: of integers alone."""
    for word in ("minimum", "exclusiveMinimum"):
        if word in part.words:
            yield _bound(fraction(part.words[word]), word == "exclusiveMinimum", whole)


def upper_bounds(part: Part, whole: bool) -> Iterator[Bound]:
    """The upper bounds that `part` names, negated. `whole`: of integers alone."""
    for word in ("maximum", "exclusiveMaximum"):
        if word in part.words:
            yield _bound(-fraction(part.words[word]), word == "exclusiveMaximum", whole)


def _bound(value: Fraction, excluded: bool, whole: bool) -> Bound:
    if not whole:
        return value, excluded
    least = -(-value // 1)
    return Fraction(least + 1 if excluded and least == value else least), False
