"""Tables that Tidegate made, older tables of other programs, and changes by other programs to both."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from tests.store.application import RESOURCES, SCHEMAS
from tests.store.program import connect
from tests.store.versions import Schemas, annotated, change, changed, contents, plan, rows, surrounded, with_rows
from tidegate.contract import Resource
from tidegate.schema.resource import read_resource
from tidegate.store import StoreError, Unmigrated
from tidegate.store.sqlite.migration import log_objects
from tidegate.store.sqlite.migration.migrate import apply, check, notes


@pytest.fixture
def full(path: Path) -> str:
    return surrounded(path)


def test_older_tables_keep_their_rules_and_a_note_says_so(tmp_path: Path) -> None:
    path, url = tmp_path / "theirs.db", f"sqlite:///{tmp_path / 'theirs.db'}"
    with_rows(
        path,
        "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT CHECK (length(name) < 5), email TEXT)",
        "CREATE UNIQUE INDEX theirs ON people (name)",
    )
    assert "create table people" not in apply(url, RESOURCES)
    (note,) = notes(url, RESOURCES)
    assert note.startswith("the table people was there before Tidegate")
    definition = [row for row in contents(path) if row[:2] in {("table", "people"), ("index", "theirs")}]
    resources = changed(
        lambda schemas: [edit(schemas) for edit in (change("people", "name", maxLength=30, default="x"),)]
    )
    assert not any("people" in step and "trigger" not in step for step in apply(url, resources))
    assert [row for row in contents(path) if row[:2] in {("table", "people"), ("index", "theirs")}] == definition
    assert notes(f"sqlite:///{path}", resources) == [note]


def test_a_unique_constraint_needs_no_second_index(tmp_path: Path) -> None:
    path, url = tmp_path / "theirs.db", f"sqlite:///{tmp_path / 'theirs.db'}"
    with_rows(path, "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, email TEXT UNIQUE, UNIQUE (name, email))")
    schema = copy.deepcopy(SCHEMAS["people"])
    schema["x-resource"] |= {"unique": [["email"], ["name", "email"]], "indexes": []}
    people = {"people": read_resource("people", schema, {})}
    assert not [step for step in apply(url, people) if step.startswith("add index people")]
    assert not [row for row in contents(path) if row[0] == "index" and row[1].startswith("people")]
    check(url, people)


def test_a_change_by_another_program_is_noticed_and_undone(full: str, path: Path) -> None:
    sql = "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = 'berths'"
    program = connect(path)
    (made,) = program.execute(sql).fetchone()
    program.execute("PRAGMA writable_schema = on")
    program.execute("UPDATE sqlite_master SET sql = replace(sql, '''taken''', '''held''') WHERE name = 'berths'")
    program.close()
    with pytest.raises(Unmigrated, match=r"rebuild table berths \(another program changed it\)"):
        check(full, RESOURCES)
    before = rows(path, "berths")
    assert apply(full, RESOURCES) == ["rebuild table berths"]
    assert rows(path, "berths") == before
    program = connect(path)
    assert program.execute(sql).fetchone() == (made,)
    program.close()


def test_a_change_by_another_program_is_noticed_beside_a_new_column_too(full: str, path: Path) -> None:
    program = connect(path)
    program.execute("PRAGMA writable_schema = on")
    program.execute("UPDATE sqlite_master SET sql = replace(sql, '''taken''', '''held''') WHERE name = 'berths'")
    program.close()

    def longer(schemas: Schemas) -> None:
        schemas["berths"]["properties"]["length"] = {"type": "number"}

    assert apply(full, changed(longer))[0] == "rebuild table berths"
    with_rows(path, "UPDATE berths SET state = 'taken'")


def test_an_index_that_was_added_later_belongs_to_tidegate_too(full: str, path: Path) -> None:
    """An index of another program on another column does not."""
    with_rows(path, "CREATE INDEX theirs ON boats (weight)")
    resources = changed(annotated("boats", "indexes", [["weight", "code"]]))
    assert {"drop index boats_harbour", "add index boats (weight, code)"} <= set(apply(full, resources))
    assert "drop index boats_weight_code" in apply(full, RESOURCES)
    names = {row[1] for row in contents(path) if row[0] == "index"}
    assert "theirs" in names
    assert "boats_weight_code" not in names


def test_a_table_that_another_program_dropped_is_forgotten_with_its_resource(full: str, path: Path) -> None:
    with_rows(path, "DROP VIEW their_view", "DROP TABLE people")
    resources = changed(lambda schemas: schemas.pop("people"))
    check(full, resources)
    assert apply(full, resources) == ["forget table people"]
    assert apply(full, RESOURCES)[0] == "create table people"


def test_tables_with_exactly_tidegates_definition_belong_to_tidegate(full: str, path: Path) -> None:
    """The database is from a time when Tidegate kept no records of its tables."""
    entries = {row for row in rows(path, "tidegate_meta") if row[1].startswith("table:")}
    with_rows(path, "DELETE FROM tidegate_meta WHERE name LIKE 'table:%'")
    assert apply(full, RESOURCES) == ["note table boats", "note table berths", "note table people"]
    assert {row[:3] for row in rows(path, "tidegate_meta")} > {row[:3] for row in entries}
    assert notes(full, RESOURCES) == []


def test_a_renamed_resource_keeps_its_table(full: str, path: Path) -> None:
    """The triggers of its former name are removed; otherwise each change would be logged twice."""
    schemas = copy.deepcopy(SCHEMAS)
    schemas["persons"] = schemas.pop("people")
    schemas["persons"]["x-resource"]["table"] = "people"
    resources: dict[str, Resource] = {name: read_resource(name, schema, {}) for name, schema in schemas.items()}
    done = apply(full, resources)
    assert sum(step.startswith("remove trigger tidegate_people_") for step in done) == 5
    check(full, resources)
    with_rows(path, "UPDATE people SET name = 'Eve' WHERE id = 1")
    assert [row[3] for row in rows(path, "tidegate_log")][-1:] == ["persons"]
    assert plan(full, resources) == []


def test_a_migration_without_an_end_fails(full: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite changes the first words of a definition, so that this trigger never reads as wanted."""
    endless = "create trigger tidegate_x after insert on boats begin select 1; end"
    monkeypatch.setattr(log_objects, "triggers", lambda *_: {"tidegate_x": endless})
    before = contents(path)
    with pytest.raises(StoreError, match="the migration does not come to an end at: install trigger tidegate_x"):
        apply(full, RESOURCES)
    assert contents(path) == before
