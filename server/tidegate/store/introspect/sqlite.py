"""Reads the tables of an existing SQLite database.

playhouse.reflection returns columns, keys, indexes and which columns may be NULL. SQLite's own pragmas return what it
does not know: generated columns, views, WITHOUT ROWID, foreign keys of several columns (it splits them), and references
that spell a name with other capital letters. SQLite does not enforce declared types: a column holds any value, and
NVARCHAR(120) or DATETIME say little. So rows are sampled as well.
Invariant: the database is opened only for reading; nothing changes, not even the journal mode.
"""

from __future__ import annotations

import re
from typing import Any

import apsw
import msgspec
import peewee
from playhouse.apsw_ext import APSWDatabase
from playhouse.reflection import Introspector

from tidegate.schema import SAFE_INTEGER
from tidegate.store.errors import StoreError
from tidegate.store.introspect import sqlite_rules as rules
from tidegate.store.introspect.found import (
    JSON_KINDS,
    NO_DEFAULT,
    Column,
    Found,
    Table,
    fitting,
    json_or_no_default,
    unusable,
)
from tidegate.store.introspect.keys import choose_key
from tidegate.store.sql.names import quoted
from tidegate.store.sqlite.catalogue import affinity, keeps_integers
from tidegate.store.sqlite.connection import sqlite_path
from tidegate.store.sqlite.large_integers import ends_beyond
from tidegate.store.sqlite.program_needs import unwritable

ROWID_NAMES = frozenset({"rowid", "_rowid_", "oid"})
"""SQLite's own names for the number of a row. The triggers need one that no column has."""
ROWS = 10_000
"""The number of rows of a table that are sampled."""
_DAY = "[0-9][0-9][0-9][0-9]-[0-1][0-9]-[0-3][0-9]"
_OWN = re.compile(r"tidegate_(log|aside|meta|requests|migration|rooms|messages|message_keys)").fullmatch
_LENGTH = re.compile(r"\(\s*(\d+)\s*\)").search
_TEXT = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*\"""").fullmatch
_NUMBERS = re.compile(r"NUMERIC|DECIMAL|NUMBER|MONEY|CURRENCY")
_TIMES = re.compile(r"DATE|TIME")


class Sample(msgspec.Struct, frozen=True):
    """What the sampled rows hold in one column."""

    kinds: frozenset[str]
    longest: int | None
    """The length of the longest text; None when no row has text."""
    no_boolean: bool
    """Some row has an integer that is neither 0 nor 1."""
    unsafe: bool
    """Some row has an integer beyond 2^53."""
    no_day: bool
    """Some row has text that is no date."""
    no_json: bool
    """Some row has text that is no JSON."""


def read(url: str) -> Found:
    """The tables of the database, and notes about what cannot be shared. Raises StoreError."""
    path = sqlite_path(url)
    if not path.is_file():
        raise StoreError(f"there is no database {path}")
    database = APSWDatabase(str(path), flags=apsw.SQLITE_OPEN_READONLY, timeout=5)
    try:
        with database:
            return _Introspection(database).all()
    except (peewee.PeeweeException, apsw.Error) as error:
        raise StoreError(f"database {path}: {error}") from None


class _Introspection:
    """Reads one database once."""

    def __init__(self, database: APSWDatabase) -> None:
        self._database = database
        self._reflection = Introspector.from_database(database).metadata
        self._left_out: list[str] = []

    def all(self) -> Found:
        tables, names = [], []
        for name, kind, without_rowid in self._rows(
            "SELECT name, type, wr FROM pragma_table_list WHERE schema = 'main' ORDER BY name"
        ):
            if name.startswith("sqlite_") or _OWN(name) or kind == "shadow":
                continue
            names.append(name)
            if kind != "table":
                what = "virtual table" if kind == "virtual" else kind
                self._left_out.append(f"{name} is a {what}, which no trigger can follow")
            elif without_rowid:
                self._left_out.append(f"{name} is WITHOUT ROWID, which the change log cannot follow")
            elif (table := self._readable_table(name)) is not None:
                tables.append(table)
        return Found(tables, self._left_out, names)

    def _rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return list(self._database.execute_sql(sql, values).fetchall())

    def _readable_table(self, name: str) -> Table | None:
        """The table, unless it needs something that only the owner's program has, such as a function."""
        told = len(self._left_out)
        try:
            table = self._table(name)
            if table is not None and (needs := unwritable(self._database.connection(), name)) is not None:
                self._left_out.append(needs)
            return table
        except (peewee.PeeweeException, apsw.Error) as error:
            self._left_out[told:] = [f"{name} cannot be read: {error}"]
            return None

    def _table(self, name: str) -> Table | None:
        primary = tuple(self._reflection.get_primary_keys(name))
        columns = self._columns(name, primary)
        key = choose_key(name, columns, primary, rules.plain_unique_indexes(self._rows, name), self._left_out)
        if key is None:
            return None
        names = {column.name.lower(): column.name for column in columns}
        rowid_names = self._rowid_names(name)
        if taken := rowid_names if len(rowid_names) == len(ROWID_NAMES) else rowid_names - names.keys():
            self._left_out.append(f"{name} has a column {min(taken)}, which hides the row number from the change log")
            return None
        nulls = " OR ".join(f"{quoted(part)} IS NULL" for part in key)  # as they can be in a primary key
        if self._rows(f"SELECT 1 FROM {quoted(name)} WHERE {nulls} LIMIT 1"):
            self._left_out.append(f"{name}: some rows have NULL in their key, so that clients cannot tell them apart")
        unique, indexes = rules.indexes(self._rows, name, key, names, self._left_out)
        references = rules.references(self._rows, name, names, self._left_out)
        return Table(name, key, tuple(columns), unique, indexes, references)

    def _columns(self, table: str, key: tuple[str, ...]) -> list[Column]:
        counted = self._counted(table, key)
        found = []
        reflected = self._reflection.get_columns(table)
        hidden = {name for _, name, *_, how in self._rows(f"PRAGMA table_xinfo({quoted(table)})") if how}
        self._left_out += [f"{table}.{name} is a generated column, which migrations do not support" for name in hidden]
        for name, column in reflected.items():
            if name in hidden:
                continue
            declared = column.raw_column_type.upper()
            sample = self._sample(table, name)
            schema = unusable(name) or self._schema(f"{table}.{name}", declared, sample)
            if isinstance(schema, str):
                needed = (
                    "" if column.nullable or column.default is not None else "; without it clients cannot create rows"
                )
                self._left_out.append(f"{table}.{name}: {schema}{needed}")
                continue
            default, filled = self._default(table, name, schema)
            if name == counted:
                default, filled = NO_DEFAULT, True
            found.append(
                Column(
                    name,
                    schema,
                    null=column.nullable and name not in key,
                    default=default,
                    filled=filled,
                    integer=self._integer(table, name, declared, schema, sample),
                )
            )
        return found

    def _rowid_names(self, table: str) -> set[str]:
        """The columns that hide SQLite's own names for the row number."""
        rows = self._rows(f"PRAGMA table_xinfo({quoted(table)})")
        return {name.lower() for _, name, *_ in rows} & ROWID_NAMES

    def _counted(self, table: str, key: tuple[str, ...]) -> str | None:
        """The key, if it is another name for the row number: then the key has no index."""
        if len(key) != 1 or any(origin == "pk" for *_, origin, _ in self._rows(f"PRAGMA index_list({quoted(table)})")):
            return None
        return key[0]

    def _sample(self, table: str, column: str) -> Sample:
        name = quoted(column)
        text, whole = "typeof(v) = 'text'", "typeof(v) = 'integer'"
        ((kinds, *rest),) = self._rows(
            f"SELECT group_concat(DISTINCT typeof(v)), max(CASE WHEN {text} THEN length(v) END),"
            f" max({whole} AND v NOT IN (0, 1)), max({whole} AND v NOT BETWEEN {-SAFE_INTEGER} AND {SAFE_INTEGER}),"
            f" max({text} AND v NOT GLOB '{_DAY}'), max({text} AND NOT json_valid(v))"
            f" FROM (SELECT {name} COLLATE BINARY AS v FROM {quoted(table)} LIMIT {ROWS})"
        )
        longest, *flags = rest
        return Sample(frozenset((kinds or "").split(",")) - {"null", ""}, longest, *map(bool, flags))

    def _integer(self, table: str, name: str, declared: str, schema: dict[str, Any], sample: Sample) -> Any:
        """How large the column's integers may be; None for a column of another type."""
        if schema["type"] != "integer" or not keeps_integers(declared):
            return None
        if sample.unsafe or ends_beyond(self._rows, table, name):
            return "beyond 2^53"
        return "plain"

    def _schema(self, where: str, declared: str, sample: Sample) -> dict[str, Any] | str:
        """The property for the column, or the reason why there can be none."""
        if "BLOB" in declared or "blob" in sample.kinds:
            return "it holds bytes, which JSON cannot hold"
        schema = self._declared(declared, sample)
        if schema is None:
            return f"neither its type ({declared or 'none'}) nor its rows say what it holds"
        if not sample.kinds <= _STORED.get(str(schema["type"]), sample.kinds):
            self._left_out.append(
                f"{where} is declared {declared} and some rows hold {' and '.join(sorted(sample.kinds))}: "
                "clients get these as they are"
            )
        if sample.unsafe and schema["type"] == "integer" and not keeps_integers(declared):
            self._left_out.append(f"{where} has integers beyond 2^53, which programs in JavaScript round")
        if schema["type"] == "string" and affinity(declared) in _NUMERIC and not _TIMES.search(declared):
            self._left_out.append(
                f"{where} is declared {declared}, which is no type of text to SQLite: text that looks like a number "
                "(007) becomes one (7) there, and clients get the number"
            )
        if schema["type"] == "string" and (length := _LENGTH(declared)) is not None:
            if (sample.longest or 0) <= int(length[1]):
                return {**schema, "maxLength": int(length[1])}
            self._left_out.append(f"{where} is declared {declared} and holds longer text: no maxLength is written")
        return schema

    def _declared(self, declared: str, sample: Sample) -> dict[str, Any] | None:
        """The property by the declared type, or by the rows where all of them hold another type."""
        by_rows = _by_rows(sample)
        if "BOOL" in declared or declared == "BIT":
            return {"type": "boolean"} if sample.kinds <= {"integer"} and not sample.no_boolean else by_rows
        if "JSON" in declared:
            return by_rows if sample.no_json else {"type": JSON_KINDS}
        kept = affinity(declared)
        if kept == "TEXT":
            return {"type": "string"}
        if _TIMES.search(declared) and kept == "NUMERIC":
            only_days = declared == "DATE" and sample.kinds == {"text"} and not sample.no_day
            return {"type": "string", "format": "date"} if only_days else by_rows or {"type": "string"}
        plain = {"INTEGER": "integer", "REAL": "number"}.get(kept)
        if plain is None and _NUMBERS.search(declared):
            plain = "number"
        if plain is None or (sample.kinds and not sample.kinds & _STORED[plain]):
            return by_rows
        return {"type": "number"} if plain == "integer" and sample.kinds == {"integer", "real"} else {"type": plain}

    def _default(self, table: str, name: str, schema: dict[str, Any]) -> tuple[Any, bool]:
        """The default as JSON if JSON can hold it, and whether only the database can compute it."""
        # Not from reflection, which puts quotes around expressions.
        ((text,),) = self._rows("SELECT dflt_value FROM pragma_table_info(?) WHERE name = ?", table, name)
        if text is None or text.upper() == "NULL":
            return NO_DEFAULT, False
        value: Any = json_or_no_default(text.lstrip("+").strip("()"))
        if _TEXT(text):
            value = text[1:-1].replace(text[0] * 2, text[0])
        elif text.upper() in {"TRUE", "FALSE"}:
            value = text.upper() == "TRUE"
        if value is NO_DEFAULT or value is None:
            return NO_DEFAULT, value is NO_DEFAULT
        if schema["type"] == "boolean" and value in (0, 1):
            value = bool(value)
        if schema["type"] == JSON_KINDS and isinstance(value, str):
            value = json_or_no_default(value)
        return (
            (value, False) if value is not NO_DEFAULT and fitting(schema, value, limit=2**63) else (NO_DEFAULT, False)
        )


_NUMERIC = {"INTEGER", "REAL", "NUMERIC"}
"""How columns keep values that turn text into numbers."""
_STORED = {
    "integer": {"integer"},
    "number": {"integer", "real"},
    "boolean": {"integer"},
    "string": {"text"},
}
"""SQLite's names for the values of a JSON type."""


def _by_rows(sample: Sample) -> dict[str, Any] | None:
    """The property by the rows; None when no row has a value, or when their types differ."""
    return next(({"type": kind} for kind, stored in _STORED.items() if sample.kinds and sample.kinds <= stored), None)
