"""Fixtures for the port `Store` on both databases: a migrated database, and another program that writes to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from types import ModuleType
from typing import Any, Protocol

import pytest

from tests.store.application import RESOURCES, Foreign
from tests.store.program import Program
from tests.support.hub import Hub
from tests.support.postgres import PostgresServer
from tidegate.contract import Resource
from tidegate.core.rows.ports import Store
from tidegate.hub.connector import Hub as Address
from tidegate.store import OpenedStore, Timeouts, open_store
from tidegate.store.serving.store import PATIENCE_S
from tidegate.store.serving.timeouts import TIMEOUTS
from tidegate.store.serving.write_queue import WriteQueue
from tidegate.store.sqlite.serving import feed as sqlite_feed


class AnyForeign(Protocol):
    """Another program. Statements have `?` for their parameters; keys and values are those of the columns."""

    def run(self, sql: str, *parameters: Any) -> Any:
        """Run one statement and check that the change log has exactly what it did."""

    def execute(self, sql: str) -> Any: ...

    def tables(self) -> dict[str, dict[tuple[Any, ...], dict[str, Any]]]: ...

    def head(self) -> int: ...

    def log(self, after: int = 0) -> list[Any]: ...


class Database:
    """One database of one kind."""

    def __init__(self, url: str, foreign: AnyForeign, resources: dict[str, Resource], feed: ModuleType) -> None:
        self.url = url
        self.kind = "sqlite" if url.startswith("sqlite:") else "postgresql"
        self.feed = feed
        """The product's module that follows this kind of database."""
        self.foreign = foreign
        self.resources = resources
        """All that it has tables for."""

    async def open(self, resources: Mapping[str, Resource] = RESOURCES, timeouts: Timeouts = TIMEOUTS) -> OpenedStore:
        return await open_store(self.url, resources, timeouts=timeouts)


class SharedDatabase(Database):
    """A database whose change log a hub reads for workers; an SQLite file it also writes."""

    async def open(self, resources: Mapping[str, Resource] = RESOURCES, timeouts: Timeouts = TIMEOUTS) -> OpenedStore:
        hub = Hub()
        await hub.start(self.url, resources, timeouts=timeouts)
        store: Any = await open_store(self.url, resources, timeouts=timeouts, hub=Address(hub.address, "worker 1"))
        close = store.close

        async def close_both(patience: float = PATIENCE_S) -> None:
            await close(patience)
            if hub.store is not None:
                await hub.stop()

        store.close = close_both
        opened: OpenedStore = store
        return opened


THROUGH_A_HUB = {
    "test_feed": ("sqlite of workers", "postgresql of workers"),
    "test_kept_answers": ("sqlite of workers",),
    "test_reads_by_key": ("sqlite of workers",),
    "test_refusals_leave_nothing": ("sqlite of workers",),
    "test_write_deadlines": ("sqlite of workers",),
}
"""By module: the databases with which its promises cross the line between a worker and its hub."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "database" in metafunc.fixturenames:
        shared = THROUGH_A_HUB.get(metafunc.module.__name__.rpartition(".")[2], ())
        metafunc.parametrize("database", ["sqlite", "postgresql", *shared], indirect=True)


@pytest.fixture
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    if request.param.startswith("sqlite"):
        path = request.getfixturevalue("path")
        program = Foreign(Program(path))
        kind = Database if request.param == "sqlite" else SharedDatabase
        yield kind(f"sqlite:///{path}", program, RESOURCES, sqlite_feed)
        program.close()
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    template = request.getfixturevalue("postgres_template")
    from tests.store.postgres import foreign
    from tests.support.driver import psycopg
    from tidegate.store.postgres.serving import feed

    with server.lent(template) as url, psycopg.connect(url, autocommit=True) as connection:
        kind = Database if request.param == "postgresql" else SharedDatabase
        yield kind(url, foreign.ForeignPostgres(connection), foreign.RESOURCES, feed)


class WriteTime:
    """How long writes may wait and take, in all stores. A test ends the short time before a write that has to be done.

    Not the other way round: a short time that follows a long one is noticed when the long one is over.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds


@pytest.fixture
def write_time(monkeypatch: pytest.MonkeyPatch) -> WriteTime:
    time = WriteTime(0.3)
    monkeypatch.setattr(WriteQueue, "_timeout", property(lambda queue: time.seconds, lambda queue, value: None), False)
    return time


@pytest.fixture
def foreign(database: Database) -> AnyForeign:
    return database.foreign


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    store = await database.open()
    yield store
    await store.close()
