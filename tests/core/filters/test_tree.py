"""What filters mean, case by case, and which of them are the same filter.

The SQL reading of every case here is held to the same answer in tests/store/sql/test_filters.py.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.filters.filter_cases import CASES
from tests.support.cases import every_case
from tidegate.core.errors import Refused
from tidegate.core.filters.predicate import predicate, token
from tidegate.core.filters.tree import (
    CONDITIONS,
    DEPTH,
    EVERYTHING,
    VALUES,
    And,
    Or,
    Term,
    compile_filters,
    fold,
    identity,
)


def test_a_row_meets_a_filter_or_not() -> None:
    with every_case() as case:
        for one in CASES:
            with case(one):
                assert predicate(compile_filters(one.filters))(one.row) is one.expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1}, {"a": {"eq": 1}}),
        ({"a": 1}, {"a": {"eqs": 1}}),
        ({"a": 1}, {"a": 1.0}),
        ({"a": 0}, {"a": -0.0}),
        ({"a": 1}, {"a": {"in": [1, 1.0]}}),
        ({"a": 1}, {"and": [{"a": 1}]}),
        ({"a": 1}, {"or": [{"a": 1}]}),
        ({"a": 1}, {"or": [{"a": 1}, {"a": {"eq": 1}}]}),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({"a": 1, "b": 2}, {"and": [{"b": 2}, {"and": [{"a": 1}]}]}),
        ({"a": {"gte": 1, "lte": 2}}, {"a": {"between": [1, 2]}}),
        ({"or": [{"a": {"lt": 1}}, {"a": {"gt": 2}}]}, {"a": {"nbetween": [1, 2]}}),
        ({"or": [{"a": 1}, {"b": 2}]}, {"or": [{"or": [{"b": 2}]}, {"a": 1}]}),
        ({"a": {"ne": 1}}, {"a": {"nes": 1}}),
        ({"a": {"ne": 1}}, {"a": {"nin": [1]}}),
        ({"a": {"in": ["x", "y"]}}, {"a": {"in": ["y", "x", "y"]}}),
        ({"a": {"ina": ["x", "y"]}}, {"a": {"ina": ["y", "x", "y"]}}),
        ({"a": {"contains": "Ab"}}, {"a": {"contains": "aB"}}),
        ({"a": None}, {"a": {"null": True}}),
        ({"a": None}, {"a": {"nnull": False}}),
        ({"a": {"null": False}}, {"a": {"nnull": True}}),
        ({}, {"and": [{}]}),
        ({}, {"or": [{"a": 1}, {}]}),
        ({}, None),
    ],
)
def test_two_spellings_are_one_filter(one: dict[str, Any], other: dict[str, Any] | None) -> None:
    assert identity(compile_filters(one)) == identity(compile_filters(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1}, {"a": True}),
        ({"a": 0}, {"a": False}),
        ({"a": 1}, {"a": "1"}),
        ({"a": {"in": [1, 2]}}, {"a": {"in": [True, 2]}}),
        ({"a": {"in": [1, True]}}, {"a": 1}),
        ({"a": None}, {"a": "null"}),
        ({"a": None}, {"a": {"null": False}}),
        ({"a": {"containss": "Ab"}}, {"a": {"containss": "aB"}}),
        ({"a": {"contains": "ab"}}, {"a": {"containss": "ab"}}),
        ({"a": {"contains": "Ä"}}, {"a": {"contains": "ä"}}),
        ({"a": {"in": ["x,y"]}}, {"a": {"in": ["x", "y"]}}),
        ({"a": 1, "b": 2}, {"or": [{"a": 1}, {"b": 2}]}),
        ({"a": {"ina": [1]}}, {"a": 1}),
        ({"a": 2**53 - 1}, {"a": 2**53 - 2}),
    ],
)
def test_different_filters_are_not_taken_for_one(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert identity(compile_filters(one)) != identity(compile_filters(other))


def test_the_tree() -> None:
    assert compile_filters({}) == EVERYTHING
    assert compile_filters({"b": "x", "a": None}) == And((Term("a", "null", True), Term("b", "eq", "x")))
    assert compile_filters({"or": [{"a": {"gt": 1}}, {"b": {"nin": [2, 1]}}]}) == Or(
        (Term("a", "gt", 1), Term("b", "nin", (1, 2)))
    )


def test_only_ascii_letters_lose_their_case() -> None:
    assert fold("ÄÖ AZ İ \u212a az@[") == "ÄÖ az İ \u212a az@["  # the Kelvin sign, whose lower case is k
    assert fold("AZ@[`{") == "az@[`{"


def test_tokens_tell_true_from_one() -> None:
    assert token(True) != token(1)
    assert token(1) == token(1.0)


def test_tokens_of_large_integers_are_those_of_the_nearest_float() -> None:
    assert token(10**23) == token(1e23) != token(1e22)
    assert token(123456789012345660) == token(1.2345678901234566e17)
    assert token(2**53 - 1) != token(2**53 - 2)
    assert token(-(10**23)) == token(-1e23)
    assert token(10**400) != token(1.7976931348623157e308)


def nested(depth: int) -> dict[str, Any]:
    filters: dict[str, Any] = {"a": 1}
    for level in range(depth):
        filters = {("and", "or")[level % 2]: [filters, {"b": level}]}
    return filters


@pytest.mark.parametrize(
    "filters",
    [
        nested(DEPTH + 1),
        {"or": [{"a": number} for number in range(CONDITIONS + 1)]},
        {"or": [{"a": {"gt": 1, "lt": 2}}] * (CONDITIONS // 2 + 1)},
        {"a": {"in": list(range(VALUES + 1))}},
        {"or": [{"a": {"in": list(range(100))}}] * (VALUES // 100 + 1)},
        {f"a{number}": number for number in range(CONDITIONS + 1)},
        {"a": list(range(VALUES + 1))},
    ],
    ids=["depth", "conditions", "operators", "values", "values in all", "properties", "one long value"],
)
def test_what_is_too_big_is_refused(filters: dict[str, Any]) -> None:
    with pytest.raises(Refused) as caught:
        compile_filters(filters)
    assert (caught.value.code, caught.value.pointer) == ("invalid_message", "/filters")


@pytest.mark.parametrize(
    "filters",
    [
        nested(DEPTH),
        {"or": [{"a": number} for number in range(CONDITIONS)]},
        {"a": {"in": list(range(VALUES))}},
        {"a": 1, **{f"b{number}": None for number in range(CONDITIONS - 1)}},
    ],
    ids=["depth", "conditions", "values", "properties"],
)
def test_what_is_as_big_as_may_be_is_taken(filters: dict[str, Any]) -> None:
    assert predicate(compile_filters(filters))({"a": 1, "b": DEPTH - 1}) is True
