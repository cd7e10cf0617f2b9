"""Column types, images and wire rows.

An image is a row as the text of a JSON object. Tables and the change log are read as images alike: a row read from
its table and the same row read from the log are the same wire row. Each kind of value has one spelling there, which no
setting of the writer's session changes: times in UTC with six decimals, floats with all their digits.
Invariant: an image in the change log holds no write-only property.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from tidegate.contract import Property, Resource, canonical_default
from tidegate.core.rows.ports import Key, Row
from tidegate.int64 import number
from tidegate.store.postgres.catalogue import ColumnThere
from tidegate.store.sql.json_values import DEPTH, JSON_TYPES, too_deep
from tidegate.store.sql.large_integers import teller
from tidegate.store.sql.names import literal, quoted

VALUE_BYTES = 64 * 2**20
"""A text or JSON value with more bytes is sent as no value: PostgreSQL has no texts of a gigabyte."""
STORED_BYTES = 200_000
"""A value that is stored in fewer bytes, maybe compressed, has fewer than VALUE_BYTES."""
EXACT = 2**53
"""Floats hold all integers up to here."""
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"|[\[\]{},]', re.DOTALL)
"""What tells the members of an object from each other: strings, brackets, commas."""


class ColumnType(NamedTuple):
    """`declared` is what a new column gets; a table of another program may also have one of `accepted`."""

    declared: str
    accepted: tuple[str, ...] = ()
    check: str | None = None
    """What else each value must be: an expression over {}."""
    numeric: bool = False
    """A table of another program may have numeric(p, s) for it; without (p, s) a value could be beyond any float."""
    digits: int = 0
    """A table of another program may have numeric(p, 0) for it, with p up to this."""

    def fits(self, column: ColumnThere, *, made: bool) -> bool:
        """Whether values of a column that is there are of this kind. `made`: Tidegate made the table."""
        if column.type in (self.accepted or (self.declared,)):
            return True
        return not made and (
            (self is TEXT and as_text(column))
            or (self.numeric and column.type == "numeric" and column.modifier >= 4)
            or 0 < whole_digits(column) <= self.digits
        )


TEXT = ColumnType('text COLLATE "C"', ("text", "character varying", "character"))
INTEGER = ColumnType("bigint", ("bigint", "integer", "smallint"), numeric=True)
INT64 = ColumnType("bigint", ("bigint", "integer", "smallint"), digits=18)
# JSON has no NaN and no infinities.
NUMBER = ColumnType(
    "double precision",
    ("double precision", "real"),
    "{0} > '-Infinity'::float8 AND {0} < 'Infinity'::float8",
    numeric=True,
)
BOOLEAN = ColumnType("boolean", ("boolean",))
JSON = ColumnType("jsonb", ("jsonb", "json"))
TIME = ColumnType(
    "timestamp with time zone",
    ("timestamp with time zone",),
    "{0} >= '0001-01-01 00:00:00+00'::timestamptz AND {0} < '10000-01-01 00:00:00+00'::timestamptz",
)
UUID = ColumnType("uuid", ("uuid",))
# Types whose text does not depend on a session's settings (DateStyle and the like are fixed), and is read back.
_AS_TEXT = {
    "text", "character varying", "character", "name", "citext", "numeric", "date", "time without time zone",
    "time with time zone", "timestamp without time zone", "interval", "inet", "cidr", "macaddr", "macaddr8", "bit",
    "bit varying", "int4range", "int8range", "numrange", "tsrange", "daterange",
}  # fmt: skip
_ITEMS = _AS_TEXT | {"uuid", "bigint", "integer", "smallint", "real", "double precision", "boolean"}


def whole_digits(column: ColumnThere) -> int:
    """The digits of a numeric(p, 0). 0 for any other column."""
    if column.type != "numeric" or column.modifier < 4 or (column.modifier - 4) & 0x7FF:
        return 0
    return (column.modifier - 4) >> 16


def as_text(column: ColumnThere) -> bool:
    """Whether a string can stand for the values of another program's column."""
    item = column.type.removesuffix("[]")
    return column.enumerates or (column.type in _AS_TEXT if item == column.type else item in _ITEMS)


def column_type(prop: Property) -> ColumnType:
    match prop.type, prop.format:
        case "string", "date-time":
            return TIME
        case "string", "uuid":
            return UUID
        case "string", _:
            return INT64 if prop.is_int64 else TEXT
        case "integer", _:
            return INTEGER
        case "number", _:
            return NUMBER
        case "boolean", _:
            return BOOLEAN
        case _:
            return JSON


def rendered(prop: Property, column: str) -> str:
    """An SQL expression: `column`, of this property, in its one spelling; text for all but numbers, booleans, JSON.

    No value makes it fail. So it casts no number and no JSON: their text is the same in JSON.
    """
    kind = column_type(prop)
    if kind is TIME:
        text = f"""to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
        return f"CASE WHEN {tellable(column)} THEN {text} END"
    return f"{column}::text" if kind is TEXT or kind is UUID else column


def tellable(time: str) -> str:
    """An SQL condition: the wire can have this time, which is neither infinity nor after the year 9999."""
    assert TIME.check is not None
    return f"({TIME.check.format(time)})"


def image(row: str, resource: Resource, names: Iterable[str]) -> str:
    """An SQL expression: these columns of `row` (a table's alias, NEW or OLD) as the text of a JSON object."""
    columns = ", ".join(f"{_sized(resource, name, f'{row}.{quoted(name)}')} AS {quoted(name)}" for name in names)
    return f"(SELECT row_to_json(image.*)::text FROM (SELECT {columns}) image)"


def _sized(resource: Resource, name: str, column: str) -> str:
    """An SQL expression: the value of a property, and NULL where an image cannot hold it."""
    prop = resource.properties[name]
    value = rendered(prop, column)
    if column_type(prop) not in (TEXT, JSON) or name in resource.key:
        return value
    # The stored size, which may be compressed, is known without reading the value.
    large = f"pg_column_size({column}) > {STORED_BYTES} AND octet_length({column}::text) > {VALUE_BYTES}"
    return f"CASE WHEN {large} THEN NULL ELSE {value} END"


def readable(resource: Resource) -> tuple[str, ...]:
    return tuple(prop.name for prop in resource.properties.values() if not prop.write_only)


class RowReader:
    """Makes wire rows of a resource from images. Write-only properties are in them only if `whole`."""

    def __init__(self, resource: Resource, *, whole: bool = False) -> None:
        self.columns = tuple(resource.properties) if whole else readable(resource)
        self._key = resource.key
        properties = {name: resource.properties[name] for name in self.columns}
        self._nullable = {name: prop.nullable for name, prop in properties.items()}
        self._int64s = tuple(name for name, prop in properties.items() if prop.is_int64)
        self._integers = {
            name: teller(resource, name) for name, prop in properties.items() if column_type(prop) is INTEGER
        }
        self._numbers = tuple(name for name, prop in properties.items() if column_type(prop) is NUMBER)

    def row(self, text: str) -> Row:
        values = self._decoded(text)
        for name, tell in self._integers.items():
            if isinstance(value := values.get(name), str):  # NaN
                values[name] = None
            tell(value)
        for name in self._numbers:
            value = values.get(name)
            if isinstance(value, str):  # NaN, Infinity, -Infinity, and what no float holds
                values[name] = None
            elif isinstance(value, int) and abs(value) > EXACT:  # a numeric has more digits than a float
                values[name] = float(value)
        # In the schema's order: the image may be older than the schema.
        return {
            name: value
            for name, nullable in self._nullable.items()
            if (value := values.get(name)) is not None or nullable
        }

    def image(self, text: str | None) -> Row | None:
        return None if text is None else self.row(text)

    def key(self, text: str) -> Key:
        """{} where a property has no value that JSON has: NaN and the infinities are text in an image."""
        values = self._decoded(text)
        found = {
            name: value
            for name in self._key
            if (value := values.get(name)) is not None and not (isinstance(value, str) and self._is_number(name))
        }
        return found if len(found) == len(self._key) else {}

    def _decoded(self, text: str) -> dict[str, Any]:
        """The values of an image, which has integers of 64 bits as numbers."""
        values = _decoded(text)
        for name in self._int64s:
            value = values.get(name)
            values[name] = str(value) if isinstance(value, int) else None  # NaN
        return values

    def _is_number(self, name: str) -> bool:
        return name in self._numbers or name in self._integers


def _decoded(text: str) -> dict[str, Any]:
    """JSON that cannot be sent again (1e999, too deep) becomes text, value by value."""
    if text.count("{") + text.count("[") <= DEPTH:
        try:
            values: dict[str, Any] = msgspec.json.decode(text)
        except ValueError:
            pass
        else:
            return values
    return dict(map(_member, _members(text)))


def _members(text: str) -> Iterator[str]:
    """The members of an object, each as `"name":value`. msgspec reads no half surrogate pairs and not all levels."""
    level, begin = 0, 1
    for found in _TOKEN.finditer(text):
        part = found[0]
        level += (part in "[{") - (part in "]}")
        if (part == "," and level == 1) or level == 0:
            yield text[begin : found.start()]
            begin = found.end()


def _member(text: str) -> tuple[str, Any]:
    name = _TOKEN.match(text)
    assert name is not None
    return msgspec.json.decode(name[0], type=str), _value(text[name.end() + 1 :].strip())


def _value(text: str) -> Any:
    try:
        found = msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return text
    return text if too_deep(found) else found


def to_column(prop: Property, value: Any) -> Any:
    """A wire value as psycopg binds it; the column's type does the rest."""
    if value is not None and prop.type in JSON_TYPES:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return number(value) if prop.is_int64 else value


def default_sql(prop: Property, resource: Resource) -> str | None:
    """The column's default as SQL: the schema's, or what the database makes up."""
    kind = column_type(prop)
    if prop.has_default:
        value = to_column(prop, canonical_default(prop))
        if value is None:
            return None
        text = str(value).lower() if isinstance(value, bool) else repr(value) if not isinstance(value, str) else value
        return f"{literal(text)}::{kind.declared.partition(' COLLATE')[0]}"
    if prop.read_only and prop.required and kind is TIME:
        return "CURRENT_TIMESTAMP"
    if prop.read_only and prop.name in resource.key and kind is UUID:
        return "gen_random_uuid()"
    return None
