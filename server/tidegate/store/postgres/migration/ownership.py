"""Whose a table is: Tidegate's, which it keeps to the schema, or somebody else's, which it only completes.

The log's `meta` has an entry for each table of a resource, made when Tidegate first sees it. Older databases have none
there; constraints and indexes with names that only Tidegate gives tell their tables.
Invariant: a table keeps being whose it was, until it is made anew.
"""

from __future__ import annotations

from typing import Literal

from tidegate.store.postgres.changelog import META
from tidegate.store.postgres.connection import Connection
from tidegate.store.postgres.migration import tables
from tidegate.store.sql.names import literal

Whose = Literal["ours", "theirs"]
OURS: Whose = "ours"
THEIRS: Whose = "theirs"


def whose(connection: Connection, table: str) -> Whose | None:
    """None: nothing is known."""
    if connection.execute("SELECT to_regclass($1)", [META]).fetchall() == [(None,)]:
        return None
    found = connection.execute(f"SELECT value FROM {META} WHERE name = $1", [_entry(table)]).fetchall()
    return None if not found else OURS if found[0][0] == OURS else THEIRS


def recognised(connection: Connection, number: int) -> Whose:
    """By what Tidegate left on its tables before it kept entries."""
    marks = connection.execute(
        "SELECT FROM pg_constraint WHERE conrelid = $1 AND conname ~ $2 UNION ALL "
        "SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = $1 AND c.relname ~ $2",
        [number, tables.OURS],
    ).fetchall()
    return OURS if marks else THEIRS


def tables_there(connection: Connection) -> dict[int, str]:
    """The tables that are there, by their numbers (oid)."""
    found = connection.execute(
        "SELECT oid::bigint, relname::text FROM pg_class "
        "WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'"
    )
    return {number: name for number, name in found}


def remember(table: str, whose: Whose) -> str:
    """A statement that keeps it."""
    return (
        f"INSERT INTO {META} (name, value) VALUES ({literal(_entry(table))}, {literal(whose)}) "
        "ON CONFLICT (name) DO UPDATE SET value = excluded.value"
    )


def indexes(connection: Connection, number: int) -> set[tuple[tuple[str, ...], bool]]:
    """The table's indexes over plain columns and all rows: the columns, and whether they are unique."""
    found = connection.execute(
        "SELECT ARRAY(SELECT a.attname::text FROM unnest(i.indkey) WITH ORDINALITY k (number, place) "
        "JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number "
        "WHERE k.place <= i.indnkeyatts ORDER BY k.place), i.indisunique "
        "FROM pg_index i WHERE i.indrelid = $1 AND i.indpred IS NULL AND i.indexprs IS NULL",
        [number],
    )
    return {(tuple(names), unique) for names, unique in found}


def key(connection: Connection, number: int) -> tuple[str, ...]:
    """The columns of the table's primary key."""
    found = connection.execute(
        "SELECT a.attname::text FROM pg_index i CROSS JOIN unnest(i.indkey) WITH ORDINALITY k (number, place) "
        "JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number "
        "WHERE i.indrelid = $1 AND i.indisprimary AND k.place <= i.indnkeyatts ORDER BY k.place",
        [number],
    )
    return tuple(name for (name,) in found)


def constraints(connection: Connection, number: int | None) -> set[str]:
    """The constraints that were made here, by name."""
    sql = "SELECT conname::text FROM pg_constraint WHERE conrelid = $1 AND conname ~ $2"
    return {name for (name,) in connection.execute(sql, [number, tables.OURS])}


def own_indexes(connection: Connection, number: int | None) -> set[str]:
    """The indexes that were made here, by name; those of constraints are not among them."""
    found = connection.execute(
        "SELECT c.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
        "WHERE i.indrelid = $1 AND c.relname ~ $2 "
        "AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = i.indexrelid)",
        [number, tables.OURS],
    )
    return {name for (name,) in found}


def own_tables(connection: Connection) -> set[str]:
    """The tables that Tidegate made, whether they are still there or not."""
    if connection.execute("SELECT to_regclass($1)", [META]).fetchall() == [(None,)]:
        return set()
    prefix = _entry("")
    found = connection.execute(f"SELECT name FROM {META} WHERE starts_with(name, $1) AND value = $2", [prefix, OURS])
    return {name.removeprefix(prefix) for (name,) in found}


def _entry(table: str) -> str:
    return f"table {table}"
