"""The owner's SQL files: every database gets them, also a new one, and a migration runs them again when it has to."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.store.mutations import create, refusal
from tests.store.port.conftest import Database
from tests.store.port.test_changed_schemas import INTEGER, TEXT, shifts, steps, write
from tidegate.store import StoreError

TEXT_OF_RAISE = "a shift has one place at least"
SQLITE = f"""-- Rows have places; a comment with a semicolon.
DROP TRIGGER IF EXISTS places_are_positive;
CREATE TRIGGER places_are_positive BEFORE INSERT ON shifts WHEN NEW.places < 1
BEGIN
  SELECT RAISE(ABORT, '{TEXT_OF_RAISE}');
END;
DROP VIEW IF EXISTS busy;
CREATE VIEW busy AS SELECT id FROM shifts WHERE places > 5;
"""
POSTGRES = f"""CREATE OR REPLACE FUNCTION places_are_positive() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.places < 1 THEN RAISE EXCEPTION '{TEXT_OF_RAISE}'; END IF;
  RETURN NEW;
END $$;
DROP TRIGGER IF EXISTS places_are_positive ON shifts;
CREATE TRIGGER places_are_positive BEFORE INSERT ON shifts FOR EACH ROW EXECUTE FUNCTION places_are_positive();
DROP VIEW IF EXISTS busy;
CREATE VIEW busy AS SELECT id FROM shifts WHERE places > 5;
"""
SHIFTS = shifts(places=INTEGER)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the manual migrations; beside it are the SQL files."""
    sql = tmp_path / "schema" / "sql"
    sql.mkdir(parents=True)
    (sql / "places.sqlite.sql").write_text(SQLITE)
    (sql / "places.postgres.sql").write_text(POSTGRES)
    return tmp_path / "schema" / "migrations"


def name_of(database: Database) -> str:
    return f"places.{'sqlite' if database.kind == 'sqlite' else 'postgres'}.sql"


async def test_a_new_database_gets_the_owner_s_triggers_and_their_text_reaches_clients(
    database: Database, folder: Path
) -> None:
    write(folder, "0001_skipped", "SELECT 1")
    assert steps(database, SHIFTS, folder)[-1] == f"run sql/{name_of(database)}"
    assert steps(database, SHIFTS, folder) == []
    store = await database.open(SHIFTS)
    try:
        found = await refusal(store, create({"id": 1, "title": "early", "places": 0}, resource="shifts"))
        assert found == ("invalid_data", "/data", "check", TEXT_OF_RAISE)
        await store.write(create({"id": 1, "title": "early", "places": 1}, resource="shifts"))
    finally:
        await store.close()


def test_a_changed_file_runs_again_and_nothing_else(database: Database, folder: Path) -> None:
    steps(database, SHIFTS, folder)
    (folder.with_name("sql") / "a.sql").write_text(
        "DROP VIEW IF EXISTS all_shifts; CREATE VIEW all_shifts AS SELECT 1;"
    )
    assert steps(database, SHIFTS, folder) == ["run sql/a.sql"]
    file = folder.with_name("sql") / name_of(database)
    file.write_text(file.read_text().replace("places > 5", "places > 6"))
    assert steps(database, SHIFTS, folder) == [f"run sql/{name_of(database)}"]


def test_files_run_again_after_a_manual_migration_and_where_a_trigger_is_missing(
    database: Database, folder: Path
) -> None:
    steps(database, SHIFTS, folder)
    on = "" if database.kind == "sqlite" else " ON shifts"
    database.foreign.execute(f"DROP TRIGGER places_are_positive{on}")
    assert steps(database, SHIFTS, folder) == [f"run sql/{name_of(database)}"]
    write(folder, "0001_change", "UPDATE shifts SET title = 'x'")
    done = steps(database, SHIFTS, folder)
    assert done[0] == "run migration 0001_change"
    assert done[-1] == f"run sql/{name_of(database)}"
    assert steps(database, SHIFTS, folder) == []


def test_the_owner_s_triggers_survive_a_rebuild(database: Database, folder: Path) -> None:
    steps(database, SHIFTS, folder)
    done = steps(database, shifts(places=INTEGER, title={**TEXT, "maxLength": 9}), folder)
    assert f"run sql/{name_of(database)}" not in done
    with pytest.raises(Exception, match=TEXT_OF_RAISE):
        database.foreign.execute("INSERT INTO shifts (id, title, places) VALUES (1, 'x', 0)")


@pytest.mark.parametrize("sql", ["CREATE nonsense", "INSERT INTO missing VALUES (1)"])
def test_a_broken_file_changes_nothing(database: Database, folder: Path, sql: str) -> None:
    steps(database, SHIFTS, folder)
    (folder.with_name("sql") / "b.sql").write_text(sql)
    with pytest.raises(StoreError, match=r"sql/b\.sql.*|nothing was changed"):
        steps(database, shifts(places=INTEGER, more=TEXT), folder)
    with pytest.raises(Exception, match="more"):
        database.foreign.execute("SELECT more FROM shifts")
