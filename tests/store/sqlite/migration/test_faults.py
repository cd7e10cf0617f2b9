"""A migration that fails or is killed at any statement, or finds no disk space, leaves the database as it was.

One migration has every kind of step. The tests stop it at each statement that changes something, and at some others.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.store.application import PEOPLE, RESOURCES, Foreign, told
from tests.store.program import connect
from tests.store.versions import Schemas, change, changed, contents, surrounded, with_rows
from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import ROOT
from tidegate.contract import Resource
from tidegate.store import StoreError
from tidegate.store.sqlite.connection import Database
from tidegate.store.sqlite.migration import rebuild
from tidegate.store.sqlite.migration.migrate import apply, check, down

READS_BETWEEN, TRIGGERS_BETWEEN = 80, 10
"""The migration is stopped at every n-th statement that only reads, and at every n-th that makes a trigger."""
STOPPED = "the power went"


def everything(schemas: Schemas) -> None:
    """A change of each kind."""
    change("boats", "weight", default=0.5)(schemas)
    change("people", "name", maxLength=30)(schemas)
    schemas["people"]["x-resource"]["unique"] = [["name"]]
    schemas["people"]["properties"]["nick"] = {"type": "string", "default": ""}
    schemas["berths"]["properties"]["length"] = {"type": "number"}
    schemas["ports"] = {**PEOPLE, "title": "Port"}


AFTER: dict[str, Resource] = changed(everything)


@pytest.fixture
def full(path: Path) -> str:
    url = surrounded(path)
    with_rows(path, "INSERT INTO boats (code) VALUES ('n1'), ('n2')")
    return url


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "0001_both_ways.py").write_text(
        "def up(migrator, db):\n    db.execute_sql('UPDATE ledger SET sum = sum + 1')\n\n"
        "def down(migrator, db):\n    db.execute_sql('UPDATE ledger SET sum = sum - 1')\n"
    )
    return folder


class Faults:
    """Stops the migration at one of its statements, and records all of them."""

    def __init__(self, stop: Callable[[str], object]) -> None:
        self.at = -1
        self.statements: list[str] = []
        self._stop = stop

    def __call__(self, cursor: apsw.Cursor, sql: str, bindings: Any) -> bool:
        self.statements.append(sql)
        if len(self.statements) - 1 == self.at:
            self._stop(sql)
        return True

    def again(self, at: int) -> None:
        self.at, self.statements = at, []

    def install(self) -> Callable[[Any, apsw.Connection], None]:
        hooks = Database._add_conn_hooks

        def add(database: Any, connection: apsw.Connection) -> None:
            hooks(database, connection)
            connection.exec_trace = self

        return add

    def points(self) -> Iterator[int]:
        """The numbers of the statements to stop at, of the complete run before."""
        reads = triggers = 0
        for number, sql in enumerate(self.statements):
            reads_now, trigger = sql.startswith(("SELECT", "select", "PRAGMA")), "TRIGGER" in sql and "tidegate_" in sql
            reads, triggers = reads + reads_now, triggers + trigger
            skipped = (reads_now and reads % READS_BETWEEN) or (trigger and triggers % TRIGGERS_BETWEEN)
            if not skipped or "foreign_key_check" in sql:
                yield number


def stop(sql: str) -> None:
    raise apsw.IOError(f"{STOPPED} at {sql}")


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Faults:
    found = Faults(stop)
    monkeypatch.setattr(Database, "_add_conn_hooks", found.install())
    monkeypatch.setattr(rebuild, "CHUNK", 1)
    return found


def stopped_everywhere(path: Path, faults: Faults, run: Callable[[], object]) -> list[str]:
    """Stop `run` at each point, then let it finish; returns the statements at which it was stopped."""
    rehearsal = path.with_name("rehearsal.db")
    before = contents(path)
    connection = connect(path)
    connection.execute("VACUUM INTO ?", (str(rehearsal),))
    connection.close()
    faults.again(-1)
    run()
    points = list(faults.points())
    stopped = [faults.statements[point] for point in points]
    after = contents(path)
    path.with_name(path.name + "-wal").unlink(missing_ok=True)
    rehearsal.replace(path)
    assert contents(path) == before != after
    for point, sql in zip(points, stopped, strict=True):
        faults.again(point)
        with pytest.raises(StoreError, match=STOPPED):
            run()
        assert faults.statements[point].split('"')[0] == sql.split('"')[0]  # the names of savepoints are random
        assert contents(path) == before, sql
    faults.again(-1)
    run()
    return stopped


@pytest.mark.long
def test_a_fault_at_any_statement_changes_nothing(full: str, path: Path, folder: Path, faults: Faults) -> None:
    seen = stopped_everywhere(path, faults, lambda: apply(full, AFTER, folder))
    for kind in (
        "BEGIN",
        "UPDATE ledger",
        "INSERT INTO tidegate_meta",
        "UPDATE tidegate_meta",
        "DROP INDEX",
        'CREATE TABLE "ports"',
        'ALTER TABLE "berths" ADD COLUMN',
        'ALTER TABLE "tidegate_new_people" RENAME',
        'UPDATE "boats"',
        'CREATE TABLE "tidegate_new_boats"',
        'INSERT INTO "tidegate_new_people"',
        'DROP TABLE "people"',
        "UPDATE sqlite_sequence",
        "CREATE INDEX their_index",
        "CREATE TRIGGER their_trigger",
        "CREATE UNIQUE INDEX",
        "PRAGMA foreign_key_check",
        "DROP TRIGGER",
        "CREATE TRIGGER",
        "commit",
    ):
        assert any(sql.startswith(kind) for sql in seen), kind
    check(full, AFTER)


@pytest.mark.slow
def test_a_fault_while_a_migration_is_taken_back_changes_nothing(
    full: str, path: Path, folder: Path, faults: Faults
) -> None:
    apply(full, RESOURCES, folder)
    stopped_everywhere(path, faults, lambda: down(full, changed(change("people", "name", maxLength=30)), folder))


def test_a_full_disk_changes_nothing(full: str, path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hooks = Database._add_conn_hooks

    def add(database: Any, connection: apsw.Connection) -> None:
        hooks(database, connection)
        connection.pragma("max_page_count", 1)  # SQLite takes the pages that there are

    before = contents(path)
    with monkeypatch.context() as patched:
        patched.setattr(Database, "_add_conn_hooks", add)
        with pytest.raises(StoreError, match=r"nothing was changed: .*full"):
            apply(full, AFTER, folder)
    assert contents(path) == before
    apply(full, AFTER, folder)


KILLED = """
import os, signal, sys
from tests.store.sqlite.migration.test_faults import AFTER, Faults
from tidegate.store.sqlite.migration import rebuild
from tidegate.store.sqlite.connection import Database
from tidegate.store.sqlite.migration.migrate import apply
from pathlib import Path

seen = 0
def at(cursor, sql, bindings):
    global seen
    seen += sql.startswith(sys.argv[3])
    if seen == int(sys.argv[4]):
        os.kill(os.getpid(), signal.SIGKILL)
    return True

faults = Faults(None)
Database._add_conn_hooks = Faults.install(at)
rebuild.CHUNK = 1
apply(sys.argv[1], AFTER, Path(sys.argv[2]))
"""


@pytest.mark.process
@pytest.mark.parametrize(
    ("statement", "time"),
    [('INSERT INTO "tidegate_new_boats"', 3), ('DROP TABLE "people"', 1), ("CREATE TRIGGER", 20), ("commit", 1)],
)
def test_sigkill_during_a_migration_changes_nothing(
    full: str, path: Path, folder: Path, statement: str, time: int
) -> None:
    before = contents(path)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, full, str(folder), statement, str(time)],
        cwd=ROOT,
        timeout=DEADLINE_S,
        check=False,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert contents(path) == before
    apply(full, AFTER, folder)
    foreign = Foreign(connect(path), AFTER)
    assert told(foreign.run("UPDATE people SET nick = 'x' WHERE id = 1")) == [("update", (1,))]
    foreign.close()
