"""Whether a row matches a filter, judged by the client: for its own writes before the gateway has answered.

Rows and filters are as they are on the wire. A property test compares it with the predicate of the gateway.
Invariant: every condition but `null` is false on null, even a negative one; `true` never equals 1; text is ordered by
code point, integers of 64 bits (which are text too) as integers; only ASCII letters are compared without their case.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Mapping
from typing import Any

from .forms import INT64, canonical, integer

__all__ = ["predicate", "properties"]

Test = Callable[[Any], bool]
"""Tests one value that is not null."""
RowTest = Callable[[Mapping[str, Any]], bool]
SAFE_INTEGER = 2**53 - 1
"""The largest integer that every JSON reader keeps exact."""

_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
}
_TEXTS: dict[str, Callable[[str, str], bool]] = {
    "contains": operator.contains,
    "startswith": str.startswith,
    "endswith": str.endswith,
}
_NEGATIVE = {"ne": "eq", "nes": "eqs"} | {
    f"n{name}": name for name in ("in", "ina", *_TEXTS, *(f"{text}s" for text in _TEXTS))
}


def predicate(filters: Mapping[str, Any] | None, types: Mapping[str, str]) -> RowTest:
    """A function that says whether a row matches. `types`: the type or format of properties, as `RESOURCES` has it."""
    return _all([_part(name, asked, types) for name, asked in (filters or {}).items()])


def properties(filters: Mapping[str, Any] | None) -> frozenset[str]:
    """The names of the properties that a filter looks at."""
    found: set[str] = set()
    for name, asked in (filters or {}).items():
        if name in ("and", "or"):
            found.update(*map(properties, asked))
        else:
            found.add(name)
    return frozenset(found)


def _all(tests: list[RowTest]) -> RowTest:
    return lambda row: all(test(row) for test in tests)


def _part(name: str, asked: Any, types: Mapping[str, str]) -> RowTest:
    if name == "and":
        return _all([predicate(inner, types) for inner in asked])
    if name == "or":
        some = [predicate(inner, types) for inner in asked]
        return lambda row: any(test(row) for test in some)
    if asked is None:
        return _null(name, True)
    if not isinstance(asked, Mapping):
        asked = {"eq": asked}
    return _all([_condition(name, word, value, types.get(name, "")) for word, value in asked.items()])


def _null(name: str, wanted: bool) -> RowTest:
    return lambda row: (row.get(name) is None) is wanted


def _condition(name: str, word: str, wanted: Any, kind: str) -> RowTest:
    if word in ("null", "nnull"):
        return _null(name, bool(wanted) is (word == "null"))
    test = _test(word, canonical(wanted, kind), kind)

    def holds(row: Mapping[str, Any]) -> bool:
        value = row.get(name)
        return value is not None and test(value)

    return holds


def _test(word: str, wanted: Any, kind: str) -> Test:
    if word in _NEGATIVE:
        positive = _test(_NEGATIVE[word], wanted, kind)
        return lambda value: not positive(value)
    if word in ("eq", "eqs"):
        same = token(wanted)
        return lambda value: token(value) == same
    if word == "in":
        tokens = frozenset(map(token, wanted))
        return lambda value: not isinstance(value, list | dict) and token(value) in tokens
    if word == "ina":
        return _holds_all(frozenset(map(token, wanted)))
    if word in _ORDERS:
        return _ordered(_ORDERS[word], wanted, kind)
    if word in ("between", "nbetween"):
        low, high = _ordered(operator.ge, wanted[0], kind), _ordered(operator.le, wanted[1], kind)
        if word == "between":
            return lambda value: low(value) and high(value)
        before, after = _ordered(operator.lt, wanted[0], kind), _ordered(operator.gt, wanted[1], kind)
        return lambda value: before(value) or after(value)
    if word in _TEXTS:
        ask, folded = _TEXTS[word], fold(wanted)
        return lambda value: isinstance(value, str) and ask(fold(value), folded)
    exact = _TEXTS[word.removesuffix("s")]
    return lambda value: isinstance(value, str) and exact(value, wanted)


def _holds_all(tokens: frozenset[Any]) -> Test:
    return lambda value: (
        isinstance(value, list) and tokens.issubset(token(item) for item in value if not isinstance(item, list | dict))
    )


def _ordered(compare: Callable[[Any, Any], bool], wanted: Any, kind: str) -> Test:
    """A value of another type is neither before nor after."""
    if kind == INT64:
        number = integer(wanted)
        return lambda value: integer(value) is not None and compare(integer(value), number)
    if isinstance(wanted, str):
        return lambda value: isinstance(value, str) and compare(value, wanted)
    return lambda value: isinstance(value, int | float) and not isinstance(value, bool) and compare(value, wanted)


def token(value: Any) -> tuple[bool, Any]:
    """Equal exactly where the protocol calls two scalars equal: `true` is not 1, and 1.0 is 1."""
    if isinstance(value, int) and SAFE_INTEGER < abs(value) <= sys.float_info.max:
        value = float(value)  # as a JSON reader without large integers has it
    return isinstance(value, bool), value


def fold(text: str) -> str:
    """`text` for comparisons that ignore case, which the gateway does for A-Z alone."""
    return text.lower() if text.isascii() else text.translate(_LOWER)
