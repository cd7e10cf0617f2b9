"""One gateway on one SQLite file: the lock lives as long as the store, and a store that cannot open leaves none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.store.application import RESOURCES
from tidegate.core.rows.ports import ReadQuery
from tidegate.store import SqliteStore, StoreError
from tidegate.store.sqlite.serving.epoch import EpochGuard
from tidegate.store.sqlite.serving.serving_lock import ServingLock


async def test_a_second_store_is_refused_until_the_first_has_closed(path: Path) -> None:
    url = f"sqlite:///{path}"
    first = await SqliteStore.open(url, RESOURCES)
    for _ in range(2):
        with pytest.raises(StoreError, match=rf"already served by another gateway \(process {os.getpid()} on "):
            await SqliteStore.open(url, RESOURCES)
    await first.close()
    await (await SqliteStore.open(url, RESOURCES)).close()


async def test_a_store_that_cannot_open_leaves_no_lock(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> EpochGuard:
        raise StoreError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(EpochGuard, "open", failing)
        with pytest.raises(StoreError, match="full"):
            await SqliteStore.open(f"sqlite:///{path}", RESOURCES)
    await (await SqliteStore.open(f"sqlite:///{path}", RESOURCES)).close()


def test_a_holder_that_has_not_said_its_name_yet_is_starting(tmp_path: Path) -> None:
    lock = ServingLock.take(tmp_path / "a.db")
    (tmp_path / "a.db-tidegate-lock").write_bytes(b"")
    with pytest.raises(StoreError, match=r"\(it is starting\)"):
        ServingLock.take(tmp_path / "a.db")
    lock.release()
    lock.release()  # does nothing
    ServingLock.take(tmp_path / "a.db").release()


def test_a_process_that_a_gateway_starts_does_not_inherit_the_lock(tmp_path: Path) -> None:
    lock = ServingLock.take(tmp_path / "a.db")
    assert lock._file is not None
    assert not os.get_inheritable(lock._file)
    lock.release()


async def test_a_program_may_change_the_working_directory(
    path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path.parent)
    store = await SqliteStore.open(f"sqlite:///{path.name}", RESOURCES)
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    try:
        store._guard.look()
        assert store.problem is None
        await store.read(ReadQuery(resource=next(iter(RESOURCES))))
        assert list(Path.cwd().iterdir()) == []
    finally:
        await store.close()
