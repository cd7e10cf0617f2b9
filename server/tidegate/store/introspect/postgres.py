"""Reads the tables of an existing PostgreSQL database: those in the schema in which new tables would be created.

playhouse.reflection returns tables, keys and indexes. It knows only a few types, so the catalogue is asked for domains,
enumerated types, the digits of a numeric and generated columns. References come from the catalogue too: reflection
multiplies the columns of a reference with several columns, and does not return the schema that a reference leads to.
Invariant: it only reads.
"""

from __future__ import annotations

import re
from typing import Any

import peewee
import psycopg
from playhouse.reflection import Introspector

from tidegate.int64 import is_int64
from tidegate.schema import SAFE_INTEGER
from tidegate.store.errors import StoreError
from tidegate.store.introspect.big_integers import AS_TEXT
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
from tidegate.store.postgres import home, row_security
from tidegate.store.postgres.catalogue import ColumnThere, columns
from tidegate.store.postgres.connection import Connection, opened, shown
from tidegate.store.postgres.large_integers import INDEXED, ends_beyond
from tidegate.store.postgres.rows import INT64, as_text
from tidegate.store.sql.names import quoted

ROWS = 10_000
"""The number of rows of a table that are looked at."""
EXACT_DIGITS = 15
"""The number of decimal digits that every float keeps."""
RANGES = {"smallint": 2**15, "integer": 2**31}
_PLAIN: dict[str, dict[str, Any]] = {
    "bigint": {"type": "integer"},
    "double precision": {"type": "number"},
    "real": {"type": "number"},
    "boolean": {"type": "boolean"},
    "uuid": {"type": "string", "format": "uuid"},
    "date": {"type": "string", "format": "date"},
    "timestamp with time zone": {"type": "string", "format": "date-time"},
    "json": {"type": JSON_KINDS},
    "jsonb": {"type": JSON_KINDS},
}
_LITERAL = re.compile(r"'((?:[^']|'')*)'(?:::[\w .\"\[\](),]+)?").fullmatch
_NUMBER = re.compile(r"\(?(-?\d+(?:\.\d+)?)\)?(?:::[\w ().,]+)?").fullmatch
_KINDS = {"v": "view", "m": "materialized view", "f": "foreign table", "p": "partitioned table"}

_References = dict[str, tuple[str, str]]


def read(url: str) -> Found:
    """The tables of the database, and notes about what cannot be shared. Raises StoreError."""
    database = peewee.PostgresqlDatabase(url, prefer_psycopg3=True, autoconnect=False)
    try:
        with opened(url) as connection, database.connection_context():
            connection.read_only = True
            return _Introspection(database, connection).all()
    except (peewee.PeeweeException, psycopg.Error) as error:
        raise StoreError(f"database {shown(url)}: {str(error).strip()}") from None


class _Introspection:
    """Reads one database once."""

    def __init__(self, database: peewee.PostgresqlDatabase, connection: Connection) -> None:
        self._connection = connection
        self._reflection = Introspector.from_database(database).metadata
        self._left_out: list[str] = []

    def all(self) -> Found:
        tables, names = [], []
        for number, name, kind, is_part, is_parent, comment in self._connection.execute(
            "SELECT oid::bigint, relname::text, relkind::text, relispartition, "
            "EXISTS (SELECT FROM pg_inherits WHERE inhparent = pg_class.oid), obj_description(oid, 'pg_class') "
            "FROM pg_class WHERE relnamespace = current_schema()::regnamespace "
            "AND relkind IN ('r', 'v', 'm', 'f', 'p') AND relname <> 'tidegate_migration' ORDER BY relname"
        ).fetchall():
            names.append(name)
            if kind != "r":
                self._left_out.append(f"{name} is a {_KINDS[kind]}, which the change log cannot follow")
            elif is_part:
                self._left_out.append(f"{name} is a part of a partitioned table")
            elif is_parent:
                self._left_out.append(
                    f"{name} has tables that inherit from it, and the change log cannot follow its rows in them"
                )
            elif (table := self._readable_table(number, name, comment)) is not None:
                tables.append(table)
        return Found(tables, self._left_out, names, self._warnings([table.name for table in tables]))

    def _warnings(self, tables: list[str]) -> list[str]:
        """Of a log that follows another schema, and of policies."""
        found = row_security.secured(self._connection, schema := home.here(self._connection), tables)
        refusals = (home.refusal(self._connection, schema), row_security.refusal(found))
        return [text for text in refusals if text is not None] + row_security.notes(found)

    def _readable_table(self, number: int, name: str, comment: str | None) -> Table | None:
        told = len(self._left_out)
        try:
            return self._table(number, name, comment)
        except (peewee.PeeweeException, psycopg.DatabaseError) as error:
            self._connection.rollback()
            self._left_out[told:] = [f"{name} cannot be read: {str(error).strip()}"]
            return None

    def _table(self, number: int, name: str, comment: str | None) -> Table | None:
        primary = tuple(self._reflection.get_primary_keys(name))
        found = self._columns(number, name)
        candidates = [tuple(names) for (names,) in self._connection.execute(_UNIQUE, [number]).fetchall()]
        key = choose_key(name, found, primary, candidates, self._left_out)
        if key is None:
            return None
        names = {column.name for column in found}
        unique, indexes = self._indexes(name, key, names)
        references, parts = self._references(number, name, names)
        return Table(name, key, tuple(found), unique, indexes, references, parts, comment)

    def _columns(self, number: int, table: str) -> list[Column]:
        found = []
        indexed = {name for (name,) in self._connection.execute(INDEXED, [number])}
        taken: list[str] = []
        for name, column in columns(self._connection, number).items():
            schema = unusable(name, taken) or self._schema(f"{table}.{name}", column)
            taken.append(name)
            if isinstance(schema, str):
                filled = not column.not_null or column.default or column.identity or column.generated
                needed = "" if filled else "; without it clients cannot create rows"
                self._left_out.append(f"{table}.{name}: {schema}{needed}")
                continue
            default, filled_in = _default(column, schema)
            described = {"description": column.comment} if column.comment else {}
            found.append(
                Column(
                    name,
                    {**schema, **described},
                    null=not column.not_null,
                    default=default,
                    filled=filled_in,
                    computed=bool(column.generated),
                    integer=self._integer(table, name, column, name in indexed),
                )
            )
        return found

    def _integer(self, table: str, name: str, column: ColumnThere, indexed: bool) -> Any:
        """How large the column's integers may be; None for a column of another type."""
        if column.type != "bigint":
            return None
        asked = self._connection.execute("SELECT has_column_privilege($1, $2, 'SELECT')", [quoted(table), name])
        if (
            asked.fetchall() == [(True,)]
            and self._connection.execute(_beyond(quoted(table), quoted(name), indexed)).fetchall()
        ):
            return "beyond 2^53"
        if column.identity or (column.default or "").startswith("nextval("):
            return "plain"
        return "bigint"

    def _schema(self, where: str, column: ColumnThere) -> dict[str, Any] | str:
        """The property for the column, or the reason why there can be none."""
        if column.is_virtual:
            return "the database computes it when it is read, and triggers do not see it"
        if column.labels is not None:
            return {"type": "string", "enum": column.labels}
        if column.type in _PLAIN:
            return dict(_PLAIN[column.type])
        if column.type in RANGES:
            return {"type": "integer", "minimum": -RANGES[column.type], "maximum": RANGES[column.type] - 1}
        if column.type == "numeric":
            return self._numeric(where, column.modifier)
        if column.type == "bytea":
            return "it holds bytes, which JSON cannot hold"
        if not as_text(column):
            return f"Tidegate does not know the type {column.declared}"
        if column.type in {"character varying", "character"}:
            length = {"maxLength": column.modifier - 4} if column.modifier >= 4 else {}
            return {"type": "string", **length}
        if column.type != "text":
            self._left_out.append(f"{where} is {column.declared}: clients get the text that PostgreSQL writes")
        return {"type": "string"}

    def _numeric(self, where: str, modifier: int) -> dict[str, Any]:
        digits = (modifier - 4) >> 16 if modifier >= 4 else None
        after_point = (((modifier - 4) & 0x7FF) ^ 1024) - 1024 if modifier >= 4 else None  # 11 bits with a sign
        if after_point == 0 and digits is not None and EXACT_DIGITS < digits <= INT64.digits:
            self._left_out.append(f"{where} may have {digits} digits: clients get text (format int64)")
            return dict(AS_TEXT)
        if digits is None or digits > EXACT_DIGITS or after_point is None or not 0 <= after_point <= EXACT_DIGITS:
            self._left_out.append(
                f"{where} is a numeric that may have more than {EXACT_DIGITS} digits: clients get exact text, and "
                "filters compare it as text"
            )
            return {"type": "string"}
        limit = 10**digits - 1
        return {"type": "number"} if after_point else {"type": "integer", "minimum": -limit, "maximum": limit}

    def _indexes(
        self, table: str, key: tuple[str, ...], shared: set[str]
    ) -> tuple[tuple[tuple[str, ...], ...], tuple[tuple[str, ...], ...]]:
        """The columns of the unique indexes and of the others, of those over plain columns and all rows."""
        found: dict[bool, dict[tuple[str, ...], None]] = {True: {}, False: {}}
        for index in self._reflection.get_indexes(table):
            names = tuple(index.columns)
            if not shared.issuperset(names) or re.search(r"\)\s*WHERE\s", index.sql):
                if index.unique:
                    self._left_out.append(
                        f"{table}: the unique index {index.name} covers expressions, some rows or left-out columns"
                    )
            elif names != key:
                found[bool(index.unique)][names] = None
        return tuple(found[True]), tuple(names for names in found[False] if names not in found[True])

    def _references(self, number: int, table: str, shared: set[str]) -> tuple[_References, _References]:
        """The references of one column, and those of columns that refer to another table together."""
        found: _References = {}
        parts: _References = {}
        for target, local, own, target_columns in self._connection.execute(_REFERENCES, [number]).fetchall():
            if len(own) > 1:
                self._left_out.append(f"{table}: the reference to {target} has several columns")
                if local:
                    parts |= {name: (target, to) for name, to in zip(own, target_columns, strict=True)}
            elif not local:
                self._left_out.append(f"{table}.{own[0]} refers to {target}, which is in another schema")
            elif own[0] in shared:
                found[own[0]] = (target, target_columns[0])
        return found, parts


_UNIQUE = """SELECT ARRAY(SELECT a.attname::text FROM unnest(i.indkey) WITH ORDINALITY k (number, place)
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
    WHERE k.place <= i.indnkeyatts ORDER BY k.place)
FROM pg_index i WHERE i.indrelid = $1 AND i.indisunique AND i.indimmediate AND i.indisvalid
  AND i.indpred IS NULL AND i.indexprs IS NULL"""
"""The columns of the unique indexes over plain columns and all rows, of those that hold at each moment."""


def _beyond(table: str, column: str, indexed: bool) -> str:
    """A query that returns a row if the column has an integer beyond 2^53: in the first rows, or by an index."""
    first = f"SELECT 1 FROM (SELECT {column} AS v FROM {table} LIMIT {ROWS}) sampled"
    return ends_beyond(table, column) if indexed else f"{first} WHERE v NOT BETWEEN {-SAFE_INTEGER} AND {SAFE_INTEGER}"


_REFERENCES = """SELECT t.relname::text, t.relnamespace = current_schema()::regnamespace,
  ARRAY(SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY k (number, place)
    JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.number ORDER BY k.place),
  ARRAY(SELECT a.attname::text FROM unnest(c.confkey) WITH ORDINALITY k (number, place)
    JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.number ORDER BY k.place)
FROM pg_constraint c JOIN pg_class t ON t.oid = c.confrelid WHERE c.conrelid = $1 AND c.contype = 'f' ORDER BY c.oid"""


def _default(column: ColumnThere, schema: dict[str, Any]) -> tuple[Any, bool]:
    """The default as JSON if JSON can hold it, and whether only the database can compute it."""
    if column.generated or column.identity:
        return NO_DEFAULT, True
    text = column.default
    if text is None or text.partition("::")[0] == "NULL":
        return NO_DEFAULT, False
    kind = schema["type"]
    if literal := _LITERAL(text):
        value: Any = literal[1].replace("''", "'")
        value = value if kind == "string" else json_or_no_default(value)
    elif number := _NUMBER(text):
        value = json_or_no_default(number[1])
    elif text in {"true", "false"}:
        value = text == "true"
    else:
        return NO_DEFAULT, True
    if schema.get("format") == AS_TEXT["format"]:
        return (str(value), False) if is_int64(str(value)) else (NO_DEFAULT, False)
    limit = 2**63 if column.type == "bigint" else SAFE_INTEGER
    fits = value is not NO_DEFAULT and fitting(schema, value, limit=limit)
    return (value, False) if fits else (NO_DEFAULT, False)
