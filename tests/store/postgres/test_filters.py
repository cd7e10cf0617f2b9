"""Filters as SQL for PostgreSQL: every edge case of the language, and random rows and filters."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.filters.filter_cases import CASES
from tests.store.postgres.things import PostgresThings, columns, opened
from tests.store.sql.test_filters_property import any_filters, rows
from tests.store.things import RESOURCE, possible
from tests.support.cases import every_case
from tests.support.postgres import PostgresServer
from tidegate.core.filters.predicate import predicate
from tidegate.core.filters.tree import And, Filter, Or, Term, compile_filters
from tidegate.store.postgres.connection import MARK
from tidegate.store.postgres.filters import POSTGRES
from tidegate.store.sql.filters import condition

ROWS, FILTERS = 10, 10
PAIRS = int(os.environ.get("FILTER_PAIRS", "3000"))
# Columns have types here, and text has no NUL: other rows cannot be.
POSSIBLE = [case for case in CASES if "\\x00" not in str(case.row) and case.row.get("time") != ""]


@pytest.fixture(scope="module")
def things(postgres: PostgresServer) -> Iterator[PostgresThings]:
    with opened(postgres.url(postgres.database())) as found:
        yield found


@pytest.fixture(scope="module")
def cases(postgres: PostgresServer) -> Iterator[PostgresThings]:
    """The table, with the row of each case under the case's number."""
    with opened(postgres.url(postgres.database())) as things:
        things.put({"id": number, **columns(case.row)} for number, case in enumerate(POSSIBLE))
        yield things


def test_sql_finds_the_row_or_not(cases: PostgresThings) -> None:
    with every_case() as case:
        for number, one in enumerate(POSSIBLE):
            with case(one):
                found = cases.ids(compile_filters(one.filters), keys=({"id": number},))
                assert found == ([number] if one.expected else [])


def test_rows_written_and_read_again_mean_the_same(cases: PostgresThings) -> None:
    for case, row in zip(POSSIBLE, cases.rows(), strict=True):
        assert predicate(compile_filters(case.filters))(row) is case.expected, case


def test_values_are_bound_and_never_part_of_the_statement() -> None:
    spiteful = "'); DROP TABLE things; --"
    every: dict[str, Any] = {"eq": spiteful, "in": [spiteful, "x"], "contains": spiteful, "gt": spiteful}
    filters = compile_filters({"text": every, "list": {"ina": [spiteful]}, "any": {"nin": [spiteful, 1]}})
    sql, values = condition(POSTGRES, RESOURCE, filters)
    assert "DROP" not in sql
    assert sql.count(MARK) == len(values)


@pytest.mark.parametrize(
    "term",
    [
        Term("int", "eq", "x"),
        Term("int", "gt", "1"),
        Term("int", "eq", True),
        Term("num", "lte", "x"),
        Term("bool", "eq", 1),
        Term("text", "eq", 1),
        Term("text", "eq", "\0"),
        Term("text", "contains", "\0"),
        Term("time", "eq", "yesterday"),
        Term("time", "lt", "2026-02-31T00:00:00.000000Z"),
        Term("int", "eq", 2**70),
        Term("int", "lt", 1.5),
        Term("num", "gt", 2**60 + 1),
        Term("list", "ina", ("\0",)),
    ],
)
def test_a_value_of_another_type_is_found_where_the_predicate_finds_it(things: PostgresThings, term: Filter) -> None:
    """Claims of a user's token are compared with columns too, and their types are not checked."""
    row = {"id": 1, "int": 1, "num": 1.0, "bool": True, "text": "1", "time": "2026-01-31T12:00:00Z", "list": "[1]"}
    things.put([row])
    meets = predicate(term)
    assert things.ids(term) == [row["id"] for row in things.rows() if meets(row)]
    assert things.ids(And((term, Or(())))) == []


def test_text_is_sorted_by_code_point_and_null_comes_first(things: PostgresThings) -> None:
    words = ["b", "B", "ä", "z", "", None, "\uffff", "\U0001f600"]
    things.put({"id": number, "text": word} for number, word in enumerate(words))
    expected = sorted(words, key=lambda word: (word is not None, word or ""))
    for order in ("asc", "desc"):
        found = things.ids(And(()), sort=(("text", order),))
        assert [words[number] for number in found] == (expected if order == "asc" else expected[::-1])
    assert things.ids(And(()), sort=(("text", "asc"),), limit=2, offset=1) == [4, 1]


@pytest.mark.timeout(60 + PAIRS // 50)
@settings(max_examples=max(1, PAIRS // (ROWS * FILTERS)), deadline=None)
@given(
    st.lists(rows, min_size=ROWS, max_size=ROWS),
    st.lists(any_filters, min_size=FILTERS, max_size=FILTERS),
)
def test_the_predicate_takes_what_sql_finds(
    things: PostgresThings, stored: list[dict[str, Any]], asked: list[dict[str, Any]]
) -> None:
    things.put({"id": number, **possible(row)} for number, row in enumerate(stored))
    found = things.rows()
    for filters in asked:
        compiled = compile_filters(filters)
        meets = predicate(compiled)
        assert things.ids(compiled) == [row["id"] for row in found if meets(row)], (filters, found)
