"""One database for all tests of the engine over PostgreSQL that a process runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import pytest

from tests.support.postgres import PostgresServer

if TYPE_CHECKING:
    from tests.engines.postgres.on_postgres import PostgresUnderTest


@pytest.fixture(scope="package")
def rooms_database(postgres: PostgresServer) -> Iterator[str]:
    """The name of a database."""
    with postgres.lent() as url:
        yield url.rpartition("/")[2]


@pytest.fixture
async def under(postgres: PostgresServer, rooms_database: str) -> AsyncIterator[PostgresUnderTest]:
    from tests.engines.postgres.on_postgres import PostgresUnderTest

    made = PostgresUnderTest(postgres, rooms_database)
    yield made
    await made.close()
