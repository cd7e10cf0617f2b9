"""Tables from row schemas: one peewee model a resource.

Constraints say in SQL what the schema says, so that another program gets an error when it writes a broken row.
It only builds definitions; `migrate` creates them.
Invariant: a column is NOT NULL exactly when its property is required or has a default and the schema allows no null.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
import peewee
from playhouse.sqlite_ext import AutoIncrementField

from tidegate.contract import Property, Resource, canonical_default
from tidegate.store.migration.conditions import column_enum, shared_conditions
from tidegate.store.model_fields import without_columns
from tidegate.store.sql.names import literal, quoted
from tidegate.store.sqlite.migration.formats import form
from tidegate.store.sqlite.rows import to_column

NOW = "strftime('%Y-%m-%dT%H:%M:%f000Z','now')"
"""The time of creation in the canonical form: UTC, six decimals."""
UUID = (
    "lower(hex(randomblob(4))||'-'||hex(randomblob(2))||'-4'||substr(hex(randomblob(2)),2)||'-'||"
    "substr('89ab',1+(abs(random())%4),1)||substr(hex(randomblob(2)),2)||'-'||hex(randomblob(6)))"
)
"""A random UUID, version 4 (RFC 9562)."""


if TYPE_CHECKING:
    Field = peewee.Field[Any]
else:  # generic only for type checkers
    Field = peewee.Field


class IntegerColumn(Field):
    field_type = "INTEGER"


class RealColumn(Field):
    field_type = "REAL"


class TextColumn(Field):
    field_type = "TEXT"


COLUMN_TYPES = {"integer": IntegerColumn, "number": RealColumn, "boolean": IntegerColumn}


class Column(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a column is made from: all the rules that the database enforces on it."""

    type: str
    """The JSON type of its values."""
    null: bool = False
    automatic: bool = False
    """SQLite counts it."""
    default: str | None = None
    """As SQL."""
    enum: tuple[Any, ...] | None = None
    max_length: int | None = None
    format: str | None = None
    """The format whose form the values have."""
    references: tuple[str, str] | None = None
    """A table and a column of it."""
    left: bool = False
    """The schema does not name it any more."""
    checks: dict[str, str] = {}
    """SQL conditions that must not be false, by the schema keyword that each stands for."""

    @property
    def storage(self) -> str:
        """The type that the column is declared with."""
        return COLUMN_TYPES.get(self.type, TextColumn).field_type


def models(resources: Mapping[str, Resource], database: peewee.Database) -> dict[str, type[peewee.Model]]:
    """A model for each resource, by its name. References lead to other resources of the same mapping."""
    return {name: model(resource, resources, database) for name, resource in resources.items()}


def model(resource: Resource, resources: Mapping[str, Resource], database: peewee.Database) -> type[peewee.Model]:
    """The table of one resource. Its references lead to `resources`."""
    wanted = columns(resource, resources)
    fields: dict[str, Any] = {
        f"column_{number}": _field(name, column, resource.key == (name,))
        for number, (name, column) in enumerate(wanted.items())
    }
    named = dict(zip(wanted, fields, strict=True))
    meta: dict[str, Any] = {
        "database": database,
        "table_name": resource.table,
        "indexes": tuple((tuple(named[name] for name in names), unique) for names, unique in indexes(resource)),
    }
    if len(resource.key) > 1:
        meta["primary_key"] = peewee.CompositeKey(*(named[name] for name in resource.key))
    made = type(resource.name, (peewee.Model,), {**fields, "Meta": type("Meta", (), meta)})
    without_columns(made)
    return made


def create_table_sql(resource: Resource, resources: Mapping[str, Resource], database: peewee.Database) -> str:
    """The CREATE TABLE of one resource, without its indexes."""
    manager: Any = peewee.SchemaManager(model(resource, resources, database))
    sql: str = manager._create_table(safe=False).query()[0]
    return sql


def indexes(resource: Resource) -> list[tuple[tuple[str, ...], bool]]:
    """The indexes beside the key's: their columns, and whether they are unique."""
    return [*((names, True) for names in resource.unique), *((names, False) for names in resource.indexes)]


def columns(resource: Resource, resources: Mapping[str, Resource]) -> dict[str, Column]:
    """What each column of the table is made from, in the schema's order."""
    return {name: _column(prop, resource, resources) for name, prop in resource.properties.items()}


def _column(prop: Property, resource: Resource, resources: Mapping[str, Resource]) -> Column:
    if resource.key == (prop.name,) and resource.has_automatic_key:
        return Column(_kind(prop), automatic=True)
    checks = _checks(prop)
    reference = resource.references.get(prop.name)
    return Column(
        type=_kind(prop),
        null=prop.column_nullable,
        default=_default(prop, resource),
        enum=column_enum(prop) if "enum" in checks else None,
        max_length=prop.max_length if "maxLength" in checks else None,
        format=prop.format if "format" in checks else None,
        references=None if reference is None else (resources[reference[0]].table, reference[1]),
        checks=checks,
    )


def _kind(prop: Property) -> str:
    """The JSON type of the column's values. Integers of 64 bits are text on the wire alone."""
    return "integer" if prop.is_int64 else prop.type


def _field(name: str, column: Column, alone: bool) -> Field:
    if column.automatic:
        field: Field = AutoIncrementField(column_name=name)
        return field
    return COLUMN_TYPES.get(column.type, TextColumn)(
        column_name=name,
        null=column.null,
        primary_key=alone,
        constraints=[
            *([peewee.SQL(f"DEFAULT {column.default}")] if column.default else []),
            *(peewee.Check(check) for check in column.checks.values()),
            *([peewee.SQL(_reference(*column.references))] if column.references else []),
        ],
    )


def _default(prop: Property, resource: Resource) -> str | None:
    """The column's default as SQL: the schema's, or a value that only the database knows."""
    if prop.has_default:
        value = to_column(prop, canonical_default(prop))
        return literal(value) if isinstance(value, str) else "NULL" if value is None else f"({value!r})"
    if prop.read_only and prop.required and prop.format == "date-time":
        return f"({NOW})"
    if prop.read_only and prop.name in resource.key and prop.format == "uuid":
        return f"({UUID})"
    return None


def _checks(prop: Property) -> dict[str, str]:
    """SQL conditions by the schema keyword that each stands for. Each is true for NULL, which NOT NULL handles."""
    name = quoted(prop.name)
    kind = _kind(prop)
    match kind:
        case "boolean":
            condition = f"{name} IN (0, 1)"
        case "integer":
            condition = f"typeof({name}) IN ('integer', 'null')"
        case "number":
            condition = f"typeof({name}) IN ('real', 'integer', 'null')"
        case "string":
            condition = f"typeof({name}) IN ('text', 'null')"
        case _:
            condition = f"{name} IS NULL OR json_valid({name})"
    found = {"type": condition} | shared_conditions(prop, text=kind == "string")
    return found if (spelled := form(prop)) is None else found | {"format": spelled}


def _reference(table: str, column: str) -> str:
    return f"REFERENCES {quoted(table)} ({quoted(column)})"
