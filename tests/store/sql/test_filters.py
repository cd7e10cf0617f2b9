"""Filters as SQL: every edge case of the language, and values that only foreign programs write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.core.filters.filter_cases import CASES
from tests.store.things import RESOURCE, Things, columns, opened
from tests.support.cases import every_case
from tests.support.sqlite import foreign
from tidegate.core.filters.predicate import predicate
from tidegate.core.filters.tree import compile_filters
from tidegate.store.sql.filters import condition
from tidegate.store.sql.names import quoted
from tidegate.store.sqlite.filters import SQLITE


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Things]:
    """The table, with the row of each case under the case's number."""
    with opened(tmp_path_factory.mktemp("cases")) as things:
        things.put({"id": number, **columns(case.row)} for number, case in enumerate(CASES))
        yield things


@pytest.fixture
def things(tmp_path: Path) -> Iterator[Things]:
    with opened(tmp_path) as found:
        yield found


def test_sql_finds_the_row_or_not(cases: Things) -> None:
    with every_case() as case:
        for number, one in enumerate(CASES):
            with case(one):
                found = cases.ids(compile_filters(one.filters), keys=({"id": number},))
                assert found == ([number] if one.expected else [])


def test_rows_written_and_read_again_mean_the_same(cases: Things) -> None:
    for case, row in zip(CASES, cases.rows(), strict=True):
        assert predicate(compile_filters(case.filters))(row) is case.expected, case


def test_values_are_bound_and_never_part_of_the_statement() -> None:
    spiteful = "'); DROP TABLE things; --"
    filters = compile_filters(
        {
            "text": {
                "ne": spiteful,
                "in": [spiteful, "x"],
                "contains": spiteful,
                "endswiths": spiteful,
                "gt": spiteful,
            },
            "list": {"ina": [spiteful]},
            "any": {"nin": [spiteful, 1]},
        }
    )
    sql, values = condition(SQLITE, RESOURCE, filters)
    assert "DROP" not in sql
    assert sql.count("?") == len(values)


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"num": None}, [1, 2, 3]),
        ({"num": {"nnull": True}}, [4]),
        ({"num": {"gt": 0}}, [4]),
        ({"num": {"lte": 0}}, []),
        ({"num": {"ne": 1}}, []),
        ({"num": {"nin": [2, 3]}}, [4]),
        ({"num": {"nbetween": [2, 3]}}, [4]),
    ],
)
def test_infinity_is_null_as_on_the_wire(things: Things, filters: dict, found: list[int]) -> None:  # type: ignore[type-arg]  # any filter
    things.put([{"id": 1, "num": float("inf")}, {"id": 2, "num": float("-inf")}, {"id": 3}, {"id": 4, "num": 1}])
    assert things.ids(compile_filters(filters)) == found
    assert [row["id"] for row in things.rows() if predicate(compile_filters(filters))(row)] == found


@pytest.mark.parametrize("asked", [{"eq": 2.0**53}, {"ne": 2.0**53}, {"in": [2.0**53, 1]}, {"nin": [2.0**62]}], ids=str)
def test_large_integers_of_a_foreign_column_are_equal_to_the_nearest_float(tmp_path: Path, asked: Any) -> None:
    """As they are for the predicate. A column without a type keeps them as integers."""
    path, names = tmp_path / "things.db", [name for name in RESOURCE.properties if name != "id"]
    with foreign(path) as program:
        untyped = ", ".join(f"{quoted(name)} {'INTEGER' if name == 'big' else ''}" for name in names)
        program.execute(f"CREATE TABLE things (id INTEGER PRIMARY KEY NOT NULL, {untyped})")
        rows = enumerate((2**53 + 1, 2.0**53, 2**62 + 1, 1))
        program.executemany("INSERT INTO things (id, num) VALUES (?, ?)", rows)
    filters = compile_filters({"num": asked})
    with opened(tmp_path) as things:
        assert things.ids(filters) == [row["id"] for row in things.rows() if predicate(filters)(row)]


DAYS = ("2019-05-05", "2020-05-05 10:00", "5 May", "abc", "", None)


@pytest.mark.parametrize("digits", ["2020", "5", " 5", "-1", "+.5e3", "1e", "2020-05-05", "\u0665"])
@pytest.mark.parametrize("operator", ["lt", "lte", "gt", "gte"])
@pytest.mark.parametrize("declared", ["DATETIME", "DECIMAL(10, 2)", "INTEGER", "REAL", "TEXT", ""])
def test_text_that_looks_like_a_number_is_compared_as_text(operator: str, digits: str, declared: str) -> None:
    """A column of DATETIME would take `2020` for a number, before which it has no text."""
    resource = replace(RESOURCE, properties={"text": RESOURCE.properties["text"]})
    asked = compile_filters({"text": {operator: digits}})
    sql, values = condition(SQLITE, resource, asked)
    with closing(apsw.Connection(":memory:")) as memory:
        memory.execute(f"CREATE TABLE t (text {declared})")
        memory.executemany("INSERT INTO t VALUES (?)", [(text,) for text in DAYS])
        memory.execute("CREATE INDEX texts ON t (text)")
        ((*_, plan),) = memory.execute(f"EXPLAIN QUERY PLAN SELECT text FROM t WHERE {sql}", values)
        found = [text for (text,) in memory.execute(f"SELECT text FROM t WHERE {sql}", values)]
    assert sorted(found) == sorted(text for text in DAYS if predicate(asked)({"text": text}) and text is not None)
    assert plan.startswith("SEARCH t USING COVERING INDEX texts (text")
