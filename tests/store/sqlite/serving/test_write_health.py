"""A database that takes no writes: what is refused, what still works, and that all is well again by itself."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from tests.store.application import RESOURCES, Foreign
from tests.store.mutations import create, delete, outcome, update
from tests.support.waiting import until
from tidegate.core.rows.ports import ReadQuery
from tidegate.store import SqliteStore, StoreError
from tidegate.store.sqlite import connection
from tidegate.store.sqlite.serving import disk_reserve, write_health, writer


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_health, "PROBE_S", 0.05)
    monkeypatch.setattr(connection, "BUSY_TIMEOUT_MS", 50)
    monkeypatch.setitem(connection.PRAGMAS, "busy_timeout", 50)
    monkeypatch.setattr(disk_reserve, "SIZE", 1 << 20)
    monkeypatch.setattr(write_health, "SIZE", 1 << 20)


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    store = await SqliteStore.open(f"sqlite:///{path}", RESOURCES)
    yield store
    await store.close()


async def test_readiness_comes_back_without_a_write_of_a_client(store: SqliteStore, foreign: Foreign) -> None:
    foreign.connection.execute("BEGIN IMMEDIATE")
    assert await outcome(store, create({"code": "a"})) == "unavailable"
    assert store.problem == "the database cannot be written: another program keeps its lock"
    foreign.connection.execute("ROLLBACK")
    await until(lambda: store.healthy)
    assert foreign.log() == []


async def test_a_read_only_database_is_unavailable_until_it_can_be_written_again(store: SqliteStore) -> None:
    store._writer._connection.pragma("query_only", 1)
    assert await outcome(store, create({"code": "a"})) == "unavailable"
    await until(lambda: store.healthy)  # on a new connection, as after `chmod u+w`
    assert await outcome(store, create({"code": "a"})) == "done"


async def test_a_gateway_that_starts_on_a_read_only_file_is_not_ready_until_it_can_be_written(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as read_only:
        # SQLite itself falls back to this where the file may only be read. The administrator may always write.
        read_only.setattr(writer, "connect", lambda path, **_: apsw.Connection(str(path), apsw.SQLITE_OPEN_READONLY))
        store = await SqliteStore.open(f"sqlite:///{path}", RESOURCES)
        assert store.problem == "the database is read-only"
        assert await outcome(store, create({"code": "a"})) == "unavailable"
    try:
        await until(lambda: store.healthy)
        assert await outcome(store, create({"code": "a"})) == "done"
    finally:
        await store.close()


def pages(store: SqliteStore) -> int:
    return int(store._writer._connection.pragma("page_count"))


async def test_deletes_go_on_when_the_file_cannot_grow(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite says so as it says that the disk is full. What is deleted makes room for new rows."""
    for code in "abcdef":
        assert await outcome(store, create({"code": code, "harbour": code, "extra": "x" * 400_000})) == "done"
    reserve = next(Path(store._guard.file._path).parent.glob("*-tidegate-reserve"))
    assert reserve.stat().st_size == disk_reserve.SIZE
    store._writer._connection.pragma("max_page_count", pages(store) + 2)
    with monkeypatch.context() as full:
        full.setattr(os, "statvfs", lambda folder: FullDisk())
        many = [create({"code": "g", "harbour": "g", "extra": "x" * 400_000}), delete("a"), update("b", {"sign": 1})]
        assert await asyncio.gather(*(outcome(store, mutation) for mutation in many)) == [
            "unavailable",
            "done",
            "unavailable",
        ]
        assert not reserve.exists()
        assert "only deletes are accepted" in str(store.problem)
        assert len((await store.read(ReadQuery(resource="boats"))).rows) == 5
        assert await outcome(store, delete("b")) == "done"
        assert await outcome(store, create({"code": "h"})) == "unavailable"
        assert await outcome(store, delete("c", "d", array=True)) == "done"
        assert await outcome(store, delete("e")) == "done"
    store._writer._connection.pragma("max_page_count", 1 << 20)
    await until(lambda: store.healthy and reserve.exists())
    assert await outcome(store, create({"code": "h"})) == "done"


class FullDisk:
    f_bavail, f_frsize = 0, 4096


@pytest.mark.parametrize(
    "lose",
    [
        "DROP TABLE boats",
        "ALTER TABLE boats RENAME TO former",
        "ALTER TABLE boats RENAME COLUMN harbour TO port",
        "DROP TABLE tidegate_log",
        "DROP TABLE tidegate_requests",
    ],
)
async def test_a_table_that_is_gone_is_unavailable(store: SqliteStore, foreign: Foreign, lose: str) -> None:
    foreign.connection.execute(lose)
    mutation = create({"code": "a", "harbour": "h"}, idempotency_key="k" * 16)
    assert await outcome(store, mutation) == "unavailable"


def test_a_full_disk_is_named_where_a_database_cannot_be_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = tmp_path / "missing.db"
    with pytest.raises(StoreError, match=r"unable to open database file$"):
        connection.connect(missing)
    monkeypatch.setattr(os, "statvfs", lambda folder: FullDisk())
    with pytest.raises(StoreError, match="unable to open database file; the disk is full: make some room first"):
        connection.connect(missing)
