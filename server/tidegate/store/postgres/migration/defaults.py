"""Defaults of columns: PostgreSQL reads them back in other words than they were given in, so what was given is kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from tidegate.contract import Property, Resource
from tidegate.store.postgres.changelog import META
from tidegate.store.postgres.connection import Connection
from tidegate.store.postgres.migration.step import Statement
from tidegate.store.postgres.rows import default_sql
from tidegate.store.sql.names import literal, quoted


def step(resource: Resource, prop: Property, before: str | None) -> Iterator[Statement]:
    """What brings a column's default to where the schema wants it; `before`: the one that it was given."""
    default, where = default_sql(prop, resource), f"{resource.table}.{prop.name}"
    at = f"ALTER TABLE {quoted(resource.table)} ALTER COLUMN {quoted(prop.name)}"
    why = f"default {'none' if before is None else before} -> {'none' if default is None else default}"
    if default is not None and default != before:
        statements = (f"{at} SET DEFAULT {default}", *remember(resource, prop))
        yield Statement(f"set the default of {where}", why, statements)
    elif default is None and before is not None:
        forget = f"DELETE FROM {META} WHERE name = {_entry(resource, prop.name)}"
        yield Statement(f"drop the default of {where}", why, (f"{at} DROP DEFAULT", forget))


def remember(resource: Resource, prop: Property) -> list[str]:
    """The statement that keeps it, if there is one."""
    default = default_sql(prop, resource)
    if default is None:
        return []
    return [
        f"INSERT INTO {META} (name, value) VALUES ({_entry(resource, prop.name)}, {literal(default)}) "
        "ON CONFLICT (name) DO UPDATE SET value = excluded.value"
    ]


def remembered(connection: Connection, resource: Resource) -> Mapping[str, str]:
    """Those of the table's columns, by column."""
    prefix = f"default {resource.table}."
    if connection.execute("SELECT to_regclass($1)", [META]).fetchall() == [(None,)]:
        return {}
    found: Iterable[tuple[str, str]] = connection.execute(
        f"SELECT name, value FROM {META} WHERE starts_with(name, $1)", [prefix]
    )
    return {name.removeprefix(prefix): value for name, value in found}


def _entry(resource: Resource, column: str) -> str:
    return literal(f"default {resource.table}.{column}")
