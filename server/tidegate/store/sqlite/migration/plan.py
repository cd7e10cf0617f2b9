"""What is to be done to the tables of the resources, as steps: each says what, why, and how it is done.

Adding, and changing what loses nothing, are steps; what only a written migration may do is refused here.
Invariant: of a table that Tidegate did not make nothing is changed; what it lacks is added.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import peewee
from playhouse.apsw_ext import APSWDatabase
from playhouse.migrate import SqliteMigrator, migrate
from playhouse.schema_diff import IndexDiff, SchemaDiff, diff_models

from tidegate.contract import Resource
from tidegate.store.errors import NeedsWrittenMigration, StoreError
from tidegate.store.migration.port import Progress, left_alone
from tidegate.store.migration.row_checks import check_rows, uniqueness
from tidegate.store.migration.unsafe_changes import Refusal, dropped, generated, to_write
from tidegate.store.sql.names import quoted
from tidegate.store.sqlite.migration.differences import differences, refusals
from tidegate.store.sqlite.migration.rebuild import not_addable, rebuild
from tidegate.store.sqlite.migration.recorded_tables import (
    Made,
    constrained,
    definition,
    forget,
    index_names,
    read_all,
    remember,
)
from tidegate.store.sqlite.migration.row_checks import asking
from tidegate.store.sqlite.migration.tables import columns, create_table_sql, indexes, models


class Step(msgspec.Struct, frozen=True):
    """One thing to do."""

    name: str
    why: str
    run: Callable[[], object]
    copies: str | None = None
    """The table whose rows are copied."""
    moves: bool = False
    """References may lead elsewhere after it, so that they are to be checked."""
    apart: bool = False
    """The steps planned after it are the same once it is done."""


class Tables:
    """The tables in the database and the resources that they are for."""

    def __init__(
        self, database: APSWDatabase, resources: Mapping[str, Resource], folder: Path | None, progress: Progress
    ) -> None:
        self._database = database
        self._resources = resources
        self._folder = folder
        self._progress = progress
        self._made = read_all(database)
        self._wanted = {resource.table: columns(resource, resources) for resource in resources.values()}
        self._of = {resource.table: resource for resource in resources.values()}
        self._diff: SchemaDiff = diff_models(database, list(models(resources, database).values()))

    def steps(self, *, serving: bool = False) -> list[Step]:
        """Everything that the tables lack. Raises StoreError for what needs a written migration.

        `serving`: only what a gateway needs; another one may share tables that this one's schema does not name.
        """
        self._refuse(() if serving else self._made.keys() - self._of.keys())
        return [
            *(() if serving else self._forgotten()),
            *self._dropped_indexes(),
            *self._created(),
            *self._recognised(),
            *self._added_columns(),
            *self._rebuilt(),
            *self._added_indexes(),
        ]

    def notes(self) -> list[str]:
        """What is left alone."""
        there = set(self._database.get_tables())
        return left_alone([table for table in self._of if table in there and table not in self._made])

    def _refuse(self, gone: Collection[str]) -> None:
        database, there = self._database, set(self._database.get_tables())
        found: list[Refusal] = [dropped(table) for table in sorted(gone) if table in there]
        for table, resource in self._of.items():
            if database.execute_sql("SELECT 1 FROM pragma_table_list WHERE name = ? AND wr", (table,)).fetchone():
                raise StoreError(f"the table {table} is WITHOUT ROWID, which the change log cannot follow")
            if table not in there:
                continue
            rows = database.execute_sql(f"PRAGMA table_xinfo({quoted(table)})").fetchall()
            declared = {name: kind for _, name, kind, *_, hidden in rows if not hidden}
            found += refusals(resource, self._wanted[table], self._made.get(table), declared)
            if table in self._made and self._differences(table):
                found += [generated(table, name) for name in self._generated(table)]
        if found:
            texts = "; ".join(refusal.text for refusal in found)
            raise NeedsWrittenMigration(f"{texts}; {to_write(self._folder, found[0].name)}")

    def _differences(self, table: str) -> list[str]:
        made, now = self._made[table], definition(self._database, table)
        if made.sql and self._generated(table):  # adding one changes the definition and no rule of ours
            made = msgspec.structs.replace(made, sql=now or "")
        return differences(made, self._wanted[table], now)

    def _generated(self, table: str) -> list[str]:
        rows = self._database.execute_sql(f"PRAGMA table_xinfo({quoted(table)})").fetchall()
        return [name for _, name, *_, hidden in rows if hidden]

    def _forgotten(self) -> Iterator[Step]:
        there = set(self._database.get_tables())
        for table in self._made.keys() - there - self._of.keys():
            yield Step(
                f"forget table {table}", "it is gone, and so is its resource", partial(forget, self._database, table)
            )

    def _dropped_indexes(self) -> Iterator[Step]:
        for table, resource in self._of.items():
            made = self._made.get(table)
            for name, (names, unique) in () if made is None else made.indexes.items():
                if (names, unique) not in indexes(resource):
                    kind = "unique" if unique else "an index"
                    yield Step(
                        f"drop index {name}",
                        f"the schema no longer says that ({', '.join(names)}) of {table} is {kind}",
                        partial(self._drop_index, table, name),
                    )

    def _drop_index(self, table: str, name: str) -> None:
        made = self._made[table]
        self._database.execute_sql(f"DROP INDEX IF EXISTS {quoted(name)}")
        rest = {other: index for other, index in made.indexes.items() if other != name}
        remember(self._database, table, msgspec.structs.replace(made, indexes=rest))

    def _created(self) -> Iterator[Step]:
        for missing in self._diff.create_tables:
            table = missing._meta.table_name
            yield Step(
                f"create table {table}",
                "the schema has a new resource",
                partial(self._create, missing),
                moves=True,
                apart=True,
            )

    def _create(self, missing: type[peewee.Model]) -> None:
        missing.create_table(safe=False)
        self._remember_as_wanted(missing._meta.table_name)

    def _recognised(self) -> Iterator[Step]:
        """Tables without an entry that read exactly as Tidegate makes them: nobody else's would."""
        for table, resource in self._of.items():
            now = definition(self._database, table)
            if (
                table not in self._made
                and now is not None
                and now == create_table_sql(resource, self._resources, self._database)
            ):
                yield Step(
                    f"note table {table}",
                    "it is as Tidegate makes it",
                    partial(self._remember_as_wanted, table),
                )

    def _remember_as_wanted(self, table: str) -> None:
        """Its own entry, and those of the indexes that it has and the schema wants."""
        resource, found = self._of[table], index_names(self._database, table)
        names = {index.name: (tuple(index.columns), bool(index.unique)) for index in self._database.get_indexes(table)}
        own = {name: names[name] for name in found if names[name] in indexes(resource)}
        now = definition(self._database, table) or ""
        remember(self._database, table, Made(resource.key, self._wanted[table], own, now))

    def _added_columns(self) -> Iterator[Step]:
        for field in self._diff.add_columns:
            table = field.model._meta.table_name
            if table in self._made and self._differences(table):
                continue  # it comes with the rebuild
            yield Step(
                f"add column {table}.{field.column_name}",
                "the schema has a new property",
                partial(self._add_column, table, field),
                moves=True,
            )

    def _add_column(self, table: str, field: peewee.Field[Any]) -> None:
        """ALTER TABLE ... ADD COLUMN with the column's own constraints, as SQLite allows it."""
        database, name = self._database, field.column_name
        ddl, parameters = database.get_sql_context().sql(field.ddl(database.get_sql_context())).query()
        try:
            database.execute_sql(f"ALTER TABLE {quoted(table)} ADD COLUMN {ddl}", parameters)
        except peewee.PeeweeException as error:
            advice = to_write(self._folder, f"add_{table}_{name}")
            raise not_addable(table, name, str(error), advice) from error
        if table in self._made:
            made = self._made[table]
            known = {**made.columns, name: self._wanted[table][name]}
            sql = definition(database, table) or ""
            remember(database, table, msgspec.structs.replace(made, columns=known, sql=sql))

    def _rebuilt(self) -> Iterator[Step]:
        there = set(self._database.get_tables())
        for table in self._of:
            if table in self._made and table in there and (found := self._differences(table)):
                new = [field.column_name for field in self._diff.add_columns if field.model._meta.table_name == table]
                found += [f"{name}: new" for name in new]
                yield Step(
                    f"rebuild table {table}", "; ".join(found), partial(self._rebuild, table), copies=table, moves=True
                )

    def _rebuild(self, table: str) -> None:
        advice = to_write(self._folder, f"correct_{table}")
        rebuild(self._database, self._of[table], self._resources, self._made[table], advice, self._progress)

    def _added_indexes(self) -> Iterator[Step]:
        for index in self._diff.add_indexes:
            if tuple(index.columns) in constrained(self._database, index.table):
                continue  # a UNIQUE in the table's own definition, which has an index that peewee does not count
            yield Step(index.display("add"), "the schema wants it", partial(self._add_index, index))

    def _add_index(self, index: IndexDiff) -> None:
        database, table = self._database, index.table
        if index.unique:
            advice = to_write(self._folder, f"correct_{table}")
            check_rows(asking(database), self._of[table], [uniqueness(table, index.columns)], advice)
        before = index_names(database, table)
        migrate(SqliteMigrator(database).add_index(table, index.columns, index.unique))
        if table in self._made:
            made = self._made[table]
            new = {name: (tuple(index.columns), bool(index.unique)) for name in index_names(database, table) - before}
            remember(database, table, msgspec.structs.replace(made, indexes={**made.indexes, **new}))
