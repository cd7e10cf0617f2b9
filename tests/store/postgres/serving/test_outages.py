"""A server that stops and starts again: requests are refused meanwhile, and each change is delivered once."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.store.application import RESOURCES
from tests.store.heard import Heard
from tests.store.mutations import create, refused
from tests.support.deadlines import DEADLINE_S
from tests.support.driver import psycopg
from tests.support.postgres import PostgresServer, started
from tests.support.waiting import until
from tidegate.core.errors import Refused
from tidegate.core.rows.ports import LogPruned, ReadQuery
from tidegate.store import StoreError
from tidegate.store.postgres import PostgresStore
from tidegate.store.postgres.migration import migrate
from tidegate.store.postgres.serving.feed import PostgresFeed


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server for this module only, which stops it while other tests use another one."""
    with started() as server:
        yield server


@pytest.fixture
def url(server: PostgresServer) -> str:
    url = server.url(server.database())
    migrate.apply(url, RESOURCES)
    return url


@pytest.fixture
async def store(url: str) -> AsyncIterator[PostgresStore]:
    store = await PostgresStore.open(url, RESOURCES)
    yield store
    await store.close()


def feed_of(store: PostgresStore) -> PostgresFeed:
    feed = store._feed
    assert isinstance(feed, PostgresFeed)
    return feed


async def test_a_restart_is_survived_without_a_gap(store: PostgresStore, server: PostgresServer, url: str) -> None:
    heard = Heard()
    store.follow(heard.deliver)
    await store.write(create({"code": "a", "sign": 1}))
    await heard.until(1)
    server.stop()
    assert await refused(store, create({"code": "b"})) == ("unavailable", None, None)
    with pytest.raises(Refused) as caught:
        await store.read(ReadQuery(resource="boats"))
    assert (caught.value.code, caught.value.retry_after) == ("unavailable", 1.0)
    with pytest.raises(Refused):
        await store.changes(0, 1, 1)
    await until(lambda: not store.healthy)
    server.start()
    with psycopg.connect(url) as foreign:
        foreign.execute("INSERT INTO boats (code, name) VALUES ('c', 'c')")
    await until(lambda: store.healthy)
    result = await store.write(create({"code": "d"}))
    await heard.until(result.seq)
    assert [change.key["code"] for change in heard.changes] == ["a", "c", "d"]
    assert [row["code"] for row in (await store.read(ReadQuery(resource="boats"))).rows] == ["a", "c", "d"]


async def test_broken_connections_fail_no_request(store: PostgresStore, url: str) -> None:
    """A mutation whose COMMIT was not sent is tried again on a new connection."""
    heard = Heard()
    store.follow(heard.deliver)
    await store.write(create({"code": "a"}))
    await store.read(ReadQuery(resource="boats"))
    with psycopg.connect(url) as foreign:
        foreign.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    result = await store.write(create({"code": "b", "harbour": "x"}))
    assert len((await store.read(ReadQuery(resource="boats"))).rows) == 2
    await heard.until(result.seq)
    assert [change.key["code"] for change in heard.changes] == ["a", "b"]


async def test_a_killed_backend_restarts_the_server_and_loses_nothing(
    store: PostgresStore, server: PostgresServer, url: str
) -> None:
    """kill -9 of one backend makes the server end all connections and recover."""
    heard = Heard()
    store.follow(heard.deliver)
    await store.write(create({"code": "a"}))
    with psycopg.connect(url) as foreign:
        foreign.execute("INSERT INTO boats (code, name) VALUES ('lost', 'lost')")
        os.kill(foreign.info.backend_pid, signal.SIGKILL)
        with pytest.raises(psycopg.OperationalError):
            foreign.commit()
    await until(lambda: not store.healthy)

    async def written() -> int:
        while True:
            try:
                return (await store.write(create({"code": "b", "harbour": "x"}, idempotency_key="k"))).seq
            except Refused as refused:
                assert refused.code == "unavailable"
                await asyncio.sleep(0.02)

    async with asyncio.timeout(DEADLINE_S):
        await heard.until(await written())
    assert [change.key["code"] for change in heard.changes] == ["a", "b"]


async def test_a_crash_empties_an_unlogged_table_for_clients_too(server: PostgresServer, url: str) -> None:
    with psycopg.connect(url, autocommit=True) as program:
        program.execute("ALTER TABLE people SET UNLOGGED")
        program.execute("INSERT INTO people (name) VALUES ('Ada')")
    first = await PostgresStore.open(url, RESOURCES)
    assert len((await first.read(ReadQuery(resource="people"))).rows) == 1
    first._guard.look()
    assert not first.outdated
    await first.close()
    server.stop()
    server.start()
    second = await PostgresStore.open(url, RESOURCES)
    assert (await second.read(ReadQuery(resource="people"))).rows == []
    assert second.epoch != first.epoch
    server.stop()
    server.start()

    def noticed() -> bool:
        second._guard.look()
        return second.outdated

    await until(noticed)
    await second.close()


async def test_a_feed_that_was_disconnected_beyond_retention_delivers_resets(
    store: PostgresStore, server: PostgresServer, url: str
) -> None:
    heard = Heard()
    store.follow(heard.deliver)
    await store.write(create({"code": "a"}))
    await heard.until(1)
    server.stop()
    await until(lambda: not store.healthy)
    hidden = feed_of(store)._url
    feed_of(store)._url = server.url("nowhere")  # it cannot connect while other programs write and the log is pruned
    server.start()
    with psycopg.connect(url) as foreign:
        foreign.execute("INSERT INTO boats (code, name) VALUES ('b', 'b')")
        foreign.commit()
        foreign.execute("DELETE FROM _tidegate.log")
        foreign.execute("UPDATE _tidegate.meta SET value = '2' WHERE name = 'pruned_to'")
    feed_of(store)._url = hidden
    await heard.until(2)
    assert {(change.resource, change.action) for change in heard.changes[1:]} == {(name, "reset") for name in RESOURCES}
    with pytest.raises(LogPruned):
        await store.changes(1, 2, 10)


async def test_the_first_subscriber_is_refused_while_the_server_is_down(
    store: PostgresStore, server: PostgresServer, url: str
) -> None:
    """A paused feed still sees that its database stops and starts."""
    heard, jumps = Heard(), list[int]()
    store.follow(heard.deliver, jumps.append)
    store.pause()
    server.stop()
    await until(lambda: not store.healthy)
    for _ in range(2):
        with pytest.raises(Refused) as caught:
            await store.resume()
        assert (caught.value.code, caught.value.retry_after) == ("unavailable", 1.0)
        assert not store.following
    server.start()
    with psycopg.connect(url) as foreign:
        foreign.execute("INSERT INTO boats (code, name) VALUES ('a', 'a')")
    await until(lambda: store.healthy)
    await store.resume()
    assert jumps == [1]
    with psycopg.connect(url) as foreign:
        foreign.execute("INSERT INTO boats (code, name, harbour) VALUES ('b', 'b', 'b')")
    await heard.until(2)
    assert [change.key["code"] for change in heard.changes] == ["b"]


async def test_a_log_that_was_pruned_during_a_pause_causes_no_reset(
    store: PostgresStore, server: PostgresServer, url: str
) -> None:
    heard, jumps = Heard(), list[int]()
    store.follow(heard.deliver, jumps.append)
    store.pause()
    server.stop()
    await until(lambda: not store.healthy)
    server.start()
    with psycopg.connect(url) as foreign:
        foreign.execute("INSERT INTO boats (code, name) VALUES ('b', 'b')")
        foreign.commit()
        foreign.execute("DELETE FROM _tidegate.log")
        foreign.execute("UPDATE _tidegate.meta SET value = '1' WHERE name = 'pruned_to'")
    await until(lambda: store.healthy)
    await store.resume()
    assert (jumps, heard.batches) == ([1], [])


async def test_a_restored_database_has_a_new_epoch(server: PostgresServer, url: str) -> None:
    store = await PostgresStore.open(url, RESOURCES)
    epoch, secret = store.epoch, store.identity_secret
    await store.close()
    again = await PostgresStore.open(url, RESOURCES)
    assert (again.epoch, again.identity_secret) == (epoch, secret)
    await again.close()
    copy = await PostgresStore.open(server.url(server.database(url.rpartition("/")[2])), RESOURCES)
    assert copy.epoch != epoch
    await copy.close()


async def test_a_database_that_was_replaced_is_not_followed(
    store: PostgresStore, server: PostgresServer, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Positions of its log would mean other changes."""
    heard = Heard()
    store.follow(heard.deliver)
    await store.write(create({"code": "a"}))
    await heard.until(1)
    other = server.url(server.database())
    migrate.apply(other, RESOURCES)
    with psycopg.connect(other) as foreign:
        foreign.execute("INSERT INTO boats (code, name) VALUES ('b', 'b'), ('c', 'c')")
    server.stop()
    await until(lambda: not store.healthy)
    feed_of(store)._url = other
    server.start()
    await until(lambda: "restart the gateway" in caplog.text)
    assert not store.healthy
    assert len(heard.changes) == 1


async def test_the_error_for_an_unreachable_database_hides_the_password(server: PostgresServer) -> None:
    with pytest.raises(StoreError) as caught:
        await PostgresStore.open(f"postgresql://ada:sesame@127.0.0.1:{server.port}/nowhere", RESOURCES)
    assert "nowhere" in str(caught.value)
    assert "sesame" not in str(caught.value)
