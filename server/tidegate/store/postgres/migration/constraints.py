"""The key, the constraints and the indexes that a table has, read from PostgreSQL's catalogue.

`number` is the table's oid; a table that does not exist yet has None, and so no constraints and no indexes.
It only reads.
"""

from __future__ import annotations

from typing import NamedTuple

from tidegate.store.postgres.connection import Connection
from tidegate.store.postgres.migration import tables


def indexes(connection: Connection, number: int) -> set[tuple[tuple[str, ...], bool]]:
    """The indexes over plain columns and all rows: their columns, and whether they are unique."""
    found = connection.execute(
        "SELECT ARRAY(SELECT a.attname::text FROM unnest(i.indkey) WITH ORDINALITY k (number, place) "
        "JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number "
        "WHERE k.place <= i.indnkeyatts ORDER BY k.place), i.indisunique "
        "FROM pg_index i WHERE i.indrelid = $1 AND i.indpred IS NULL AND i.indexprs IS NULL",
        [number],
    )
    return {(tuple(names), unique) for names, unique in found}


def key(connection: Connection, number: int) -> tuple[str, ...]:
    """The columns of the primary key."""
    found = connection.execute(
        "SELECT a.attname::text FROM pg_index i CROSS JOIN unnest(i.indkey) WITH ORDINALITY k (number, place) "
        "JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number "
        "WHERE i.indrelid = $1 AND i.indisprimary AND k.place <= i.indnkeyatts ORDER BY k.place",
        [number],
    )
    return tuple(name for (name,) in found)


class OwnConstraint(NamedTuple):
    """A constraint that Tidegate made."""

    columns: list[str]
    parent: str | None
    """The table that a reference refers to."""


def own_constraints(connection: Connection, number: int | None) -> dict[str, OwnConstraint]:
    """The constraints that Tidegate made, by name."""
    sql = (
        "SELECT conname::text, ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = conrelid "
        "AND attnum = ANY (conkey)), (SELECT relname::text FROM pg_class WHERE oid = confrelid) "
        "FROM pg_constraint WHERE conrelid = $1 AND conname ~ $2"
    )
    return {name: OwnConstraint(*rest) for name, *rest in connection.execute(sql, [number, tables.OWN_NAME])}


def own_indexes(connection: Connection, number: int | None) -> dict[str, list[str]]:
    """The columns of the indexes that Tidegate made, without those that belong to constraints, by their names."""
    found = connection.execute(
        "SELECT c.relname::text, ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = i.indrelid "
        "AND attnum = ANY (i.indkey)) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
        "WHERE i.indrelid = $1 AND c.relname ~ $2 "
        "AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = i.indexrelid)",
        [number, tables.OWN_NAME],
    )
    return dict(found.fetchall())
