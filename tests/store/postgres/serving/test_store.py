"""What only the store over PostgreSQL does: several gateways on one database, old logs, mutations that lock each
other's rows, values that only PostgreSQL can keep."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from tests.store.application import RESOURCES
from tests.store.heard import Heard
from tests.store.mutations import create, delete, refused, update
from tests.store.postgres.foreign import RESOURCES as WITH_VISITS
from tests.store.postgres.foreign import ForeignPostgres
from tests.support.deadlines import DEADLINE_S
from tests.support.driver import psycopg
from tidegate.core.rows.ports import LogPruned, Mutation, ReadQuery
from tidegate.store.postgres import PostgresStore, connection
from tidegate.store.postgres.serving import feed, retention, writer
from tidegate.store.serving.retention import KEEP, Retention


@pytest.fixture
async def store(url: str) -> AsyncIterator[PostgresStore]:
    store = await PostgresStore.open(url, RESOURCES)
    yield store
    await store.close()


async def test_gateways_that_start_at_once_begin_one_epoch(url: str, foreign: ForeignPostgres) -> None:
    """The database was never served, and all of them would begin its epoch."""
    with psycopg.connect(url) as holding:
        holding.execute("SELECT FROM _tidegate.meta FOR UPDATE")
        opening = asyncio.gather(*(PostgresStore.open(url, RESOURCES) for _ in range(4)))
        await asyncio.to_thread(_wait_for_the_lock, foreign, 4)
        holding.commit()
    stores = await opening
    epochs = {store.epoch for store in stores}
    again = await PostgresStore.open(url, RESOURCES)
    await asyncio.gather(*(store.close() for store in (*stores, again)))
    assert epochs == {again.epoch}


async def test_gateways_on_one_database_wake_each_other(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither polls here."""
    monkeypatch.setattr(feed, "POLL_S", 3600.0)
    one, other = [await PostgresStore.open(url, RESOURCES) for _ in range(2)]
    try:
        heard, heard_there = Heard(), Heard()
        one.follow(heard.deliver)
        other.follow(heard_there.deliver)
        for code in ("a", "b", "c"):
            result = await one.write(create({"code": code, "harbour": code}))
            await heard.until(result.seq)
            await heard_there.until(result.seq)
        assert heard.changes == heard_there.changes
    finally:
        await one.close()
        await other.close()


async def test_two_gateways_that_get_the_same_request_do_it_once(url: str) -> None:
    stores = [await PostgresStore.open(url, RESOURCES) for _ in range(2)]
    try:
        for number in range(5):
            mutation = create({"name": "Ada"}, resource="people", idempotency_key=f"k{number}", digest=b"1")
            first, second = await asyncio.gather(*(store.write(mutation) for store in stores))
            assert first == second
        assert len((await stores[0].read(ReadQuery(resource="people"))).rows) == 5
    finally:
        for store in stores:
            await store.close()


async def test_mutations_that_deadlock_are_tried_again(store: PostgresStore, foreign: ForeignPostgres) -> None:
    foreign.run("INSERT INTO boats (code, name) SELECT n::text, n::text FROM generate_series(1, 6) n")
    codes = ["1", "2", "3", "4", "5", "6"]
    mutations = [delete(*codes[:: 1 if number % 2 else -1], array=True, user=f"{number}") for number in range(8)]
    async with asyncio.timeout(DEADLINE_S):
        outcomes = await asyncio.gather(*map(store.write, mutations), return_exceptions=True)
    assert sorted(getattr(outcome, "code", "done") for outcome in outcomes) == ["done", *["not_found"] * 7]
    assert foreign.tables()["boats"] == {}


async def test_a_row_that_another_program_locks_for_long_is_unavailable(
    url: str, foreign: ForeignPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "LOCK_TIMEOUT_MS", 100)
    store = await PostgresStore.open(url, RESOURCES)
    try:
        foreign.run("INSERT INTO boats (code, name) VALUES ('a', 'a'), ('b', 'b')")
        with psycopg.connect(url) as holder:
            holder.execute("UPDATE boats SET sign = 1 WHERE code = 'a'")
            assert await refused(store, update("a", {"weight": 1})) == ("unavailable", None, None)
            await store.write(update("b", {"weight": 1}))  # others go on
            holder.commit()
        row = (await store.write(update("a", {"weight": 1}))).rows[0]
        assert (row["weight"], row["sign"]) == (1, 1)
    finally:
        await store.close()


async def test_a_foreign_trigger_may_refuse_a_row_or_fail(
    store: PostgresStore, foreign: ForeignPostgres, caplog: pytest.LogCaptureFixture
) -> None:
    foreign.execute("ALTER TABLE boats ADD CONSTRAINT mine CHECK (sign < 10)")
    assert await refused(store, create({"code": "a", "sign": 11})) == ("invalid_data", "/data/sign", "check")
    foreign.execute("""CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN EXECUTE 'SELECT known_to_its_program_only'; END $$""")
    foreign.execute("CREATE TRIGGER broken BEFORE INSERT ON boats FOR EACH ROW EXECUTE FUNCTION broken()")
    assert await refused(store, create({"code": "a"})) == ("internal", None, None)
    assert "known_to_its_program_only" in caplog.text
    foreign.execute("DROP TRIGGER broken ON boats")
    foreign.execute(
        "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON boats DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION broken()"
    )
    assert await refused(store, create({"code": "a"})) == ("internal", None, None)
    assert foreign.tables()["boats"] == {}
    foreign.execute("DROP TRIGGER late ON boats")
    assert (await store.write(create({"code": "a"}))).rows[0]["code"] == "a"


async def test_json_of_foreign_programs_does_no_harm(store: PostgresStore, foreign: ForeignPostgres) -> None:
    deep = "[" * 300 + "]" * 300
    foreign.run("INSERT INTO boats (code, name, papers, extra) VALUES ('a', 'a', '{\"a\": 1}', '1e400')")
    foreign.run("INSERT INTO boats (code, name, papers, extra) VALUES ('b', 'b', '{\"a\": 1}', ?)", deep)
    rows = (await store.read(ReadQuery(resource="boats"))).rows
    assert rows == [change.new for change in await store.changes(0, 2, 10)]
    assert [row["papers"] for row in rows] == [{"a": 1}, {"a": 1}]
    assert rows[1]["extra"].startswith("[[[")


async def test_a_key_that_no_row_can_have_is_not_found(url: str) -> None:
    store = await PostgresStore.open(url, WITH_VISITS)
    try:
        for resource, key in (("boats", {"code": "a\0"}), ("visits", {"id": "no uuid"}), ("people", {"id": 2**70})):
            assert (await store.read(ReadQuery(resource=resource, keys=(key,)))).rows == []
            mutation = Mutation(kind="delete", resource=resource, keys=(key,))
            assert await refused(store, mutation) == ("not_found", "/id", None)
        assert await refused(store, create({"code": "a\0"})) == ("invalid_data", "/data", "check")
        (row,) = (await store.write(create({"at": "2026-01-31T12:00:00.000000Z"}, resource="visits"))).rows
        read = await store.read(ReadQuery(resource="visits", keys=({"id": row["id"]},)))
        assert read.rows == [row]
        assert len(row["id"]) == 36
    finally:
        await store.close()


async def test_an_old_log_is_pruned_and_records_how_far(
    store: PostgresStore, foreign: ForeignPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "STEP", 4)
    for number in range(10):
        foreign.execute(f"INSERT INTO boats (code, name) VALUES ('{number}', '{number}')")
    await store.write(create({"code": "k"}, idempotency_key="k", digest=b"1"))
    now = int(time.time() * 1000)
    later = now + KEEP.age_ms + 60_000
    with connection.connect(store._url) as own:
        assert retention.prune(own, now, Retention(rows=3)) == 0  # many, but not old
        assert retention.prune(own, later) == 0  # old, but not many
        assert [retention.prune(own, later, Retention(rows=3)) for _ in range(3)] == [4, 4, 0]
    assert [change.seq for change in await store.changes(8, 99, 10)] == [9, 10, 11]
    with pytest.raises(LogPruned):
        await store.changes(7, 99, 10)
    assert (await store.read(ReadQuery(resource="boats"))).seq == 11
    assert foreign.value("SELECT count(*) FROM _tidegate.requests") == 0
    foreign.execute("DELETE FROM _tidegate.log")
    foreign.execute("UPDATE _tidegate.meta SET value = '11' WHERE name = 'pruned_to'")
    assert (await store.read(ReadQuery(resource="boats"))).seq == 11
    assert (await store.write(create({"code": "l", "harbour": "x"}))).seq == 12


async def test_changes_of_former_resources_still_move_the_position(url: str, foreign: ForeignPostgres) -> None:
    store = await PostgresStore.open(url, {"people": RESOURCES["people"]})
    try:
        heard = Heard()
        store.follow(heard.deliver)
        foreign.run("INSERT INTO boats (code) VALUES ('a')")
        await heard.until(1)
        assert heard.changes == []
    finally:
        await store.close()


async def test_a_reader_that_waits_for_a_truncate_reads_at_the_position_after_it(
    store: PostgresStore, url: str, foreign: ForeignPostgres
) -> None:
    """Transactions that began before a TRUNCATE see it (PostgreSQL's documentation, 13.6 Caveats)."""
    foreign.execute("INSERT INTO boats (code, name, harbour) VALUES ('a', 'a', 'a')")
    with psycopg.connect(url) as emptying:
        emptying.execute("TRUNCATE boats CASCADE")
        reading = asyncio.ensure_future(store.read(ReadQuery(resource="boats", count=True)))
        await asyncio.to_thread(_wait_for_the_lock, foreign)
        emptying.commit()
    result = await reading
    assert (result.rows, result.total) == ([], 0)
    assert result.seq == foreign.head() > 1


async def test_a_snapshot_that_waits_for_a_truncate_is_of_the_position_after_it(
    store: PostgresStore, url: str, foreign: ForeignPostgres
) -> None:
    foreign.execute("INSERT INTO boats (code, name, harbour) VALUES ('a', 'a', 'a')")
    with psycopg.connect(url) as emptying:
        emptying.execute("TRUNCATE boats CASCADE")
        pages = store.snapshot(ReadQuery(resource="boats"), lambda rows, first, seq: [f"{len(rows)} {seq}".encode()])
        assert pages.join()
        await asyncio.to_thread(_wait_for_the_lock, foreign)
        emptying.commit()
    assert await pages.page(0) == f"0 {foreign.head()}".encode()
    assert foreign.head() > 1
    pages.leave()


def _wait_for_the_lock(foreign: ForeignPostgres, count: int = 1) -> None:
    """Returns once so many wait for a lock in this database."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    deadline = time.monotonic() + DEADLINE_S
    while foreign.connection.execute(waiting).fetchone() != (count,):
        assert time.monotonic() < deadline
        foreign.connection.execute("SELECT pg_sleep(0.01)")
