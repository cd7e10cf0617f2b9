"""A PostgreSQL database with the tables of `application`, and another program that writes to it."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.store.postgres.foreign import ForeignPostgres
from tests.support.postgres import PostgresServer


@pytest.fixture
def url(postgres: PostgresServer, postgres_template: str) -> Iterator[str]:
    with postgres.lent(postgres_template) as url:
        yield url


@pytest.fixture
def foreign(url: str) -> Iterator[ForeignPostgres]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield ForeignPostgres(connection)
