"""The suite of all engines on durable rooms, over SQLite and over PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engines.durable.on_a_database import DatabaseUnderTest, WorkersUnderTest
from tests.engines.suite.cases import Case, every_case, play
from tests.support.postgres import PostgresServer
from tidegate.store import backends


@every_case
async def test_the_suite_on_sqlite(played: Case, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'rooms.db'}"
    backends.migrations(url).apply(url, {})
    under = DatabaseUnderTest(url, None)
    try:
        await play(played, under)
    finally:
        await under.close()


@every_case
async def test_the_suite_on_workers_over_sqlite(played: Case, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'rooms.db'}"
    backends.migrations(url).apply(url, {})
    under = WorkersUnderTest(url)
    try:
        await play(played, under)
    finally:
        await under.close()


@pytest.fixture(scope="module")
def migrated(postgres: PostgresServer) -> str:
    name = postgres.database()
    backends.migrations(postgres.url(name)).apply(postgres.url(name), {})
    return name


@every_case
async def test_the_suite_on_postgresql(played: Case, postgres: PostgresServer, migrated: str) -> None:
    with postgres.lent(migrated) as url:
        under = DatabaseUnderTest(url, postgres.port)
        try:
            await play(played, under)
        finally:
            await under.close()
