"""Reading the tables of an SQLite database that is there already.

playhouse.reflection says which columns, keys and indexes there are, and what may be NULL. What it does not know is
asked of SQLite: generated columns and views, WITHOUT ROWID, foreign keys of several columns (it takes them apart), and
names that a reference spells in other letters. Types are declared freely in SQLite and bind nobody, so that rows are
looked at as well: NVARCHAR(120) or DATETIME say little, and a column holds whatever was put there.
Invariant: the database is opened for reading alone; nothing of it changes, not even the journal mode.
"""

from __future__ import annotations

import re
from typing import Any

import apsw
import msgspec
import peewee
from playhouse.apsw_ext import APSWDatabase
from playhouse.reflection import Introspector

from tidegate.store.errors import StoreError
from tidegate.store.introspect.found import (
    JSON_KINDS,
    NOTHING,
    Column,
    Found,
    Table,
    fitting,
    is_secret,
    json_or_nothing,
    usable,
)
from tidegate.store.sql.names import quoted
from tidegate.store.sqlite.catalogue import affinity
from tidegate.store.sqlite.connection import sqlite_path

ROWS = 10_000
"""Rows of a table that are looked at."""
SAFE = 2**53 - 1
_DAY = "[0-9][0-9][0-9][0-9]-[0-1][0-9]-[0-3][0-9]"
_OURS = re.compile(r"tidegate_(log|aside|meta|requests|migration)").fullmatch
_LENGTH = re.compile(r"\(\s*(\d+)\s*\)").search
_TEXT = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*\"""").fullmatch
_NUMBERS = re.compile(r"NUMERIC|DECIMAL|NUMBER|MONEY|CURRENCY")
_TIMES = re.compile(r"DATE|TIME")


class Seen(msgspec.Struct, frozen=True):
    """What the rows of a column hold, as far as they were looked at. None: no row has such a value."""

    kinds: frozenset[str]
    longest: int | None
    no_boolean: bool
    unsafe: bool
    no_day: bool
    no_json: bool


def read(url: str) -> Found:
    """Raises StoreError."""
    path = sqlite_path(url)
    if not path.is_file():
        raise StoreError(f"there is no database {path}")
    database = APSWDatabase(str(path), flags=apsw.SQLITE_OPEN_READONLY, timeout=5)
    try:
        with database:
            return _Reading(database).all()
    except (peewee.PeeweeException, apsw.Error) as error:
        raise StoreError(f"database {path}: {error}") from None


class _Reading:
    """One look at one database."""

    def __init__(self, database: APSWDatabase) -> None:
        self._database = database
        self._reflection = Introspector.from_database(database).metadata
        self._left: list[str] = []

    def all(self) -> Found:
        tables, names = [], []
        for name, kind, without_rowid in self._rows(
            "SELECT name, type, wr FROM pragma_table_list WHERE schema = 'main' ORDER BY name"
        ):
            if name.startswith("sqlite_") or _OURS(name) or kind == "shadow":
                continue
            names.append(name)
            if kind != "table":
                what = "virtual table" if kind == "virtual" else kind
                self._left.append(f"{name} is a {what}, which no trigger can follow")
            elif without_rowid:
                self._left.append(f"{name} is WITHOUT ROWID, which the change log cannot follow")
            elif (table := self._table(name)) is not None:
                tables.append(table)
        return Found(tables, self._left, names)

    def _rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return list(self._database.execute_sql(sql, values).fetchall())

    def _table(self, name: str) -> Table | None:
        key = tuple(self._reflection.get_primary_keys(name))
        if not key:
            self._left.append(f"{name} has no primary key, by which a row could be named")
            return None
        columns = self._columns(name, key)
        there = {column.name.lower(): column.name for column in columns}
        if missing := [part for part in key if part.lower() not in there]:
            self._left.append(f"{name}: without {missing[0]} it has no key, so that it is left out as a whole")
            return None
        if taken := self._rowid_names(name) - there.keys():
            self._left.append(f"{name} has a column {min(taken)}, by which the change log would know its rows")
            return None
        nulls = " OR ".join(f"{quoted(part)} IS NULL" for part in key)
        if self._rows(f"SELECT 1 FROM {quoted(name)} WHERE {nulls} LIMIT 1"):
            self._left.append(f"{name}: some rows have NULL in their key, so that clients cannot tell them apart")
        unique, indexes = self._indexes(name, key, there)
        return Table(name, key, tuple(columns), unique, indexes, self._references(name, there))

    def _columns(self, table: str, key: tuple[str, ...]) -> list[Column]:
        counted = self._counted(table, key)
        found = []
        reflected = self._reflection.get_columns(table)
        hidden = {name for _, name, *_, how in self._rows(f"PRAGMA table_xinfo({quoted(table)})") if how}
        self._left += [f"{table}.{name} is generated, which migrations here do not follow" for name in hidden]
        for name, column in reflected.items():
            if name in hidden:
                continue
            declared = column.raw_column_type.upper()
            seen = self._seen(table, name)
            schema = usable(name) or self._schema(f"{table}.{name}", declared, seen)
            if isinstance(schema, str):
                needed = "" if column.nullable or column.default is not None else "; without it nobody can create rows"
                self._left.append(f"{table}.{name}: {schema}{needed}")
                continue
            default, filled = self._default(table, name, schema)
            if name == counted:
                default, filled = NOTHING, True
            found.append(
                Column(
                    name,
                    schema,
                    null=column.nullable and name not in key,
                    default=default,
                    filled=filled,
                    secret=is_secret(name) and schema["type"] == "string" and name not in key,
                )
            )
        return found

    def _rowid_names(self, table: str) -> set[str]:
        """Columns that hide SQLite's own name for the number of a row."""
        rows = self._rows(f"PRAGMA table_xinfo({quoted(table)})")
        return {name.lower() for _, name, *_ in rows} & {"rowid", "_rowid_", "oid"}

    def _counted(self, table: str, key: tuple[str, ...]) -> str | None:
        """The key, if it is another name of the row's number: then no index is kept for it."""
        if len(key) > 1 or any(origin == "pk" for *_, origin, _ in self._rows(f"PRAGMA index_list({quoted(table)})")):
            return None
        return key[0]

    def _seen(self, table: str, column: str) -> Seen:
        name = quoted(column)
        text, whole = "typeof(v) = 'text'", "typeof(v) = 'integer'"
        ((kinds, *rest),) = self._rows(
            f"SELECT group_concat(DISTINCT typeof(v)), max(CASE WHEN {text} THEN length(v) END),"
            f" max({whole} AND v NOT IN (0, 1)), max({whole} AND v NOT BETWEEN {-SAFE} AND {SAFE}),"
            f" max({text} AND v NOT GLOB '{_DAY}'), max({text} AND NOT json_valid(v))"
            f" FROM (SELECT {name} AS v FROM {quoted(table)} LIMIT {ROWS})"
        )
        longest, *flags = rest
        return Seen(frozenset((kinds or "").split(",")) - {"null", ""}, longest, *map(bool, flags))

    def _schema(self, where: str, declared: str, seen: Seen) -> dict[str, Any] | str:
        """The column as a property, or why it cannot be one."""
        if "BLOB" in declared or "blob" in seen.kinds:
            return "it holds bytes, which JSON has no word for"
        schema = self._declared(declared, seen)
        if schema is None:
            return f"neither its type ({declared or 'none'}) nor its rows say what it holds"
        if not seen.kinds <= _STORED.get(str(schema["type"]), seen.kinds):
            self._left.append(
                f"{where} is declared {declared} and some rows hold {' and '.join(sorted(seen.kinds))}: "
                "clients get these as they are"
            )
        if seen.unsafe and schema["type"] == "integer":
            self._left.append(f"{where} has integers beyond 2^53, which programs in JavaScript round")
        if schema["type"] == "string" and (length := _LENGTH(declared)) is not None:
            if (seen.longest or 0) <= int(length[1]):
                return {**schema, "maxLength": int(length[1])}
            self._left.append(f"{where} is declared {declared} and holds longer text: no maxLength is written")
        return schema

    def _declared(self, declared: str, seen: Seen) -> dict[str, Any] | None:
        """By what was declared, unless all that is there is of another kind."""
        by_rows = _by_rows(seen)
        if "BOOL" in declared or declared == "BIT":
            return {"type": "boolean"} if seen.kinds <= {"integer"} and not seen.no_boolean else by_rows
        if "JSON" in declared:
            return by_rows if seen.no_json else {"type": JSON_KINDS}
        kept = affinity(declared)
        if kept == "TEXT":
            return {"type": "string"}
        if _TIMES.search(declared) and kept == "NUMERIC":
            only_days = declared == "DATE" and seen.kinds == {"text"} and not seen.no_day
            return {"type": "string", "format": "date"} if only_days else by_rows or {"type": "string"}
        plain = {"INTEGER": "integer", "REAL": "number"}.get(kept)
        if plain is None and _NUMBERS.search(declared):
            plain = "number"
        if plain is None or (seen.kinds and not seen.kinds & _STORED[plain]):
            return by_rows
        return {"type": "number"} if plain == "integer" and seen.kinds == {"integer", "real"} else {"type": plain}

    def _default(self, table: str, name: str, schema: dict[str, Any]) -> tuple[Any, bool]:
        """The default as JSON, if it is a value that can be; and whether only the database can work it out."""
        # Not reflection's: that puts quotes around what is an expression.
        ((text,),) = self._rows("SELECT dflt_value FROM pragma_table_info(?) WHERE name = ?", table, name)
        if text is None or text.upper() == "NULL":
            return NOTHING, False
        value: Any = json_or_nothing(text.lstrip("+").strip("()"))
        if _TEXT(text):
            value = text[1:-1].replace(text[0] * 2, text[0])
        elif text.upper() in {"TRUE", "FALSE"}:
            value = text.upper() == "TRUE"
        if value is NOTHING or value is None:
            return NOTHING, value is NOTHING
        if schema["type"] == "boolean" and value in (0, 1):
            value = bool(value)
        if schema["type"] == JSON_KINDS and isinstance(value, str):
            value = json_or_nothing(value)
        return (value, False) if value is not NOTHING and fitting(schema, value) else (NOTHING, False)

    def _indexes(
        self, table: str, key: tuple[str, ...], there: dict[str, str]
    ) -> tuple[tuple[tuple[str, ...], ...], tuple[tuple[str, ...], ...]]:
        """The columns of its unique and of its other indexes, as far as these are over plain columns and all rows."""
        partial = {name for _, name, *_, some in self._rows(f"PRAGMA index_list({quoted(table)})") if some}
        found: dict[bool, dict[tuple[str, ...], None]] = {True: {}, False: {}}
        for index in self._reflection.get_indexes(table):
            columns = tuple(there.get((column or "").lower(), "") for column in index.columns)
            if index.name in partial or not all(columns):
                if index.unique:
                    self._left.append(
                        f"{table}: the unique index {index.name} is over expressions, some rows or what is left out"
                    )
            elif columns != key:
                found[bool(index.unique)][columns] = None
        return tuple(found[True]), tuple(columns for columns in found[False] if columns not in found[True])

    def _references(self, table: str, there: dict[str, str]) -> dict[str, tuple[str, str]]:
        grouped: dict[int, list[tuple[Any, ...]]] = {}
        for number, *rest in self._rows(f"PRAGMA foreign_key_list({quoted(table)})"):
            grouped.setdefault(number, []).append(tuple(rest))
        found = {}
        for parts in grouped.values():
            _, target, column, column_there, *_ = parts[0]
            if len(parts) > 1:
                self._left.append(f"{table}: the reference to {target} is one of several columns")
                continue
            primary = self._reflection.get_primary_keys(target)
            to = column_there or (primary[0] if primary else "")
            if column.lower() in there:
                found[there[column.lower()]] = (target, to)
        return found


_STORED = {
    "integer": {"integer"},
    "number": {"integer", "real"},
    "boolean": {"integer"},
    "string": {"text"},
}
"""What SQLite calls the values of a JSON type."""


def _by_rows(seen: Seen) -> dict[str, Any] | None:
    """What all rows hold; None when they say nothing, or hold different things."""
    return next(({"type": kind} for kind, stored in _STORED.items() if seen.kinds and seen.kinds <= stored), None)
