"""A PostgreSQL database with the tables of `application`, and another program that writes to it."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.store.postgres.foreign import RESOURCES, ForeignPostgres
from tests.support.postgres import PostgresServer
from tidegate.store.postgres import migrate


@pytest.fixture(scope="session")
def template(postgres: PostgresServer) -> str:
    name = postgres.database()
    migrate.apply(postgres.url(name), RESOURCES)
    return name


@pytest.fixture
def url(postgres: PostgresServer, template: str) -> str:
    return postgres.url(postgres.database(template))


@pytest.fixture
def foreign(url: str) -> Iterator[ForeignPostgres]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield ForeignPostgres(connection)
