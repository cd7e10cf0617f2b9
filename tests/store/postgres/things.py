"""The table of `tests.store.things` in PostgreSQL, with a property of every kind, for conditions in SQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.store.things import RESOURCE
from tests.support.driver import psycopg, sql
from tidegate.core.filters.tree import Filter
from tidegate.core.rows.ports import ReadQuery, Row
from tidegate.store.postgres.connection import Connections
from tidegate.store.postgres.migration import migrate
from tidegate.store.postgres.rows import to_column
from tidegate.store.postgres.serving.reader import Reader

RESOURCES = {"things": RESOURCE}


class PostgresThings:
    """Writes to the table as other programs do, and reads from it as the gateway does."""

    def __init__(self, connection: psycopg.Connection[tuple[Any, ...]], reader: Reader) -> None:
        self._connection = connection
        self._reader = reader

    def put(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Replace all rows with these, which are values of the columns."""
        with self._connection.transaction():
            self._connection.execute("DELETE FROM things")
            for row in rows:
                statement = sql.SQL("INSERT INTO things ({}) VALUES ({})").format(
                    sql.SQL(", ").join(sql.Identifier(name.replace("%", "%%")) for name in row),
                    sql.SQL(", ").join([sql.Placeholder()] * len(row)),
                )
                self._connection.execute(statement, tuple(row.values()))

    def rows(self) -> list[Row]:
        return self._reader.read(ReadQuery(resource="things")).rows

    def ids(self, filters: Filter, **more: Any) -> list[int]:
        """What SQL finds."""
        return [row["id"] for row in self._reader.read(ReadQuery(resource="things", where=filters, **more)).rows]


def columns(row: Row) -> dict[str, Any]:
    """A wire row as the store writes it."""
    return {name: to_column(RESOURCE.properties[name], value) for name, value in row.items()}


@contextmanager
def opened(url: str) -> Iterator[PostgresThings]:
    migrate.apply(url, RESOURCES)
    connections = Connections(url, reading=True)
    with psycopg.connect(url, autocommit=True) as connection:
        # Only what the tables hold is looked at here; the log of it all would take most of the time.
        connection.execute("SET synchronous_commit = off")
        connection.execute('ALTER TABLE things DISABLE TRIGGER "00_tidegate_rows"')
        yield PostgresThings(connection, Reader(connections, RESOURCES, "public"))
    connections.close()
