"""Running a manual migration on PostgreSQL, over the connection on which the rest of the migration runs.

Invariant: a manual migration is a part of the one transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import peewee
import psycopg

from tidegate.store.migration.manual import Direction, ManualMigrations, failed, reason
from tidegate.store.postgres.changelog import META
from tidegate.store.postgres.connection import Connection
from tidegate.store.postgres.migration import ownership
from tidegate.store.postgres.migration.log_objects import begin_epoch


def migrations_of(database: peewee.PostgresqlDatabase, connection: Connection, folder: Path | None) -> ManualMigrations:
    """The manual migrations of `folder`. `connection`: the one that `database` uses."""

    @contextmanager
    def with_peewees_cursor() -> Iterator[None]:
        # peewee writes %s for bound values, Tidegate $1.
        connection.cursor_factory = psycopg.Cursor
        try:
            yield
        finally:
            connection.cursor_factory = psycopg.RawCursor

    return ManualMigrations(database, folder, with_peewees_cursor)


def run(
    connection: Connection, shared: Collection[str], migrations: ManualMigrations, name: str, direction: Direction
) -> None:
    """Run one migration and record what it left behind. `shared`: the tables of resources. Raises StoreError.

    The log does not have what it does to definitions, so that a new epoch begins. Tidegate owns the tables that the
    migration makes for resources; a renamed table keeps its owner.
    """
    before = ownership.existing_tables(connection)
    try:
        migrations.run(name, direction)
    except Exception as error:  # the file may raise anything
        raise failed(name, reason(error)) from error
    if connection.execute("SELECT to_regclass($1)", [META]).fetchall()[0][0]:
        begin_epoch(connection)
        for number, table in ownership.existing_tables(connection).items():
            if table in shared and before.get(number) != table:
                known = ownership.recorded(connection, before[number]) if number in before else ownership.TIDEGATE
                connection.execute(ownership.record(table, known or ownership.recognised(connection, number)))
