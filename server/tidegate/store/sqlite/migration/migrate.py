"""Bringing a database to where the schema needs it, and saying what is missing.

What loses nothing is automatic: tables, columns and indexes that are new, rules that changed (the table is rebuilt),
the change log and its triggers. The rest needs a migration written by hand, in `migrations/` beside the schema files;
after one, positions of before are not taken up (a new epoch).
Invariant: a migration happens wholly or not at all.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import peewee
from playhouse.apsw_ext import APSWDatabase
from playhouse.migrations import MigrationError

from tidegate.contract import Resource
from tidegate.store.errors import StoreError, Unmigrated
from tidegate.store.migration.port import RUN, Progress
from tidegate.store.sql.names import quoted
from tidegate.store.sqlite.changelog import META, SERVED, TABLES
from tidegate.store.sqlite.connection import peewee_database, sqlite_path
from tidegate.store.sqlite.migration import manual
from tidegate.store.sqlite.migration.log_objects import DROP_TRIGGER, trigger_steps
from tidegate.store.sqlite.migration.plan import Step, Tables
from tidegate.store.sqlite.migration.row_checks import check_references, dangling

DEFINING = ("CREATE ", "ALTER ", "DROP ")
"""How a statement begins that changes definitions."""
TOLD = 3
"""Steps that a check names; the others it counts."""


class Planned(msgspec.Struct, frozen=True):
    """A step in words."""

    name: str
    why: str
    rows: int | None
    """How many are copied; None where none are."""

    def __str__(self) -> str:
        copied = "" if self.rows is None else f" ({self.rows} rows are copied)"
        return f"{self.name}: {self.why}{copied}"


def planned(url: str, resources: Mapping[str, Resource], folder: Path | None = None) -> list[Planned]:
    """What `apply` would do, in order. `folder` holds migrations written by hand; what comes after one that is to run
    is not known yet.
    """
    with _looked_at(url) as database:
        return [_told(database, step) for step in _steps(database, resources, folder, _silent)]


def plan(url: str, resources: Mapping[str, Resource], folder: Path | None = None) -> list[str]:
    """The names of the steps that `apply` would take."""
    return [step.name for step in planned(url, resources, folder)]


def statements(url: str, resources: Mapping[str, Resource], folder: Path | None = None) -> list[str]:
    """The SQL by which `apply` would change definitions; up to the first written migration. Raises StoreError.

    SQLite's steps have no text of their SQL, so they are taken in a transaction that is rolled back.
    """
    found: list[str] = []

    def note(_: object, sql: str, __: object) -> bool:
        if sql.lstrip().startswith(DEFINING):
            found.append(sql.strip())
        return True

    with _looked_at(url) as database, database.atomic("IMMEDIATE") as transaction:
        there = manual.installed(database)
        connection = database.connection()
        connection.exec_trace = note
        try:
            _take_until_written(lambda: _steps(database, resources, folder, _silent))
        except peewee.PeeweeException as error:
            raise StoreError(f"the migration would fail: {error}") from error
        finally:
            connection.exec_trace = None
            transaction.rollback()
    replaced = {f"{DROP_TRIGGER}{quoted(name)}" for name in there}
    return [sql for sql in found if not sql.startswith(DROP_TRIGGER) or sql in replaced]


def _take_until_written(planner: Callable[[], list[Step]]) -> None:
    done: set[str] = set()
    while steps := [step for step in planner() if step.name not in done]:
        if steps[0].name.startswith(RUN):
            return
        steps[0].run()
        done.add(steps[0].name)


def notes(url: str, resources: Mapping[str, Resource]) -> list[str]:
    """What a migration leaves alone that one might expect it to change."""
    with _looked_at(url) as database:
        return Tables(database, resources, None, _silent).notes()


def apply(
    url: str, resources: Mapping[str, Resource], folder: Path | None = None, progress: Progress | None = None
) -> list[str]:
    """Bring the database up to date, in one transaction; returns what was done. Raises StoreError."""
    progress = progress or _silent
    return _in_one_transaction(url, lambda database, done: _steps(database, resources, folder, progress))


def down(
    url: str, resources: Mapping[str, Resource], folder: Path | None, progress: Progress | None = None
) -> list[str]:
    """Take the last written migration back and bring the database to `resources`, which should be those of before it.

    One transaction, as with `apply`. Raises StoreError.
    """
    progress = progress or _silent

    def steps(database: APSWDatabase, done: list[str]) -> list[Step]:
        if done:
            return _steps(database, resources, None, progress)
        name = manual.last(database, folder)
        assert folder is not None
        return [_written_step(database, resources, folder, name, "down")]

    return _in_one_transaction(url, steps)


def check(url: str, resources: Mapping[str, Resource]) -> None:
    """Raises Unmigrated when the database lacks anything that serving needs, StoreError when a migration is to be
    written first. Both say what differs and what to type.
    """
    path, missing = sqlite_path(url), ["it is not there yet"]
    if path.exists():
        with _looked_at(url) as database:
            steps = _steps(database, resources, None, _silent, serving=True)
            missing = [f"{step.name} ({step.why})" for step in steps]
    if missing:
        raise Unmigrated(
            f"the database {path} is not ready: {'; '.join(missing[:TOLD])}"
            + (f"; and {len(missing) - TOLD} more" if len(missing) > TOLD else "")
            + f"; type: tidegate migrate --database {url}"
        )


def _in_one_transaction(url: str, planner: Callable[[APSWDatabase, list[str]], list[Step]]) -> list[str]:
    """Take steps until a plan is empty. After most it is planned anew: they may change what the next ones see."""
    with _Opened(peewee_database(sqlite_path(url))) as database:
        done: list[str] = []
        try:
            # Else dropping a table would delete what refers to it. It can only be said outside of a transaction.
            database.execute_sql("PRAGMA foreign_keys = off")
            with database.atomic("IMMEDIATE"):
                steps = planner(database, done)
                references = dangling(database) if any(step.moves for step in steps) else None
                while steps:
                    for step in steps:
                        if step.name in done:
                            raise StoreError(f"the migration does not come to an end at: {step.name}")
                        step.run()
                        done.append(step.name)
                        if not step.apart:
                            break
                    steps = planner(database, done)
                if references is not None:
                    check_references(database, references)
        except (peewee.PeeweeException, MigrationError) as error:
            raise StoreError(f"the migration failed and nothing was changed: {error}") from error
        return done


def _looked_at(url: str) -> _Opened:
    """The database, or an empty one where there is none: only to look at is no reason to make it, or to turn on WAL."""
    database = peewee_database(path := sqlite_path(url), looking=True)
    return _Opened(database if path.exists() else peewee_database(Path(":memory:")))


def _told(database: APSWDatabase, step: Step) -> Planned:
    rows = None
    if step.copies is not None:
        (rows,) = database.execute_sql(f"SELECT count(*) FROM {quoted(step.copies)}").fetchone()
    return Planned(step.name, step.why, rows)


def _silent(table: str, copied: int, total: int) -> None:
    """Nobody wants to know how far it is."""


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


def _steps(
    database: APSWDatabase,
    resources: Mapping[str, Resource],
    folder: Path | None,
    progress: Progress,
    *,
    serving: bool = False,
) -> list[Step]:
    found = [*_own_tables(database), *_written(database, resources, folder)]
    if any(step.name.startswith(RUN) for step in found):
        return found
    tables = Tables(database, resources, folder, progress).steps(serving=serving)
    return [*found, *tables, *trigger_steps(database, resources)]


def _written(database: APSWDatabase, resources: Mapping[str, Resource], folder: Path | None) -> Iterator[Step]:
    new = not {resource.table for resource in resources.values()} & set(database.get_tables())
    for name in manual.pending(database, folder):
        assert folder is not None
        if new:
            yield Step(
                f"skip migration {name}",
                "new tables are made as it would leave them",
                partial(manual.skip, database, folder, name),
                apart=True,
            )
        else:
            yield _written_step(database, resources, folder, name, "up")


def _written_step(
    database: APSWDatabase, resources: Mapping[str, Resource], folder: Path, name: str, direction: manual.Direction
) -> Step:
    def run() -> None:
        manual.run(database, resources, folder, name, direction)
        if META in database.get_tables():
            database.execute_sql(f"UPDATE {META} SET value = ? WHERE name = 'epoch'", (_epoch(),))  # our name
            database.execute_sql(f"DELETE FROM {META} WHERE name = '{SERVED}'")  # nobody knows positions of this epoch

    text = (RUN, "it was written and not applied yet")
    if direction == "down":
        text = ("take back migration ", "it is the last one that was applied")
    return Step(f"{text[0]}{name}", text[1], run, moves=True)


def _own_tables(database: APSWDatabase) -> list[Step]:
    existing = set(database.get_tables())
    steps = [
        Step(f"create table {name}", "Tidegate keeps things there", partial(database.execute_sql, sql), apart=True)
        for name, sql in TABLES.items()
        if name not in existing
    ]
    if META not in existing or not database.execute_sql(f"SELECT 1 FROM {META} WHERE name = 'epoch'").fetchone():
        steps.append(Step("give the change log an epoch", "positions belong to one", partial(_first_values, database)))
    return steps


def _first_values(database: APSWDatabase) -> None:
    values = {"epoch": _epoch(), "identity_secret": secrets.token_hex(32), "pruned_to": 0}
    for name, value in values.items():
        database.execute_sql(f"INSERT INTO {META} (name, value) VALUES (?, ?)", (name, value))  # our name


def _epoch() -> str:
    return secrets.token_urlsafe(9)
