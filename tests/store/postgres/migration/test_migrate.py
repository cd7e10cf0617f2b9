"""Migrating PostgreSQL: what it adds, alters and refuses. A migration happens wholly or not at all."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.store import versions
from tests.store.application import ANYONE
from tests.store.postgres.foreign import RESOURCES, ForeignPostgres
from tests.store.versions import Schemas
from tests.support.driver import psycopg
from tests.support.postgres import PostgresServer
from tidegate.contract import Resource
from tidegate.schema.resource import read_resource
from tidegate.store import StoreError, Unmigrated, backends
from tidegate.store.postgres.migration import migrate

Resources = dict[str, Resource]


def changed(change: Callable[[Schemas], object]) -> Resources:
    """The resources of the next version of the application."""
    return {"visits": RESOURCES["visits"], **versions.changed(change)}


@pytest.fixture
def migrated(url: str, foreign: ForeignPostgres) -> str:
    """A database with a boat and a person in it."""
    foreign.run("INSERT INTO boats (code, name, sign) VALUES ('a', 'Ada', 1)")
    foreign.run("INSERT INTO people (name) VALUES ('Ada')")
    return url


def refused(url: str, resources: Resources, folder: Path | None = None) -> str:
    """The error with which a migration to `resources` is refused. It changed nothing."""
    before = contents(url)
    with pytest.raises(StoreError) as caught:
        migrate.apply(url, resources, folder)
    assert contents(url) == before
    return str(caught.value)


def contents(url: str) -> list[Any]:
    """Everything that a migration may change."""
    with psycopg.connect(url) as connection:
        asked = (
            "SELECT attrelid::regclass::text, attname, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute "
            "JOIN pg_class c ON c.oid = attrelid WHERE c.relnamespace::regnamespace::text IN ('public', '_tidegate') "
            "ORDER BY 1, 2",
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint ORDER BY 1, 2",
            "SELECT tgname, tgrelid::regclass::text, pg_get_triggerdef(oid) FROM pg_trigger ORDER BY 1, 2",
            "SELECT proname, md5(prosrc) FROM pg_proc WHERE pronamespace = '_tidegate'::regnamespace ORDER BY 1",
            "SELECT name, value FROM _tidegate.meta ORDER BY 1",
            "SELECT code, name FROM boats ORDER BY 1",
        )
        return [connection.execute(sql.encode()).fetchall() for sql in asked]


def test_a_migrated_database_needs_nothing(url: str) -> None:
    assert migrate.planned(url, RESOURCES) == []
    assert migrate.apply(url, RESOURCES) == []
    migrate.check(url, RESOURCES)


def test_a_plan_of_an_empty_database_changes_nothing(postgres: PostgresServer) -> None:
    url = postgres.url(postgres.database())
    planned = [step.name for step in migrate.planned(url, RESOURCES)]
    assert planned[0] == "create schema _tidegate"
    assert "create table boats" in planned
    with pytest.raises(
        Unmigrated,
        match=r"is not ready: create schema _tidegate .* and \d+ more; type: tidegate migrate",
    ):
        migrate.check(url, RESOURCES)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT to_regclass('boats'), to_regnamespace('_tidegate')").fetchone() == (
            None,
            None,
        )
    assert set(planned) <= set(migrate.apply(url, RESOURCES))


def test_a_new_database_is_planned_a_few_times_only(postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Most steps leave the rest of the plan as it is, so that a migration does not read the catalogue for each step."""
    plans: list[int] = []
    plan = migrate._plan

    def counted(*args: Any, **options: Any) -> Any:
        plans.append(len(steps := plan(*args, **options)))
        return steps

    monkeypatch.setattr(migrate, "_plan", counted)
    url = postgres.url(postgres.database())
    assert len(migrate.apply(url, RESOURCES)) > 20
    assert len(plans) == 2  # at first, and when the change log exists and has a place
    monkeypatch.undo()
    assert migrate.planned(url, RESOURCES) == []


def test_a_plan_has_every_pending_manual_migration(migrated: str, tmp_path: Path) -> None:
    for name in ("0001_first", "0002_second"):
        (tmp_path / f"{name}.py").write_text("def up(migrator, db): pass\ndef down(migrator, db): pass\n")
    planned = [step.name for step in migrate.planned(migrated, RESOURCES, tmp_path)]
    assert planned == ["run migration 0001_first", "run migration 0002_second"]
    assert migrate.apply(migrated, RESOURCES, tmp_path) == planned


@pytest.mark.parametrize("body", ["raise KeyError('harbour')", "this is no Python"])
def test_a_broken_manual_migration_is_one_sentence(migrated: str, tmp_path: Path, body: str) -> None:
    (tmp_path / "0001_bad.py").write_text(f"def up(migrator, db):\n    {body}\n")
    assert refused(migrated, RESOURCES, tmp_path).startswith("the migration 0001_bad failed and nothing was changed: ")


def test_simultaneous_migrations_run_one_after_the_other(postgres: PostgresServer) -> None:
    url = postgres.url(postgres.database())
    done: list[int] = []
    threads = [threading.Thread(target=lambda: done.append(len(migrate.apply(url, RESOURCES)))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(done)[:2] == [0, 0]
    assert sorted(done)[2] > 10


def test_a_new_column_comes_with_its_default_and_is_logged(migrated: str, foreign: ForeignPostgres) -> None:
    colour = {"type": "string", "default": "white", "enum": ["white", "red"]}
    resources = changed(lambda schemas: schemas["boats"]["properties"].update(colour=colour))
    assert "add column boats.colour" in migrate.apply(migrated, resources)
    (entry,) = ForeignPostgres(foreign.connection, resources).run("UPDATE boats SET colour = 'red'")
    assert ((entry.old or {})["colour"], (entry.new or {})["colour"]) == ("white", "red")
    with pytest.raises(psycopg.errors.CheckViolation):
        foreign.execute("UPDATE boats SET colour = 'green'")
    assert migrate.planned(migrated, resources) == []


def test_a_new_resource_is_a_new_table(migrated: str) -> None:
    def change(schemas: Schemas) -> None:
        schemas["crews"] = {**schemas["people"], "title": "Crew", "x-resource": {"key": "id"}}

    assert "create table crews" in migrate.apply(migrated, changed(change))


@pytest.mark.parametrize(
    ("change", "step"),
    [
        (lambda boats: boats["required"].append("sign"), "set not null on boats.sign"),
        (lambda boats: boats["required"].remove("name") or boats["properties"]["name"].pop("default"), "drop not null"),
        (lambda boats: boats["properties"]["name"].update(default="new"), "set the default of boats.name"),
        (lambda boats: boats["properties"]["name"].pop("default"), "drop the default of boats.name"),
        (lambda boats: boats["properties"]["code"].update(maxLength=50), "drop constraint boats_code_check"),
        (lambda boats: boats["x-resource"].update(unique=[]), "drop constraint boats_"),
        (
            lambda boats: boats["x-resource"].update(unique=[["sign", "weight"]]),
            "add unique constraint boats_sign_weight",
        ),
        (lambda boats: boats["x-resource"].update(indexes=[["weight"]]), "drop index boats_harbour"),
        (lambda boats: boats["x-resource"].update(indexes=[["harbour"], ["weight"]]), "add index boats_weight"),
    ],
)
def test_rules_of_a_table_are_altered_in_place(
    migrated: str, foreign: ForeignPostgres, change: Callable[[dict[str, Any]], object], step: str
) -> None:
    resources = changed(lambda schemas: change(schemas["boats"]))
    before = foreign.tables()["boats"]
    steps = migrate.apply(migrated, resources)
    assert any(name.startswith(step) for name in steps), steps
    assert foreign.tables()["boats"] == before
    assert migrate.planned(migrated, resources) == []


def test_an_altered_table_can_be_altered_back(migrated: str) -> None:
    """Names and definitions are the same as before."""
    before = contents(migrated)
    resources = changed(lambda schemas: schemas["boats"]["properties"]["name"].update(default="new", maxLength=9))
    migrate.apply(migrated, resources)
    assert contents(migrated) != before
    migrate.apply(migrated, RESOURCES)
    assert contents(migrated) == before


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda boats: boats["properties"].update(sign={"type": "string"}), "boats.sign is of the type bigint"),
        (lambda boats: boats["required"].append("harbour"), "1 row of boats: harbour is null"),
        (
            lambda boats: boats["properties"]["name"].update(maxLength=2),
            "name is longer than 2",
        ),
        (lambda boats: boats["properties"].update({"x" * 64: {}}), "at most 63 bytes"),
    ],
)
def test_changes_that_lose_values_or_do_not_fit_are_refused(
    migrated: str, change: Callable[[dict[str, Any]], object], why: str
) -> None:
    def both(schemas: Schemas) -> None:
        schemas["berths"]["properties"]["new"] = {"type": "integer"}  # would be added
        boats = schemas["boats"]
        boats["properties"]["harbour"] = {"type": "string"}
        change(boats)
        boats["x-resource"] = {"key": "code"}

    assert why in refused(migrated, changed(both))


def test_a_table_of_another_program_is_taken_as_it_is(postgres: PostgresServer) -> None:
    """An ORM made it: with other types of the same kind, and other constraints and indexes."""
    url = postgres.url(postgres.database())
    schema: dict[str, Any] = {
        "title": "Ship",
        "x-resource": {"key": "id"},
        "x-access": {},
        "properties": {
            "id": {"type": "integer", "readOnly": True},
            "name": {"type": "string"},
            "built": {"type": "string", "format": "date-time"},
            "length": {"type": "number"},
        },
        "required": ["id", "name"],
    }
    ships = {"ships": read_resource("ships", schema, {})}
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE ships "
            "(id serial PRIMARY KEY, name varchar(80) NOT NULL UNIQUE, built timestamptz, length real)"
        )
        connection.execute("INSERT INTO ships (name, length) VALUES ('Argo', 0.25)")
        steps = migrate.apply(url, ships)
        assert not any(step.startswith(("add column", "drop")) for step in steps)
        foreign = ForeignPostgres(connection, ships)
        (entry,) = foreign.run("UPDATE ships SET name = 'Arge', length = 0.5")
        assert entry.new == {"id": 1, "name": "Arge", "built": None, "length": 0.5}
        connection.execute("ALTER TABLE ships ALTER COLUMN built TYPE timestamp")
    with pytest.raises(StoreError, match=r"ships\.built is of the type timestamp without time zone"):
        migrate.check(url, ships)


def test_a_column_that_is_computed_when_it_is_read_is_refused(migrated: str, foreign: ForeignPostgres) -> None:
    """PostgreSQL 18 has such columns. Triggers see NULL there, also in a table that Tidegate made."""
    ((version,),) = foreign.connection.execute("SELECT current_setting('server_version_num')::int")
    if version < 180_000:
        pytest.skip("this server has no virtual columns")
    computed = "bigint GENERATED ALWAYS AS (length * 2) VIRTUAL"
    foreign.execute(f"CREATE TABLE ships (id bigint PRIMARY KEY, length bigint, double {computed})")
    integers = {name: {"type": "integer"} for name in ("id", "length", "double")}
    schema = {"title": "Ship", "type": "object", "x-resource": {"key": "id"}, "x-access": ANYONE}
    ships = read_resource("ships", {**schema, "properties": integers, "required": ["id"]}, {})
    with pytest.raises(StoreError, match=r"ships\.double is GENERATED and VIRTUAL"):
        migrate.apply(migrated, {**RESOURCES, "ships": ships})
    foreign.execute("ALTER TABLE boats DROP weight, ADD weight double precision GENERATED ALWAYS AS (sign * 2) VIRTUAL")
    with pytest.raises(StoreError, match=r"boats\.weight is GENERATED and VIRTUAL"):
        migrate.check(migrated, RESOURCES)


def test_triggers_that_were_dropped_or_turned_off_come_back(migrated: str, foreign: ForeignPostgres) -> None:
    foreign.execute('DROP TRIGGER "00_tidegate_rows" ON boats')
    foreign.execute('ALTER TABLE people DISABLE TRIGGER "00_tidegate_truncate"')
    foreign.execute("CREATE OR REPLACE FUNCTION _tidegate.log_people() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'")
    foreign.execute("COMMENT ON FUNCTION _tidegate.log_people() IS 'an older one'")
    with pytest.raises(Unmigrated):
        migrate.check(migrated, RESOURCES)
    assert migrate.apply(migrated, RESOURCES) == [
        'replace function _tidegate."log_people"',
        'install trigger 00_tidegate_rows on "boats"',
        'install trigger 00_tidegate_truncate on "people"',
    ]
    foreign.run("UPDATE boats SET sign = 5")
    foreign.run("TRUNCATE people")


def test_manual_migrations_run_once_in_the_same_transaction(
    migrated: str, foreign: ForeignPostgres, tmp_path: Path
) -> None:
    resources = changed(lambda schemas: schemas["boats"]["properties"].pop("weight"))
    (tmp_path / "0001_lighter.py").write_text(
        "def up(migrator, db):\n    db.execute_sql('ALTER TABLE boats DROP COLUMN weight')\n"
        "def down(migrator, db):\n    db.execute_sql('ALTER TABLE boats ADD COLUMN weight double precision')\n"
    )
    epoch = foreign.value("SELECT value FROM _tidegate.meta WHERE name = 'epoch'")
    assert migrate.apply(migrated, resources, tmp_path)[0] == "run migration 0001_lighter"
    assert migrate.apply(migrated, resources, tmp_path) == []
    ForeignPostgres(foreign.connection, resources).run("UPDATE boats SET sign = 5")
    assert foreign.value("SELECT value FROM _tidegate.meta WHERE name = 'epoch'") != epoch
    assert migrate.down(migrated, RESOURCES, tmp_path)[0] == "take back migration 0001_lighter"
    (tmp_path / "0002_broken.py").write_text("def up(migrator, db):\n    db.execute_sql('ALTER TABLE nothing')\n")
    assert "the migration 0002_broken failed and nothing was changed: " in refused(migrated, resources, tmp_path)


def test_tables_may_be_in_another_schema(postgres: PostgresServer) -> None:
    url = postgres.url(postgres.database())
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA app")
        migrate.apply(f"{url}?options=-csearch_path%3Dapp", RESOURCES)
        migrate.check(f"{url}?options=-csearch_path%3Dapp", RESOURCES)
        connection.execute("INSERT INTO app.boats (code) VALUES ('a')")
        assert connection.execute("SELECT resource, action FROM _tidegate.log").fetchall() == [("boats", "create")]


def test_a_database_that_is_not_utf_8_is_refused(postgres: PostgresServer) -> None:
    postgres.execute(
        psycopg.sql.SQL("CREATE DATABASE latin ENCODING LATIN1 LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    )
    with pytest.raises(StoreError, match="encoding is LATIN1"):
        migrate.planned(postgres.url("latin"), RESOURCES)


def test_without_psycopg_the_operator_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import builtins
    import sys

    for name in [name for name in sys.modules if name.startswith("tidegate.store.postgres")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("tidegate.store.postgres")
    real = builtins.__import__

    def without(name: str, *more: Any) -> Any:
        if name.partition(".")[0] == "psycopg":
            raise ModuleNotFoundError("No module named 'psycopg'", name="psycopg")
        return real(name, *more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(StoreError, match=r"pip install 'tidegate\[postgres\]'"):
        backends.migrations("postgresql://localhost/app")
