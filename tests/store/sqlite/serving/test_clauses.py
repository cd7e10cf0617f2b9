"""The parts of a SELECT that are kept as text, asked of a table whose key another program gave a collation."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cases import every_case
from tests.support.sqlite import foreign
from tidegate.schema.resource import read_resource
from tidegate.store.sql.filters import Condition
from tidegate.store.sqlite.filters import ALIAS
from tidegate.store.sqlite.serving.clauses import key_is_one_of, ordered

WORDS = read_resource(
    "words",
    {
        "title": "Word",
        "type": "object",
        "x-resource": {"key": ["word", "number"]},
        "properties": {"word": {"type": "string"}, "number": {"type": "integer"}},
        "required": ["word", "number"],
    },
    {},
)
ROWS = [("A", 2), ("a", 1), ("b", 1)]
FOUND: dict[str, tuple[list[tuple[str, int]], list[tuple[str, int]]]] = {
    "one": ([("a", 1)], [("a", 1)]),
    "one that the collation alone finds": ([("A", 1)], []),
    "one of which half is there": ([("a", 2)], []),
    "several": ([("a", 1), ("A", 2)], [("A", 2), ("a", 1)]),
    "several of which the collation finds others": ([("A", 1), ("a", 2), ("b", 1)], [("b", 1)]),
    "several of which halves are there": ([("a", 2), ("b", 2)], []),
}


@pytest.fixture
def program(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with foreign(tmp_path / "words.db") as connection:
        connection.execute("CREATE TABLE words (word TEXT COLLATE NOCASE, number INTEGER, PRIMARY KEY (word, number))")
        connection.executemany("INSERT INTO words VALUES (?, ?)", ROWS)
        yield connection


def looked_up(keys: list[tuple[str, int]], *, by_collation: bool) -> Condition:
    return key_is_one_of(WORDS, [{"word": word, "number": number} for word, number in keys], by_collation)


def test_keys_are_found_exactly(program: sqlite3.Connection) -> None:
    with every_case() as case:
        for name, (keys, expected) in FOUND.items():
            for by_collation in (True, False):
                with case(f"{name}, by collation: {by_collation}"):
                    found = looked_up(keys, by_collation=by_collation)
                    sql = f"SELECT * FROM words {ALIAS} WHERE {found.sql}{ordered(WORDS.key, ())}"
                    assert program.execute(sql, found.values).fetchall() == expected


def test_keys_are_found_through_the_index_of_the_table(program: sqlite3.Connection) -> None:
    for keys in ([("a", 1)], [("a", 1), ("b", 1)]):
        found = looked_up(keys, by_collation=True)
        plan = program.execute(f"EXPLAIN QUERY PLAN SELECT * FROM words {ALIAS} WHERE {found.sql}", found.values)
        (first, *_) = [words for *_, words in plan]
        assert first.startswith(f"SEARCH {ALIAS} "), first


def test_rows_are_ordered_by_what_was_asked_and_at_last_by_the_rest_of_the_key() -> None:
    terms = ordered(("word", "number"), (("note", "desc"), ("number", "desc"))).removeprefix(" ORDER BY ").split(", ")
    assert [term.removeprefix(f"{ALIAS}.") for term in terms] == [
        '"note" COLLATE BINARY DESC',
        '"number" COLLATE BINARY DESC',
        '"word" COLLATE BINARY ASC',
    ]
