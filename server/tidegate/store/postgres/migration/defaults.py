"""The defaults of columns, as the schema gave them.

PostgreSQL reads a default back in other words, so that META records the SQL that was given.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from tidegate.contract import Property, Resource
from tidegate.store.migration.plan import Step
from tidegate.store.postgres.changelog import META
from tidegate.store.postgres.connection import Connection
from tidegate.store.postgres.migration.locks import exclusive
from tidegate.store.postgres.migration.step import sql_step
from tidegate.store.postgres.rows import default_sql
from tidegate.store.sql.names import literal, quoted

PREFIX = "default "
"""Of the names in META."""


def default_steps(connection: Connection, resource: Resource, prop: Property, before: str | None) -> Iterator[Step]:
    """The step that gives a column the default that the schema wants. `before`: the recorded default."""
    default, column = default_sql(prop, resource), f"{resource.table}.{prop.name}"
    alter = f"ALTER TABLE {quoted(resource.table)} ALTER COLUMN {quoted(prop.name)}"
    locks = exclusive(resource.table)
    why = f"default {'none' if before is None else before} -> {'none' if default is None else default}"
    if default is not None and default != before:
        set_default = [f"{alter} SET DEFAULT {default}", *record(resource, prop)]
        yield sql_step(connection, f"set the default of {column}", why, set_default, locks=locks)
    elif default is None and before is not None:
        forget = f"DELETE FROM {META} WHERE name = {_entry(resource, prop.name)}"
        yield sql_step(connection, f"drop the default of {column}", why, [f"{alter} DROP DEFAULT", forget], locks=locks)


def record(resource: Resource, prop: Property) -> list[str]:
    """The statement that records the default of a property; no statement for a property without one."""
    default = default_sql(prop, resource)
    if default is None:
        return []
    return [
        f"INSERT INTO {META} (name, value) VALUES ({_entry(resource, prop.name)}, {literal(default)}) "
        "ON CONFLICT (name) DO UPDATE SET value = excluded.value"
    ]


def recorded(connection: Connection) -> Mapping[str, str]:
    """The recorded defaults of all tables, by `table.column`."""
    if connection.execute("SELECT to_regclass($1)", [META]).fetchall() == [(None,)]:
        return {}
    found: Iterable[tuple[str, str]] = connection.execute(
        f"SELECT name, value FROM {META} WHERE starts_with(name, $1)", [PREFIX]
    )
    return {name.removeprefix(PREFIX): value for name, value in found}


def _entry(resource: Resource, column: str) -> str:
    return literal(f"{PREFIX}{resource.table}.{column}")
