"""A manual migration begins an epoch, and the gateway's next start keeps it: no client has a position of it yet."""

from __future__ import annotations

from pathlib import Path

from tests.store.application import RESOURCES
from tests.store.program import connect
from tidegate.store import SqliteStore
from tidegate.store.sqlite.migration import migrate


async def _served(url: str) -> str:
    store = await SqliteStore.open(url, RESOURCES)
    await store.close()
    return store.epoch


async def test_one_migration_begins_one_epoch(path: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{path}"
    before = await _served(url)
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "0001_nothing.py").write_text(
        "def up(migrator, db): pass\ndef down(migrator, db): pass\n"
    )
    migrate.apply(url, RESOURCES, tmp_path / "migrations")
    connection = connect(path)
    ((epoch,),) = connection.execute("SELECT value FROM tidegate_meta WHERE name = 'epoch'").fetchall()
    connection.close()
    assert epoch != before
    assert [await _served(url), await _served(url)] == [epoch, epoch]
