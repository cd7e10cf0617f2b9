"""Brings a PostgreSQL database to where the schema needs it, and says what is missing.

Safe changes are automatic: tables, columns, constraints, indexes, the change log and its triggers, and what PostgreSQL
alters in place (NOT NULL, defaults, constraints that Tidegate made). Changes that may lose values (dropping or
converting a column) need a manual migration. A manual migration begins a new epoch, so that clients do not go on from
older positions.
Invariant: a migration happens wholly or not at all; of two migrations at a time the second waits for the first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import msgspec
import peewee
import psycopg
from playhouse.migrations import MigrationError

from tidegate.contract import Resource
from tidegate.store.errors import NeedsManualMigration, StoreError
from tidegate.store.migration.files import Bodies
from tidegate.store.migration.manual import last_step_back, pending_steps
from tidegate.store.migration.plan import (
    DEFINITIONS,
    RUN,
    TAKE_BACK,
    PlannedStep,
    Planner,
    Step,
    in_words,
    refuse_to_serve,
    take_steps,
)
from tidegate.store.migration.port import LOCK_TIMEOUT_S, Progress, left_alone, left_columns
from tidegate.store.migration.unsafe_changes import left_by_down, refuse_after_down
from tidegate.store.postgres import home, large_integers, publications, row_security, subscriptions, unique_keys
from tidegate.store.postgres.changelog import MIGRATION_LOCK
from tidegate.store.postgres.connection import Connection, check_names, prepare, refused, shown
from tidegate.store.postgres.migration import locks, manual, ownership
from tidegate.store.postgres.migration.left_columns import LeftColumns
from tidegate.store.postgres.migration.log_objects import home_steps, log_steps, trigger_steps
from tidegate.store.postgres.migration.own_sql import own_sql_steps
from tidegate.store.postgres.migration.plan import Tables
from tidegate.store.postgres.row_security import ERROR_INSTEAD, secured
from tidegate.store.postgres.serving import grants
from tidegate.store.sql.large_integers import notes as notes_of_integers

FAILURES = (psycopg.Error, peewee.PeeweeException, MigrationError)
"""What a step of PostgreSQL raises when it fails."""


def planned(url: str, resources: Mapping[str, Resource], folder: Path | None = None) -> list[PlannedStep]:
    """What `apply` would do, in order, as far as it is known before the first step. Raises StoreError."""
    with _transaction(url, keep=False) as (database, connection):
        return [PlannedStep(step.name, step.why) for step in _plan(database, connection, resources, folder)]


def statements(url: str, resources: Mapping[str, Resource], folder: Path | None = None) -> list[str]:
    """The SQL with which `apply` would change definitions, up to the first manual migration. Raises StoreError."""
    with _transaction(url, keep=False) as (database, connection):
        steps = _plan(database, connection, resources, folder)
    return [sql for step in steps for sql in step.statements if sql.startswith(DEFINITIONS)]


def notes(url: str, resources: Mapping[str, Resource]) -> list[str]:
    """What a migration leaves as it is although an operator might expect a change."""
    with _transaction(url, keep=False) as (_, connection):
        tables = Tables(connection, resources, None)
        by_table = LeftColumns(connection, resources).by_table()
        left = [note for table, names in by_table.items() for note in left_columns(table, names)]
        found = secured(connection, home.here(connection), _tables_of(resources))
        rounded = large_integers.beyond(connection, home.here(connection), resources.values())
        published = publications.notes(connection, home.here(connection), _tables_of(resources))
        published += subscriptions.notes(connection, home.here(connection), _tables_of(resources))
        others = left_alone(tables.of_others()) + left + row_security.notes(found)
        others += unique_keys.notes(connection, home.here(connection), resources.values())
        return others + notes_of_integers(rounded) + published


def suggestions(url: str, resources: Mapping[str, Resource]) -> Mapping[str, Bodies]:
    """The bodies of manual migrations that the database may need, by their names."""
    with _transaction(url, keep=False) as (_, connection):
        return LeftColumns(connection, resources).suggestions()


def apply(
    url: str,
    resources: Mapping[str, Resource],
    folder: Path | None = None,
    progress: Progress | None = None,
    lock_timeout: float = LOCK_TIMEOUT_S,
) -> list[str]:
    """Bring the database up to date in one transaction; returns what was done. Raises StoreError.

    It copies no table, so that its progress is that of the steps.
    """
    with _transaction(url, keep=True, lock_timeout=lock_timeout) as (database, connection):
        _wait_for_turn(connection)
        plan = _with_locks(connection, partial(_plan, database, connection, resources, folder), lock_timeout)
        return take_steps(plan(()), plan, FAILURES, check=False, on_step=_steps_of(progress))


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
    with _transaction(url, keep=True, lock_timeout=lock_timeout) as (database, connection):
        _wait_for_turn(connection)
        migrations = manual.migrations_of(database, connection, folder)
        run = partial(manual.run, connection, _tables_of(resources), migrations)
        left = LeftColumns(connection, resources).names()

        def plan_rest(done: Sequence[str]) -> list[Step]:
            name = done[0].removeprefix(TAKE_BACK)
            refuse_after_down(name, left, LeftColumns(connection, resources).names())
            try:
                return _plan(database, connection, resources, None, done)
            except NeedsManualMigration as error:
                raise left_by_down(name, error) from None

        return take_steps(
            [last_step_back(migrations, run)],
            _with_locks(connection, plan_rest, lock_timeout),
            FAILURES,
            check=False,
            on_step=_steps_of(progress),
        )


def check(url: str, resources: Mapping[str, Resource], *, durable: bool = False) -> None:
    """Raises Unmigrated when the database lacks anything that serving needs, and NeedsManualMigration when it needs an
    unsafe change. Both errors say what differs and what to type. `durable`: the application has durable rooms.
    """
    with _transaction(url, keep=False) as (database, connection):
        grants.refuse_read_only(connection)
        grants.refuse_missing(connection, resources, durable=durable)
        missing = in_words(_plan(database, connection, resources, None, serving=True, rooms=durable))
    refuse_to_serve(shown(url), missing, "with the same URL")


def _with_locks(connection: Connection, plan: Planner, seconds: float) -> Planner:
    """Plans as `plan` does. The first step that locks tables takes the locks of all first."""

    def planner(done: Sequence[str]) -> list[Step]:
        steps = locks.locking_last(plan(done))
        wanted = locks.together(steps)
        for number, step in enumerate(steps):
            if step.locks:
                steps[number] = msgspec.structs.replace(step, run=partial(locked, wanted, step))
                break
        return steps

    def locked(wanted: Mapping[str, str], step: Step) -> None:
        locks.take(connection, locks.existing(connection, wanted), seconds)
        step.run()

    return planner


def _wait_for_turn(connection: Connection) -> None:
    """Raises StoreError: another migration does not end."""
    try:
        connection.execute(f"SAVEPOINT turn; SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
    except psycopg.errors.LockNotAvailable:
        connection.execute("ROLLBACK TO SAVEPOINT turn")
        holders = locks.migration_holders(connection, MIGRATION_LOCK)
        raise StoreError(f"another migration of this database does not end: {holders}; nothing was changed") from None


def _steps_of(progress: Progress | None) -> Callable[[int, int], object]:
    return partial(progress, "") if progress is not None else lambda done, known: None


@contextmanager
def _transaction(
    url: str, *, keep: bool, lock_timeout: float = LOCK_TIMEOUT_S
) -> Iterator[tuple[peewee.PostgresqlDatabase, Connection]]:
    """A transaction on one connection, as peewee's database for manual migrations and as Tidegate's connection.

    `keep`: commit at the end.
    """
    name = shown(url)
    database = peewee.PostgresqlDatabase(url, prefer_psycopg3=True, autoconnect=False)
    try:
        database.connect()
    except peewee.PeeweeException as error:
        raise refused(url, error) from None
    try:
        connection: Connection = database.connection()  # type: ignore[no-untyped-call]  # peewee's
        connection.cursor_factory = psycopg.RawCursor
        prepare(connection, ERROR_INSTEAD | {"lock_timeout": str(max(1, int(lock_timeout * 1000)))})
        # peewee's own transaction, so that a transaction of a manual migration is a savepoint within it.
        with database.atomic() as transaction:
            yield database, connection
            if not keep:
                transaction.rollback()
    except (psycopg.Error, peewee.PeeweeException) as error:
        raise StoreError(f"database {name}: {str(error).strip()}") from error
    finally:
        database.close()


def _plan(
    database: peewee.PostgresqlDatabase,
    connection: Connection,
    resources: Mapping[str, Resource],
    folder: Path | None,
    done: Sequence[str] = (),
    *,
    serving: bool = False,
    rooms: bool = True,
) -> list[Step]:
    """All steps that are left, or the manual migrations that come first. `done`: the steps that were taken already."""
    check_names(resources)
    _check_encoding(connection)
    shared = _tables_of(resources)
    _check_scope(connection, shared)
    migrations = manual.migrations_of(database, connection, folder)
    existing = set(ownership.existing_tables(connection).values())
    new = not (shared | ownership.own_tables(connection)) & existing
    found = pending_steps(migrations, partial(manual.run, connection, shared, migrations), new=new)
    if any(step.name.startswith(RUN) for step in found):
        # Before the migrations, so that they can fill the new tables.
        created = Tables(connection, resources, folder).created(migrations.made_tables(shared - existing))
        return [*log_steps(connection, rooms=rooms), *created, *found]
    ran = any(step.startswith((RUN, TAKE_BACK)) for step in done)
    return [
        *found,
        *log_steps(connection, rooms=rooms),
        *home_steps(connection, resources),
        *Tables(connection, resources, folder, serving=serving, may_rename=not ran).steps(),
        *trigger_steps(connection, resources, done, serving=serving),
        *own_sql_steps(connection, folder, done),
    ]


def _check_encoding(connection: Connection) -> None:
    ((encoding,),) = connection.execute("SHOW server_encoding")
    if encoding != "UTF8":
        raise StoreError(f"the database's encoding is {encoding}; Tidegate needs UTF8")


def _check_scope(connection: Connection, tables: Collection[str]) -> None:
    """Raises StoreError for a schema that is not the log's, and for policies that hide rows of these tables."""
    schema = home.here(connection)
    for refusal in (home.refusal(connection, schema), row_security.refusal(secured(connection, schema, tables))):
        if refusal is not None:
            raise StoreError(refusal)


def _tables_of(resources: Mapping[str, Resource]) -> set[str]:
    return {resource.table for resource in resources.values()}
