"""Brings an SQLite database to where the schema needs it, and says what is missing.

Safe changes are automatic: new tables, columns and indexes, changed rules (the table is rebuilt), the change log and
its triggers. Other changes need a manual migration, in `migrations/` beside the schema files. A manual migration begins
a new epoch, so that clients do not go on from older positions.
Invariant: a migration happens wholly or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import peewee
from playhouse.apsw_ext import APSWDatabase
from playhouse.migrations import MigrationError

from tidegate.contract import Resource
from tidegate.store.errors import NeedsManualMigration, StoreError
from tidegate.store.migration.files import Bodies
from tidegate.store.migration.manual import ManualMigrations, last_step_back, pending_steps
from tidegate.store.migration.plan import (
    DEFINITIONS,
    RUN,
    TAKE_BACK,
    PlannedStep,
    Step,
    in_words,
    refuse_to_serve,
    take_steps,
)
from tidegate.store.migration.port import LOCK_TIMEOUT_S, Progress
from tidegate.store.migration.unsafe_changes import Column, left_by_down, refuse_after_down
from tidegate.store.sql.large_integers import notes as notes_of_integers
from tidegate.store.sql.names import quoted
from tidegate.store.sqlite import large_integers, unique_keys
from tidegate.store.sqlite.connection import not_opened, peewee_database, refuse_missing, sqlite_path
from tidegate.store.sqlite.damage import refuse_foreign_log
from tidegate.store.sqlite.migration import manual
from tidegate.store.sqlite.migration.log_objects import DROP_TRIGGER, installed_triggers, log_steps, trigger_steps
from tidegate.store.sqlite.migration.other_spellings import other_spellings
from tidegate.store.sqlite.migration.own_sql import own_sql_steps
from tidegate.store.sqlite.migration.plan import Tables, of_others
from tidegate.store.sqlite.migration.recorded_tables import read_all
from tidegate.store.sqlite.migration.row_checks import check_references, dangling, query_of

FAILURES = (peewee.PeeweeException, MigrationError)
"""What a step of SQLite raises when it fails."""


def planned(url: str, resources: Mapping[str, Resource], folder: Path | None = None) -> list[PlannedStep]:
    """What `apply` would do, in order. `folder` holds the manual migrations; steps after one that is to run are not
    known yet.
    """
    with _only_read(url) as database:
        return [_in_words(database, step) for step in _plan(database, resources, folder, _silent)]


def statements(url: str, resources: Mapping[str, Resource], folder: Path | None = None) -> list[str]:
    """The SQL with which `apply` would change definitions, up to the first manual migration. Raises StoreError.

    The text of SQLite's steps is not known before they run, so they run in a transaction that is rolled back.
    """
    found: list[str] = []

    def note(_: object, sql: str, __: object) -> bool:
        if sql.lstrip().startswith(DEFINITIONS):
            found.append(sql.strip())
        return True

    def plan_rest(done: Sequence[str]) -> list[Step]:
        return _plan(database, resources, folder, _silent, done)

    with _only_read(url) as database, database.atomic("IMMEDIATE") as transaction:
        replaced = {f"{DROP_TRIGGER}{quoted(name)}" for name in installed_triggers(database)}
        connection = database.connection()
        connection.exec_trace = note
        try:
            take_steps(plan_rest(()), plan_rest, FAILURES, manual=False)
        finally:
            connection.exec_trace = None
            transaction.rollback()
    return [sql for sql in found if not sql.startswith(DROP_TRIGGER) or sql in replaced]


def notes(url: str, resources: Mapping[str, Resource]) -> list[str]:
    """What a migration leaves as it is although an operator might expect a change."""
    with _only_read(url) as database:
        existing = set(database.get_tables())
        there = [resource for resource in resources.values() if resource.table in existing]
        rounded = large_integers.beyond(lambda sql: list(database.execute_sql(sql).fetchall()), there)
        tables = Tables(database, resources, None, _silent)
        return [
            *_journal_note(database),
            *tables.notes(),
            *_notes_of_others(database, resources),
            *notes_of_integers(rounded),
        ]


def _journal_note(database: APSWDatabase) -> list[str]:
    """What `apply` does to a file that has another journal mode."""
    (mode,) = database.execute_sql("PRAGMA journal_mode").fetchone()
    if mode in {"wal", "memory"}:  # a database in memory stands for a file that is not there yet
        return []
    return [f"the journal mode of the file is {mode}: the migration switches it to write-ahead logging (WAL) for good"]


def suggestions(url: str, resources: Mapping[str, Resource]) -> Mapping[str, Bodies]:
    """The bodies of manual migrations that the database may need, by their names."""
    with _only_read(url) as database:
        return Tables(database, resources, None, _silent).left.suggestions()


def _notes_of_others(database: APSWDatabase, resources: Mapping[str, Resource]) -> list[str]:
    """What a gateway's log says of the tables of other programs."""
    others = of_others(database, resources)
    return [*unique_keys.notes(database, others), *other_spellings(query_of(database), others)]


def apply(
    url: str,
    resources: Mapping[str, Resource],
    folder: Path | None = None,
    progress: Progress | None = None,
    lock_timeout: float = LOCK_TIMEOUT_S,
) -> list[str]:
    """Bring the database up to date in one transaction; returns what was done. Raises StoreError."""

    def plan_rest(database: APSWDatabase, done: Sequence[str]) -> list[Step]:
        return _plan(database, resources, folder, progress or _silent, done)

    return _in_one_transaction(url, lambda database: plan_rest(database, ()), plan_rest, lock_timeout)


def down(
    url: str,
    resources: Mapping[str, Resource],
    folder: Path | None,
    progress: Progress | None = None,
    lock_timeout: float = LOCK_TIMEOUT_S,
) -> list[str]:
    """Take back the manual migration that was applied last, and bring the database to `resources`, which should be
    those from before it.

    It is one transaction, as in `apply`. Raises StoreError.
    """

    refuse_missing(url)
    left: list[Column] = []

    def begin(database: APSWDatabase) -> list[Step]:
        migrations = ManualMigrations(database, folder)
        left.extend(_left(database, resources))
        return [last_step_back(migrations, partial(manual.run, database, resources, migrations))]

    def plan_rest(database: APSWDatabase, done: Sequence[str]) -> list[Step]:
        name = done[0].removeprefix(TAKE_BACK)
        refuse_after_down(name, left, _left(database, resources))
        try:
            return _plan(database, resources, None, progress or _silent, done)
        except NeedsManualMigration as error:
            raise left_by_down(name, error) from None

    return _in_one_transaction(url, begin, plan_rest, lock_timeout)


def _left(database: APSWDatabase, resources: Mapping[str, Resource]) -> list[Column]:
    return Tables(database, resources, None, _silent).left.names()


def check(url: str, resources: Mapping[str, Resource], *, durable: bool = False) -> None:
    """Raises Unmigrated when the database lacks anything that serving needs, and NeedsManualMigration when it needs an
    unsafe change. Both errors say what differs and what to type. `durable`: the application has durable rooms.
    """
    checked(url, resources, durable=durable)


def checked(url: str, resources: Mapping[str, Resource], *, durable: bool) -> list[str]:
    """As `check`. Returns what a gateway's log says of the tables of other programs."""
    path, missing, said = sqlite_path(url), ["it is not there yet"], list[str]()
    if path.exists():
        with _only_read(url) as database:
            missing = in_words(_plan(database, resources, None, _silent, serving=True, rooms=durable))
            if not missing:
                said = _notes_of_others(database, resources)
    refuse_to_serve(str(path), missing, url)
    return said


def _in_one_transaction(
    url: str,
    begin: Callable[[APSWDatabase], list[Step]],
    go_on: Callable[[APSWDatabase, Sequence[str]], list[Step]],
    lock_timeout: float,
) -> list[str]:
    """Take the steps that `begin` plans, and those that `go_on` plans after them."""
    with _Opened(peewee_database(sqlite_path(url))) as database:
        try:
            # With foreign keys on, dropping a table would delete the rows that refer to it. The pragma has no effect in
            # a transaction.
            database.execute_sql("PRAGMA foreign_keys = off")
            database.execute_sql(f"PRAGMA busy_timeout = {int(lock_timeout * 1000)}")
            with database.atomic("IMMEDIATE"):
                steps = begin(database)
                references = dangling(database) if any(step.moves_references for step in steps) else None
                done = take_steps(steps, partial(go_on, database), FAILURES)
                if references is not None:
                    check_references(database, references)
        except FAILURES as error:
            if "locked" in str(error):  # SQLite does not say by which program
                raise StoreError(
                    f"the migration waited {lock_timeout:g} seconds for another program that holds the lock of the "
                    "file, and nothing was changed. Migrate again when that is done, or wait longer: --lock-timeout"
                ) from error
            raise StoreError(f"the migration failed and nothing was changed: {error}") from error
        return done


def _only_read(url: str) -> _Opened:
    """The database for reading; an empty one where there is no file. It makes no file and keeps the journal mode."""
    database = peewee_database(path := sqlite_path(url), looking=True)
    return _Opened(database if path.exists() else peewee_database(Path(":memory:")))


def _in_words(database: APSWDatabase, step: Step) -> PlannedStep:
    rows = None
    if step.copies is not None:
        (rows,) = database.execute_sql(f"SELECT count(*) FROM {quoted(step.copies)}").fetchone()
    return PlannedStep(step.name, step.why, rows)


def _silent(table: str, copied: int, total: int) -> None:
    """The progress of a migration that shows none."""


class _Opened:
    """The database, open for the length of a `with`."""

    def __init__(self, database: APSWDatabase) -> None:
        self._database = database

    def __enter__(self) -> Any:
        if (path := Path(self._database.database)).exists():
            refuse_foreign_log(path)
        try:
            self._database.connect()
        except peewee.PeeweeException as error:
            raise not_opened(path, error) from None
        return self._database

    def __exit__(self, *_: object) -> None:
        self._database.close()


def _plan(
    database: APSWDatabase,
    resources: Mapping[str, Resource],
    folder: Path | None,
    progress: Progress,
    done: Sequence[str] = (),
    *,
    serving: bool = False,
    rooms: bool = True,
) -> list[Step]:
    """All steps that are left, up to the last manual migration if there are some to run. `done`: the steps that were
    taken already.
    """
    migrations = ManualMigrations(database, folder)
    shared, existing = {resource.table for resource in resources.values()}, set(database.get_tables())
    new = not (shared | read_all(database).keys()) & existing
    run = partial(manual.run, database, resources, migrations)
    pending = pending_steps(migrations, run, new=new)
    found = [*log_steps(database, rooms=rooms), *pending]
    if any(step.name.startswith(RUN) for step in found):
        # Before the migrations, so that they can fill the new tables.
        created = Tables(database, resources, folder, progress).created(migrations.made_tables(shared - existing))
        return [*found[: -len(pending)], *created, *pending]
    ran = any(step.startswith((RUN, TAKE_BACK)) for step in done)
    tables = Tables(database, resources, folder, progress, serving=serving, may_rename=not ran).steps()
    own_sql = own_sql_steps(database, folder, done)
    return [*found, *tables, *trigger_steps(database, resources, serving=serving), *own_sql]
