"""The gateway that the tests of HTTP share, in the process of the test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.gateway.http import application
from tests.gateway.http.client import Http, http, token
from tests.support.postgres import PostgresServer
from tests.transport.inside import Inside, running


@pytest.fixture
def schema_folder(tmp_path: Path) -> Path:
    return application.write(tmp_path)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'http.db'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    with server.lent() as url:
        yield url


@pytest.fixture
async def gateway(tmp_path: Path, schema_folder: Path) -> AsyncIterator[Inside]:
    async with running(tmp_path, schema=str(schema_folder), added=application.handlers()) as inside:
        yield inside


@pytest.fixture
async def client(gateway: Inside) -> AsyncIterator[Http]:
    """A client that is signed in."""
    async with http(gateway, token()) as connected:
        yield connected
