"""Migrations written by hand: `migrations/NNNN_name.py` beside the schema files, with `up` and `down`.

playhouse.migrations finds, runs and remembers them. While one runs, Tidegate's triggers are away and no CHECK holds, so
that it can drop columns and convert values; what it wrote to is compared with the schema afterwards.
Invariant: a written migration is a part of the one transaction and cannot end it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import apsw
from playhouse.apsw_ext import APSWDatabase
from playhouse.migrations import Runner

from tidegate.contract import Resource
from tidegate.store.errors import StoreError
from tidegate.store.migration.files import HISTORY
from tidegate.store.migration.row_checks import check_rows
from tidegate.store.migration.unsafe_changes import to_write
from tidegate.store.sql.names import quoted
from tidegate.store.sqlite.changelog import META
from tidegate.store.sqlite.migration.differences import differences
from tidegate.store.sqlite.migration.recorded_tables import converted, definition, read_all, remember
from tidegate.store.sqlite.migration.row_checks import asking, rules_of
from tidegate.store.sqlite.migration.tables import columns

Direction = Literal["up", "down"]


def pending(database: APSWDatabase, folder: Path | None) -> list[str]:
    """Migrations that were not applied yet, in order."""
    if folder is None or not folder.is_dir():
        return []
    runner = _runner(database, folder)
    applied = runner.applied()
    return [migration.name for migration in runner.migrations() if migration.name not in applied]


def last(database: APSWDatabase, folder: Path | None) -> str:
    """The migration that `down` would take back. Raises StoreError when there is none."""
    applied = (
        []
        if folder is None
        else [migration.name for migration in _runner(database, folder).status() if migration.applied]
    )
    if not applied:
        raise StoreError("there is no written migration to take back")
    name: str = applied[-1]
    return name


def skip(database: APSWDatabase, folder: Path, name: str) -> None:
    """Note it as applied: new tables are made as the schema has them now, which is where it leads."""
    _runner(database, folder).fake(name)


def run(
    database: APSWDatabase,
    resources: Mapping[str, Resource],
    folder: Path,
    name: str,
    direction: Direction,
) -> None:
    """Run one migration. Our triggers would be in its way: SQLite drops and renames no column that they name.

    They come back with the steps after it; what it does to rows is not logged, hence the new epoch that follows.
    """
    entries, existed = read_all(database), set(database.get_tables())
    for trigger in installed(database):
        database.execute_sql(f"DROP TRIGGER {quoted(trigger)}")
    connection = database.connection()
    runner, watch = _runner(database, folder), _Watch(connection)
    database.execute_sql("PRAGMA ignore_check_constraints = 1")
    connection.authorizer = watch
    try:
        runner.up(name) if direction == "up" else runner.down(name)
    except Exception as error:  # whatever its author did wrong
        why = "it may not begin or end transactions" if watch.ended else str(error) or type(error).__name__
        raise StoreError(f"the migration {name} failed and nothing was changed: {why}") from error
    finally:
        connection.authorizer = None
    database.execute_sql("PRAGMA ignore_check_constraints = 0")
    _look_at_others(database, name, (watch.tables & existed) - entries.keys())

    now = set(database.get_tables())
    for resource in resources.values():
        table = resource.table
        if META not in now or table not in now or table in (existed - (watch.tables & entries.keys())):
            continue
        wanted = columns(resource, resources)
        made = converted(database, resource, wanted, entries.get(table), entries)
        if not differences(made, wanted, definition(database, table)):
            there = {column: facts for column, facts in wanted.items() if column in made.columns}
            check_rows(asking(database), resource, rules_of(there, made.columns), to_write(folder, name))
        remember(database, table, made)


def installed(database: APSWDatabase) -> dict[str, tuple[str, str]]:
    """Tidegate's triggers: their tables and their SQL, by name."""
    sql = (
        "SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'tidegate\\_%' ESCAPE '\\'"
    )
    return {name: (table, text) for name, table, text in database.execute_sql(sql).fetchall()}


class _Watch:
    """SQLite asks it about each statement of a migration: it notes the tables written to, and forbids COMMIT."""

    def __init__(self, connection: apsw.Connection) -> None:
        self.tables: set[str] = set()
        self.ended = False
        self._connection = connection

    def __call__(self, action: int, first: Any, second: Any, database: Any, trigger: Any) -> int:
        if action == apsw.SQLITE_TRANSACTION or self._connection.getautocommit():
            self.ended = True  # the second: a trigger's RAISE(ROLLBACK) did, and what comes now would be committed
            return apsw.SQLITE_DENY
        if action in _WRITES:
            self.tables.add(first)
        elif action == apsw.SQLITE_ALTER_TABLE:
            self.tables.add(second)
        return apsw.SQLITE_OK


_WRITES = {apsw.SQLITE_INSERT, apsw.SQLITE_UPDATE, apsw.SQLITE_DELETE, apsw.SQLITE_CREATE_TABLE, apsw.SQLITE_DROP_TABLE}


def _look_at_others(database: APSWDatabase, name: str, tables: set[str]) -> None:
    """No CHECK held while it ran: those of tables that are not Tidegate's are made up for here."""
    for table in sorted(tables):
        if definition(database, table) is None or table.startswith(("sqlite_", "tidegate_")):
            continue
        found = [text for (text,) in database.execute_sql(f"PRAGMA quick_check({quoted(table)})").fetchall()]
        if found != ["ok"]:
            raise StoreError(f"the migration {name} failed and nothing was changed: {found[0]}")


def _runner(database: APSWDatabase, folder: Path) -> Any:
    return Runner(database, str(folder), table_name=HISTORY)
