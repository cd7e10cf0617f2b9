"""Eight programs write at once, some in transactions that commit late: each change is delivered once, in an order in
which the log, folded, equals the tables. Some of them are killed."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from tests.store.application import RESOURCES
from tests.store.heard import Heard
from tests.store.postgres.foreign import ForeignPostgres, Tables, folded
from tests.support.deadlines import DEADLINE_S
from tests.support.driver import errors, psycopg
from tidegate.core.rows.ports import Change, ReadQuery
from tidegate.store.postgres import PostgresStore

WRITERS, TRANSACTIONS, CODES = 8, 25, 12
UPSERT = """INSERT INTO boats (code, name, sign) VALUES (%s, %s, NULL)
ON CONFLICT (code) DO UPDATE SET weight = coalesce(boats.weight, 0) + 1"""
UNDONE = (errors.DeadlockDetected, errors.SerializationFailure)


class Writer:
    """Does random transactions; `late` ones wait for others to commit before they do."""

    def __init__(self, url: str, seed: int, committed: threading.Semaphore) -> None:
        self._url = url
        self._random = random.Random(seed)
        self._committed = committed
        self.done = 0

    def run(self) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            if self._random.random() < 0.5:
                connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            for number in range(TRANSACTIONS):
                try:
                    with connection.transaction():
                        for _ in range(self._random.randint(1, 4)):
                            self._write(connection)
                        if number % 5 == 0:
                            # Two others commit first, or all of them wait for what this one holds.
                            for _ in range(2):
                                self._committed.acquire(timeout=0.05)
                    self.done += 1
                except UNDONE:
                    continue
                finally:
                    self._committed.release()

    def _write(self, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        code = f"{self._random.randrange(CODES)}"
        if self._random.random() < 0.2:
            connection.execute("DELETE FROM boats WHERE code = %s", [code])
        elif self._random.random() < 0.1:
            connection.execute("SAVEPOINT s")
            connection.execute(UPSERT, [code, code])
            connection.execute("ROLLBACK TO s")
        else:
            connection.execute(UPSERT, [code, code])


def test_a_transaction_that_commits_late_gets_the_later_number(foreign: ForeignPostgres, url: str) -> None:
    with psycopg.connect(url) as late:
        late.execute("INSERT INTO boats (code, name) VALUES ('late', 'late')")
        foreign.execute("INSERT INTO boats (code, name) VALUES ('early', 'early')")
        assert [entry.key for entry in foreign.log()] == [("early",)]
        mark = foreign.head()
        late.commit()
    assert [entry.key for entry in foreign.log(mark)] == [("late",)]


async def test_every_change_of_eight_writers_is_delivered_in_order(foreign: ForeignPostgres, url: str) -> None:
    store = await PostgresStore.open(url, RESOURCES)
    heard, committed = Heard(), threading.Semaphore(0)
    writers = [Writer(url, seed, committed) for seed in range(WRITERS)]
    snapshots = []
    try:
        store.follow(heard.deliver)
        with ThreadPoolExecutor(WRITERS) as threads:
            working = [asyncio.wrap_future(threads.submit(writer.run)) for writer in writers]
            everything = asyncio.gather(*working)
            async with asyncio.timeout(DEADLINE_S):
                while not everything.done():
                    snapshots.append(await store.read(ReadQuery(resource="boats")))
                await everything
        await heard.until(foreign.head())
    finally:
        await store.close()
    assert sum(writer.done for writer in writers) > WRITERS * TRANSACTIONS / 2
    seqs = [change.seq for change in heard.changes]
    assert seqs == sorted(set(seqs))
    entries = foreign.log()
    assert seqs == [entry.seq for entry in entries]
    assert folded({name: {} for name in foreign.resources}, entries) == foreign.tables()
    assert foreign.value("SELECT count(*) FROM _tidegate.log WHERE seq IS NULL") == 0
    for snapshot in snapshots:
        rows = {row["code"]: row for row in snapshot.rows}
        assert rows == after(heard.changes, snapshot.seq), "a snapshot is not of the moment of its position"


def after(changes: list[Change], seq: int) -> dict[str, Any]:
    """The boats when the log was at `seq`."""
    rows: dict[str, Any] = {}
    for change in changes:
        if change.seq <= seq:
            rows.pop(change.key["code"], None)
            if change.new is not None:
                rows[change.key["code"]] = change.new
    return rows


@contextmanager
def backend(url: str) -> Iterator[tuple[psycopg.Connection[tuple[Any, ...]], int]]:
    """A connection and the number of its process in the server."""
    connection = psycopg.connect(url)
    try:
        yield connection, connection.info.backend_pid
    finally:
        connection.close()


async def test_a_killed_writer_leaves_no_change_and_no_lock(foreign: ForeignPostgres, url: str) -> None:
    store = await PostgresStore.open(url, RESOURCES)
    heard = Heard()
    try:
        store.follow(heard.deliver)
        before: Tables = foreign.tables()
        with backend(url) as (connection, pid):
            connection.execute("INSERT INTO boats (code, name) VALUES ('gone', 'gone')")
            connection.execute("SET CONSTRAINTS ALL IMMEDIATE")  # it holds the lock that all commits wait for
            assert foreign.value(f"SELECT pg_terminate_backend({pid}, 5000)") is True
        assert foreign.tables() == before
        foreign.run("INSERT INTO boats (code, name) VALUES ('a', 'a')")
        await heard.until(foreign.head())
    finally:
        await store.close()
    assert [change.key for change in heard.changes] == [{"code": "a"}]
