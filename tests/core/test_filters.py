from __future__ import annotations

from typing import Any

import pytest

from tidegate.core.filters import compile_filters, matches, token
from tidegate.core.ports import Term


@pytest.mark.parametrize(
    ("filters", "row", "expected"),
    [
        (None, {"a": 1}, True),
        ({}, {"a": 1}, True),
        ({"a": 1}, {"a": 1}, True),
        ({"a": 1}, {"a": 1.0}, True),
        ({"a": 1}, {"a": 2}, False),
        ({"a": 1}, {"a": True}, False),
        ({"a": True}, {"a": 1}, False),
        ({"a": "x"}, {"a": "X"}, False),
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, False),
        ({"a": 1}, {}, False),
        ({"a": 1}, {"a": None}, False),
        ({"a": None}, {}, True),
        ({"a": None}, {"a": None}, True),
        ({"a": None}, {"a": 0}, False),
    ],
)
def test_a_filter_holds_or_not(filters: dict[str, Any] | None, row: dict[str, Any], expected: bool) -> None:
    assert matches(compile_filters(filters), row) is expected


def test_a_missing_row_matches_nothing() -> None:
    assert not matches((), None)


def test_not_null() -> None:
    assert matches((Term("a", "null", False),), {"a": 0})
    assert not matches((Term("a", "null", False),), {})


def test_the_order_of_properties_does_not_matter() -> None:
    assert compile_filters({"b": 1, "a": None}) == compile_filters({"a": None, "b": 1})


def test_tokens_tell_true_from_one() -> None:
    assert token(True) != token(1)
    assert token(1) == token(1.0)
