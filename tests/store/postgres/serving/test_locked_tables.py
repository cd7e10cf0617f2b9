"""Another program locks a table: reads of other tables go on, and those of this one wait for as long as they may."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.store.application import RESOURCES
from tests.store.port.test_snapshots import encode
from tests.support.deadlines import DEADLINE_S
from tests.support.driver import psycopg
from tests.support.postgres import PostgresServer
from tidegate.core.budgets.payer import Payer
from tidegate.core.errors import Refused
from tidegate.core.rows.ports import ReadQuery
from tidegate.store import Timeouts
from tidegate.store.postgres.serving import store as postgres_store
from tidegate.store.postgres.serving.store import PostgresStore

BOATS, PEOPLE = ReadQuery(resource="boats"), ReadQuery(resource="people")
BOAT = ReadQuery(resource="boats", keys=({"code": "a"},))


def payer(number: int) -> Payer:
    return Payer(f"user {number}", f"c{number}")


@pytest.fixture
def url(postgres: PostgresServer, postgres_template: str) -> Iterator[str]:
    with postgres.lent(postgres_template) as url:
        yield url


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_store, "LOCK_TIMEOUT_MS", 50)


async def test_reads_of_other_tables_go_on_and_the_waiting_ones_are_right_when_the_lock_is_gone(url: str) -> None:
    store = await PostgresStore.open(url, RESOURCES, timeouts=Timeouts(read=DEADLINE_S))
    with psycopg.connect(url) as other:
        other.execute("INSERT INTO boats (code, name) VALUES ('a', 'x')")
        other.commit()
        other.execute("LOCK TABLE boats IN ACCESS EXCLUSIVE MODE")
        waiting = [
            asyncio.ensure_future(store.read(query, payer(number))) for number in range(12) for query in (BOATS, BOAT)
        ]
        pages = store.snapshot(BOATS, encode)
        assert pages.join(payer(1))
        async with asyncio.timeout(DEADLINE_S):
            while "boats" not in store._reads._threads._queue._blocked:  # noqa: ASYNC110  # the threads know
                await asyncio.sleep(0.001)
        for number in range(20):
            assert (await store.read(PEOPLE, payer(number))).rows == []
        assert not any(each.done() for each in waiting)
        assert len(store._reads._threads._idle) >= 2, "one thread waits for the lock, or none"
        assert store.healthy
        other.execute("UPDATE boats SET name = 'y'")
        other.commit()
    found = await asyncio.gather(*waiting)
    assert [[row["name"] for row in each.rows] for each in found] == [["y"]] * len(waiting)
    first = await pages.page(0)
    assert first is not None
    assert b'"y"' in first
    pages.leave()
    await store.close()


async def test_a_read_that_a_lock_holds_up_for_too_long_is_refused(url: str) -> None:
    store = await PostgresStore.open(url, RESOURCES, timeouts=Timeouts(read=0.5))
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE boats IN ACCESS EXCLUSIVE MODE")
        for query in (BOATS, BOAT):
            with pytest.raises(Refused, match="lock") as refused:
                async with asyncio.timeout(DEADLINE_S):
                    await store.read(query, payer(1))
            assert (refused.value.code, refused.value.retry_after) == ("unavailable", 1.0)
        assert store.healthy
    await store.close()
