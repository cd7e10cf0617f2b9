"""Bringing a PostgreSQL database to where the schema needs it, and saying what is missing.

Adding is automatic: tables, columns, constraints, indexes, the change log and its triggers; so is what PostgreSQL
alters in place (NOT NULL, defaults, constraints that were made here). What would lose values (dropping or retyping a
column) needs a migration written by hand, which playhouse.migrations runs first; after it positions of before are not
taken up (a new epoch).
Invariant: a migration happens wholly or not at all; two at a time happen one after the other.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import msgspec
import peewee
import psycopg
from playhouse.migrations import MigrationError

from tidegate.contract import Resource
from tidegate.store.errors import StoreError, Unmigrated
from tidegate.store.migration.port import RUN, Progress, left_alone
from tidegate.store.postgres.changelog import META, MIGRATION_LOCK, RELATIONS, SCHEMA
from tidegate.store.postgres.connection import SETTINGS, Connection, check_names, refused, shown
from tidegate.store.postgres.migration import ownership
from tidegate.store.postgres.migration.log_objects import log_steps
from tidegate.store.postgres.migration.manual import Written
from tidegate.store.postgres.migration.plan import foreign_tables, table_steps
from tidegate.store.postgres.migration.step import Statement
from tidegate.store.postgres.serving.epoch import place

DEFINING = ("CREATE ", "ALTER ", "DROP ")
"""How a statement begins that changes definitions."""
KEEPS = "Tidegate keeps things there"


class Step(msgspec.Struct, frozen=True):
    """One thing to do: what it is called, why, and how it is done."""

    name: str
    why: str
    run: Callable[[], object]
    statements: tuple[str, ...] = ()
    """Its SQL; empty for a written migration."""

    def __str__(self) -> str:
        return f"{self.name}: {self.why}"


def planned(
    url: str, resources: Mapping[str, Resource], folder: Path | None = None, *, serving: bool = False
) -> list[Step]:
    """What `apply` would do, in order, as far as it can be seen before the first step. Raises StoreError."""
    with _transaction(url, keep=False) as (database, connection):
        return _steps(database, connection, resources, folder, [], serving=serving)


def statements(url: str, resources: Mapping[str, Resource], folder: Path | None = None) -> list[str]:
    """The SQL by which `apply` would change definitions; up to the first written migration. Raises StoreError."""
    return [sql for step in planned(url, resources, folder) for sql in step.statements if sql.startswith(DEFINING)]


def notes(url: str, resources: Mapping[str, Resource]) -> list[str]:
    """What a migration leaves alone that one might expect it to change."""
    with _transaction(url, keep=False) as (_, connection):
        return left_alone(foreign_tables(connection, resources))


def apply(
    url: str,
    resources: Mapping[str, Resource],
    folder: Path | None = None,
    progress: Progress | None = None,  # noqa: ARG001  # as every database has it
) -> list[str]:
    """Bring the database up to date, in one transaction; returns what was done. No table is copied, so that there is
    no progress to tell. Raises StoreError.
    """
    with _transaction(url, keep=True) as (database, connection):
        connection.execute(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
        return _take_all(lambda done: _steps(database, connection, resources, folder, done))


def down(
    url: str,
    resources: Mapping[str, Resource],
    folder: Path | None,
    progress: Progress | None = None,  # noqa: ARG001  # as every database has it
) -> list[str]:
    """Take the last written migration back and bring the database to `resources`, which should be those of before it.

    One transaction, as with `apply`. Raises StoreError.
    """
    with _transaction(url, keep=True) as (database, connection):
        connection.execute(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
        written = Written(database, connection, folder)
        name = written.last()
        if name is None:
            raise StoreError("there is no written migration to take back")
        shared, why = {resource.table for resource in resources.values()}, "it is the last one that was applied"
        back = Step(f"take migration {name} back", why, lambda: _run_written(connection, shared, written.down, name))
        return _take(back) + _take_all(lambda done: _steps(database, connection, resources, None, done))


def _take_all(steps: Callable[[list[str]], list[Step]]) -> list[str]:
    """Take the first step of each plan until a plan is empty: each may change what the next ones see."""
    done: list[str] = []
    while plan := steps(done):
        if plan[0].name in done:
            raise StoreError(f"the migration does not come to an end at: {plan[0].name}")
        done += _take(plan[0])
    return done


def _take(step: Step) -> list[str]:
    try:
        step.run()
    except (psycopg.Error, peewee.PeeweeException, MigrationError) as error:
        raise StoreError(f"the migration failed and nothing was changed: {step.name}: {str(error).strip()}") from error
    return [step.name]


def check(url: str, resources: Mapping[str, Resource]) -> None:
    """Raises Unmigrated when the database lacks anything that serving needs."""
    missing = planned(url, resources, serving=True)
    if missing:
        raise Unmigrated(
            f"the database {shown(url)} is not ready: {missing[0].name} ({missing[0].why})"
            + (f" and {len(missing) - 1} more" if len(missing) > 1 else "")
            + "; type: tidegate migrate --database with the same URL"
        )


@contextmanager
def _transaction(url: str, *, keep: bool) -> Iterator[tuple[peewee.PostgresqlDatabase, Connection]]:
    """The database for peewee's migrations, and the same connection for ours; `keep`: commit at the end."""
    name = shown(url)
    database = peewee.PostgresqlDatabase(url, prefer_psycopg3=True, autoconnect=False)
    try:
        database.connect()
    except peewee.PeeweeException as error:
        raise refused(url, error) from None
    try:
        connection: Connection = database.connection()  # type: ignore[no-untyped-call]  # peewee's
        connection.cursor_factory = psycopg.RawCursor
        connection.execute(
            "SELECT " + ", ".join(f"set_config('{key}', '{value}', false)" for key, value in SETTINGS.items())
        )
        # peewee's own, so that what a written migration begins and ends is within it.
        with database.atomic() as transaction:
            yield database, connection
            if not keep:
                transaction.rollback()
    except (psycopg.Error, peewee.PeeweeException) as error:
        raise StoreError(f"database {name}: {str(error).strip()}") from error
    finally:
        database.close()


def _steps(
    database: peewee.PostgresqlDatabase,
    connection: Connection,
    resources: Mapping[str, Resource],
    folder: Path | None,
    done: list[str],
    *,
    serving: bool = False,
) -> list[Step]:
    check_names(resources)
    _check_encoding(connection)
    if written := _written(database, connection, resources, folder):
        return written
    statements = [
        *_own(connection),
        *table_steps(connection, resources, folder, serving=serving),
        *log_steps(connection, dict(resources), done),
    ]
    return [Step(item.name, item.why, partial(item.run, connection), item.statements) for item in statements]


def _check_encoding(connection: Connection) -> None:
    ((encoding,),) = connection.execute("SHOW server_encoding")
    if encoding != "UTF8":
        raise StoreError(f"the database's encoding is {encoding}; Tidegate needs UTF8")


def _own(connection: Connection) -> list[Statement]:
    """What Tidegate keeps for itself, and its first values."""
    found = []
    if not connection.execute("SELECT to_regnamespace($1)", [SCHEMA]).fetchall()[0][0]:
        found.append(Statement(f"create schema {SCHEMA}", KEEPS, (f"CREATE SCHEMA {SCHEMA}",)))
    missing = [name for name in RELATIONS if not connection.execute("SELECT to_regclass($1)", [name]).fetchall()[0][0]]
    found += [Statement(f"create {name}", KEEPS, (RELATIONS[name],)) for name in missing]
    if META in missing or not connection.execute(f"SELECT 1 FROM {META} WHERE name = 'epoch'").fetchall():
        values = {"epoch": epoch(), "identity_secret": secrets.token_hex(32), "pruned_to": "0"}
        values["place"] = place(connection)
        rows = ", ".join(f"('{name}', '{value}')" for name, value in values.items())
        sql = f"INSERT INTO {META} (name, value) VALUES {rows}"
        found.append(Statement("give the change log an epoch", "positions belong to one", (sql,)))
    return found


def epoch() -> str:
    return secrets.token_urlsafe(9)


def _written(
    database: peewee.PostgresqlDatabase, connection: Connection, resources: Mapping[str, Resource], folder: Path | None
) -> list[Step]:
    """The next migration written by hand."""
    written = Written(database, connection, folder)
    pending = written.pending()
    if not pending:
        return []
    name = pending[0]
    there = {
        name for (name,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
    }
    shared = {resource.table for resource in resources.values()}
    if not shared & there:
        return [
            Step(f"skip migration {name}", "new tables are made as it would leave them", partial(written.skip, name))
        ]
    why = "it was written and not applied yet"
    return [Step(f"{RUN}{name}", why, lambda: _run_written(connection, shared, written.up, name))]


def _run_written(connection: Connection, shared: set[str], run: Callable[[str], object], name: str) -> None:
    """What it does to definitions is not in the log: positions of before are not taken up.

    A table that it makes for a resource is Tidegate's; one that it renames is whose it was. `shared`: the resources'.
    """
    before = ownership.tables_there(connection)
    run(name)
    if connection.execute("SELECT to_regclass($1)", [META]).fetchall()[0][0]:
        connection.execute(f"UPDATE {META} SET value = $1 WHERE name = 'epoch'", [epoch()])
        for number, table in ownership.tables_there(connection).items():
            if table in shared and before.get(number) != table:
                known = ownership.whose(connection, before[number]) if number in before else ownership.OURS
                connection.execute(ownership.remember(table, known or ownership.recognised(connection, number)))
