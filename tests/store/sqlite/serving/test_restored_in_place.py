"""A backup that another program puts into the file itself (`.restore`, the backup API), while a gateway serves it.

The file and its log stay the same ones, and SQLite makes one transaction of it. The log has the entries of before, and
gives their numbers again: clients would miss what gets these numbers.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from tests.store.application import RESOURCES
from tests.store.heard import Heard
from tests.support.waiting import until
from tidegate.core.errors import Refused
from tidegate.core.rows.ports import Mutation, ReadQuery
from tidegate.store import SqliteStore


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    store = await SqliteStore.open(f"sqlite:///{path}", RESOURCES)
    for timer in store._timers.values():
        timer.cancel()  # the tests look themselves: what happens between two looks is the matter
    yield store
    await store.close()


def create(code: str) -> Mutation:
    return Mutation(kind="create", resource="boats", rows=({"code": code, "harbour": code},), user="7")


def copied(source: Path, target: Path) -> None:
    """With the gateway's own SQLite, because another one in this process would not see its locks."""
    there, here = apsw.Connection(str(source)), apsw.Connection(str(target))
    with closing(there), closing(here), here.backup("main", there, "main") as backup:
        backup.step()


async def backed_up(store: SqliteStore, path: Path) -> Path:
    """A backup with one boat; the database has three when it is put back. The note is of the moment of the backup."""
    await store.write(create("a"))
    store._guard.look()
    backup = path.with_name("backup.db")
    copied(path, backup)
    await store.write(create("b"))
    await store.write(create("c"))
    return backup


async def test_no_write_is_acknowledged_into_a_restored_log(store: SqliteStore, path: Path) -> None:
    copied(await backed_up(store, path), path)
    for code in ("d", "e"):
        with pytest.raises(Refused) as refused:
            await store.write(create(code))
        assert refused.value.code == "unavailable"
    store._guard.look_at_file()
    assert store.outdated
    with closing(apsw.Connection(str(path))) as program:
        assert program.execute("SELECT code FROM boats").fetchall() == [("a",)]


async def test_the_feed_notices_it(store: SqliteStore, path: Path) -> None:
    heard = Heard()
    backup = await backed_up(store, path)
    store.follow(heard.deliver)
    await heard.until(3)
    copied(backup, path)
    await until(lambda: store._guard.file.went_back)
    store._guard.look_at_file()
    assert store.outdated
    assert heard.batches[-1][1] == 3


async def test_a_feed_that_was_paused_notices_it(store: SqliteStore, path: Path) -> None:
    heard = Heard()
    backup = await backed_up(store, path)
    store.follow(heard.deliver)
    await heard.until(3)
    store.pause()
    copied(backup, path)
    await store.resume()
    await until(lambda: store._guard.file.went_back)


async def test_a_log_that_has_grown_again_is_another_one(store: SqliteStore, path: Path) -> None:
    """The number is the one of before, and the entry is not."""
    backup = await backed_up(store, path)
    store._guard.look()
    copied(backup, path)
    with closing(apsw.Connection(str(path))) as program:
        for code in "defg":
            program.execute("INSERT INTO boats (code) VALUES (?)", (code,))
    store._guard.look()
    assert store.outdated


async def test_the_next_start_begins_an_epoch(path: Path) -> None:
    """The note is of an entry that the restored log has, too."""
    store = await SqliteStore.open(f"sqlite:///{path}", RESOURCES)
    try:
        copied(await backed_up(store, path), path)
        with pytest.raises(Refused):
            await store.write(create("d"))
        store._guard.look_at_file()
    finally:
        await store.close()
    again = await SqliteStore.open(f"sqlite:///{path}", RESOURCES)
    try:
        assert again.epoch != store.epoch
        assert len((await again.read(ReadQuery(resource="boats"))).rows) == 1
    finally:
        await again.close()
