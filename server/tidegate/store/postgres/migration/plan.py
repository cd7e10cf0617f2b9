"""What a database lacks of the tables: read from PostgreSQL's catalogue.

Only what was made here is taken away again: constraints and indexes whose names say so.
Invariant: once every statement ran, nothing is found to differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from tidegate.contract import Property, Resource
from tidegate.store.errors import NeedsWrittenMigration, StoreError
from tidegate.store.migration.row_checks import Rule
from tidegate.store.migration.unsafe_changes import Refusal, another_key, dropped, dropped_column, to_write
from tidegate.store.postgres.catalogue import ColumnThere, columns
from tidegate.store.postgres.connection import Connection
from tidegate.store.postgres.migration import defaults, ownership, tables
from tidegate.store.postgres.migration.step import Demand, Statement
from tidegate.store.postgres.rows import column_type, default_sql
from tidegate.store.sql.names import literal, quoted

NEW = "the schema has a new property"


def table_steps(
    connection: Connection, resources: Mapping[str, Resource], folder: Path | None, *, serving: bool
) -> list[Statement]:
    """Tables first, then what may refer to other tables. Raises StoreError for what is not done automatically.

    `serving`: another gateway may share tables that this one's schema does not name.
    """
    own: dict[int, Resource] = {}
    theirs: dict[int, Resource] = {}
    found: list[Statement] = []
    later: list[Statement] = []
    for resource in resources.values():
        number = table_number(connection, resource.table)
        if number is None:
            statements = (tables.create_table(resource), ownership.remember(resource.table, ownership.OURS))
            kept = [sql for prop in resource.properties.values() for sql in defaults.remember(resource, prop)]
            found.append(
                Statement(f"create table {resource.table}", "the schema has a new resource", (*statements, *kept))
            )
            later += _constraints(connection, resource, resources, None, folder)
            continue
        whose = ownership.whose(connection, resource.table)
        if whose is None:
            whose = ownership.recognised(connection, number)
            why = "Tidegate made it" if whose == ownership.OURS else "it was there before Tidegate"
            found.append(Statement(f"note table {resource.table}", why, (ownership.remember(resource.table, whose),)))
        (own if whose == ownership.OURS else theirs)[number] = resource
    _refuse(connection, own, resources, folder, serving=serving)
    for number, resource in theirs.items():
        found += _completed(connection, resource, number)
    for number, resource in own.items():
        found += _columns(connection, resource, number, folder)
        later += _constraints(connection, resource, resources, number, folder)
    return found + sorted(later, key=lambda item: item.name.startswith("add reference"))


def foreign_tables(connection: Connection, resources: Mapping[str, Resource]) -> list[str]:
    """Tables of resources that were there before Tidegate."""
    found = []
    for resource in resources.values():
        if (number := table_number(connection, resource.table)) is not None:
            whose = ownership.whose(connection, resource.table) or ownership.recognised(connection, number)
            found += [resource.table] * (whose == ownership.THEIRS)
    return found


def _refuse(
    connection: Connection,
    own: Mapping[int, Resource],
    resources: Mapping[str, Resource],
    folder: Path | None,
    *,
    serving: bool,
) -> None:
    """Raises StoreError for what only a written migration may do."""
    shared = {resource.table for resource in resources.values()}
    gone = () if serving else sorted(ownership.own_tables(connection) - shared)
    found = [dropped(table) for table in gone if table_number(connection, table) is not None]
    for number, resource in own.items():
        there, table = columns(connection, number), resource.table
        found += [dropped_column(table, name) for name in there if name not in resource.properties]
        for name, prop in resource.properties.items():
            kind = column_type(prop)
            if name in there and not kind.fits(there[name], made=True):
                text = f"the column {table}.{name} is of the type {there[name].type}, the schema's property needs "
                text += f"{kind.declared}: retyping it needs a written migration"
                found.append(Refusal(text, f"convert_{table}_{name}"))
        if (key := ownership.key(connection, number)) != resource.key:
            found.append(another_key(table, key, resource.key))
    if found:
        raise NeedsWrittenMigration(f"{'; '.join(item.text for item in found)}; {to_write(folder, found[0].name)}")


def _completed(connection: Connection, resource: Resource, number: int) -> Iterator[Statement]:
    """What somebody else's table lacks of the schema; what it has stays as it is, and more than the schema names."""
    there, table = columns(connection, number), resource.table
    for name, prop in resource.properties.items():
        kind = column_type(prop)
        if name not in there:
            add = f"ALTER TABLE {quoted(table)} ADD COLUMN {tables.column(resource, prop)}"
            yield Statement(f"add column {table}.{name}", NEW, (add,))
        elif not kind.fits(there[name], made=False):
            raise StoreError(
                f"the column {table}.{name} is of the type {there[name].declared}, which the schema's property cannot "
                f"stand for: it needs {kind.declared}, or leave the property out"
            )
    kept = ownership.indexes(connection, number)
    for names in resource.unique:
        if (names, True) not in kept:
            sql, why = tables.unique_index(resource, names), "the schema wants it"
            yield Statement(f"add unique index on {table} ({', '.join(names)})", why, (sql,))
    for names, (index, sql) in zip(resource.indexes, tables.indexes(resource).items(), strict=True):
        if not kept & {(names, True), (names, False)}:
            yield Statement(f"add index {index}", "the schema wants it", (sql,))


def _columns(connection: Connection, resource: Resource, number: int, folder: Path | None) -> Iterator[Statement]:
    there, table = columns(connection, number), resource.table
    remembered = defaults.remembered(connection, resource)
    for name, prop in resource.properties.items():
        if name not in there:
            add = f"ALTER TABLE {quoted(table)} ADD COLUMN {tables.column(resource, prop)}"
            rule = Rule(f"{name} is new, required and without a default", "true")
            demand = Demand(resource, rule, to_write(folder, f"add_{table}_{name}"))
            yield Statement(f"add column {table}.{name}", NEW, (add, *defaults.remember(resource, prop)), demand)
            continue
        yield from defaults.step(resource, prop, remembered.get(name))
        yield from _null(resource, prop, there[name], folder)
        if resource.key == (name,):
            yield from _counted(resource, there[name])


def _null(resource: Resource, prop: Property, there: ColumnThere, folder: Path | None) -> Iterator[Statement]:
    table, column, not_null = quoted(resource.table), quoted(prop.name), tables.is_not_null(resource, prop)
    if not_null == there.not_null:
        return
    word = "SET" if not_null else "DROP"
    statements = [f"ALTER TABLE {table} ALTER COLUMN {column} {word} NOT NULL"]
    if not_null and (default := default_sql(prop, resource)) is not None:
        statements.insert(0, f"UPDATE {table} SET {column} = {default} WHERE {column} IS NULL")
    advice = to_write(folder, f"correct_{resource.table}")
    yield Statement(
        f"{word.lower()} not null on {resource.table}.{prop.name}",
        "it may be null: " + ("yes -> no" if not_null else "no -> yes"),
        tuple(statements),
        Demand(resource, Rule(f"{prop.name} is null", f"{column} IS NULL"), advice),
    )


def _counted(resource: Resource, there: ColumnThere) -> Iterator[Statement]:
    """The key, if it is to be counted and is not, or the other way round."""
    counted, table, (name,) = resource.has_automatic_key, quoted(resource.table), resource.key
    at = f"ALTER TABLE {table} ALTER COLUMN {quoted(name)}"
    if counted and not there.identity and there.default is None:
        sequence = f"pg_get_serial_sequence({literal(table)}, {literal(name)})"
        on = f"SELECT setval({sequence}, max({quoted(name)})) FROM {table} HAVING max({quoted(name)}) > 0"
        statements: tuple[str, ...] = (f"{at} ADD GENERATED BY DEFAULT AS IDENTITY", on)
        yield Statement(f"count {resource.table}.{name}", "counted by the database: no -> yes", statements)
    elif there.identity and not counted:
        why = "counted by the database: yes -> no"
        yield Statement(f"do not count {resource.table}.{name}", why, (f"{at} DROP IDENTITY",))


def _constraints(
    connection: Connection,
    resource: Resource,
    resources: Mapping[str, Resource],
    number: int | None,
    folder: Path | None,
) -> Iterator[Statement]:
    table, advice = quoted(resource.table), to_write(folder, f"correct_{resource.table}")
    kinds = {
        "check": tables.checks(resource),
        "unique constraint": tables.uniques(resource),
        "reference": tables.references(resource, resources),
    }
    there, wanted = ownership.constraints(connection, number), {name for kind in kinds.values() for name in kind}
    for name in sorted(there - wanted):
        drop = f"ALTER TABLE {table} DROP CONSTRAINT {quoted(name)}"
        yield Statement(f"drop constraint {name} of {resource.table}", "the schema says it no longer", (drop,))
    for kind, constraints in kinds.items():
        for name, (sql, why, broken) in constraints.items():
            if name not in there:
                add = f"ALTER TABLE {table} ADD CONSTRAINT {quoted(name)} {sql}"
                yield Statement(f"add {kind} {name}", why, (add,), Demand(resource, broken, advice))
    indexes, indexed = tables.indexes(resource), ownership.own_indexes(connection, number)
    for name in sorted(indexed - indexes.keys()):
        yield Statement(f"drop index {name}", "the schema no longer wants it", (f"DROP INDEX {quoted(name)}",))
    for name, sql in indexes.items():
        if name not in indexed:
            yield Statement(f"add index {name}", "the schema wants it", (sql,))


def table_number(connection: Connection, table: str) -> int | None:
    """The number of the table of this name, as statements without a schema find it."""
    ((number, kind, parents),) = connection.execute(
        "SELECT to_regclass($1)::oid::bigint, (SELECT relkind::text FROM pg_class WHERE oid = to_regclass($1)), "
        "EXISTS (SELECT FROM pg_inherits WHERE inhparent = to_regclass($1))",
        [quoted(table)],
    )
    if number is not None and kind != "r":
        raise StoreError(f"{table} is no plain table, which the change log cannot follow")
    if parents:
        raise StoreError(f"other tables inherit from {table}, and the change log cannot follow its rows in them")
    return None if number is None else int(number)
