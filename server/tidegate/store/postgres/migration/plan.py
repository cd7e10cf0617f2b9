"""What the tables of the resources lack, as steps. Unsafe changes are refused instead.

It reads PostgreSQL's catalogue. Only constraints and indexes that Tidegate made are dropped again, as their names tell.
Invariant: once all steps have run, no difference is found.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from tidegate.contract import Property, Resource
from tidegate.store.errors import StoreError
from tidegate.store.migration.plan import Step
from tidegate.store.migration.row_checks import Rule
from tidegate.store.migration.unsafe_changes import (
    advice,
    changed_key,
    converted_column,
    dropped_table,
    refuse,
    renamed_column,
)
from tidegate.store.postgres import home
from tidegate.store.postgres.catalogue import ColumnThere, columns
from tidegate.store.postgres.changelog import log_function
from tidegate.store.postgres.connection import Connection
from tidegate.store.postgres.migration import constraints, defaults, ownership, tables
from tidegate.store.postgres.migration.left_columns import LeftColumns, table_number
from tidegate.store.postgres.migration.locks import exclusive, writes
from tidegate.store.postgres.migration.step import Demand, sql_step
from tidegate.store.postgres.rows import column_type, default_sql
from tidegate.store.sql.names import literal, quoted

NEW = "the schema has a new property"
WANTED = "the schema wants it"
UNWANTED = "the schema no longer wants it"


class Tables:
    """The tables of one database beside the resources that they are for."""

    def __init__(
        self,
        connection: Connection,
        resources: Mapping[str, Resource],
        folder: Path | None,
        *,
        serving: bool = False,
        may_rename: bool = False,
    ) -> None:
        """`folder` holds the manual migrations.

        `serving`: plan only what a gateway needs. Another gateway may share tables and columns that this one's schema
        does not name, and their rules. `may_rename`: refuse what looks like a rename.
        """
        self._serving = serving
        self._may_rename = may_rename
        self._connection = connection
        self._resources = resources
        self._folder = folder

    def steps(self) -> list[Step]:
        """Everything that the tables lack: tables first, then constraints that may refer to other tables.

        Raises NeedsManualMigration for unsafe changes.
        """
        schema = home.here(self._connection)
        numbers = {each.table: table_number(self._connection, schema, each.table) for each in self._resources.values()}
        missing = [
            (each.table, log_function(each).partition(".")[2])
            for each in self._resources.values()
            if numbers[each.table] is None
        ]
        home.refuse_moved(self._connection, schema, missing)
        owners, given = ownership.all_recorded(self._connection), defaults.recorded(self._connection)
        own: dict[int, Resource] = {}
        others: dict[int, Resource] = {}
        found: list[Step] = []
        later: list[Step] = []
        for resource in self._resources.values():
            number = numbers[resource.table]
            if number is None:
                found.append(self._created(resource))
                later += self._constraints(resource, None)
                continue
            recorded = owners.get(resource.table)
            made_by = recorded or ownership.recognised(self._connection, number)
            if recorded is None:
                found.append(self._noted(resource, made_by))
            (own if made_by == ownership.TIDEGATE else others)[number] = resource
        existing = {number: columns(self._connection, number) for number in own}
        self._refuse_unsafe_changes(own, existing)
        for number, resource in others.items():
            found += self._completed(resource, number)
        for number, resource in own.items():
            found += self._columns(resource, existing[number], given)
            later += self._constraints(resource, number)
        return found + sorted(later, key=lambda step: step.name.startswith("add reference"))

    def created(self, made: Collection[str]) -> list[Step]:
        """The steps that create the tables which do not exist yet, without those in `made`, and without constraints and
        indexes.
        """
        missing = (
            each
            for each in self._resources.values()
            if table_number(self._connection, home.here(self._connection), each.table) is None
        )
        return [self._created(resource) for resource in missing if resource.table not in made]

    def of_others(self) -> list[str]:
        """The tables of resources that are older than Tidegate."""
        found, schema = [], home.here(self._connection)
        for resource in self._resources.values():
            if (number := table_number(self._connection, schema, resource.table)) is not None:
                made_by = ownership.owner(self._connection, resource.table, number)
                found += [resource.table] * (made_by == ownership.OTHERS)
        return found

    def _refuse_unsafe_changes(
        self, own: Mapping[int, Resource], there: Mapping[int, Mapping[str, ColumnThere]]
    ) -> None:
        connection = self._connection
        shared = {resource.table for resource in self._resources.values()}
        gone = () if self._serving else sorted(ownership.own_tables(connection) - shared)
        schema = home.here(connection)
        found = [dropped_table(table) for table in gone if table_number(connection, schema, table) is not None]
        for number, resource in own.items():
            existing, table = there[number], resource.table
            if not self._serving and self._may_rename:
                found += [
                    renamed_column(table, *names)
                    for names in LeftColumns(connection, self._resources).renames(resource, existing)
                ]
            for name, prop in resource.properties.items():
                kind = column_type(prop)
                if name in existing and not kind.fits(existing[name], made=True):
                    facts = f"the column {table}.{name} is of the type {existing[name].type}, the schema's property "
                    found.append(converted_column(table, name, f"{facts}needs {kind.declared}"))
            if (key := constraints.key(connection, number)) != resource.key:
                found.append(changed_key(table, key, resource.key))
            _refuse_virtual(resource, existing)
        refuse(found, self._folder)

    def _created(self, resource: Resource) -> Step:
        entries = [sql for prop in resource.properties.values() for sql in defaults.record(resource, prop)]
        statements = [tables.create_table(resource), ownership.record(resource.table, ownership.TIDEGATE), *entries]
        return self._step(f"create table {resource.table}", "the schema has a new resource", *statements)

    def _noted(self, resource: Resource, made_by: ownership.Owner) -> Step:
        why = "Tidegate made it" if made_by == ownership.TIDEGATE else "it was there before Tidegate"
        return self._step(f"note table {resource.table}", why, ownership.record(resource.table, made_by))

    def _completed(self, resource: Resource, number: int) -> Iterator[Step]:
        """What another program's table lacks. What it has stays as it is, also what the schema does not name."""
        existing, table = columns(self._connection, number), resource.table
        _refuse_virtual(resource, existing)
        for name, prop in resource.properties.items():
            kind = column_type(prop)
            if name not in existing:
                add = f"ALTER TABLE {quoted(table)} ADD COLUMN {tables.column(resource, prop)}"
                yield self._step(f"add column {table}.{name}", NEW, add, locks=exclusive(table))
            elif not kind.fits(existing[name], made=False):
                raise StoreError(
                    f"the column {table}.{name} is of the type {existing[name].declared}, which the schema's property "
                    f"cannot stand for: it needs {kind.declared}, or leave the property out"
                )
        kept = constraints.indexes(self._connection, number)
        for names in resource.unique:
            if (names, True) not in kept:
                add = tables.unique_index(resource, names)
                yield self._step(f"add unique index on {table} ({', '.join(names)})", WANTED, add, locks=writes(table))
        for names, (index, add) in zip(resource.indexes, tables.indexes(resource).items(), strict=True):
            if not kept & {(names, True), (names, False)}:
                yield self._step(f"add index {index}", WANTED, add, locks=writes(table))

    def _columns(
        self, resource: Resource, existing: Mapping[str, ColumnThere], given: Mapping[str, str]
    ) -> Iterator[Step]:
        """`given`: the recorded defaults, by `table.column`."""
        table = resource.table
        for name, there in existing.items():
            if name not in resource.properties and there.needs_a_value:
                yield self._step(
                    f"drop not null on {table}.{name}",
                    "the schema does not name it, and without a value for it no row could be created",
                    f"ALTER TABLE {quoted(table)} ALTER COLUMN {quoted(name)} DROP NOT NULL",
                    locks=exclusive(table),
                )
        for name, prop in resource.properties.items():
            if name not in existing:
                add = f"ALTER TABLE {quoted(table)} ADD COLUMN {tables.column(resource, prop)}"
                rule = Rule(f"{name} is new, required and without a default", "true")
                demand = Demand(resource, rule, advice(self._folder, f"add_{table}_{name}"))
                statements = add, *defaults.record(resource, prop)
                yield self._step(f"add column {table}.{name}", NEW, *statements, demand=demand, locks=exclusive(table))
                continue
            yield from defaults.default_steps(self._connection, resource, prop, given.get(f"{table}.{name}"))
            yield from self._null(resource, prop, existing[name])
            if resource.key == (name,):
                yield from self._counted(resource, existing[name])

    def _null(self, resource: Resource, prop: Property, existing: ColumnThere) -> Iterator[Step]:
        table, column, not_null = quoted(resource.table), quoted(prop.name), tables.is_not_null(resource, prop)
        if not_null == existing.not_null:
            return
        word = "SET" if not_null else "DROP"
        statements = [f"ALTER TABLE {table} ALTER COLUMN {column} {word} NOT NULL"]
        if not_null and (default := default_sql(prop, resource)) is not None:
            statements.insert(0, f"UPDATE {table} SET {column} = {default} WHERE {column} IS NULL")
        rule = Rule(f"{prop.name} is null", f"{column} IS NULL")
        yield self._step(
            f"{word.lower()} not null on {resource.table}.{prop.name}",
            "it may be null: " + ("yes -> no" if not_null else "no -> yes"),
            *statements,
            demand=Demand(resource, rule, advice(self._folder, f"correct_{resource.table}")),
            locks=exclusive(resource.table),
        )

    def _counted(self, resource: Resource, existing: ColumnThere) -> Iterator[Step]:
        """The step that makes the database count the key, or stop counting it."""
        counted, table, (name,) = resource.has_automatic_key, quoted(resource.table), resource.key
        alter = f"ALTER TABLE {table} ALTER COLUMN {quoted(name)}"
        if counted and not existing.identity and existing.default is None:
            sequence = f"pg_get_serial_sequence({literal(table)}, {literal(name)})"
            go_on = f"SELECT setval({sequence}, max({quoted(name)})) FROM {table} HAVING max({quoted(name)}) > 0"
            why = "counted by the database: no -> yes"
            statements = f"{alter} ADD GENERATED BY DEFAULT AS IDENTITY", go_on
            yield self._step(f"count {resource.table}.{name}", why, *statements, locks=exclusive(resource.table))
        elif existing.identity and not counted:
            why = "counted by the database: yes -> no"
            drop = f"{alter} DROP IDENTITY"
            yield self._step(f"do not count {resource.table}.{name}", why, drop, locks=exclusive(resource.table))

    def _constraints(self, resource: Resource, number: int | None) -> Iterator[Step]:
        """Constraints and indexes to drop and to add. `number`: None for a table that does not exist yet."""
        table, how = quoted(resource.table), advice(self._folder, f"correct_{resource.table}")
        kinds = {
            "check": tables.checks(resource),
            "unique constraint": tables.uniques(resource),
            "reference": tables.references(resource, self._resources),
        }
        existing = constraints.own_constraints(self._connection, number)
        unwanted = existing.keys() - {name for kind in kinds.values() for name in kind}
        for name in sorted(name for name in unwanted if self._drops(resource, existing[name].columns)):
            drop = f"ALTER TABLE {table} DROP CONSTRAINT {quoted(name)}"
            locks = exclusive(*{resource.table, existing[name].parent or resource.table})
            yield self._step(f"drop constraint {name} of {resource.table}", UNWANTED, drop, locks=locks)
        for kind, wanted in kinds.items():
            for name, (sql, why, rule, parent) in wanted.items():
                if name not in existing:
                    add = f"ALTER TABLE {table} ADD CONSTRAINT {quoted(name)} {sql}"
                    locks = exclusive(resource.table) if parent is None else writes(resource.table, parent)
                    yield self._step(f"add {kind} {name}", why, add, demand=Demand(resource, rule, how), locks=locks)
        indexes, indexed = tables.indexes(resource), constraints.own_indexes(self._connection, number)
        for name in () if self._serving else sorted(indexed.keys() - indexes.keys()):
            if not self._drops(resource, indexed[name]):
                continue
            drop = f"DROP INDEX {quoted(name)}"
            yield self._step(f"drop index {name}", UNWANTED, drop, locks=exclusive(resource.table))
        for name, sql in indexes.items():
            if name not in indexed:
                yield self._step(f"add index {name}", WANTED, sql, locks=writes(resource.table))

    def _drops(self, resource: Resource, names: Collection[str]) -> bool:
        """Whether to drop a rule that the schema does not have. A schema that names none of its columns can live with
        it.
        """
        return any(name in resource.properties for name in names)

    def _step(
        self,
        name: str,
        why: str,
        *statements: str,
        demand: Demand | None = None,
        locks: Mapping[str, str] | None = None,
    ) -> Step:
        return sql_step(self._connection, name, why, statements, demand, locks=locks)


def _refuse_virtual(resource: Resource, existing: Mapping[str, ColumnThere]) -> None:
    """Raises StoreError for a column that PostgreSQL computes only when it is read."""
    for name in resource.properties:
        if name in existing and existing[name].is_virtual:
            raise StoreError(
                f"the column {resource.table}.{name} is GENERATED and VIRTUAL: triggers do not see its values, so that "
                "clients would not get them with changes; make it STORED, or leave the property out"
            )
