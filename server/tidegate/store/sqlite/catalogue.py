"""What SQLite's catalogue says of a table: its definition, its indexes, and how columns keep values.

It only reads, and knows neither resources nor what Tidegate records about its tables.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import apsw

from tidegate.store.sql.names import quoted

HIDDEN, GENERATED = 1, {2, 3}
"""What `table_xinfo` says of a virtual table's hidden columns, and of generated columns."""


class Catalogue(Protocol):
    """A database that can be asked: peewee's, or a `Connected` one."""

    def execute_sql(self, sql: str, params: Any = ..., /) -> Any: ...


class Connected:
    """A connection as a `Catalogue`."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def execute_sql(self, sql: str, params: Any = (), /) -> apsw.Cursor:
        return self._connection.execute(sql, params)


def definition(database: Catalogue, table: str) -> str | None:
    """The table's CREATE TABLE as SQLite keeps it; None when there is no such table."""
    found = database.execute_sql("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)).fetchone()
    return None if found is None else found[0]


class ColumnThere(NamedTuple):
    """A column of a table that exists."""

    declared: str
    not_null: bool
    default: str | None
    key: bool
    generated: bool

    @property
    def needs_a_value(self) -> bool:
        """No row can be inserted without a value for it."""
        return self.not_null and self.default is None and not self.key and not self.generated


def columns_there(database: Catalogue, table: str) -> dict[str, ColumnThere]:
    """The columns of a table, in their order."""
    rows = database.execute_sql(f"PRAGMA table_xinfo({quoted(table)})").fetchall()
    return {
        name: ColumnThere(declared, bool(not_null), default, bool(key), hidden in GENERATED)
        for _, name, declared, not_null, default, key, hidden in rows
        if hidden != HIDDEN
    }


def index_names(database: Catalogue, table: str) -> set[str]:
    """The names of the table's indexes, without those that belong to constraints."""
    sql = "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL"
    return {name for (name,) in database.execute_sql(sql, (table,)).fetchall()}


def unique_constraints(database: Catalogue, table: str) -> set[tuple[str, ...]]:
    """The columns of each UNIQUE constraint in the table's definition."""
    found = database.execute_sql("SELECT name FROM pragma_index_list(?) WHERE origin = 'u'", (table,)).fetchall()
    return {
        tuple(name for (name,) in database.execute_sql("SELECT name FROM pragma_index_info(?)", index).fetchall())
        for index in found
    }


def fold(name: str) -> str:
    """Names that SQLite takes for the same are equal in this form: it ignores the case of ASCII."""
    return "".join(letter.lower() if letter.isascii() else letter for letter in name)


def affinity(declared: str) -> str:
    """How SQLite keeps the values of a column with this declared type (sqlite.org/datatype3.html, 3.1)."""
    name = declared.upper()
    for words, kept in ((("INT",), "INTEGER"), (("CHAR", "CLOB", "TEXT"), "TEXT"), (("BLOB",), "BLOB")):
        if any(word in name for word in words):
            return kept
    if any(word in name for word in ("REAL", "FLOA", "DOUB")):
        return "REAL"
    return "NUMERIC" if name else "BLOB"


def keeps_integers(declared: str) -> bool:
    """Whether a column with this declared type keeps each integer as one, whatever it is written as."""
    return affinity(declared) in {"INTEGER", "NUMERIC"}
