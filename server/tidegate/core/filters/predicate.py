"""Evaluates compiled filters on wire rows, in Python: for every change, in every group that it may concern.

The `filters` modules of `store` evaluate the same tree in SQL; a property test compares the two.
Invariant: every condition but `null` is false on null, even a negative one; `true` never equals 1; text is ordered by
code point, integers of 64 bits (which are text too) as integers; only ASCII letters are compared without their case.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable
from functools import lru_cache
from typing import Any, assert_never

from tidegate.core.filters.tree import LOOKS_INTO, SAFE_INTEGER, And, Filter, Or, Term, fold
from tidegate.int64 import Int64, is_int64

Row = dict[str, Any]
LONG = 100
"""Characters of a text whose folding is worth keeping."""
LOOKS_INTO_POINTS = 4
"""Of a condition on the inside of a text or an array, which may be long."""
Test = Callable[[Any], bool]
"""Tests one value that is not null."""


def predicate(condition: Filter) -> Callable[[Row], bool]:
    """A function that says whether a row matches `condition`; a property that the row leaves out is null."""
    match condition:
        case Term():
            return _term(condition)
        case And(parts=()):
            return lambda row: True
        case And():
            every = [predicate(part) for part in condition.parts]
            return lambda row: all(test(row) for test in every)
        case Or():
            some = [predicate(part) for part in condition.parts]
            return lambda row: any(test(row) for test in some)
        case _:
            assert_never(condition)


def token(value: Any) -> tuple[bool, Any]:
    """A hashable substitute for a scalar: two are equal exactly where the protocol calls the scalars equal.

    An integer that some JSON readers cannot represent equals the float nearest to it: PostgreSQL writes all digits of
    1e23.
    """
    if isinstance(value, int) and SAFE_INTEGER < abs(value) <= sys.float_info.max:
        value = float(value)
    return isinstance(value, bool), value


def points(condition: Filter) -> int:
    """What it costs to hold a row against `condition`, about: 1 for a plain condition."""
    if isinstance(condition, Term):
        return LOOKS_INTO_POINTS if condition.operator in LOOKS_INTO else 1
    return max(1, sum(map(points, condition.parts)))


def _term(term: Term) -> Callable[[Row], bool]:
    name, wanted = term.property, term.value
    if term.operator == "null":
        return lambda row: (row.get(name) is None) is wanted
    if term.operator == "eq" and isinstance(wanted, str):
        return lambda row: row.get(name) == wanted
    test = _test(term)

    def holds(row: Row) -> bool:
        value = row.get(name)
        return value is not None and test(value)

    return holds


def _test(term: Term) -> Test:
    wanted = term.value
    match term.operator:
        case "eq":
            return _equal(wanted)
        case "in":
            return _one_of(wanted)
        case "ina":
            return _holds_all(wanted)
        case "lt" | "lte" | "gt" | "gte":
            return _ordered(_ORDERS[term.operator], wanted)
        case "contains" | "startswith" | "endswith":
            ask = _TEXTS[term.operator]
            return lambda value: isinstance(value, str) and ask(_folded(value), wanted)
        case "containss" | "startswiths" | "endswiths":
            ask = _TEXTS[term.operator]
            return lambda value: isinstance(value, str) and ask(value, wanted)
        case _:
            positive = _test(Term(term.property, _POSITIVE[term.operator], wanted))  # type: ignore[arg-type]  # keys of a table
            return lambda value: not positive(value)


def _folded(text: str) -> str:
    return fold(text) if len(text) < LONG else _folded_long(text)


@lru_cache(maxsize=16)
def _folded_long(text: str) -> str:
    """Many conditions ask for the same text, one after the other."""
    return fold(text)


def _equal(wanted: Any) -> Test:
    if isinstance(wanted, str):
        return lambda value: bool(value == wanted)
    wanted_token = token(wanted)
    return lambda value: token(value) == wanted_token


def _one_of(wanted: tuple[Any, ...]) -> Test:
    tokens = frozenset(map(token, wanted))
    return lambda value: not isinstance(value, list | dict) and token(value) in tokens


def _holds_all(wanted: tuple[Any, ...]) -> Test:
    tokens = frozenset(map(token, wanted))
    return lambda value: (
        isinstance(value, list) and tokens.issubset(token(item) for item in value if not isinstance(item, list | dict))
    )


def _ordered(compare: Callable[[Any, Any], bool], wanted: Any) -> Test:
    """A value of another type is neither before nor after; only a foreign program can have written one."""
    if isinstance(wanted, Int64):
        wanted_number = int(wanted)
        return lambda value: is_int64(value) and compare(int(value), wanted_number)
    if isinstance(wanted, str):
        return lambda value: isinstance(value, str) and compare(value, wanted)
    return lambda value: isinstance(value, int | float) and not isinstance(value, bool) and compare(value, wanted)


_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
}
_TEXTS: dict[str, Callable[[str, str], bool]] = {
    "contains": operator.contains,
    "containss": operator.contains,
    "startswith": str.startswith,
    "startswiths": str.startswith,
    "endswith": str.endswith,
    "endswiths": str.endswith,
}
_POSITIVE = {"ne": "eq"} | {f"n{name}": name for name in ("in", "ina", *_TEXTS)}
