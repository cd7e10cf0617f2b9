"""A database that has the change log of the first form, in which entries without a number were in the log itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.application import ANYONE
from tests.store.postgres.foreign import ForeignPostgres, happened
from tests.support.driver import psycopg
from tests.support.postgres import PostgresServer
from tidegate.contract import Resource
from tidegate.schema.resource import read_resource
from tidegate.store.postgres.migration import migrate

FIRST = Path(__file__).with_name("first_log.sql").read_text()


def _resource(name: str, title: str, **properties: object) -> Resource:
    schema = {
        "title": title,
        "type": "object",
        "x-resource": {"key": "id"},
        "x-access": ANYONE,
        "properties": {"id": {"type": "integer"}, **properties},
        "required": ["id"],
    }
    return read_resource(name, schema, {})


NOTES = {"notes": _resource("notes", "Note", text={"type": "string"})}
BOTH = NOTES | {"pads": _resource("pads", "Pad")}


@pytest.fixture
def former(postgres: PostgresServer) -> Iterator[tuple[str, ForeignPostgres]]:
    with postgres.lent() as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute(FIRST.encode())
        yield url, ForeignPostgres(connection, BOTH)


def test_a_migration_gives_the_log_a_primary_key_and_keeps_its_entries(former: tuple[str, ForeignPostgres]) -> None:
    url, program = former
    program.run("INSERT INTO notes VALUES (1, 'before'), (2, 'before')")
    epoch = program.value("SELECT value FROM _tidegate.meta WHERE name = 'epoch'")
    entries = program.log()
    done = migrate.apply(url, BOTH)
    assert "give the change log a primary key" in done
    assert migrate.apply(url, BOTH) == []
    assert program.log() == entries
    assert program.value("SELECT value FROM _tidegate.meta WHERE name = 'epoch'") == epoch
    program.execute("CREATE PUBLICATION p FOR ALL TABLES")
    mark = program.head()
    assert happened(program.run("UPDATE notes SET text = 'after'")) == [("update", (1,)), ("update", (2,))]
    assert program.log(mark)[0].seq == mark + 1
    program.execute("DELETE FROM _tidegate.log")


def test_tables_that_the_schema_no_longer_names_are_still_written(former: tuple[str, ForeignPostgres]) -> None:
    """Their trigger functions are the former ones, and insert entries without a number."""
    url, program = former
    migrate.apply(url, NOTES)
    with program.told() as entries, program.connection.transaction():
        program.execute("INSERT INTO pads VALUES (1)")
        program.execute("INSERT INTO notes VALUES (1, 'both')")
    assert [(entry.resource, entry.action) for entry in entries] == [("pads", "create"), ("notes", "create")]


def test_a_session_that_wrote_before_the_migration_writes_after_it(former: tuple[str, ForeignPostgres]) -> None:
    """It has kept the plans of the former trigger functions."""
    url, program = former
    program.execute("INSERT INTO pads VALUES (0)")
    program.execute("INSERT INTO notes VALUES (0, 'before')")
    migrate.apply(url, NOTES)
    assert happened(program.run("INSERT INTO pads VALUES (1)")) == [("create", (1,))]
    assert happened(program.run("UPDATE notes SET text = 'after'")) == [("update", (0,))]
