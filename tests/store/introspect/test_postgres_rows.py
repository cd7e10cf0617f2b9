"""Rows of a PostgreSQL table with types that Tidegate never gives a column: written, read, filtered, sorted."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.driver import psycopg
from tests.support.postgres import PostgresServer
from tidegate.core.errors import Refused
from tidegate.core.filters.tree import compile_filters
from tidegate.core.rows.ports import Mutation, ReadQuery, Row, Store
from tidegate.schema.resource import Resource, read_resource
from tidegate.store import introspect, open_store
from tidegate.store.postgres.migration import migrate

TABLE = """CREATE TABLE things (
  day date PRIMARY KEY, price numeric(10,2), whole numeric(6), exact numeric, mood mood DEFAULT 'ok', at timestamp,
  clock time, lasting interval, tags text[], moods mood[], days daterange, place inet, photo bytea, name short)"""
HERS: Row = {
    "day": "2020-02-03",
    "price": 1.1,
    "whole": 7,
    "exact": "12345678901234567890.10",
    "mood": "sad",
    "at": "2020-02-03 04:05:06.5",
    "clock": "04:05:06",
    "lasting": "1 day 02:00:00",
    "tags": '{a,"b c"}',
    "moods": "{sad,ok}",
    "days": "[2020-02-03,2020-02-05)",
    "place": "10.0.0.1/32",
    "name": "Ada",
}


class Things:
    """The table's resource, a store over it, and another program with other session settings."""

    def __init__(self, resource: Resource, store: Store, program: psycopg.Connection[tuple[Any, ...]]) -> None:
        self.resource = resource
        self.store = store
        self.program = program

    async def read(self, filters: dict[str, Any] | None = None, **query: Any) -> list[Row]:
        where = compile_filters(filters)
        return (await self.store.read(ReadQuery(resource="things", where=where, **query))).rows

    async def create(self, row: Row) -> Row:
        (written,) = (await self.store.write(Mutation(kind="create", resource="things", rows=(row,)))).rows
        return written

    def logged(self) -> tuple[Any, Any]:
        """The images of the last change."""
        found = self.program.execute("SELECT old, new FROM _tidegate.log ORDER BY seq DESC LIMIT 1").fetchone()
        assert found is not None
        return tuple(None if image is None else json.loads(image) for image in found)  # type: ignore[return-value]  # two


@pytest.fixture
async def things(postgres: PostgresServer) -> AsyncIterator[Things]:
    with postgres.lent() as url, psycopg.connect(url, autocommit=True) as program:
        program.execute("CREATE TYPE mood AS ENUM ('sad', 'ok')")
        program.execute("CREATE DOMAIN short AS varchar(5)")
        program.execute(TABLE)
        (file,), _ = introspect.files(introspect.read(url).tables, {})
        resource = read_resource("things", file.schema, {})
        migrate.apply(url, {"things": resource})
        program.execute("SET DateStyle = 'German, DMY'")
        program.execute("SET IntervalStyle = 'iso_8601'")
        store = await open_store(url, {"things": resource})
        yield Things(resource, store, program)
        await store.close()


async def test_a_row_of_another_program_is_logged_as_it_is_read(things: Things) -> None:
    marks = ", ".join(["%s"] * (len(HERS) + 1))
    things.program.execute(
        f"INSERT INTO things ({', '.join(HERS)}, photo) VALUES ({marks})".encode(), [*HERS.values(), b"\xff"]
    )
    assert await things.read() == [HERS]
    assert things.logged() == (None, HERS)
    things.program.execute("UPDATE things SET photo = NULL")
    assert things.logged() == (None, HERS)
    things.program.execute("UPDATE things SET at = NULL, price = 'NaN', mood = DEFAULT, day = '04.02.2020'")
    (row,) = await things.read()
    assert row == HERS | {"at": None, "price": None, "mood": "ok", "day": "2020-02-04"}
    assert things.logged()[1] == row | {"price": "NaN"}


async def test_a_clients_row_is_read_back_and_found_by_each_of_its_values(things: Things) -> None:
    assert await things.create(HERS) == HERS
    other = {name: None for name in HERS} | {"day": "2019-12-31", "price": 1.11, "mood": "ok", "tags": "{}"}
    assert await things.create({"day": "2019-12-31", "price": 1.11, "tags": "{}"}) == other
    for name, value in HERS.items():
        assert await things.read({name: value}) == [HERS], name
    assert await things.read({"price": {"gt": 1.1}}) == [other]
    assert await things.read({"day": {"lt": "2020-01-01"}}) == [other]
    assert await things.read({"at": {"startswith": "2020-02"}}) == [HERS]
    for name in ("day", "mood"):  # as text: in the order of the labels the other row would come last
        assert await things.read(sort=((name, "asc"),)) == [other, HERS]
    assert await things.read(keys=({"day": "2020-02-03"},)) == [HERS]


@pytest.mark.parametrize("wrong", [{"at": "soon"}, {"tags": "a"}, {"place": "here"}, {"exact": "many"}])
async def test_text_that_is_no_value_of_the_type_is_refused_as_the_clients_mistake(things: Things, wrong: Row) -> None:
    with pytest.raises(Refused) as caught:
        await things.create({"day": "2020-02-03", **wrong})
    assert (caught.value.code, caught.value.pointer) == ("invalid_data", "/data")
    assert await things.read() == []
