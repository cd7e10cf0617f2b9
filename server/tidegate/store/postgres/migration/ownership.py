"""Who made a table. Tidegate keeps its own tables as the schema says, and only completes tables of other programs.

META has an entry for each table of a resource, written when a migration first sees the table. Older databases have no
entries; constraints and indexes with names that only Tidegate gives mark their tables.
Invariant: a table keeps its owner until the table is made again.
"""

from __future__ import annotations

from typing import Literal

from tidegate.store.postgres.changelog import META
from tidegate.store.postgres.connection import Connection
from tidegate.store.postgres.migration import tables
from tidegate.store.sql.names import literal

Owner = Literal["ours", "theirs"]
TIDEGATE: Owner = "ours"
OTHERS: Owner = "theirs"


def owner(connection: Connection, table: str, number: int) -> Owner:
    """The recorded owner of a table, or the owner that its constraints and indexes tell. `number`: the table's oid."""
    return recorded(connection, table) or recognised(connection, number)


def all_recorded(connection: Connection) -> dict[str, Owner]:
    """The owners in META, by table."""
    if connection.execute("SELECT to_regclass($1)", [META]).fetchall() == [(None,)]:
        return {}
    prefix = _entry("")
    found = connection.execute(f"SELECT name, value FROM {META} WHERE starts_with(name, $1)", [prefix])
    return {name.removeprefix(prefix): TIDEGATE if value == TIDEGATE else OTHERS for name, value in found}


def recorded(connection: Connection, table: str) -> Owner | None:
    """The owner in the table's entry; None without an entry."""
    if connection.execute("SELECT to_regclass($1)", [META]).fetchall() == [(None,)]:
        return None
    found = connection.execute(f"SELECT value FROM {META} WHERE name = $1", [_entry(table)]).fetchall()
    return None if not found else TIDEGATE if found[0][0] == TIDEGATE else OTHERS


def recognised(connection: Connection, number: int) -> Owner:
    """The owner of a table from before META had entries: Tidegate if it left a constraint or an index there."""
    marks = connection.execute(
        "SELECT FROM pg_constraint WHERE conrelid = $1 AND conname ~ $2 UNION ALL "
        "SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = $1 AND c.relname ~ $2",
        [number, tables.OWN_NAME],
    ).fetchall()
    return TIDEGATE if marks else OTHERS


def existing_tables(connection: Connection) -> dict[int, str]:
    """The tables that exist, by their numbers (oid)."""
    found = connection.execute(
        "SELECT oid::bigint, relname::text FROM pg_class "
        "WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'"
    )
    return {number: name for number, name in found}


def record(table: str, made_by: Owner) -> str:
    """A statement that records who made the table."""
    return (
        f"INSERT INTO {META} (name, value) VALUES ({literal(_entry(table))}, {literal(made_by)}) "
        "ON CONFLICT (name) DO UPDATE SET value = excluded.value"
    )


def own_tables(connection: Connection) -> set[str]:
    """The tables that Tidegate made, also those that were dropped since."""
    return {table for table, made_by in all_recorded(connection).items() if made_by == TIDEGATE}


def _entry(table: str) -> str:
    return f"table {table}"
