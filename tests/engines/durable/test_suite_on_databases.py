"""The suite of all engines on durable rooms: over SQLite and PostgreSQL, in one process and of workers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines.durable.on_a_database import DatabaseUnderTest, WorkersUnderTest
from tests.engines.suite.cases import Case, every_case, play
from tests.support.postgres import PostgresServer
from tidegate.store import backends


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("durable") / "rooms.db"
    backends.migrations(f"sqlite:///{path}").apply(f"sqlite:///{path}", {})
    return path


@pytest.fixture
def file(template: Path, tmp_path: Path) -> str:
    """The URL of a migrated database without rooms."""
    return f"sqlite:///{shutil.copy(template, tmp_path)}"


@every_case
async def test_the_suite_on_sqlite(played: Case, file: str) -> None:
    await _played(played, DatabaseUnderTest(file, None))


@pytest.mark.long
@every_case
async def test_the_suite_on_workers_over_sqlite(played: Case, file: str) -> None:
    await _played(played, WorkersUnderTest(file))


@pytest.fixture(scope="module")
def migrated(postgres: PostgresServer) -> Iterator[str]:
    with postgres.lent() as url:
        backends.migrations(url).apply(url, {})
        yield url


@pytest.fixture
def emptied(migrated: str) -> str:
    from tests.support.driver import psycopg

    with psycopg.connect(migrated, autocommit=True) as connection:
        connection.execute("TRUNCATE _tidegate.rooms, _tidegate.messages, _tidegate.message_keys")
    return migrated


@pytest.mark.long
@every_case
async def test_the_suite_on_postgresql(played: Case, postgres: PostgresServer, emptied: str) -> None:
    await _played(played, DatabaseUnderTest(emptied, postgres.port))


@pytest.mark.long
@every_case
async def test_the_suite_on_workers_over_postgresql(played: Case, emptied: str) -> None:
    await _played(played, WorkersUnderTest(emptied))


async def _played(played: Case, under: DatabaseUnderTest) -> None:
    try:
        await play(played, under)
    finally:
        await under.close()
