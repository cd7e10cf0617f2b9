"""A PostgreSQL database with the tables of `application`, and another program that writes to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.support.postgres import PostgresServer

if TYPE_CHECKING:
    from tests.store.postgres.foreign import ForeignPostgres


@pytest.fixture
def url(postgres: PostgresServer, postgres_template: str) -> Iterator[str]:
    with postgres.lent(postgres_template) as url:
        yield url


@pytest.fixture
def foreign(url: str) -> Iterator[ForeignPostgres]:
    from tests.store.postgres.foreign import ForeignPostgres
    from tests.support.driver import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        yield ForeignPostgres(connection)
