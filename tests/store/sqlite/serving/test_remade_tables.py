"""A program follows SQLite's recipe for ALTER TABLE: a new table, the copied rows, the old name, the triggers again.

The copied rows may have other values, which no trigger saw.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.store.program import Program
from tests.store.sqlite.serving.test_foreign_ddl import RESOURCES, program, store
from tidegate.store import SqliteStore
from tidegate.store.errors import REMADE
from tidegate.store.sqlite.migration import migrate

__all__ = ["program", "store"]
TRIGGERS = "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'pets'"


def remake(program: Program, *, triggers: bool = True) -> None:
    kept = [sql for (sql,) in program.execute(TRIGGERS)] if triggers else []
    for statement in (
        "BEGIN IMMEDIATE",
        "CREATE TABLE new (id INTEGER PRIMARY KEY, name TEXT, legacy TEXT, age INTEGER)",
        "INSERT INTO new SELECT id, upper(name), legacy, age * 12 FROM pets",
        "DROP TABLE pets",
        "ALTER TABLE new RENAME TO pets",
        *kept,
        "COMMIT",
    ):
        program.execute(statement)


async def opened(path: Path) -> SqliteStore:
    return await SqliteStore.open(f"sqlite:///{path}", RESOURCES)


async def test_a_running_gateway_notices_it_and_the_next_start_begins_an_epoch(
    program: Program, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = await opened(tmp_path / "pets.db")
    for timer in store._timers.values():
        timer.cancel()
    program.execute("VACUUM")
    store._guard.look()
    assert not store.outdated
    remake(program)
    store._guard.look()
    assert store.outdated
    assert REMADE % "pets" in caplog.text
    await store.close()
    again = await opened(tmp_path / "pets.db")
    await again.close()
    assert again.epoch != store.epoch


async def test_a_gateway_that_starts_later_begins_an_epoch_once(
    program: Program, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    epochs = []
    for act in (lambda: None, lambda: program.execute("VACUUM"), lambda: remake(program), lambda: None):
        act()
        store = await opened(tmp_path / "pets.db")
        await store.close()
        epochs.append(store.epoch)
    assert epochs[0] == epochs[1] != epochs[2] == epochs[3]
    assert REMADE % "pets" in caplog.text


async def test_a_migration_that_puts_the_triggers_back_is_enough(
    store: SqliteStore, program: Program, tmp_path: Path
) -> None:
    """It logs a reset, whether the gateway looked in between or not."""
    for looks in (False, True):
        remake(program, triggers=False)
        if looks:
            store._guard.look()
            assert list(store.incomplete) == ["pets"]
        migrate.apply(f"sqlite:///{tmp_path / 'pets.db'}", RESOURCES)
        store._guard.look()
        assert (store.problem, store.outdated) == (None, False)
