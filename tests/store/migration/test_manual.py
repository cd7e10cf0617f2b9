"""Manual migrations of both databases: which are pending, and what a folder without files means."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import peewee
import pytest

from tidegate.store import StoreError
from tidegate.store.migration.manual import ManualMigrations, last_step_back, pending_steps, reason


@pytest.fixture
def database() -> Iterator[peewee.SqliteDatabase]:
    database = peewee.SqliteDatabase(":memory:")
    yield database
    database.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("0002_second", "0001_first"):
        (tmp_path / f"{name}.py").write_text("def up(migrator, db): pass\ndef down(migrator, db): pass\n")
    return tmp_path


def test_migrations_are_pending_in_order_until_they_were_run_or_skipped(
    database: peewee.SqliteDatabase, folder: Path
) -> None:
    migrations = ManualMigrations(database, folder)
    assert migrations.pending() == ["0001_first", "0002_second"]
    migrations.run("0001_first", "up")
    assert migrations.pending() == ["0002_second"]
    migrations.skip("0002_second")
    assert migrations.pending() == []
    assert migrations.last() == "0002_second"
    migrations.run("0002_second", "down")
    assert migrations.last() == "0001_first"


def test_the_database_is_used_only_within_the_context_around(database: peewee.SqliteDatabase, folder: Path) -> None:
    inside: list[bool] = []

    @contextmanager
    def around() -> Iterator[None]:
        inside.append(True)
        yield
        inside.append(False)

    migrations = ManualMigrations(database, folder, around)
    assert inside == []
    migrations.pending()
    migrations.run("0001_first", "up")
    assert inside == [True, False] * 2


@pytest.mark.parametrize("missing", [True, False])
def test_without_a_folder_there_are_no_migrations(
    database: peewee.SqliteDatabase, tmp_path: Path, missing: bool
) -> None:
    migrations = ManualMigrations(database, tmp_path / "none" if missing else None)
    assert migrations.pending() == []
    with pytest.raises(StoreError, match="there is no manual migration to take back"):
        last_step_back(migrations, lambda *_: None)


def test_pending_migrations_run_one_at_a_time_and_are_skipped_for_new_tables(
    database: peewee.SqliteDatabase, folder: Path
) -> None:
    migrations, runs = ManualMigrations(database, folder), list[tuple[str, str]]()
    steps = pending_steps(migrations, lambda *run: runs.append(run), new=False)
    assert [step.name for step in steps] == ["run migration 0001_first", "run migration 0002_second"]
    assert not any(step.independent for step in steps)
    steps[0].run()
    assert runs == [("0001_first", "up")]
    steps = pending_steps(migrations, lambda *run: runs.append(run), new=True)
    assert [step.name for step in steps] == ["skip migration 0001_first", "skip migration 0002_second"]
    for step in steps:
        step.run()
    assert (len(runs), migrations.pending()) == (1, [])


def test_an_error_without_a_text_is_named() -> None:
    assert reason(NotImplementedError()) == "NotImplementedError"
    assert reason(ValueError(" no number\n")) == "no number"
