"""Rebuilding a table: SQLite's way to change what ALTER TABLE cannot (sqlite.org/lang_altertable.html, section 7).

A new table, a copy of every row with its row number, drop, rename; then the table's indexes and triggers as they were,
whoever made them. It runs inside the migration's transaction, with foreign keys off. Nothing is logged: no row changes,
except where NULL becomes a default, which is an update like any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import peewee
from playhouse.apsw_ext import APSWDatabase

from tidegate.contract import Resource
from tidegate.store.errors import NeedsWrittenMigration, StoreError
from tidegate.store.migration.port import Progress
from tidegate.store.migration.row_checks import check_rows
from tidegate.store.sql.names import quoted
from tidegate.store.sqlite.migration.recorded_tables import Made, definition, remember
from tidegate.store.sqlite.migration.row_checks import asking, rules_of
from tidegate.store.sqlite.migration.tables import Column, columns, create_table_sql

CHUNK = 10_000
"""Rows copied in one statement; between two of them it is told how far the copy is."""
FIRST = -(2**63)
"""The lowest number that a row can have."""


def rebuild(
    database: APSWDatabase,
    resource: Resource,
    resources: Mapping[str, Resource],
    made: Made,
    advice: str,
    progress: Progress,
) -> None:
    """Make the table what the schema wants. Raises StoreError where rows do not fit; `advice` says what to type."""
    table, wanted = resource.table, columns(resource, resources)
    known = made.columns if made.sql == definition(database, table) else {}
    there = [name for _, name, *_ in database.execute_sql(f"PRAGMA table_info({quoted(table)})").fetchall()]
    kept = {name: column for name, column in wanted.items() if name in there}
    _fill(database, resource, kept, known, advice)
    check_rows(asking(database), resource, rules_of(kept, known), advice)
    (total,) = database.execute_sql(f"SELECT count(*) FROM {quoted(table)}").fetchone()
    for name in wanted.keys() - kept.keys() if total else ():
        if not (wanted[name].null or resource.properties[name].has_default):
            raise not_addable(table, name, "they would have no value", advice)

    around = database.execute_sql(
        "SELECT sql FROM sqlite_master WHERE type IN ('index', 'trigger') AND tbl_name = ? AND sql IS NOT NULL "
        "ORDER BY rowid",
        (table,),
    ).fetchall()
    counted = _sequence(database, table)
    new = replace(resource, table=f"tidegate_new_{table}")
    database.execute_sql(create_table_sql(new, resources, database))
    _copy(database, resource, list(kept), new.table, total, progress)
    database.execute_sql(f"DROP TABLE {quoted(table)}")
    database.execute_sql("PRAGMA legacy_alter_table = on")  # else other tables, views and triggers would be rewritten
    database.execute_sql(f"ALTER TABLE {quoted(new.table)} RENAME TO {quoted(table)}")
    database.execute_sql("PRAGMA legacy_alter_table = off")
    if counted is not None and any(column.automatic for column in wanted.values()):
        _go_on_counting(database, table, counted)
    for (sql,) in around:
        database.execute_sql(sql)
    if definition(database, "sqlite_stat1") is not None:  # what somebody measured for the planner went with the table
        database.execute_sql(f"ANALYZE {quoted(table)}")
    remember(database, table, Made(resource.key, wanted, made.indexes, definition(database, table) or ""))


def not_addable(table: str, column: str, why: str, advice: str) -> NeedsWrittenMigration:
    """A new column that the rows that are there cannot have."""
    return NeedsWrittenMigration(
        f"the migration failed and nothing was changed: the column {table}.{column} cannot be added to rows that are "
        f"there ({why}): the property needs a default, or a migration written by hand; {advice}"
    )


def _fill(
    database: APSWDatabase,
    resource: Resource,
    wanted: Mapping[str, Column],
    known: Mapping[str, Column],
    advice: str,
) -> None:
    """Give rows the default where NULL is allowed no more: updates of the old table, which the change log tells."""
    for name, column in wanted.items():
        before = known.get(name)
        if column.null or not resource.properties[name].has_default or (before is not None and not before.null):
            continue
        # The default may be a value that the old table's CHECK does not have yet.
        database.execute_sql(f"PRAGMA ignore_check_constraints = {int(not _fits(database, name, column, before))}")
        try:
            database.execute_sql(
                f"UPDATE {quoted(resource.table)} SET {quoted(name)} = {column.default} WHERE {quoted(name)} IS NULL"
            )
        except peewee.IntegrityError as error:
            raise NeedsWrittenMigration(
                f"the migration failed and nothing was changed: {resource.table}.{name} may not be null any more, and "
                f"rows that are cannot have the default {column.default} ({error}). Correct these rows and migrate "
                f"again, or let a written migration correct them: {advice}"
            ) from error
        database.execute_sql("PRAGMA ignore_check_constraints = 0")


def _fits(database: APSWDatabase, name: str, column: Column, before: Column | None) -> bool:
    """Whether the old table takes the new default."""
    if before is None:
        return False
    kept = " AND ".join(f"({check})" for check in before.checks.values()) or "1"
    (fits,) = database.execute_sql(f"SELECT {kept} FROM (SELECT {column.default} AS {quoted(name)})").fetchone()
    return bool(fits)


def _copy(
    database: APSWDatabase, resource: Resource, kept: list[str], new: str, total: int, progress: Progress
) -> None:
    """Copy all rows, in the order of their numbers, which they keep."""
    number = _row_number(resource)
    names = ", ".join([*([] if number in resource.properties else [number]), *map(quoted, kept)])
    copied, start = 0, FIRST
    while copied < total:
        database.execute_sql(
            f"INSERT INTO {quoted(new)} ({names}) SELECT {names} FROM {quoted(resource.table)} "
            f"WHERE {quoted(number)} >= ? ORDER BY {quoted(number)} LIMIT ?",
            (start, CHUNK),
        )
        (more,) = database.execute_sql("SELECT changes()").fetchone()
        if not more:
            raise StoreError(f"the migration failed and nothing was changed: {total - copied} rows were not copied")
        copied += more
        (last,) = database.execute_sql(f"SELECT max({quoted(number)}) FROM {quoted(new)}").fetchone()
        start = last + 1
        progress(resource.table, copied, total)


def _row_number(resource: Resource) -> str:
    """What SQLite calls a row's number: the key where that is the number itself, else a name that no column has."""
    if len(resource.key) == 1 and resource.properties[resource.key[0]].type in {"integer", "boolean"}:
        return resource.key[0]
    return next(name for name in ("rowid", "_rowid_", "oid") if name not in map(str.lower, resource.properties))


def _sequence(database: APSWDatabase, table: str) -> int | None:
    """Up to where AUTOINCREMENT counted in the table."""
    if definition(database, "sqlite_sequence") is None:
        return None
    found = database.execute_sql("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
    return None if found is None else found[0]


def _go_on_counting(database: APSWDatabase, table: str, counted: int) -> None:
    """A number is never given twice, not even that of a row that is gone."""
    now = _sequence(database, table)
    if now is None:
        database.execute_sql("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, counted))
    elif now < counted:
        database.execute_sql("UPDATE sqlite_sequence SET seq = ? WHERE name = ?", (counted, table))
