"""How PostgreSQL spells conditions on a column: the `Dialect` of `store.sql.filters`.

Columns have types here, which no foreign program can break: no row has a value of another type than the column's.
Times and uuids are compared as such where the value is one, text by code point.
The resource's table is called `t` in every query.
Invariant: a condition is true or false, never NULL, and in parentheses.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from decimal import Decimal
from typing import Any

from tidegate.contract import Property
from tidegate.int64 import number
from tidegate.store.postgres.connection import MARK
from tidegate.store.postgres.conversions import IS_NAN, LARGEST
from tidegate.store.postgres.conversions import JSON as JSON_OF
from tidegate.store.postgres.conversions import NUMBER as NUMBER_OF
from tidegate.store.postgres.rows import (
    BOOLEAN,
    INT64,
    INTEGER,
    JSON,
    NUMBER,
    TEXT,
    TIME,
    UUID,
    ColumnType,
    column_type,
    rendered,
    tellable,
)
from tidegate.store.sql.filters import Condition, Dialect, joined
from tidegate.store.sql.names import quoted

ALIAS = "t"
NOTHING = Condition("(false)", [])
_LARGEST = f"{LARGEST}::float8"
# Texts that PostgreSQL always reads as this type, and that have the same order as their text.
_TYPED: dict[ColumnType, tuple[str, Any]] = {
    TIME: ("timestamptz", re.compile(r"(?!0000)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z").fullmatch),
    UUID: ("uuid", re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch),
}


class PostgresDialect:
    """Has no state: one object serves every resource."""

    def absent(self, prop: Property) -> Condition:
        column, kind = _column(prop), column_type(prop)
        if kind is JSON:
            return Condition(f"({column} IS NULL OR jsonb_typeof({JSON_OF}({column})) IS NOT DISTINCT FROM 'null')", [])
        if kind is NUMBER:  # JSON has no infinity
            return Condition(f"({column} IS NULL OR NOT {_finite(column)})", [])
        if kind is TIME:
            return Condition(f"({column} IS NULL OR NOT {tellable(column)})", [])
        if kind in (INTEGER, INT64):
            return Condition(f"({column} IS NULL OR {IS_NAN}({column}))", [])
        return Condition(f"({column} IS NULL)", [])

    def one_of(self, prop: Property, values: tuple[Any, ...]) -> Condition:
        if column_type(prop) is TEXT:
            return _text_is(prop, [value for value in values if isinstance(value, str) and not _unwritable(value)])
        return joined("OR", (self._equal(prop, value) for value in values)) or NOTHING

    def _equal(self, prop: Property, value: Any) -> Condition:
        if column_type(prop) is JSON:
            column = f"{JSON_OF}({_column(prop)})"
            if _unwritable(value):
                return NOTHING
            return Condition(f"({column} IS NOT NULL AND {column} = {MARK}::jsonb)", [_json(value)])
        return self._compared(prop, "=", value)

    def ordered(self, prop: Property, sign: str, value: Any) -> Condition:
        return NOTHING if column_type(prop) is JSON else self._compared(prop, sign, value)

    def _compared(self, prop: Property, sign: str, value: Any) -> Condition:
        column, kind = _column(prop), column_type(prop)
        value = number(value) if prop.is_int64 else value
        if isinstance(value, str):
            if kind not in (TEXT, TIME, UUID) or _unwritable(value):
                return NOTHING
            name, is_one = _TYPED.get(kind, ("text", None))
            if is_one is not None and is_one(value) and _exists(kind, value):
                return Condition(f"({_present(prop)} AND {column} {sign} {MARK}::{name})", [value])
            text = rendered(prop, column)
            return Condition(f'({_present(prop)} AND {text} COLLATE "C" {sign} {MARK}::text)', [value])
        if isinstance(value, bool):
            if kind is not BOOLEAN:
                return NOTHING
            return Condition(f"({column} IS NOT NULL AND {column} {sign} {MARK}::boolean)", [value])
        if kind in (INTEGER, INT64):
            exact = isinstance(value, int) and -(2**63) <= value < 2**63
            bound = f"{MARK}::bigint" if exact else f"{MARK}::numeric"
            is_one = f"{column} IS NOT NULL AND NOT {IS_NAN}({column})"
            return Condition(f"({is_one} AND {column} {sign} {bound})", [value if exact else Decimal(value)])
        if kind is NUMBER:
            inexact = f"{NUMBER_OF}({column})"
            return Condition(
                f"({column} IS NOT NULL AND {_finite(column)} AND {inexact} {sign} {MARK}::float8)", [float(value)]
            )
        return NOTHING

    def holds_all(self, prop: Property, values: tuple[Any, ...]) -> Condition:
        if column_type(prop) is not JSON or any(map(_unwritable, values)):
            return NOTHING
        column = f"{JSON_OF}({_column(prop)})"
        sql = f"({column} IS NOT NULL AND jsonb_typeof({column}) = 'array' AND {column} @> {MARK}::jsonb)"
        return Condition(sql, [_json(list(values))])

    def contains(self, prop: Property, text: str, *, folded: bool) -> Condition:
        return _text(prop, f"strpos({{0}}, {MARK}::text) > 0", [text], folded)

    def starts(self, prop: Property, text: str, *, folded: bool) -> Condition:
        return _text(prop, f"starts_with({{0}}, {MARK}::text)", [text], folded)

    def ends(self, prop: Property, text: str, *, folded: bool) -> Condition:
        return _text(prop, f"right({{0}}, {MARK}::int) = {MARK}::text", [len(text), text], folded)


POSTGRES: Dialect = PostgresDialect()


def _column(prop: Property) -> str:
    return f"{ALIAS}.{quoted(prop.name)}"


def _text_is(prop: Property, values: list[str]) -> Condition:
    """One of them: by the column's collation, which a foreign table's indexes have, and then exactly."""
    if not values:
        return NOTHING
    text = rendered(prop, _column(prop))
    one_of, bound = (f"= {MARK}::text", values[0]) if len(values) == 1 else (f"= ANY({MARK}::text[])", values)
    return Condition(f'({_present(prop)} AND {text} {one_of} AND {text} COLLATE "C" {one_of})', [bound, bound])


def _text(prop: Property, asked: str, values: list[Any], folded: bool) -> Condition:
    if column_type(prop) not in (TEXT, TIME, UUID) or any(map(_unwritable, values)):
        return NOTHING
    # Under this collation lower() folds ASCII alone, as the protocol wants it.
    text = f'{rendered(prop, _column(prop))} COLLATE "C"'
    return Condition(f"({_present(prop)} AND {asked.format(f'lower({text})' if folded else f'({text})')})", values)


def _present(prop: Property) -> str:
    """On the wire the row has this property, which is text there."""
    column = _column(prop)
    return f"{column} IS NOT NULL" + (f" AND {tellable(column)}" if column_type(prop) is TIME else "")


def _finite(column: str) -> str:
    return f"({NUMBER_OF}({column}) BETWEEN -{_LARGEST} AND {_LARGEST})"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _unwritable(value: Any) -> bool:
    """PostgreSQL has no NUL in text, so that no row has such a value."""
    return isinstance(value, str) and "\0" in value


def _exists(kind: ColumnType, text: str) -> bool:
    """A text may look like a time and name a day that does not exist."""
    if kind is not TIME:
        return True
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
