"""What a database lacks of the tables, the change log and its triggers: read from PostgreSQL's catalogue.

Only what was made here is taken away again: constraints and indexes whose names say so.
Invariant: once every statement ran, nothing is found to differ.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from tidegate.contract import Property, Resource
from tidegate.store.database import literal, quoted
from tidegate.store.errors import StoreError
from tidegate.store.postgres import made, tables
from tidegate.store.postgres.changelog import (
    COMMITS,
    CREATE_NUMBER_TRIGGER,
    META,
    NUMBER_TRIGGER,
    create_function,
    digest,
    functions,
    log_function,
    reset,
    triggers,
)
from tidegate.store.postgres.columns import columns
from tidegate.store.postgres.connection import Connection
from tidegate.store.postgres.rows import column_type, default_sql


class Statement(NamedTuple):
    """One thing to do: what it is called, and its SQL."""

    name: str
    statements: tuple[str, ...]


def table_steps(connection: Connection, resources: Mapping[str, Resource]) -> list[Statement]:
    """Tables first, then what may refer to other tables. Raises StoreError for what is not done automatically."""
    found, later = [], []
    for resource in resources.values():
        number = _table(connection, resource.table)
        if number is None:
            defaults = [_remember(resource, prop) for prop in resource.properties.values()]
            statements = (tables.create_table(resource), made.remember(resource.table, made.OURS))
            found.append(Statement(f"create table {resource.table}", (*statements, *filter(None, defaults))))
        else:
            whose = made.whose(connection, resource.table)
            if whose is None:
                whose = made.recognised(connection, number)
                found.append(Statement(f"note table {resource.table}", (made.remember(resource.table, whose),)))
            if whose == made.THEIRS:
                found += _completed(connection, resource, number)
                continue
            found += _columns(connection, resource, number)
        later += _constraints(connection, resource, resources, number)
    return found + sorted(later, key=lambda item: item.name.startswith("add reference"))


def foreign_tables(connection: Connection, resources: Mapping[str, Resource]) -> list[str]:
    """Tables of resources that were there before Tidegate."""
    found = []
    for resource in resources.values():
        if (number := _table(connection, resource.table)) is not None:
            whose = made.whose(connection, resource.table) or made.recognised(connection, number)
            found += [resource.table] * (whose == made.THEIRS)
    return found


def log_steps(connection: Connection, resources: dict[str, Resource], done: Collection[str]) -> list[Statement]:
    """Trigger functions and triggers that are not there, or not as they should be. `done`: steps of this migration."""
    found, new = [], set()
    for name, body in functions(resources).items():
        rows = connection.execute("SELECT obj_description(to_regprocedure($1), 'pg_proc')", [f"{name}()"]).fetchall()
        install = f"install function {name}"
        if rows[0][0] is None or install in done:
            new.add(name)
        if rows[0][0] != digest(body):
            label = install if name in new else f"replace function {name}"
            found.append(Statement(label, tuple(create_function(name, body))))
    followed = [resource for resource in resources.values() if log_function(resource) not in new]
    wanted = [(COMMITS, NUMBER_TRIGGER, CREATE_NUMBER_TRIGGER, followed)]
    for resource in resources.values():
        of = [resource] if resource in followed else []
        wanted += [(quoted(resource.table), name, sql, of) for name, sql in triggers(resource).items()]
    for table, name, sql, missed in wanted:
        state = connection.execute(
            "SELECT tgenabled FROM pg_trigger WHERE tgrelid = to_regclass($1) AND tgname = $2", [table, name]
        ).fetchall()
        # ALWAYS: a writer may not turn it off with session_replication_role, as tools that copy tables do.
        always = f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {quoted(name)}"
        if state != [("A",)]:
            label = f"install trigger {name} on {table}"
            # Changes may have passed unseen: who has rows of these tables reads them anew.
            resets = reset(missed) if missed else []
            found.append(Statement(label, (*((always,) if state else (sql, always)), *resets)))
    return found


def _completed(connection: Connection, resource: Resource, number: int) -> list[Statement]:
    """What somebody else's table lacks of the schema; what it has stays as it is, and more than the schema names."""
    there, table = columns(connection, number), resource.table
    found = []
    for name, prop in resource.properties.items():
        kind = column_type(prop)
        if name not in there:
            add = f"ALTER TABLE {quoted(table)} ADD COLUMN {tables.column(resource, prop)}"
            found.append(Statement(f"add column {table}.{name}", (add,)))
        elif not kind.fits(there[name], made=False):
            raise StoreError(
                f"the column {table}.{name} is of the type {there[name].declared}, which the schema's property cannot "
                f"stand for: it needs {kind.declared}, or leave the property out"
            )
    kept = made.indexes(connection, number)
    for names in resource.unique:
        if (names, True) not in kept:
            sql = tables.unique_index(resource, names)
            found.append(Statement(f"add unique index on {table} ({', '.join(names)})", (sql,)))
    for names, (index, sql) in zip(resource.indexes, tables.indexes(resource).items(), strict=True):
        if not kept & {(names, True), (names, False)}:
            found.append(Statement(f"add index {index}", (sql,)))
    return found


def _columns(connection: Connection, resource: Resource, number: int) -> list[Statement]:
    there, table = columns(connection, number), resource.table
    for name in there.keys() - resource.properties.keys():
        raise StoreError(
            f"the table {table} has a column {name} that the schema does not: dropping it needs a written migration"
        )
    found = []
    remembered = _defaults(connection, resource)
    for name, prop in resource.properties.items():
        at = f"ALTER TABLE {quoted(table)} ALTER COLUMN {quoted(name)}"
        if name not in there:
            add = f"ALTER TABLE {quoted(table)} ADD COLUMN {tables.column(resource, prop)}"
            found.append(Statement(f"add column {table}.{name}", (add, *filter(None, [_remember(resource, prop)]))))
            continue
        is_now, kind = there[name], column_type(prop)
        if not kind.fits(is_now, made=True):
            raise StoreError(
                f"the column {table}.{name} is of the type {is_now.type}, the schema's property needs "
                f"{kind.declared}: retyping it needs a written migration"
            )
        not_null = not prop.column_nullable or name in resource.key
        if not_null != is_now.not_null:
            word = "SET" if not_null else "DROP"
            found.append(Statement(f"{word.lower()} not null on {table}.{name}", (f"{at} {word} NOT NULL",)))
        default = default_sql(prop, resource)
        if default is not None and default != remembered.get(name):
            statements = (f"{at} SET DEFAULT {default}", *filter(None, [_remember(resource, prop)]))
            found.append(Statement(f"set the default of {table}.{name}", statements))
        elif default is None and name in remembered:
            statements = (f"{at} DROP DEFAULT", f"DELETE FROM {META} WHERE name = {_default_name(resource, name)}")
            found.append(Statement(f"drop the default of {table}.{name}", statements))
    return found


def _constraints(
    connection: Connection, resource: Resource, resources: Mapping[str, Resource], number: int | None
) -> list[Statement]:
    table = quoted(resource.table)
    kinds = {
        "check": tables.checks(resource),
        "unique constraint": tables.uniques(resource),
        "reference": tables.references(resource, resources),
    }
    there = (
        set()
        if number is None
        else _ours(connection, "SELECT conname FROM pg_constraint WHERE conrelid = $1 AND conname ~ $2", number)
    )
    wanted: dict[str, Any] = {name: None for definitions in kinds.values() for name in definitions}
    found = [
        Statement(
            f"drop constraint {name} of {resource.table}", (f"ALTER TABLE {table} DROP CONSTRAINT {quoted(name)}",)
        )
        for name in sorted(there - wanted.keys())
    ]
    for kind, definitions in kinds.items():
        found += [
            Statement(f"add {kind} {name}", (f"ALTER TABLE {table} ADD CONSTRAINT {quoted(name)} {sql}",))
            for name, sql in definitions.items()
            if name not in there
        ]
    indexes = tables.indexes(resource)
    there = (
        set()
        if number is None
        else _ours(
            connection,
            "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
            "WHERE i.indrelid = $1 AND c.relname ~ $2 "
            "AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = i.indexrelid)",
            number,
        )
    )
    found += [
        Statement(f"drop index {name}", (f"DROP INDEX {quoted(name)}",)) for name in sorted(there - indexes.keys())
    ]
    return found + [Statement(f"add index {name}", (sql,)) for name, sql in indexes.items() if name not in there]


def _table(connection: Connection, table: str) -> int | None:
    """The number of the table of this name, as statements without a schema find it."""
    ((number, kind),) = connection.execute(
        "SELECT to_regclass($1)::oid::bigint, (SELECT relkind::text FROM pg_class WHERE oid = to_regclass($1))",
        [quoted(table)],
    )
    if number is not None and kind != "r":
        raise StoreError(f"{table} is no plain table, which the change log cannot follow")
    return None if number is None else int(number)


def _ours(connection: Connection, sql: str, number: int) -> set[str]:
    return {name for (name,) in connection.execute(sql, [number, tables.OURS])}


# A default is read back in other words than it was given in: what was given is kept.


def _default_name(resource: Resource, column: str) -> str:
    return literal(f"default {resource.table}.{column}")


def _remember(resource: Resource, prop: Property) -> str | None:
    default = default_sql(prop, resource)
    if default is None:
        return None
    return (
        f"INSERT INTO {META} (name, value) VALUES ({_default_name(resource, prop.name)}, {literal(default)}) "
        "ON CONFLICT (name) DO UPDATE SET value = excluded.value"
    )


def _defaults(connection: Connection, resource: Resource) -> Mapping[str, str]:
    prefix = f"default {resource.table}."
    if connection.execute("SELECT to_regclass($1)", [META]).fetchall() == [(None,)]:
        return {}
    found: Iterable[tuple[str, str]] = connection.execute(
        f"SELECT name, value FROM {META} WHERE starts_with(name, $1)", [prefix]
    )
    return {name.removeprefix(prefix): value for name, value in found}
