"""A changed schema file and its table in PostgreSQL: which steps are taken and why, and which changes are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.store import versions
from tests.store.postgres.foreign import RESOURCES, ForeignPostgres
from tests.store.versions import Schemas
from tests.support.driver import psycopg
from tidegate.contract import Resource
from tidegate.store import StoreError
from tidegate.store.postgres.migration import migrate


def changed(change: Callable[[Schemas], object]) -> dict[str, Resource]:
    return {"visits": RESOURCES["visits"], **versions.changed(change)}


@pytest.fixture
def full(url: str, foreign: ForeignPostgres) -> str:
    foreign.run("INSERT INTO boats (code, name, sign, weight) VALUES ('a', 'Ada', 1, NULL), ('b', 'Bob', 2, 0.5)")
    foreign.run("INSERT INTO people (id, name) VALUES (7, 'Ada')")
    foreign.run("INSERT INTO berths (harbour, number, boat) VALUES ('Ost', 1, 'a')")
    return url


def required(prop: str, **words: Any) -> Callable[[Schemas], None]:
    def run(schemas: Schemas) -> None:
        schemas["boats"]["properties"][prop] |= words
        schemas["boats"]["required"].append(prop)

    return run


def renamed(schemas: Schemas) -> None:
    boats = schemas.pop("boats")
    boats["x-resource"]["table"] = "boats"
    schemas["ships"] = boats
    schemas["berths"]["x-resource"]["references"] = {"boat": "ships.code"}


@pytest.mark.parametrize(
    ("change", "step"),
    [
        (required("weight", default=1.5), "set not null on boats.weight: it may be null: yes -> no"),
        (
            lambda schemas: schemas["people"]["properties"]["id"].pop("readOnly"),
            "do not count people.id: counted by the database: yes -> no",
        ),
        (
            lambda schemas: schemas["berths"]["properties"]["state"].update(enum=["free", "taken", "sunk"]),
            'state: enum ["free", "taken", "sunk"]',
        ),
        (
            lambda schemas: schemas["boats"]["x-resource"].update(unique=[["weight"]]),
            "the schema says that (weight) is unique",
        ),
        (renamed, 'install trigger 00_tidegate_rows on "boats": it calls another function'),
    ],
)
def test_a_plan_names_reasons_and_the_steps_that_run(full: str, change: Callable[[Schemas], object], step: str) -> None:
    resources = changed(change)
    planned = migrate.planned(full, resources)
    assert any(step in str(one) for one in planned), [str(one) for one in planned]
    assert migrate.apply(full, resources) == [one.name for one in planned]
    assert migrate.planned(full, resources) == []


def test_null_becomes_the_default_and_the_log_has_it(full: str, foreign: ForeignPostgres) -> None:
    head = foreign.head()
    migrate.apply(full, changed(required("weight", default=1.5)))
    assert foreign.value("SELECT weight FROM boats WHERE code = 'a'") == 1.5
    (entry,) = foreign.log(head)
    assert (entry.action, (entry.new or {})["weight"]) == ("update", 1.5)


def test_the_database_may_begin_and_stop_counting_a_key(full: str, foreign: ForeignPostgres) -> None:
    migrate.apply(full, changed(lambda schemas: schemas["people"]["properties"]["id"].pop("readOnly")))
    with pytest.raises(psycopg.errors.NotNullViolation):
        foreign.execute("INSERT INTO people (name) VALUES ('Bob')")
    migrate.apply(full, RESOURCES)
    foreign.execute("INSERT INTO people (name) VALUES ('Bob')")
    assert foreign.value("SELECT id FROM people WHERE name = 'Bob'") == 8


def test_a_renamed_resource_keeps_its_table(full: str, foreign: ForeignPostgres) -> None:
    resources = changed(renamed)
    migrate.apply(full, resources)
    head = foreign.head()
    ForeignPostgres(foreign.connection, resources).run("UPDATE boats SET sign = 5 WHERE code = 'a'")
    assert [(entry.resource, entry.action) for entry in ForeignPostgres(foreign.connection, resources).log(head)] == [
        ("ships", "update")
    ]


@pytest.mark.parametrize(
    ("change", "why", "name"),
    [
        (
            lambda schemas: schemas["boats"]["properties"].update(weight={"type": "string"}),
            "boats.weight is of the type double precision",
            "convert_boats_weight",
        ),
        (
            lambda schemas: schemas["people"]["x-resource"].update(key="name"),
            "the key of the table people is (id) and the schema wants (name)",
            "key_of_people",
        ),
        (lambda schemas: schemas.pop("berths"), "no resource for the table berths any more", "drop_berths"),
        (required("weight"), "1 row of boats: weight is null, for example", "correct_boats"),
        (
            lambda schemas: schemas["boats"]["properties"]["name"].update(maxLength=2),
            "2 rows of boats: name is longer than 2",
            "correct_boats",
        ),
        (
            lambda schemas: schemas["people"]["x-resource"].update(references={"name": "boats.code"}),
            "1 row of people: name refers to no row of boats",
            "correct_people",
        ),
        (
            lambda schemas: (
                schemas["boats"]["required"].append("draft")
                or schemas["boats"]["properties"].update(draft={"type": "number"})
            ),
            "2 rows of boats: draft is new, required and without a default",
            "add_boats_draft",
        ),
    ],
)
def test_a_refused_change_says_what_to_type(
    full: str, foreign: ForeignPostgres, tmp_path: Path, change: Callable[[Schemas], object], why: str, name: str
) -> None:
    tables = foreign.tables()
    with pytest.raises(StoreError) as caught:
        migrate.apply(full, changed(change), tmp_path)
    assert why in str(caught.value)
    file = tmp_path / f"0001_{name}.py"
    assert str(caught.value).endswith(f"type: tidegate migrate --new {name} and fill in {file}")
    assert foreign.tables() == tables
    migrate.check(full, RESOURCES)


def test_a_gateway_may_serve_some_of_the_tables(full: str) -> None:
    migrate.check(full, changed(lambda schemas: schemas.pop("berths")))


def test_a_manual_migration_may_make_a_table_that_is_no_resource(
    full: str, foreign: ForeignPostgres, tmp_path: Path
) -> None:
    (tmp_path / "0001_notes.py").write_text(
        "def up(migrator, db):\n    db.execute_sql('CREATE TABLE notes (id integer)')\ndef down(migrator, db): pass\n"
    )
    assert migrate.apply(full, RESOURCES, tmp_path) == ["run migration 0001_notes"]
    assert migrate.planned(full, RESOURCES, tmp_path) == []
    migrate.check(full, RESOURCES)
