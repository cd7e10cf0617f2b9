"""Each operator on each kind of value: the client's predicate says what the gateway's does.

tests/store/sql/test_filters_property.py compares both with SQL, on random rows and filters.
"""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tidegate.core.filters import predicate as gateway
from tidegate.core.filters.tree import compile_filters
from tidegate.int64 import Int64
from tidegate_client.forms import canonical
from tidegate_client.predicate import predicate, properties

EQUAL, LISTS, ORDER = ("eq", "eqs", "ne", "nes"), ("in", "nin"), ("lt", "lte", "gt", "gte")
TEXT = [
    f"{no}{word}{case}" for no in ("", "n") for word in ("contains", "startswith", "endswith") for case in ("", "s")
]
VALUES: dict[str, list[Any]] = {
    "string": ["", "a", "A", "b", "ab", "aB", "ba", "é", "É", "\u212a", "10", "9"],
    "number": [-1, 0, 1, 1.0, 0.5, 2**53 - 1, 2**60, 1e23],
    "boolean": [True, False],
    "int64": ["-5", "0", "9", "10", "9007199254740993"],
    "any": [True, 1, 1.0, "1", [1], {"a": 1}],
}
ONE = {
    "string": [*EQUAL, *ORDER, *TEXT],
    "number": [*EQUAL, *ORDER],
    "boolean": EQUAL,
    "int64": [*EQUAL, *ORDER],
    "any": EQUAL,
}


def asked(kind: str) -> list[Any]:
    scalars = [value for value in VALUES[kind] if not isinstance(value, list | dict)]
    found: list[Any] = [{word: value} for word in ONE[kind] for value in scalars]
    found += [{word: list(pair)} for word in LISTS for pair in itertools.combinations_with_replacement(scalars, 2)]
    if ONE[kind] is not EQUAL:
        found += [{word: [low, high]} for word in ("between", "nbetween") for low in scalars for high in scalars]
    return [*found, *({word: value} for word in ("null", "nnull") for value in (True, False)), None, *scalars]


def as_int64(value: Any) -> Any:
    if isinstance(value, dict):
        return {word: item if word in ("null", "nnull") else as_int64(item) for word, item in value.items()}
    return [as_int64(item) for item in value] if isinstance(value, list) else None if value is None else Int64(value)


@pytest.mark.parametrize("kind", list(VALUES))
def test_both_say_the_same(kind: str) -> None:
    rows: list[dict[str, Any]] = [{}, {"p": None}, *({"p": value} for value in VALUES[kind]), {"p": "x"}, {"p": 7}]
    wrong = []
    for filters in asked(kind):
        own = predicate({"p": filters}, {"p": kind})
        theirs = gateway.predicate(compile_filters({"p": as_int64(filters) if kind == "int64" else filters}))
        wrong += [(filters, row) for row in rows if own(row) != theirs(row)]
    assert wrong == []


@pytest.mark.parametrize("word", ["ina", "nina"])
def test_lists(word: str) -> None:
    rows = [{"p": items} for items in ([], ["a"], ["a", "b"], [1, True], [[1]], "a", None)]
    for wanted in (["a"], ["a", "b"], [1], [True], ["c"]):
        theirs = gateway.predicate(compile_filters({"p": {word: wanted}}))
        own = predicate({"p": {word: wanted}}, {})
        assert [own(row) for row in rows] == [theirs(row) for row in rows]


def test_groups_and_the_properties_that_they_look_at() -> None:
    filters = {"a": 1, "or": [{"b": 2}, {"and": [{"c": 3}, {"a": {"gt": 0}}]}], "and": [{"d": None}]}
    own, theirs = predicate(filters, {}), gateway.predicate(compile_filters(filters))
    for row in ({"a": 1, "b": 2}, {"a": 1, "c": 3}, {"a": 1}, {"a": 1, "b": 2, "d": 4}, {"b": 2}):
        assert own(row) == theirs(row)
    assert properties(filters) == {"a", "b", "c", "d"}
    assert predicate(None, {})({})


def test_moments_and_uuids_are_compared_in_the_form_of_rows() -> None:
    day = "2026-01-31T12:00:00.000000Z"
    for text in ("2026-01-31T12:00:00Z", "2026-01-31t13:00:00.0000009+01:00", "2026-01-31T12:00:00.000Z"):
        assert canonical(text, "date-time") == day
        assert predicate({"at": {"lte": text}}, {"at": "date-time"})({"at": day})
    assert canonical("0001-01-01T00:00:00+02:00", "date-time") == "0001-01-01T00:00:00+02:00"
    assert canonical("tomorrow", "date-time") == "tomorrow"
    assert canonical("6F1C2D3E-0000-4000-8000-00000000000F", "uuid") == "6f1c2d3e-0000-4000-8000-00000000000f"
    assert canonical("6F", "uuid") == "6F"
    assert canonical("2026-01-31T12:00:00Z", "string") == "2026-01-31T12:00:00Z"
