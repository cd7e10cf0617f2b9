"""How Tidegate made its tables, as recorded in `tidegate_meta`. Older tables of other programs have no record.

With the records a migration compares what a column was made from with what the schema wants now, in the schema's own
keywords.
Invariant: a table has a record exactly when Tidegate, or a manual migration for a resource, made the table.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from playhouse.apsw_ext import APSWDatabase

from tidegate.contract import Resource
from tidegate.store.sql.names import quoted
from tidegate.store.sqlite.catalogue import index_names
from tidegate.store.sqlite.changelog import META
from tidegate.store.sqlite.migration.tables import Column

PREFIX = "table:"
"""The name of a record in META is this prefix and the table's name."""


class RecordedTable(msgspec.Struct, frozen=True):
    """How a table was made."""

    key: tuple[str, ...]
    columns: dict[str, Column]
    indexes: dict[str, tuple[tuple[str, ...], bool]]
    """The indexes that Tidegate made, by name: their columns, and whether they are unique."""
    sql: str
    """The definition that SQLite had then; "" when a manual migration left the table in another shape."""


def read_all(database: APSWDatabase) -> dict[str, RecordedTable]:
    """All records, by table."""
    if META not in database.get_tables():
        return {}
    found = database.execute_sql(f"SELECT name, value FROM {META} WHERE substr(name, 1, ?) = ?", (len(PREFIX), PREFIX))
    return {
        name.removeprefix(PREFIX): msgspec.json.decode(value, type=RecordedTable) for name, value in found.fetchall()
    }


def record(database: APSWDatabase, table: str, entry: RecordedTable) -> None:
    """Write the table's record, or write over it."""
    sql = f"INSERT INTO {META} (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
    database.execute_sql(sql, (PREFIX + table, msgspec.json.encode(entry).decode()))


def forget(database: APSWDatabase, table: str) -> None:
    """Delete the table's record."""
    database.execute_sql(f"DELETE FROM {META} WHERE name = ?", (PREFIX + table,))


def after_manual_migration(
    database: APSWDatabase,
    resource: Resource,
    wanted: Mapping[str, Column],
    before: RecordedTable | None,
    all_before: Mapping[str, RecordedTable],
) -> RecordedTable:
    """The record of a table that a manual migration wrote to. The values count as converted to the wanted types.

    `before`: the table's record until then. `all_before`: all records, of which another one has the table's indexes if
    the table was renamed.
    """
    found = database.execute_sql(f"PRAGMA table_info({quoted(resource.table)})").fetchall()
    known = {} if before is None else before.columns
    names = index_names(database, resource.table)
    return RecordedTable(
        key=tuple(name for at, name in sorted((pk, name) for _, name, *_, pk in found) if at),
        columns={
            name: msgspec.structs.replace(
                known.get(name, Column("", null=True)), type=wanted[name].type if name in wanted else ""
            )
            for _, name, *_ in found
        },
        indexes={
            name: index for entry in all_before.values() for name, index in entry.indexes.items() if name in names
        },
        sql="" if before is None else before.sql,
    )
