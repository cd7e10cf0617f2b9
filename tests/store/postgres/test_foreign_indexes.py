"""Text columns of another program's table, with collations: their indexes are used and change no result."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.store.application import ANYONE
from tests.support.driver import psycopg
from tests.support.postgres import PostgresServer
from tidegate.core.filters.tree import Filter, compile_filters
from tidegate.core.rows.ports import Key, ReadQuery
from tidegate.schema.resource import read_resource
from tidegate.store.postgres.connection import Connection, Connections, connect, numbered
from tidegate.store.postgres.filters import ALIAS
from tidegate.store.postgres.migration import migrate
from tidegate.store.postgres.serving.clauses import where_of
from tidegate.store.postgres.serving.reader import Reader

MEMBERS = read_resource(
    "members",
    {
        "title": "Member",
        "type": "object",
        "x-resource": {"key": "login"},
        "x-access": ANYONE,
        "properties": {name: {"type": "string"} for name in ("login", "mail", "mood", "town")},
        "required": ["login"],
    },
    {},
)
KEYS: tuple[Key, ...] = ({"login": "Ada"}, {"login": "bo"}, {"login": "ADA"}, {"login": "nobody"})


@pytest.fixture(scope="module")
def url(postgres: PostgresServer) -> Iterator[str]:
    with postgres.lent() as url:
        with psycopg.connect(url) as foreign:
            foreign.execute("CREATE TYPE mood AS ENUM ('sad', 'glad')")
            columns = 'login varchar(40) PRIMARY KEY, mail text, mood mood, town text COLLATE "pg_unicode_fast"'
            foreign.execute(f"CREATE TABLE members ({columns})")
            foreign.execute("CREATE INDEX ON members (mail)")
            rows = "('Ada', 'a@x.org', 'glad', 'ÉVORA'), ('bo', 'A@x.org', NULL, NULL)"
            foreign.execute(f"INSERT INTO members VALUES {rows}")
        migrate.apply(url, {"members": MEMBERS})
        yield url


@pytest.fixture
def connection(url: str) -> Iterator[Connection]:
    with connect(url) as connection:
        connection.execute("SET enable_seqscan = off")
        yield connection


@pytest.mark.parametrize(
    ("filters", "keys"),
    [
        ({}, KEYS[:1]),
        ({}, KEYS),
        ({"mail": "a@x.org"}, None),
        ({"mail": {"in": ["a@x.org", "b@x.org"]}}, None),
        ({"mail": "a@x.org", "mood": "glad"}, None),
    ],
    ids=str,
)
def test_rows_are_found_through_an_index(connection: Connection, filters: Any, keys: tuple[Key, ...] | None) -> None:
    where = where_of(MEMBERS, ReadQuery(resource="members", where=compile_filters(filters), keys=keys))
    plan = connection.execute(numbered(f"EXPLAIN SELECT 1 FROM members {ALIAS}{where.sql}"), where.values)
    assert "Index Cond" in str(plan.fetchall())


@pytest.mark.parametrize(
    ("filters", "keys", "found"),
    [
        ({}, KEYS, ["Ada", "bo"]),
        ({}, (), []),
        ({"mail": "a@x.org"}, None, ["Ada"]),
        ({"mail": {"nin": ["a@x.org", "b@x.org"]}}, None, ["bo"]),
        ({"mood": {"in": ["glad", "neither"]}}, None, ["Ada"]),
        ({"mood": {"ne": "sad"}}, KEYS, ["Ada"]),
        ({"town": {"contains": "vora"}}, None, ["Ada"]),
        ({"town": {"contains": "évora"}}, None, []),
        ({"town": {"startswith": "É"}}, None, ["Ada"]),
    ],
    ids=str,
)
def test_rows_are_found_exactly(url: str, filters: Any, keys: tuple[Key, ...] | None, found: list[str]) -> None:
    connections = Connections(url, reading=True)
    where: Filter = compile_filters(filters)
    rows = (
        Reader(connections, {"members": MEMBERS}, "public")
        .read(ReadQuery(resource="members", where=where, keys=keys))
        .rows
    )
    connections.close()
    assert [row["login"] for row in rows] == found
