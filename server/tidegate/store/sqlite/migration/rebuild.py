"""Rebuilding a table: SQLite's way to change what ALTER TABLE cannot (sqlite.org/lang_altertable.html, section 7).

It makes a new table, copies every row with its row number, drops the old table, renames the new one, and restores all
indexes and triggers of the table, also those of other programs. It runs inside the migration's transaction, with
foreign keys off.
Invariant: no row changes and nothing is logged, except where NULL becomes a default and where a time or a UUID gets its
one spelling: these are ordinary updates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import msgspec
import peewee
from playhouse.apsw_ext import APSWDatabase

from tidegate.contract import Resource
from tidegate.contract.canonical import moment
from tidegate.store.errors import NeedsManualMigration, StoreError
from tidegate.store.migration.port import Progress
from tidegate.store.migration.row_checks import check_rows, rows_in_the_way
from tidegate.store.sql.names import quoted
from tidegate.store.sqlite.catalogue import columns_there, definition
from tidegate.store.sqlite.migration.column_texts import column_texts, nullable, with_columns
from tidegate.store.sqlite.migration.recorded_tables import RecordedTable, record
from tidegate.store.sqlite.migration.row_checks import query_of, rules_of
from tidegate.store.sqlite.migration.tables import Column, columns, create_table_sql

CHUNK = 10_000
"""Rows that one statement copies. After each statement the progress is reported."""
FIRST = -(2**63)
"""The lowest row number in SQLite."""


def rebuild(
    database: APSWDatabase,
    resource: Resource,
    resources: Mapping[str, Resource],
    recorded: RecordedTable,
    advice: str,
    progress: Progress,
) -> None:
    """Make the table what the schema wants. Raises NeedsManualMigration, with `advice`, where rows do not fit."""
    table, wanted = resource.table, columns(resource, resources)
    known = recorded.columns if recorded.sql == definition(database, table) else {}
    existing = [name for _, name, *_ in database.execute_sql(f"PRAGMA table_info({quoted(table)})").fetchall()]
    kept = {name: column for name, column in wanted.items() if name in existing}
    left = _left(database, table, wanted)
    _fill(database, resource, kept, known, advice)
    _spell(database, resource, kept, known, advice)
    check_rows(query_of(database), resource, rules_of(kept, known), advice)
    (total,) = database.execute_sql(f"SELECT count(*) FROM {quoted(table)}").fetchone()
    for name in wanted.keys() - kept.keys() if total else ():
        if not (wanted[name].null or resource.properties[name].has_default):
            raise not_addable(table, name, "they would have no value", advice)

    dependents = database.execute_sql(
        "SELECT sql FROM sqlite_master WHERE type IN ('index', 'trigger') AND tbl_name = ? AND sql IS NOT NULL "
        "ORDER BY rowid",
        (table,),
    ).fetchall()
    counted_to = _sequence(database, table)
    new = replace(resource, table=f"tidegate_new_{table}")
    database.execute_sql(with_columns(create_table_sql(new, resources, database), left.values()))
    _copy(database, resource, [*kept, *left], new.table, total, progress)
    database.execute_sql(f"DROP TABLE {quoted(table)}")
    database.execute_sql("PRAGMA legacy_alter_table = on")  # keeps other tables, views and triggers
    database.execute_sql(f"ALTER TABLE {quoted(new.table)} RENAME TO {quoted(table)}")
    database.execute_sql("PRAGMA legacy_alter_table = off")
    if counted_to is not None and any(column.automatic for column in wanted.values()):
        _go_on_counting(database, table, counted_to)
    for (sql,) in dependents:
        database.execute_sql(sql)
    if definition(database, "sqlite_stat1") is not None:  # the planner's statistics went with the table
        database.execute_sql(f"ANALYZE {quoted(table)}")
    entries = {**{name: _as_left(recorded.columns[name]) for name in left if name in recorded.columns}, **wanted}
    record(database, table, RecordedTable(resource.key, entries, recorded.indexes, definition(database, table) or ""))


def _left(database: APSWDatabase, table: str, wanted: Mapping[str, Column]) -> dict[str, str]:
    """The definitions of the columns that the schema does not name. They stay, and none of them asks for a value."""
    texts = column_texts(definition(database, table) or "")
    existing = columns_there(database, table)
    return {
        name: nullable(texts[name]) if column.needs_a_value else texts[name]
        for name, column in existing.items()
        if name not in wanted
    }


def _as_left(column: Column) -> Column:
    return msgspec.structs.replace(column, left=True, null=column.null or column.default is None)


def not_addable(table: str, column: str, why: str, advice: str) -> NeedsManualMigration:
    """The error for a new column for which existing rows have no value."""
    return NeedsManualMigration(
        f"the migration failed and nothing was changed: the column {table}.{column} cannot be added to rows that are "
        f"there ({why}): the property needs a default or a manual migration; {advice}"
    )


def _fill(
    database: APSWDatabase,
    resource: Resource,
    wanted: Mapping[str, Column],
    known: Mapping[str, Column],
    advice: str,
) -> None:
    """Give rows the default where NULL is no longer allowed, by updates of the old table, which the change log has."""
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
            violation = f"{resource.table}.{name} may not be null any more, and rows that are cannot have the default "
            raise rows_in_the_way(f"{violation}{column.default} ({error})", advice) from error
        database.execute_sql("PRAGMA ignore_check_constraints = 0")


def _spell(
    database: APSWDatabase,
    resource: Resource,
    wanted: Mapping[str, Column],
    known: Mapping[str, Column],
    advice: str,
) -> None:
    """Give times and UUIDs that are there their one spelling, by updates of the old table, which the change log has.

    `check_rows` reports the values that are no such thing.
    """
    table, number = quoted(resource.table), quoted(_row_number(resource))
    for name, column in wanted.items():
        read = _READINGS.get(column.format or "")
        if read is None or (name in known and known[name].format == column.format):
            continue
        value = quoted(name)
        condition = f"typeof({value}) = 'text' AND NOT ({column.checks['format']})"
        found = database.execute_sql(f"SELECT {number}, {value} FROM {table} WHERE {condition}").fetchall()
        for row, text in found:
            if (spelled := read(text)) is not None:
                _respell(database, f"UPDATE {table} SET {value} = ? WHERE {number} = ?", (spelled, row), name, advice)


def _respell(database: APSWDatabase, sql: str, values: tuple[str, int], name: str, advice: str) -> None:
    try:
        database.execute_sql(sql, values)
    except peewee.IntegrityError as error:
        violation = f"{name} cannot get its one spelling, {values[0]}, in every row ({error})"
        raise rows_in_the_way(violation, advice) from error


_READINGS: dict[str, Callable[[str], str | None]] = {"date-time": moment, "uuid": str.lower}
"""How a value in another spelling is read, by format. None where it is no such value."""


def _fits(database: APSWDatabase, name: str, column: Column, before: Column | None) -> bool:
    """Whether the checks of the old table allow the new default."""
    if before is None:
        return False
    kept = " AND ".join(f"({check})" for check in before.checks.values()) or "1"
    (fits,) = database.execute_sql(f"SELECT {kept} FROM (SELECT {column.default} AS {quoted(name)})").fetchone()
    return bool(fits)


def _copy(
    database: APSWDatabase, resource: Resource, kept: list[str], new: str, total: int, progress: Progress
) -> None:
    """Copy all rows in the order of their row numbers, which they keep."""
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
    """The name of the row number: the key if it is the row number itself, and otherwise a name that no column has."""
    first = resource.properties[resource.key[0]]
    if len(resource.key) == 1 and (first.type in {"integer", "boolean"} or first.is_int64):
        return resource.key[0]
    return next(name for name in ("rowid", "_rowid_", "oid") if name not in map(str.lower, resource.properties))


def _sequence(database: APSWDatabase, table: str) -> int | None:
    """The last number that AUTOINCREMENT gave in the table."""
    if definition(database, "sqlite_sequence") is None:
        return None
    found = database.execute_sql("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
    return None if found is None else found[0]


def _go_on_counting(database: APSWDatabase, table: str, counted_to: int) -> None:
    """Continue after `counted_to`, so that no number is given twice, not even the number of a deleted row."""
    now = _sequence(database, table)
    if now is None:
        database.execute_sql("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, counted_to))
    elif now < counted_to:
        database.execute_sql("UPDATE sqlite_sequence SET seq = ? WHERE name = ?", (counted_to, table))
