"""A PostgreSQL database that takes no writes: each is `unavailable`, and readiness comes back by itself."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.store.application import RESOURCES
from tests.store.mutations import create, delete, outcome
from tests.support.driver import errors, psycopg
from tests.support.postgres import PostgresServer, started
from tests.support.waiting import until
from tidegate.core.errors import Refused
from tidegate.core.rows.ports import ReadQuery
from tidegate.store.postgres import PostgresStore
from tidegate.store.postgres.migration import migrate
from tidegate.store.postgres.serving import store as serving
from tidegate.store.postgres.serving.transaction import Transaction
from tidegate.store.postgres.serving.write_health import WriteHealth

BOATS = ReadQuery(resource="boats")


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server for this module only, which breaks its files."""
    with started("--wal-segsize=1", max_connections="40", max_wal_size="8MB", min_wal_size="2MB") as server:
        yield server


@pytest.fixture
def url(server: PostgresServer) -> str:
    url = server.url(server.database())
    migrate.apply(url, RESOURCES)
    return url


@pytest.fixture
async def store(url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PostgresStore]:
    monkeypatch.setattr(serving, "LOOK_S", 0.05)
    store = await PostgresStore.open(url, RESOURCES)
    store.follow(lambda changes, upto: None)
    yield store
    await store.close()


async def test_a_read_only_database_is_unavailable_until_it_can_be_written_again(
    store: PostgresStore, server: PostgresServer, url: str
) -> None:
    """As after a failover, sessions stay what they were: the gateway opens new ones."""
    name = url.rpartition("/")[2]
    assert await outcome(store, create({"code": "a"})) == "done"
    server.script(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    end_sessions(server, name)
    answers = await asyncio.gather(*(outcome(store, create({"code": code, "harbour": code})) for code in "bcd"))
    assert set(answers) == {"unavailable"}
    await until(lambda: store.problem == "the database is read-only")  # and the feed is there again
    assert len((await store.read(BOATS)).rows) == 1
    server.script(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    await until(lambda: store.healthy)
    answers = await asyncio.gather(*(outcome(store, create({"code": code, "harbour": code})) for code in "bcd"))
    assert set(answers) == {"done"}


def end_sessions(server: PostgresServer, name: str) -> None:
    server.script(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'")


@pytest.mark.skipif(shutil.which("prlimit") is None, reason="prlimit (util-linux) limits the files of the server")
async def test_files_that_cannot_grow_are_a_full_disk(store: PostgresStore, server: PostgresServer, url: str) -> None:
    """As with a quota. The server's own files of its log are a megabyte each, and may stay."""
    await until(lambda: store.healthy)
    with psycopg.connect(url, autocommit=True) as program:
        program.execute(
            "INSERT INTO boats (code, harbour, extra) "
            "SELECT n, n, to_jsonb(repeat('x', 1500)) FROM generate_series(1, 900) n"
        )
        found = program.execute("SELECT pg_relation_size('boats')").fetchone()
    assert found is not None
    assert found[0] > 1 << 20
    server.limit_files(1 << 20)
    try:
        answers = [
            await outcome(store, create({"code": f"b{n}", "harbour": f"b{n}", "extra": "y" * 1500})) for n in range(9)
        ]
        assert answers[-1] == "unavailable"
        assert set(answers) <= {"done", "unavailable"}
        assert store.problem == "the disk of the database's server is full"
        assert len((await store.read(BOATS)).rows) > 0
        await asyncio.sleep(3 * serving.LOOK_S)
        assert not store.healthy
    finally:
        server.limit_files(None)
    await until(lambda: store.healthy)
    assert await outcome(store, create({"code": "c", "harbour": "c", "extra": "y" * 1500})) == "done"


async def test_another_program_with_all_connections_is_unavailable_until_it_leaves(
    store: PostgresStore, server: PostgresServer, url: str
) -> None:
    assert await outcome(store, create({"code": "a"})) == "done"
    with ExitStack() as greedy:

        def take_all() -> None:
            with contextlib.suppress(psycopg.OperationalError):
                while True:
                    greedy.enter_context(psycopg.connect(url, autocommit=True, application_name="greedy"))

        first = greedy.enter_context(psycopg.connect(url, autocommit=True, application_name="greedy"))
        take_all()
        others = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name <> 'greedy'"
        while not (store.problem or "").startswith("the database"):
            await asyncio.to_thread(first.execute, others + " AND backend_type = 'client backend'")
            await asyncio.to_thread(take_all)
        assert await outcome(store, create({"code": "b", "harbour": "b"})) == "unavailable"
        with pytest.raises(Refused) as refused:
            await store.read(BOATS)
        assert (refused.value.code, refused.value.temporary) == ("unavailable", True)
    await until(lambda: store.healthy)
    assert await outcome(store, create({"code": "b", "harbour": "b"})) == "done"
    assert len((await store.read(BOATS)).rows) == 2


INJECTED: dict[str, Callable[[], psycopg.Error]] = {
    "the disk is full": lambda: errors.DiskFull("could not extend file"),
    "out of memory": lambda: errors.OutOfMemory("out of memory"),
    "too many connections": lambda: errors.TooManyConnections("sorry, too many clients already"),
    "an error of the device": lambda: errors.IoError("could not fsync file"),
    "a damaged index": lambda: errors.IndexCorrupted("index is not a btree"),
    "the administrator ends the session": lambda: errors.AdminShutdown("terminating connection"),
    "another session crashed": lambda: errors.CrashShutdown("terminating connection"),
    "the server starts": lambda: errors.CannotConnectNow("the database system is starting up"),
}


@pytest.mark.parametrize("fault", INJECTED)
async def test_what_keeps_the_database_from_writing_is_unavailable_and_passes(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    def failing(*_: object) -> None:
        raise INJECTED[fault]()

    with monkeypatch.context() as full:
        full.setattr(Transaction, "carry_out", failing)
        full.setattr(WriteHealth, "_write", failing)
        assert await outcome(store, create({"code": "a"})) == "unavailable"
        assert await outcome(store, delete("a")) == "unavailable"
        assert not store.healthy
        await store.read(BOATS)
    await until(lambda: store.healthy)
    assert await outcome(store, create({"code": "a"})) == "done"


async def test_a_full_disk_is_past_when_a_table_can_grow(store: PostgresStore, url: str) -> None:
    store._writer._health.tell(errors.DiskFull("could not extend file"))
    assert store.problem == "the disk of the database's server is full"
    await until(lambda: store.healthy)


@pytest.mark.parametrize("error", [errors.QueryCanceled("timeout"), errors.LockNotAvailable("lock")])
async def test_what_only_one_table_is_busy_with_leaves_the_gateway_ready(
    store: PostgresStore, error: psycopg.Error
) -> None:
    store._writer._health.tell(error)
    assert store.healthy


@pytest.mark.parametrize(
    "lose",
    [
        "DROP TABLE boats CASCADE",
        "ALTER TABLE boats RENAME TO former",
        "ALTER TABLE boats DROP COLUMN harbour CASCADE",
        "DROP SCHEMA _tidegate CASCADE",
        "ALTER SCHEMA _tidegate RENAME TO former",
    ],
)
async def test_a_table_that_is_gone_is_unavailable(store: PostgresStore, url: str, lose: str) -> None:
    with psycopg.connect(url) as owner:
        owner.execute(lose.encode())
    assert await outcome(store, create({"code": "a", "harbour": "h"}, idempotency_key="k" * 16)) == "unavailable"
    with pytest.raises(Refused) as caught:
        await store.read(BOATS)
    assert caught.value.code == "unavailable"
    await until(lambda: not store.healthy)


async def test_a_database_that_is_made_again_is_unavailable_and_then_another_one(
    store: PostgresStore, server: PostgresServer, url: str
) -> None:
    name = url.rpartition("/")[2]
    server.script(f"DROP DATABASE {name} WITH (FORCE)")
    assert await outcome(store, create({"code": "a"})) == "unavailable"
    await until(lambda: not store.healthy)
    server.script(f"CREATE DATABASE {name}")
    assert await outcome(store, create({"code": "a"})) == "unavailable"
    assert not store.outdated
    migrate.apply(url, RESOURCES)
    await until(lambda: store.outdated)
    assert await outcome(store, create({"code": "a"})) == "unavailable"


async def test_a_damaged_table_is_unavailable(store: PostgresStore, server: PostgresServer, url: str) -> None:
    assert await outcome(store, create({"code": "a"})) == "done"
    with psycopg.connect(url) as owner:
        ((file,),) = owner.execute("SELECT pg_relation_filepath('boats')").fetchall()
    server.tool("pg_ctl", "stop", "-D", str(server._data), "-m", "fast", "-w")  # its buffers are on the disk
    server.stop()
    rubbish(server._data / str(file))
    await until(lambda: not store.healthy)
    server.start()
    await until(lambda: store.healthy)
    assert await outcome(store, create({"code": "b", "harbour": "b"})) == "unavailable"
    with pytest.raises(Refused) as caught:
        await store.read(BOATS)
    assert caught.value.code == "unavailable"


def rubbish(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.write(os.urandom(8192))
