"""What the tables of the resources lack, as steps. Unsafe changes are refused instead.

Invariant: definitions in a table that Tidegate did not make never change; a migration only adds what the table lacks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import peewee
from playhouse.apsw_ext import APSWDatabase
from playhouse.migrate import SqliteMigrator, migrate
from playhouse.schema_diff import IndexDiff, SchemaDiff, diff_models

from tidegate.contract import Resource
from tidegate.store.errors import StoreError
from tidegate.store.migration.plan import Step
from tidegate.store.migration.port import Progress, left_alone, left_columns
from tidegate.store.migration.row_checks import check_rows, uniqueness
from tidegate.store.migration.unsafe_changes import (
    UnsafeChange,
    advice,
    dropped_table,
    lost_generated_column,
    refuse,
    renamed_column,
)
from tidegate.store.sql.names import quoted
from tidegate.store.sqlite.catalogue import (
    columns_there,
    definition,
    index_names,
    keeps_integers,
    unique_constraints,
)
from tidegate.store.sqlite.migration.differences import differences, unsafe_changes
from tidegate.store.sqlite.migration.left_columns import LeftColumns
from tidegate.store.sqlite.migration.rebuild import not_addable, rebuild
from tidegate.store.sqlite.migration.recorded_tables import RecordedTable, forget, read_all, record
from tidegate.store.sqlite.migration.row_checks import query_of
from tidegate.store.sqlite.migration.tables import Column, columns, create_table_sql, indexes, models
from tidegate.store.sqlite.program_needs import all_unwritable

CREATE = "create table "


def of_others(database: APSWDatabase, resources: Mapping[str, Resource]) -> list[Resource]:
    """The resources whose tables other programs made."""
    others = set(database.get_tables()) - read_all(database).keys()
    return [resource for resource in resources.values() if resource.table in others]


class Tables:
    """The tables of one database beside the resources that they are for."""

    def __init__(
        self,
        database: APSWDatabase,
        resources: Mapping[str, Resource],
        folder: Path | None,
        progress: Progress,
        *,
        serving: bool = False,
        may_rename: bool = False,
    ) -> None:
        """`serving`: plan only what a gateway needs. It can live with tables, columns and rules that its schema does
        not name. `may_rename`: refuse what looks like a rename.
        """
        self._serving = serving
        self._may_rename = may_rename
        self._database = database
        self._resources = resources
        self._folder = folder
        self._progress = progress
        self._recorded = read_all(database)
        self._wanted = {resource.table: columns(resource, resources) for resource in resources.values()}
        self._by_table = {resource.table: resource for resource in resources.values()}
        self.left = LeftColumns(database, self._recorded, self._wanted)
        self._diff: SchemaDiff = diff_models(database, list(models(resources, database).values()))

    def steps(self) -> list[Step]:
        """Everything that the tables lack. Raises NeedsManualMigration for unsafe changes."""
        self._refuse_unsafe_changes()
        return [
            *(() if self._serving else self._forgotten()),
            *self._dropped_indexes(),
            *self._created(),
            *self._recognised(),
            *self._added_columns(),
            *self._rebuilt(),
            *(() if self._serving else self._noted_columns()),
            *self._added_indexes(),
        ]

    def notes(self) -> list[str]:
        """What a migration leaves as it is."""
        others = [resource.table for resource in of_others(self._database, self._resources)]
        own = [note for table in self.left.tables for note in left_columns(table, list(self.left.of(table)))]
        return [*left_alone(others), *own, *all_unwritable(self._database.connection(), self._resources)]

    def _refuse_unsafe_changes(self) -> None:
        database, existing = self._database, set(self._database.get_tables())
        gone = () if self._serving else sorted(self._recorded.keys() - self._by_table.keys())
        found: list[UnsafeChange] = [dropped_table(table) for table in gone if table in existing]
        for table, resource in self._by_table.items():
            if database.execute_sql("SELECT 1 FROM pragma_table_list WHERE name = ? AND wr", (table,)).fetchone():
                raise StoreError(f"the table {table} is WITHOUT ROWID, which the change log cannot follow")
            if table not in existing:
                continue
            if computed := resource.properties.keys() & self._generated(table):
                names = ", ".join(f"{table}.{name}" for name in sorted(computed))
                raise StoreError(f"migrations do not support generated columns ({names}): leave these properties out")
            rows = database.execute_sql(f"PRAGMA table_xinfo({quoted(table)})").fetchall()
            declared = {name: kind for _, name, kind, *_, hidden in rows if not hidden}
            if table not in self._recorded:
                _refuse_text_columns(resource, declared)
            found += unsafe_changes(resource, self._wanted[table], self._recorded.get(table), declared)
            if table in self._recorded and self._may_rename and not self._serving:
                found += [renamed_column(table, *names) for names in self.left.renames(table)]
            if table in self._recorded and self._differences(table):
                found += [lost_generated_column(table, name) for name in self._generated(table)]
        refuse(found, self._folder)

    def _differences(self, table: str) -> list[str]:
        recorded, now = self._recorded[table], definition(self._database, table)
        found = differences(recorded, self._wanted[table], now)
        found += [
            f"{name}: may be null: no -> yes, because the schema does not name it"
            for name, column in self.left.of(table).items()
            if column.needs_a_value
        ]
        return found + [
            f"{name}: another program added it"
            for name in columns_there(self._database, table)
            if recorded.sql and name in self._wanted[table] and name not in recorded.columns
        ]

    def _generated(self, table: str) -> list[str]:
        rows = self._database.execute_sql(f"PRAGMA table_xinfo({quoted(table)})").fetchall()
        return [name for _, name, *_, hidden in rows if hidden]

    def _forgotten(self) -> Iterator[Step]:
        existing = set(self._database.get_tables())
        for table in self._recorded.keys() - existing - self._by_table.keys():
            yield Step(
                f"forget table {table}", "it is gone, and so is its resource", partial(forget, self._database, table)
            )

    def _dropped_indexes(self) -> Iterator[Step]:
        for table, resource in self._by_table.items():
            recorded = self._recorded.get(table)
            for name, (names, unique) in () if recorded is None else recorded.indexes.items():
                if (names, unique) not in indexes(resource) and self._drops(resource, names, unique):
                    kind = "unique" if unique else "an index"
                    yield Step(
                        f"drop index {name}",
                        f"the schema no longer says that ({', '.join(names)}) of {table} is {kind}",
                        partial(self._drop_index, table, name),
                    )

    def _drops(self, resource: Resource, names: Collection[str], unique: bool) -> bool:
        """Whether to drop an index that the schema does not have. A schema that names none of its columns can live with
        it, and a gateway with one more index.
        """
        return any(name in resource.properties for name in names) and (unique or not self._serving)

    def _drop_index(self, table: str, name: str) -> None:
        recorded = self._recorded[table]
        self._database.execute_sql(f"DROP INDEX IF EXISTS {quoted(name)}")
        rest = {other: index for other, index in recorded.indexes.items() if other != name}
        record(self._database, table, msgspec.structs.replace(recorded, indexes=rest))

    def created(self, made: Collection[str]) -> list[Step]:
        """The steps that create the tables which do not exist yet, without those in `made`."""
        return [step for step in self._created() if step.name.removeprefix(CREATE) not in made]

    def _created(self) -> Iterator[Step]:
        for missing in self._diff.create_tables:
            table = missing._meta.table_name
            yield Step(
                f"{CREATE}{table}",
                "the schema has a new resource",
                partial(self._create, missing),
                moves_references=True,
                independent=True,
            )

    def _create(self, missing: type[peewee.Model]) -> None:
        missing.create_table(safe=False)
        self._record_as_wanted(missing._meta.table_name)

    def _recognised(self) -> Iterator[Step]:
        """Record tables without a record whose definition is exactly Tidegate's: no other program makes such a one."""
        for table, resource in self._by_table.items():
            now = definition(self._database, table)
            if (
                table not in self._recorded
                and now is not None
                and now == create_table_sql(resource, self._resources, self._database)
            ):
                yield Step(f"note table {table}", "it is as Tidegate makes it", partial(self._record_as_wanted, table))

    def _record_as_wanted(self, table: str) -> None:
        """Record the table as the schema wants it, with those of its indexes that the schema wants."""
        resource, found = self._by_table[table], index_names(self._database, table)
        names = {index.name: (tuple(index.columns), bool(index.unique)) for index in self._database.get_indexes(table)}
        own = {name: names[name] for name in found if names[name] in indexes(resource)}
        now = definition(self._database, table) or ""
        record(self._database, table, RecordedTable(resource.key, self._wanted[table], own, now))

    def _added_columns(self) -> Iterator[Step]:
        for field in self._diff.add_columns:
            table = field.model._meta.table_name
            if table in self._recorded and self._differences(table):
                continue  # the rebuild adds it
            yield Step(
                f"add column {table}.{field.column_name}",
                "the schema has a new property",
                partial(self._add_column, table, field),
                moves_references=True,
            )

    def _add_column(self, table: str, field: peewee.Field[Any]) -> None:
        """ALTER TABLE ... ADD COLUMN with the column's constraints, as far as SQLite allows it."""
        database, name = self._database, field.column_name
        ddl, parameters = database.get_sql_context().sql(field.ddl(database.get_sql_context())).query()
        try:
            database.execute_sql(f"ALTER TABLE {quoted(table)} ADD COLUMN {ddl}", parameters)
        except peewee.PeeweeException as error:
            raise not_addable(table, name, str(error), advice(self._folder, f"add_{table}_{name}")) from error
        if table in self._recorded:
            recorded = self._recorded[table]
            known = {**recorded.columns, name: self._wanted[table][name]}
            sql = definition(database, table) or ""
            record(database, table, msgspec.structs.replace(recorded, columns=known, sql=sql))

    def _rebuilt(self) -> Iterator[Step]:
        existing = set(self._database.get_tables())
        for table in self._by_table:
            if table in self._recorded and table in existing and (found := self._differences(table)):
                new = [field.column_name for field in self._diff.add_columns if field.model._meta.table_name == table]
                found += [f"{name}: new" for name in new]
                yield Step(
                    f"rebuild table {table}",
                    "; ".join(found),
                    partial(self._rebuild, table),
                    copies=table,
                    moves_references=True,
                )

    def _noted_columns(self) -> Iterator[Step]:
        """Record which columns the schema no longer names, so that a later property is not taken for their new name."""
        for table, wanted in self._wanted.items():
            known = {} if table not in self._recorded else self._recorded[table].columns
            noted = {name: msgspec.structs.replace(column, left=name not in wanted) for name, column in known.items()}
            if noted != known:
                why = "the schema names other columns than before"
                yield Step(f"note columns of {table}", why, partial(self._note_columns, table, noted))

    def _note_columns(self, table: str, noted: dict[str, Column]) -> None:
        record(self._database, table, msgspec.structs.replace(self._recorded[table], columns=noted))

    def _rebuild(self, table: str) -> None:
        how = advice(self._folder, f"correct_{table}")
        rebuild(self._database, self._by_table[table], self._resources, self._recorded[table], how, self._progress)

    def _added_indexes(self) -> Iterator[Step]:
        for index in self._diff.add_indexes:
            if tuple(index.columns) in unique_constraints(self._database, index.table):
                continue  # peewee does not count the index of a UNIQUE constraint
            yield Step(index.display("add"), "the schema wants it", partial(self._add_index, index))

    def _add_index(self, index: IndexDiff) -> None:
        database, table = self._database, index.table
        if index.unique:
            how = advice(self._folder, f"correct_{table}")
            check_rows(query_of(database), self._by_table[table], [uniqueness(table, index.columns)], how)
        before = index_names(database, table)
        migrate(SqliteMigrator(database).add_index(table, index.columns, index.unique))
        if table in self._recorded:
            recorded = self._recorded[table]
            new = {name: (tuple(index.columns), bool(index.unique)) for name in index_names(database, table) - before}
            record(database, table, msgspec.structs.replace(recorded, indexes={**recorded.indexes, **new}))


def _refuse_text_columns(resource: Resource, declared: Mapping[str, str]) -> None:
    """Raises StoreError for integers of 64 bits in a column of another program that keeps digits as text or floats."""
    for prop in resource.properties.values():
        if prop.is_int64 and prop.name in declared and not keeps_integers(declared[prop.name]):
            raise StoreError(
                f"{resource.table}.{prop.name} is declared {declared[prop.name] or 'without a type'}, and format int64 "
                "needs a column that keeps integers: leave the format out of the schema, and clients get the text"
            )
