"""Migrating SQLite: a migration adds all that is missing or nothing, and refuses what would lose values.

`check` and `plan` change nothing. tests/store/application.py has the tables.
"""

from __future__ import annotations

import asyncio
import copy
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.store.application import RESOURCES, SCHEMAS, Foreign, add, told
from tests.store.program import connect
from tests.store.versions import Schemas, changed, contents, plan, with_property, with_rows
from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import ROOT, tidegate
from tidegate.store import SqliteStore, StoreError, Unmigrated
from tidegate.store.sqlite.migration.migrate import apply, check


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "new.db"


@pytest.fixture
def url(file: Path) -> str:
    return f"sqlite:///{file}"


def test_a_new_database_gets_everything_and_then_nothing_more(url: str, file: Path) -> None:
    done = apply(url, RESOURCES)
    assert done[:4] == [f"create table tidegate_{name}" for name in ("log", "aside", "meta", "requests")]
    assert {"create table boats", "create table berths", "create table people"} < set(done)
    assert sum(step.startswith("install trigger") for step in done) == 15
    before = contents(file)
    assert plan(url, RESOURCES) == []
    assert apply(url, RESOURCES) == []
    check(url, RESOURCES)
    assert contents(file) == before


def test_a_plan_names_the_steps_and_takes_none(url: str, file: Path, migrated: str, path: Path) -> None:
    assert "create table boats" in plan(url, RESOURCES)
    assert not file.exists()
    before = contents(path)
    assert plan(migrated, with_property("masts", {"type": "integer"}))[0] == "add column boats.masts"
    assert contents(path) == before


def test_tables_enforce_the_schema_on_other_programs(path: Path) -> None:
    program = connect(path)
    columns = {name: bool(notnull) for _, name, _, notnull, _, _ in program.execute("PRAGMA table_info(boats)")}
    assert {name for name, notnull in columns.items() if notnull} == {"code", "name", "afloat", "tags"}
    assert program.execute("SELECT count(*) FROM pragma_index_list('boats') WHERE \"unique\"").fetchone() == (3,)
    for statement in (
        "INSERT INTO boats (code, name) VALUES (NULL, 'x')",
        "INSERT INTO boats (code) VALUES (printf('%041d', 1))",
        "INSERT INTO berths (harbour, number, state) VALUES ('x', 1, 'sunk')",
        "INSERT INTO berths (harbour, number) VALUES ('x', 1.5)",
        "INSERT INTO boats (code, papers) VALUES ('x', '{')",
    ):
        with pytest.raises(Exception, match="constraint failed"):
            program.execute(statement)
    program.close()


def test_each_database_has_a_different_epoch(tmp_path: Path) -> None:
    epochs = set()
    for number in range(3):
        apply(f"sqlite:///{tmp_path / str(number)}.db", RESOURCES)
        epochs.add(next(row[2] for row in contents(tmp_path / f"{number}.db") if row[:2] == ("tidegate_meta", "epoch")))
    assert len(epochs) == 3


@pytest.mark.parametrize(
    ("schema", "required", "expected"),
    [
        ({"type": "string"}, False, None),
        ({"type": ["string", "null"], "default": None}, False, None),
        ({"type": "string", "default": "it's"}, True, "it's"),
        ({"type": "integer", "default": 2}, True, 2),
        ({"type": "number", "default": 0.5}, True, 0.5),
        ({"type": "boolean", "default": True}, True, 1),
        ({"type": "array", "default": [1]}, True, "[1]"),
    ],
)
def test_a_new_property_becomes_a_column_that_is_logged(
    migrated: str, path: Path, schema: dict[str, Any], required: bool, expected: Any
) -> None:
    resources = with_property("masts", schema, required)
    with pytest.raises(Unmigrated):
        check(migrated, resources)
    assert apply(migrated, resources)[0] == "add column boats.masts"
    check(migrated, resources)
    program = connect(path)
    assert program.execute("SELECT code, sign, masts FROM boats").fetchall() == [("a", 1, expected)]
    program.execute("UPDATE boats SET sign = 2")
    (new,) = program.execute("SELECT new FROM tidegate_log ORDER BY seq DESC LIMIT 1").fetchone()
    assert json.loads(new)["masts"] == expected
    program.close()


@pytest.mark.parametrize(
    "schema",
    [{"type": "integer"}, {"type": "string", "format": "date-time", "readOnly": True}],
    ids=["no default", "now"],
)
def test_a_column_that_rows_cannot_get_is_refused_and_nothing_is_changed(
    migrated: str, path: Path, schema: dict[str, Any]
) -> None:
    resources = with_property("made", schema, required=True)
    before = contents(path)
    with pytest.raises(StoreError, match=r"nothing was changed: the column boats\.made .* needs a default"):
        apply(migrated, resources)
    assert contents(path) == before


def test_a_new_resource_becomes_a_table(migrated: str, path: Path) -> None:
    def add_ports(schemas: Schemas) -> None:
        schemas["ports"] = copy.deepcopy(SCHEMAS["people"])
        schemas["boats"]["properties"]["port"] = {"type": "integer"}
        schemas["boats"]["x-resource"]["references"] = {"port": "ports.id"}

    done = apply(migrated, changed(add_ports))
    assert done.index("create table ports") < done.index("add column boats.port")
    program = connect(path)
    program.execute("INSERT INTO ports (name) VALUES ('Ost')")
    assert program.execute("SELECT resource FROM tidegate_log ORDER BY seq DESC LIMIT 1").fetchone() == ("ports",)
    program.execute("PRAGMA foreign_keys = on")
    with pytest.raises(Exception, match="FOREIGN KEY constraint failed"):
        program.execute("UPDATE boats SET port = 7")
    program.close()


def test_a_new_unique_set_becomes_an_index_that_the_log_knows(migrated: str, path: Path) -> None:
    def unique_names(schemas: Schemas) -> None:
        schemas["people"]["x-resource"]["unique"].append(["name"])

    resources = changed(unique_names)
    assert apply(migrated, resources)[0] == "add index people (name) unique"
    check(migrated, resources)
    foreign = Foreign(connect(path))
    foreign.run("REPLACE INTO people (name) VALUES ('Ada')")
    assert set(foreign.tables()["people"]) == {(2,)}
    foreign.close()


def test_rows_that_are_not_unique_stop_the_whole_migration(migrated: str, path: Path) -> None:
    with_rows(path, "INSERT INTO people (name) VALUES ('Ada')")

    def unique_names(schemas: Schemas) -> None:
        schemas["people"]["x-resource"]["unique"].append(["name"])
        schemas["people"]["properties"]["age"] = {"type": "integer"}

    before = contents(path)
    with pytest.raises(StoreError, match=r'nothing was changed: 2 rows of people: \(name\) is not unique.*{"id": 1}'):
        apply(migrated, changed(unique_names))
    assert contents(path) == before


def test_tables_of_other_programs_are_left_alone(url: str, file: Path) -> None:
    with_rows(
        file,
        "CREATE TABLE ledger (id INTEGER PRIMARY KEY, sum REAL)",
        "CREATE TRIGGER mine AFTER INSERT ON ledger BEGIN UPDATE ledger SET sum = 1; END",
        "CREATE TRIGGER tidegateless AFTER DELETE ON ledger BEGIN UPDATE ledger SET sum = 2; END",
        "INSERT INTO ledger (sum) VALUES (3)",
    )
    before = contents(file)
    apply(url, RESOURCES)
    check(url, RESOURCES)
    assert set(before) < set(contents(file))


def test_a_table_that_was_there_before_is_completed(url: str, file: Path) -> None:
    with_rows(file, "CREATE TABLE boats (code TEXT PRIMARY KEY, name TEXT)", "INSERT INTO boats VALUES ('a', 'Ada')")
    assert "add column boats.weight" in apply(url, RESOURCES)
    check(url, RESOURCES)
    foreign = Foreign(connect(file))
    assert foreign.tables()["boats"]["a",]["name"] == "Ada"
    assert told(foreign.run("UPDATE boats SET weight = 1")) == [("update", ("a",))]
    foreign.close()


@pytest.mark.parametrize("kind", ["STORED", "VIRTUAL"])
def test_a_generated_column_of_the_schema_is_refused(kind: str, url: str, file: Path) -> None:
    with_rows(file, f"CREATE TABLE boats (code TEXT PRIMARY KEY, name TEXT, weight REAL AS (length(name)) {kind})")
    with pytest.raises(StoreError, match=r"generated columns \(boats\.weight\): leave"):
        apply(url, RESOURCES)


def test_a_table_without_row_numbers_is_refused(url: str, file: Path) -> None:
    """With triggers on it, every program that writes to it would fail."""
    columns = ", ".join(f'"{name}"' for name in RESOURCES["boats"].properties if name != "code")
    with_rows(file, f"CREATE TABLE boats (code TEXT PRIMARY KEY, {columns}) WITHOUT ROWID")
    with pytest.raises(StoreError, match="boats is WITHOUT ROWID"):
        apply(url, RESOURCES)


def test_triggers_that_were_dropped_or_changed_come_back(migrated: str, path: Path) -> None:
    with_rows(path, "DROP TRIGGER tidegate_boats_after_update")
    with pytest.raises(Unmigrated, match="install trigger tidegate_boats_after_update"):
        check(migrated, RESOURCES)
    assert apply(migrated, RESOURCES) == ["install trigger tidegate_boats_after_update"]
    with_rows(
        path,
        "DROP TRIGGER tidegate_boats_after_delete",
        "CREATE TRIGGER tidegate_boats_after_delete AFTER DELETE ON boats BEGIN SELECT 1; END",
    )
    assert apply(migrated, RESOURCES) == ["install trigger tidegate_boats_after_delete"]


async def test_an_unmigrated_database_is_refused_with_the_command_to_type(url: str, file: Path, migrated: str) -> None:
    for database, why in (
        (url, "it is not there yet"),
        (migrated, "add column boats.masts (the schema has a new property)"),
    ):
        resources = with_property("masts", {"type": "integer"})
        with pytest.raises(Unmigrated) as caught:
            await SqliteStore.open(database, resources)
        assert f"is not ready: {why}" in str(caught.value)
        assert str(caught.value).endswith(f"; type: tidegate migrate --database {database}")
    assert "create table boats" in plan(url, RESOURCES)  # it was not made
    apply(url, with_property("masts", {"type": "integer"}))
    store = await SqliteStore.open(url, with_property("masts", {"type": "integer"}))
    async with asyncio.timeout(DEADLINE_S):
        await store.close()


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("mysql://localhost/app", "or postgresql://"),
        ("mysql://localhost/app", "is not sqlite:///relative.db"),
        ("sqlite:///", "is not sqlite:///relative.db"),
        ("sqlite:////nonexistent/folder/app.db", "there is no folder /nonexistent/folder"),
    ],
)
def test_an_impossible_url_is_refused(url: str, why: str) -> None:
    for command in (plan, apply):
        with pytest.raises(StoreError, match=why):
            command(url, RESOURCES)


def test_a_file_that_is_no_database_is_refused(url: str, file: Path) -> None:
    file.write_text("no database, " * 100)
    for command in (plan, apply, check):
        with pytest.raises(StoreError, match="file is not a database"):
            command(url, RESOURCES)
    assert file.read_text().startswith("no database")


@pytest.mark.process
def test_row_rules_do_not_hinder_a_migration(tmp_path: Path) -> None:
    """A folder with row rules migrates, and its tables are as without them."""
    shutil.copytree(ROOT / "schema" / "resources", tmp_path / "app" / "resources")
    tasks = tmp_path / "app" / "resources" / "tasks.schema.json"
    schema = json.loads(tasks.read_text())
    schema["x-access"] = {action: {"where": {"user_id": "$user.id"}} for action in schema["x-access"]}
    tasks.write_text(json.dumps(schema))
    done = tidegate("migrate", "--schema", "app", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert "steps done" in done.stderr
    again = tidegate("migrate", "--schema", "app", "--plan", cwd=tmp_path)
    assert (again.returncode, again.stdout) == (0, "nothing to do\n"), again.stderr
    names = {row[1] for row in contents(tmp_path / "tidegate.db") if row[0] in {"table", "trigger"}}
    assert {"tasks", "users", "tidegate_tasks_after_update", "tidegate_users_after_insert"} < names


def test_the_log_goes_on_after_a_migration(migrated: str, path: Path) -> None:
    before = contents(path)
    apply(migrated, with_property("masts", {"type": "integer"}))
    meta = [row for row in before if row[0] in {"tidegate_meta", "tidegate_log"} and row[1] != "table:boats"]
    assert set(meta) <= set(contents(path))
    foreign = Foreign(connect(path))
    mark = foreign.head()
    foreign.connection.execute("DELETE FROM boats")
    assert [entry.seq for entry in foreign.log(mark)] == [mark + 1]
    foreign.close()


def test_a_column_may_be_called_rowid(url: str, file: Path) -> None:
    """SQLite then knows a row's number by another name."""
    resources = with_property("rowid", {"type": "string"})
    apply(url, resources)
    foreign = Foreign(connect(file), resources)
    add(foreign, "a", rowid="x")
    add(foreign, "b", rowid="x", harbour="Ost", sign=1)
    foreign.run("INSERT OR REPLACE INTO boats (code, rowid, sign) VALUES ('c', 'y', 1)")
    assert set(foreign.tables()["boats"]) == {("a",), ("c",)}
    foreign.close()


def test_a_migration_gives_up_on_the_lock_of_the_file(path: Path, foreign: Foreign) -> None:
    foreign.connection.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match=r"waited 0.05 seconds for another program that holds the lock of the file"):
        apply(f"sqlite:///{path}", RESOURCES, lock_timeout=0.05)
    foreign.connection.execute("ROLLBACK")
    assert apply(f"sqlite:///{path}", RESOURCES, lock_timeout=0.05) == []
