"""peewee fields for the properties of a resource: a column's values as a Python program sees them.

Dates, times, UUIDs and integers of 64 bits have Python's types, JSON is lists and dicts. A column's value that cannot
be converted, which another program may have written, is returned unchanged.
Invariant: values are written in the canonical form that filters compare.
"""

from __future__ import annotations

import copy
import json
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import peewee

from tidegate.contract import Property, Resource
from tidegate.store.sql.json_values import JSON_TYPES

Convert = Callable[[Any], Any]


class Converted(peewee.Field):
    """A field that converts values between Python and the column. NULL is None in both directions."""

    def __init__(self, to_column: Convert, to_python: Convert, *, mutable: bool = False, **options: Any) -> None:
        self._to_column, self._to_python = to_column, to_python
        self.mutable = mutable
        """A program can change a value in place."""
        super().__init__(**options)

    def db_value(self, value: Any) -> Any:
        return None if value is None else self._to_column(value)

    def python_value(self, value: Any) -> Any:
        if value is None:
            return None
        try:
            return self._to_python(value)
        except ValueError:
            return value


def in_statement(name: str, postgres: bool) -> str:
    """The name of a table or column as a statement has it: psycopg reads `%` in a statement as a parameter."""
    return name.replace("%", "%%") if postgres else name


def without_columns(model: type[peewee.Model]) -> None:
    """Give `model` a table without an attribute for each column, which a column `_path` or `__class__` would break."""
    meta: Any = model._meta
    meta._table = peewee.Table(meta.table_name, _model=model, _database=meta.database)


def field_of(prop: Property, resource: Resource, postgres: bool) -> peewee.Field:
    """The field of one property."""
    column = in_statement(prop.name, postgres)
    options: dict[str, Any] = {"column_name": column, "null": prop.column_nullable}
    if resource.key == (prop.name,):
        if resource.has_automatic_key:
            return peewee.AutoField(column_name=column)
        options["primary_key"] = True
    default = _default(prop, resource)
    if default is not None:
        options["default"] = default
    match prop.type, prop.format:
        case "boolean", _:
            return peewee.BooleanField(**options)
        case ("integer", _) | ("string", "int64"):
            return peewee.BigIntegerField(**options)
        case "number", _:
            return peewee.DoubleField(**options)
        case "string", "date-time":
            return Converted(_aware if postgres else _canonical, _time, **options)
        case "string", "date":
            return Converted(_date_text, _date, **options)
        case "string", "uuid":
            return Converted(_uuid if postgres else lambda value: str(_uuid(value)), _uuid, **options)
        case "string", _:
            return peewee.TextField(**options)
        case _:
            return (
                Converted(_jsonb, copy.copy, mutable=True, **options)
                if postgres
                else Converted(_json, json.loads, mutable=True, **options)
            )


def _default(prop: Property, resource: Resource) -> Convert | Callable[[], Any] | None:
    """The default as a Python value, so that a new object has it before it is read again."""
    if prop.has_default:
        value = prop.default
        match prop.type, prop.format:
            case kind, _ if kind in JSON_TYPES or value is None:
                pass
            case "string", "date-time":
                value = _time(value)
            case "string", "date":
                value = _date(value)
            case "string", "uuid":
                value = _uuid(value)
            case "string", "int64":
                value = int(value)
        return lambda: copy.deepcopy(value)
    if prop.read_only and prop.required and prop.format == "date-time":
        return lambda: datetime.now(UTC)
    if prop.read_only and prop.name in resource.key and prop.format == "uuid":
        return uuid.uuid4
    return None


def _aware(value: Any) -> datetime:
    """A time with its zone. Raises ValueError for a time without one."""
    time = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    if time.tzinfo is None:
        raise ValueError(f"a time without a zone: {value!r}; datetime.now(UTC) has one")
    return time.astimezone(UTC)


def _canonical(value: Any) -> str:
    return _aware(value).strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")


def _time(value: Any) -> datetime:
    return _aware(value)


def _date(value: Any) -> date:
    return value if isinstance(value, date) else date.fromisoformat(value)


def _date_text(value: Any) -> str:
    if isinstance(value, datetime):
        raise ValueError(f"a time where a date belongs: {value!r}")
    return _date(value).isoformat()


def _uuid(value: Any) -> uuid.UUID:
    return value if isinstance(value, uuid.UUID) else uuid.UUID(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _jsonb(value: Any) -> Any:
    from psycopg.types.json import Jsonb  # noqa: PLC0415  # optional

    return Jsonb(value, _json)
