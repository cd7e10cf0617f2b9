"""Tables from row schemas: one peewee model a resource.

Constraints say in SQL what the schema says, so that another program that writes gets an error instead of a broken row.
It creates nothing itself; `migrate` does.
Invariant: a column is NOT NULL exactly when its property is required or has a default and the schema allows no null.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import peewee
from playhouse.sqlite_ext import AutoIncrementField

from tidegate.contract import Property, Resource
from tidegate.store.database import literal, quoted
from tidegate.store.rows import to_column

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


def models(resources: Mapping[str, Resource], database: peewee.Database) -> dict[str, type[peewee.Model]]:
    """A model for each resource, by its name. References lead to other resources of the same mapping."""
    return {name: _model(resource, resources, database) for name, resource in resources.items()}


def is_automatic(resource: Resource) -> bool:
    """Whether SQLite counts the key: a single integer one that nobody may write."""
    first = resource.properties[resource.key[0]]
    return len(resource.key) == 1 and first.type == "integer" and first.read_only


def _model(resource: Resource, resources: Mapping[str, Resource], database: peewee.Database) -> type[peewee.Model]:
    fields: dict[str, Any] = {
        f"column_{number}": _field(prop, resource, resources)
        for number, prop in enumerate(resource.properties.values())
    }
    named = dict(zip(resource.properties, fields, strict=True))
    meta: dict[str, Any] = {
        "database": database,
        "table_name": resource.table,
        "indexes": tuple(
            (tuple(named[name] for name in names), unique)
            for lists, unique in ((resource.unique, True), (resource.indexes, False))
            for names in lists
        ),
    }
    if len(resource.key) > 1:
        meta["primary_key"] = peewee.CompositeKey(*(named[name] for name in resource.key))
    return type(resource.name, (peewee.Model,), {**fields, "Meta": type("Meta", (), meta)})


def _field(prop: Property, resource: Resource, resources: Mapping[str, Resource]) -> Field:
    alone = resource.key == (prop.name,)
    if alone and is_automatic(resource):
        field: Field = AutoIncrementField(column_name=prop.name)
        return field
    return COLUMN_TYPES.get(prop.type, TextColumn)(
        column_name=prop.name,
        null=prop.column_nullable,
        primary_key=alone,
        constraints=[
            *([peewee.SQL(f"DEFAULT {default}")] if (default := _default(prop, resource)) else []),
            *(peewee.Check(check) for check in _checks(prop)),
            *([peewee.SQL(_reference(resource, prop, resources))] if prop.name in resource.references else []),
        ],
    )


def _default(prop: Property, resource: Resource) -> str | None:
    """The column's default as SQL: the schema's, or what only the database can know."""
    if prop.has_default:
        value = to_column(prop, prop.default)
        return literal(value) if isinstance(value, str) else "NULL" if value is None else f"({value!r})"
    if prop.read_only and prop.required and prop.format == "date-time":
        return f"({NOW})"
    if prop.read_only and prop.name in resource.key and prop.format == "uuid":
        return f"({UUID})"
    return None


def _checks(prop: Property) -> list[str]:
    """The schema's rules that SQL can hold; each is true on NULL, which NOT NULL speaks of."""
    name = quoted(prop.name)
    checks = []
    match prop.type:
        case "boolean":
            checks.append(f"{name} IN (0, 1)")
        case "integer":
            checks.append(f"typeof({name}) IN ('integer', 'null')")
        case "number":
            checks.append(f"typeof({name}) IN ('real', 'integer', 'null')")
        case "string":
            checks.append(f"typeof({name}) IN ('text', 'null')")
        case _:
            checks.append(f"{name} IS NULL OR json_valid({name})")
    if prop.enum is not None and prop.type in {"string", "integer"}:
        allowed = ", ".join(literal(value) if isinstance(value, str) else str(value) for value in prop.enum)
        checks.append(f"{name} IN ({allowed})")
    if prop.type == "string" and prop.max_length is not None:
        checks.append(f"length({name}) <= {prop.max_length}")
    return checks


def _reference(resource: Resource, prop: Property, resources: Mapping[str, Resource]) -> str:
    target, column = resource.references[prop.name]
    return f"REFERENCES {quoted(resources[target].table)} ({quoted(column)})"
