"""Running a manual migration on SQLite.

While it runs, Tidegate's triggers are away and no CHECK holds, so that it can drop columns and convert values.
Afterwards the tables that it wrote to are compared with the schema.
Invariant: a manual migration is a part of the one transaction and cannot end it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import apsw
from playhouse.apsw_ext import APSWDatabase

from tidegate.contract import Resource
from tidegate.store.migration.manual import Direction, ManualMigrations, failed, reason
from tidegate.store.migration.row_checks import check_rows
from tidegate.store.migration.unsafe_changes import advice
from tidegate.store.sql.names import quoted
from tidegate.store.sqlite.catalogue import definition
from tidegate.store.sqlite.changelog import META
from tidegate.store.sqlite.migration.differences import differences
from tidegate.store.sqlite.migration.log_objects import begin_epoch, installed_triggers
from tidegate.store.sqlite.migration.recorded_tables import RecordedTable, after_manual_migration, read_all, record
from tidegate.store.sqlite.migration.row_checks import query_of, rules_of
from tidegate.store.sqlite.migration.tables import columns, indexes


def run(
    database: APSWDatabase,
    resources: Mapping[str, Resource],
    migrations: ManualMigrations,
    name: str,
    direction: Direction,
) -> None:
    """Run one migration and record what it left behind. Raises StoreError.

    Tidegate's triggers are dropped, because SQLite drops and renames no column that a trigger names. Later steps bring
    them back. So are Tidegate's indexes that the schema no longer wants, because SQLite drops no column that an index
    names. The log does not have what the migration does to rows, so that a new epoch begins.
    """
    before, existed = read_all(database), set(database.get_tables())
    for trigger in installed_triggers(database):
        database.execute_sql(f"DROP TRIGGER {quoted(trigger)}")
    for index in _unwanted_indexes(resources, before):
        database.execute_sql(f"DROP INDEX IF EXISTS {quoted(index)}")
    connection = database.connection()
    watch = _Watch(connection)
    database.execute_sql("PRAGMA ignore_check_constraints = 1")
    connection.authorizer = watch
    try:
        migrations.run(name, direction)
    except Exception as error:  # the file may raise anything
        why = "it may not begin or end transactions" if watch.ended else in_the_way(reason(error))
        raise failed(name, why) from error
    finally:
        connection.authorizer = None
    database.execute_sql("PRAGMA ignore_check_constraints = 0")
    _check_other_tables(database, name, (watch.tables & existed) - before.keys())

    now = set(database.get_tables())
    for resource in resources.values():
        table = resource.table
        if META not in now or table not in now or table in (existed - (watch.tables & before.keys())):
            continue
        wanted = columns(resource, resources)
        entry = after_manual_migration(database, resource, wanted, before.get(table), before)
        if not differences(entry, wanted, definition(database, table)):
            kept = {column: facts for column, facts in wanted.items() if column in entry.columns}
            check_rows(query_of(database), resource, rules_of(kept, entry.columns), advice(migrations.folder, name))
        record(database, table, entry)
    begin_epoch(database)


def in_the_way(why: str) -> str:
    """SQLite's error, with what to do about an index, a trigger or a view that names a column which is to go."""
    found = IN_THE_WAY.search(why)
    if found is None:
        return why
    kind, name = found[1], found[2]
    again = "Tidegate makes its own again" if kind == "index" else "make it again afterwards, where you still need it"
    return f"{why}; drop the {kind} first: db.execute_sql('DROP {kind.upper()} {quoted(name)}') ({again})"


IN_THE_WAY = re.compile(r"error in (index|trigger|view) (.+?) after (?:drop column|rename)")


def _unwanted_indexes(resources: Mapping[str, Resource], recorded: Mapping[str, RecordedTable]) -> list[str]:
    return [
        name
        for resource in resources.values()
        if resource.table in recorded
        for name, index in recorded[resource.table].indexes.items()
        if index not in indexes(resource)
    ]


class _Watch:
    """SQLite's authorizer while a migration runs: it notes the tables that are written to, and denies COMMIT."""

    def __init__(self, connection: apsw.Connection) -> None:
        self.tables: set[str] = set()
        self.ended = False
        self._connection = connection

    def __call__(self, action: int, first: Any, second: Any, database: Any, trigger: Any) -> int:
        # In autocommit a trigger's RAISE(ROLLBACK) has ended the transaction, and SQLite would commit what comes next.
        if action == apsw.SQLITE_TRANSACTION or self._connection.getautocommit():
            self.ended = True
            return apsw.SQLITE_DENY
        if action in _WRITES:
            self.tables.add(first)
        elif action == apsw.SQLITE_ALTER_TABLE:
            self.tables.add(second)
        return apsw.SQLITE_OK


_WRITES = {apsw.SQLITE_INSERT, apsw.SQLITE_UPDATE, apsw.SQLITE_DELETE, apsw.SQLITE_CREATE_TABLE, apsw.SQLITE_DROP_TABLE}


def _check_other_tables(database: APSWDatabase, name: str, tables: set[str]) -> None:
    """Check the CHECK constraints of other programs' tables, which did not hold while the migration ran."""
    for table in sorted(tables):
        if definition(database, table) is None or table.startswith(("sqlite_", "tidegate_")):
            continue
        found = [text for (text,) in database.execute_sql(f"PRAGMA quick_check({quoted(table)})").fetchall()]
        if found != ["ok"]:
            raise failed(name, found[0])
