"""Bringing a database to where the schema needs it, and saying what is missing.

Adding is automatic: tables, columns, indexes, the change log and its triggers. What would lose rows (dropping or
retyping a column) is never done here: it needs a migration written by hand, in `migrations/` beside the schema files,
which playhouse.migrations runs first; after it positions of before are not taken up (a new epoch).
Invariant: a migration happens wholly or not at all.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import peewee
from playhouse.apsw_ext import APSWDatabase
from playhouse.migrate import SqliteMigrator, migrate
from playhouse.migrations import MigrationError, Runner
from playhouse.schema_diff import diff_models

from tidegate.contract import Resource
from tidegate.store.changelog import ASIDE, META, TABLES, triggers
from tidegate.store.database import peewee_database, quoted, sqlite_path
from tidegate.store.errors import StoreError, Unmigrated
from tidegate.store.tables import models

HISTORY = "tidegate_migration"
"""Which migrations written by hand were applied."""


class Step(msgspec.Struct, frozen=True):
    """One thing to do: what it is called, and how it is done."""

    name: str
    run: Callable[[], object]


def plan(url: str, resources: Mapping[str, Resource], folder: Path | None = None) -> list[str]:
    """What `apply` would do, in order. `folder` holds migrations written by hand."""
    database = peewee_database(path := sqlite_path(url))
    if not path.exists():  # only to look at is no reason to make it
        database = peewee_database(Path(":memory:"))
    with _Opened(database) as database:
        return [step.name for step in _steps(database, resources, folder)]


def apply(url: str, resources: Mapping[str, Resource], folder: Path | None = None) -> list[str]:
    """Bring the database up to date, in one transaction; returns what was done. Raises StoreError."""
    with _Opened(peewee_database(sqlite_path(url))) as database:
        done: list[str] = []
        try:
            with database.atomic("IMMEDIATE"):
                # Each step may change what the next ones see, so they are planned anew until nothing is left.
                while steps := _steps(database, resources, folder):
                    step = steps[0]
                    if step.name in done:
                        raise StoreError(f"the migration does not come to an end at: {step.name}")
                    step.run()
                    done.append(step.name)
        except (peewee.PeeweeException, MigrationError) as error:
            raise StoreError(f"the migration failed and nothing was changed: {error}") from error
        return done


def check(url: str, resources: Mapping[str, Resource]) -> None:
    """Raises Unmigrated when the database lacks anything that serving needs."""
    path = sqlite_path(url)
    missing = plan(url, resources) if path.exists() else ["the database itself"]
    if missing:
        raise Unmigrated(
            f"the database {path} is not ready: {missing[0]}"
            + (f" and {len(missing) - 1} more" if len(missing) > 1 else "")
            + f"; type: tidegate migrate --database {url}"
        )


class _Opened:
    """The database, open for the length of a `with`."""

    def __init__(self, database: APSWDatabase) -> None:
        self._database = database

    def __enter__(self) -> Any:
        try:
            self._database.connect()
        except peewee.PeeweeException as error:
            raise StoreError(f"database {self._database.database}: {error}") from None
        return self._database

    def __exit__(self, *_: object) -> None:
        self._database.close()


def _steps(database: APSWDatabase, resources: Mapping[str, Resource], folder: Path | None) -> list[Step]:
    written = _written(database, resources, folder)
    if written:
        return written
    return [*_own_tables(database), *_resource_tables(database, resources), *_triggers(database, resources)]


def _written(database: APSWDatabase, resources: Mapping[str, Resource], folder: Path | None) -> list[Step]:
    if folder is None or not folder.is_dir():
        return []
    runner = Runner(database, str(folder), table_name=HISTORY)
    applied = runner.applied()
    pending = [migration.name for migration in runner.migrations() if migration.name not in applied]
    if not pending:
        return []
    name = pending[0]
    if not {resource.table for resource in resources.values()} & set(database.get_tables()):
        # New tables are made as the schema has them now, which is where these migrations lead.
        return [Step(f"skip migration {name}", lambda: runner.fake(name))]
    return [Step(f"run migration {name}", lambda: _run(database, runner, name))]


def _run(database: APSWDatabase, runner: Runner, name: str) -> None:
    """Run one migration. Our triggers would be in its way: SQLite drops and renames no column that they name.

    They come back with the steps after it; what it does to rows is not logged, hence the new epoch.
    """
    for trigger in _installed(database):
        database.execute_sql(f"DROP TRIGGER {quoted(trigger)}")
    runner.up(name)
    if META in database.get_tables():
        database.execute_sql(f"UPDATE {META} SET value = ? WHERE name = 'epoch'", (_epoch(),))  # our name


def _own_tables(database: APSWDatabase) -> list[Step]:
    existing = set(database.get_tables())
    steps = [
        Step(f"create table {name}", lambda sql=sql: database.execute_sql(sql))  # type: ignore[misc]  # bound early
        for name, sql in TABLES.items()
        if name not in existing
    ]
    if META not in existing or not database.execute_sql(f"SELECT 1 FROM {META} WHERE name = 'epoch'").fetchone():
        steps.append(Step("give the change log an epoch", lambda: _first_values(database)))
    return steps


def _first_values(database: APSWDatabase) -> None:
    values = {"epoch": _epoch(), "identity_secret": secrets.token_hex(32), "pruned_to": 0}
    for name, value in values.items():
        database.execute_sql(f"INSERT INTO {META} (name, value) VALUES (?, ?)", (name, value))  # our name


def _epoch() -> str:
    return secrets.token_urlsafe(9)


def _resource_tables(database: APSWDatabase, resources: Mapping[str, Resource]) -> list[Step]:
    wanted = list(models(resources, database).values())
    for resource in resources.values():
        if database.execute_sql("SELECT 1 FROM pragma_table_list WHERE name = ? AND wr", (resource.table,)).fetchone():
            raise StoreError(f"the table {resource.table} is WITHOUT ROWID, which the change log cannot follow")
    diff = diff_models(database, wanted)
    for table, column in diff.drop_columns:
        raise StoreError(
            f"the table {table} has a column {column} that the schema does not: dropping it needs a written migration"
        )
    migrator = SqliteMigrator(database)
    steps = [
        Step(f"create table {model._meta.table_name}", lambda model=model: model.create_table(safe=False))  # type: ignore[misc]  # bound early
        for model in diff.create_tables
    ]
    for field in diff.add_columns:
        table, column = field.model._meta.table_name, field.column_name
        steps.append(
            Step(f"add column {table}.{column}", lambda field=field: _add_column(database, field))  # type: ignore[misc]  # bound early
        )
    for index in diff.add_indexes:
        operation = migrator.add_index(index.table, index.columns, index.unique)
        steps.append(
            Step(index.display("add"), lambda operation=operation: migrate(operation))  # type: ignore[misc]  # bound early
        )
    return steps


def _add_column(database: APSWDatabase, field: peewee.Field[Any]) -> None:
    """ALTER TABLE ... ADD COLUMN with the column's own constraints, as SQLite allows it."""
    ddl, parameters = database.get_sql_context().sql(field.ddl(database.get_sql_context())).query()
    table = field.model._meta.table_name
    try:
        database.execute_sql(f"ALTER TABLE {quoted(table)} ADD COLUMN {ddl}", parameters)
    except peewee.PeeweeException as error:
        raise StoreError(
            f"the migration failed and nothing was changed: the column {table}.{field.column_name} cannot be added to "
            f"rows that are there ({error}): the property needs a default, or a migration written by hand"
        ) from error


def _triggers(database: APSWDatabase, resources: Mapping[str, Resource]) -> list[Step]:
    """Triggers that are not there or read otherwise than they should."""
    found = _installed(database)
    steps = []
    for resource in resources.values():
        for name, sql in triggers(resource).items():
            if found.get(name) != sql:
                steps.append(
                    Step(f"install trigger {name}", lambda name=name, sql=sql: _install(database, name, sql))  # type: ignore[misc]  # bound early
                )
    return steps


def _installed(database: APSWDatabase) -> dict[str, str]:
    sql = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'tidegate\\_%' ESCAPE '\\'"
    return dict(database.execute_sql(sql).fetchall())


def _install(database: APSWDatabase, name: str, sql: str) -> None:
    database.execute_sql(f"DROP TRIGGER IF EXISTS {quoted(name)}")
    database.execute_sql(sql)
    database.execute_sql(f"DELETE FROM {ASIDE}")  # our name
