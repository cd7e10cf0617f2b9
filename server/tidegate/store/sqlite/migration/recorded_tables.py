"""How Tidegate made its tables, kept in `tidegate_meta`: what tells them from tables that were there before it.

With it a migration sees what a column was made from and what the schema wants now, in the schema's own words.
Invariant: a table has an entry exactly when Tidegate, or a migration written for it, made the table.
"""

from __future__ import annotations

from typing import Any

import msgspec
from playhouse.apsw_ext import APSWDatabase

from tidegate.contract import Resource
from tidegate.store.sql.names import quoted
from tidegate.store.sqlite.changelog import META
from tidegate.store.sqlite.migration.tables import Column

PREFIX = "table:"
"""Before a table's name, the name of its entry."""


class Made(msgspec.Struct, frozen=True):
    """How a table was made."""

    key: tuple[str, ...]
    columns: dict[str, Column]
    indexes: dict[str, tuple[tuple[str, ...], bool]]
    """By name: the columns, and whether they are unique. Those of others are not among them."""
    sql: str
    """The definition that SQLite had then; "" when a written migration left it in a shape of its own."""


def read_all(database: APSWDatabase) -> dict[str, Made]:
    """Every entry, by table."""
    if META not in database.get_tables():
        return {}
    found = database.execute_sql(f"SELECT name, value FROM {META} WHERE substr(name, 1, ?) = ?", (len(PREFIX), PREFIX))
    return {name.removeprefix(PREFIX): msgspec.json.decode(value, type=Made) for name, value in found.fetchall()}


def remember(database: APSWDatabase, table: str, made: Made) -> None:
    sql = f"INSERT INTO {META} (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
    database.execute_sql(sql, (PREFIX + table, msgspec.json.encode(made).decode()))


def forget(database: APSWDatabase, table: str) -> None:
    database.execute_sql(f"DELETE FROM {META} WHERE name = ?", (PREFIX + table,))


def definition(database: APSWDatabase, table: str) -> str | None:
    """The table's CREATE TABLE as SQLite has it; None when there is no such table."""
    found = database.execute_sql("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)).fetchone()
    return None if found is None else found[0]


def index_names(database: APSWDatabase, table: str) -> set[str]:
    """The table's indexes, those of its constraints left out."""
    sql = "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL"
    return {name for (name,) in database.execute_sql(sql, (table,)).fetchall()}


def constrained(database: APSWDatabase, table: str) -> set[tuple[str, ...]]:
    """The columns of each UNIQUE constraint in the table's definition."""
    found = database.execute_sql("SELECT name FROM pragma_index_list(?) WHERE origin = 'u'", (table,)).fetchall()
    return {
        tuple(name for (name,) in database.execute_sql("SELECT name FROM pragma_index_info(?)", index).fetchall())
        for index in found
    }


def converted(
    database: APSWDatabase, resource: Resource, wanted: dict[str, Column], before: Made | None, others: dict[str, Made]
) -> Made:
    """How the table is made after a written migration wrote to it: what it holds counts as what the schema wants.

    `before`: its entry until then; `others`: all entries, one of which has its indexes if it had another name.
    """
    found = database.execute_sql(f"PRAGMA table_info({quoted(resource.table)})").fetchall()
    known = {} if before is None else before.columns
    names = index_names(database, resource.table)
    return Made(
        key=tuple(name for at, name in sorted((pk, name) for _, name, *_, pk in found) if at),
        columns={
            name: msgspec.structs.replace(
                known.get(name, Column("", null=True)), type=wanted[name].type if name in wanted else ""
            )
            for _, name, *_ in found
        },
        indexes={name: index for made in others.values() for name, index in made.indexes.items() if name in names},
        sql="" if before is None else before.sql,
    )


def affinity(declared: Any) -> str:
    """How SQLite keeps values of a column that was declared so (sqlite.org/datatype3.html, 3.1)."""
    name = str(declared).upper()
    for words, kept in ((("INT",), "INTEGER"), (("CHAR", "CLOB", "TEXT"), "TEXT"), (("BLOB",), "BLOB")):
        if any(word in name for word in words):
            return kept
    if any(word in name for word in ("REAL", "FLOA", "DOUB")):
        return "REAL"
    return "NUMERIC" if name else "BLOB"
