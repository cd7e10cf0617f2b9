"""Snapshots on every database: pages of one moment, for several sharers, that hold no memory and no transaction."""

from __future__ import annotations

import asyncio
import errno
import json
import tempfile
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.store.application import Foreign
from tests.store.mutations import create
from tests.store.port.conftest import AnyForeign, Database
from tests.support.deadlines import DEADLINE_S
from tidegate.core.errors import Refused
from tidegate.core.filters.tree import compile_filters
from tidegate.core.rows.ports import Pages, ReadQuery, Row, Store
from tidegate.store.serving import snapshots, spool
from tidegate.store.serving.spool import Spool

BOATS = ReadQuery(resource="boats")
MANY = 1_000
Page = dict[str, Any]


def encode(rows: list[Row], first: bool, seq: int | None) -> list[bytes]:
    return [json.dumps({"rows": rows, "first": first, "seq": seq}).encode()]


def add_many(foreign: AnyForeign, count: int = MANY) -> None:
    foreign.execute(
        "INSERT INTO boats (code, name, harbour) WITH RECURSIVE number (n) AS "
        f"(SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {count}) "
        "SELECT 'b' || CAST(100000 + n AS TEXT), 'x', CAST(n AS TEXT) FROM number"
    )


async def taken(pages: Pages) -> list[Page]:
    """All pages."""
    found: list[Page] = []
    async with asyncio.timeout(DEADLINE_S):
        while (frame := await pages.page(len(found))) is not None:
            found.append(json.loads(frame))
    return found


def codes(found: list[Page]) -> list[str]:
    return [row["code"] for page in found for row in page["rows"]]


def joined(store: Store, query: ReadQuery = BOATS, encode: Callable[..., list[bytes]] = encode) -> Pages:
    pages = store.snapshot(query, encode)
    assert pages.join()
    return pages


def no_transaction_is_open(database: Database) -> bool:
    if isinstance(database.foreign, Foreign):
        # A reader of an old state would keep the write-ahead log from being emptied.
        ((busy, _, _),) = database.foreign.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return not busy
    from tests.support.driver import psycopg

    with psycopg.connect(database.url) as connection:
        ((count,),) = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'"
        ).fetchall()
    return bool(count == 0)


async def until_no_transaction_is_open(database: Database) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not await asyncio.to_thread(no_transaction_is_open, database):  # noqa: ASYNC110  # the database knows
            await asyncio.sleep(0.01)


async def test_pages_hold_every_row_once_in_the_order_of_keys(store: Store, foreign: AnyForeign) -> None:
    add_many(foreign)
    pages = joined(store)
    found = await taken(pages)
    assert await pages.seq() == MANY
    assert [len(page["rows"]) for page in found] == [200] * 5
    assert codes(found) == [f"b{100001 + number}" for number in range(MANY)]
    assert [page["first"] for page in found] == [True, False, False, False, False]
    assert [page["seq"] for page in found] == [None, None, None, None, MANY]
    rows = (await store.read(BOATS)).rows
    assert [row for page in found for row in page["rows"]] == rows


async def test_a_table_without_rows_has_one_page(store: Store) -> None:
    pages = joined(store)
    assert (await taken(pages), await pages.seq()) == ([{"rows": [], "first": True, "seq": 0}], 0)


async def test_filters_and_columns_are_kept(store: Store, foreign: AnyForeign) -> None:
    add_many(foreign, 30)
    pages = joined(store, ReadQuery(resource="boats", where=compile_filters({"harbour": "7"}), fields=("name",)))
    assert [page["rows"] for page in await taken(pages)] == [[{"code": "b100007", "name": "x"}]]


async def test_rows_and_position_are_of_one_moment(store: Store, foreign: AnyForeign) -> None:
    """Another program commits between two pages: its rows come with the changes after the position."""
    add_many(foreign)

    def interrupted(rows: list[Row], first: bool, last: bool) -> list[bytes]:
        if first:
            foreign.execute("INSERT INTO boats (code, name, harbour) VALUES ('z', 'z', 'z')")
            foreign.execute("UPDATE boats SET name = 'y'")
        return encode(rows, first, last)

    pages = joined(store, encode=interrupted)
    found = await taken(pages)
    assert (await pages.seq(), len(codes(found)), codes(found)[-1]) == (MANY, MANY, f"b{100000 + MANY}")
    assert {row["name"] for page in found for row in page["rows"]} == {"x"}


async def test_large_rows_make_small_pages(store: Store, foreign: AnyForeign) -> None:
    add_many(foreign, 301)
    foreign.execute(f"UPDATE boats SET extra = '\"{'x' * 3000}\"'")
    sizes = [len(page["rows"]) for page in await taken(joined(store))]
    assert sum(sizes) == 301
    assert max(sizes[1:]) * 3000 <= spool.PAGE_BYTES


@pytest.mark.parametrize("limit", [0, 30_000])
async def test_pages_beyond_the_memory_limit_are_in_a_file(
    store: Store, foreign: AnyForeign, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(spool, "MEMORY_BYTES", limit)
    add_many(foreign)
    pages, expected = joined(store), (await store.read(BOATS)).rows
    assert isinstance(pages, Spool)
    assert [row for page in await taken(pages) for row in page["rows"]] == expected
    assert sum(len(page) for page in pages._pages if isinstance(page, bytes)) <= limit
    file = pages._file
    assert file is not None
    assert not file.closed
    pages.leave()
    assert file.closed


async def test_a_full_folder_of_temporary_files_is_unavailable(
    store: Store, foreign: AnyForeign, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(**_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(spool, "MEMORY_BYTES", 1000)
    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    add_many(foreign)
    with pytest.raises(Refused) as caught:
        await taken(joined(store))
    assert (caught.value.code, caught.value.retry_after) == ("unavailable", 1.0)


async def test_sharers_get_the_same_pages_independently(store: Store, foreign: AnyForeign) -> None:
    add_many(foreign)
    pages = joined(store)
    assert pages.join()
    first = [await pages.page(number) for number in range(6)]
    pages.leave()
    assert [await pages.page(number) for number in range(6)] == first
    assert first[5] is None


async def test_a_request_does_not_join_a_snapshot_that_may_be_older_than_it(store: Store, foreign: AnyForeign) -> None:
    """A row that was committed before a sharer joined is always among the rows."""
    pages = joined(store)
    result = await store.write(create({"code": "mine"}))
    if pages.join():
        assert await pages.seq() >= result.seq
        assert codes(await taken(pages)) == ["mine"]
    await pages.seq()
    assert not pages.join()


async def test_the_transaction_does_not_wait_for_sharers(store: Store, foreign: AnyForeign, database: Database) -> None:
    add_many(foreign)
    pages = joined(store)
    first = await pages.page(0)
    assert await pages.page(4) is not None
    await until_no_transaction_is_open(database)
    assert await pages.page(0) == first


async def test_reading_stops_when_the_last_sharer_leaves(store: Store, foreign: AnyForeign, database: Database) -> None:
    add_many(foreign)
    encoded: list[int] = []
    goes_on = threading.Event()

    def held(rows: list[Row], first: bool, last: bool) -> list[bytes]:
        encoded.append(len(rows))
        if len(encoded) == 2:
            goes_on.wait(10)
        return encode(rows, first, last)

    pages = joined(store, encode=held)
    assert pages.join()
    assert await pages.page(0) is not None
    pages.leave()
    pages.leave()
    goes_on.set()
    again = joined(store)
    assert len(codes(await taken(again))) == MANY
    await until_no_transaction_is_open(database)
    assert len(encoded) <= 2


async def test_a_failure_reaches_every_sharer(store: Store, foreign: AnyForeign) -> None:
    add_many(foreign)

    def failing(rows: list[Row], first: bool, last: bool) -> list[bytes]:
        if not first:
            raise ValueError("cannot be encoded")
        return encode(rows, first, last)

    pages = joined(store, encode=failing)
    assert pages.join()
    assert await pages.page(0) is not None
    for _ in range(2):
        with pytest.raises(ValueError, match="cannot be encoded"):
            await pages.page(1)
        pages.leave()
    assert len(codes(await taken(joined(store)))) == MANY


async def test_a_snapshot_waits_while_too_many_are_kept(
    store: Store, foreign: AnyForeign, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "KEPT", 1)
    monkeypatch.setattr(spool, "MEMORY_BYTES", 1000)
    add_many(foreign)
    slow = joined(store)
    await taken(slow)  # and keeps them
    waiting, impatient = joined(store), joined(store)
    impatient.leave()
    await store.read(BOATS)  # a snapshot that was first would have begun by now
    foreign.execute("DELETE FROM boats WHERE code > 'b100010'")
    assert waiting.join()  # nothing of it was read yet
    slow.leave()
    assert len(codes(await taken(waiting))) == 10
    assert len(codes(await taken(joined(store)))) == 10  # small snapshots do not count


async def test_a_store_that_closes_ends_the_reading(database: Database, foreign: AnyForeign) -> None:
    add_many(foreign)
    before = set(threading.enumerate())
    store = await database.open()
    reached, goes_on = threading.Event(), threading.Event()

    def held(rows: list[Row], first: bool, last: bool) -> list[bytes]:
        reached.set()
        goes_on.wait(10)
        return encode(rows, first, last)

    pages = joined(store, encode=held)
    await asyncio.to_thread(reached.wait, 10)
    pages.leave()
    asyncio.get_running_loop().call_later(0.05, goes_on.set)
    async with asyncio.timeout(DEADLINE_S):
        await store.close()
    left = set(threading.enumerate()) - before
    assert not any(thread.name.startswith("tidegate-") for thread in left)
