"""Migrations written by hand, in `migrations/` beside the schema files: for what migrating does not do by itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.store.application import RESOURCES, Foreign, told
from tests.store.program import connect
from tests.store.versions import changed, contents
from tidegate.store import StoreError
from tidegate.store.migrate import apply, check, plan


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "migrations"
    folder.mkdir()
    return folder


def test_a_written_migration_may_drop_a_column(migrated: str, path: Path, folder: Path) -> None:
    (folder / "0001_weightless.py").write_text(
        "from playhouse.migrate import migrate\n\n"
        "def up(migrator, db):\n    migrate(migrator.drop_column('boats', 'weight'))\n"
    )
    resources = changed(lambda schemas: schemas["boats"]["properties"].pop("weight"))
    done = apply(migrated, resources, folder)
    assert done[0] == "run migration 0001_weightless"
    assert apply(migrated, resources, folder) == []
    check(migrated, resources)
    program = connect(path)
    program.execute("UPDATE boats SET name = 'Ada'")
    (new,) = program.execute("SELECT new FROM tidegate_log ORDER BY seq DESC LIMIT 1").fetchone()
    assert set(json.loads(new)) == set(resources["boats"].properties) - {"pin"}
    program.close()


def test_written_migrations_run_once_each_in_order_and_begin_a_new_epoch(
    migrated: str, path: Path, folder: Path
) -> None:
    """They may change rows behind the log's back: nobody may go on from a position of before."""
    for number, name in ((1, "Bob"), (2, "Cid")):
        (folder / f"000{number}_{name}.py").write_text(
            f"def up(migrator, db):\n    db.execute_sql(\"UPDATE people SET name = name || '{name}'\")\n"
        )
    epoch = next(row for row in contents(path) if row[:2] == ("tidegate_meta", "epoch"))
    assert plan(migrated, RESOURCES, folder) == ["run migration 0001_Bob", "run migration 0002_Cid"]
    done = apply(migrated, RESOURCES, folder)
    assert done[:2] == ["run migration 0001_Bob", "run migration 0002_Cid"]
    assert apply(migrated, RESOURCES, folder) == []
    foreign = Foreign(connect(path))
    assert [row["name"] for row in foreign.tables()["people"].values()] == ["AdaBobCid"]
    assert told(foreign.run("DELETE FROM people")) == [("delete", (1,))]
    foreign.close()
    assert epoch not in contents(path)


def test_a_written_migration_that_fails_changes_nothing(migrated: str, path: Path, folder: Path) -> None:
    (folder / "0001_good.py").write_text("def up(migrator, db):\n    db.execute_sql('DELETE FROM people')\n")
    (folder / "0002_bad.py").write_text("def up(migrator, db):\n    db.execute_sql('DELETE FROM nowhere')\n")
    before = contents(path)
    with pytest.raises(StoreError, match="nothing was changed: no such table: nowhere"):
        apply(migrated, RESOURCES, folder)
    assert contents(path) == before


def test_written_migrations_are_not_for_new_tables(tmp_path: Path, folder: Path) -> None:
    """They lead from what was to what is now, and new tables are made as they are now."""
    (folder / "0001_weightless.py").write_text("def up(migrator, db):\n    raise AssertionError\n")
    url = f"sqlite:///{tmp_path / 'new.db'}"
    assert "skip migration 0001_weightless" in plan(url, RESOURCES, folder)
    done = apply(url, RESOURCES, folder)
    assert {"skip migration 0001_weightless", "create table boats"} < set(done)
    assert apply(url, RESOURCES, folder) == []
