"""Fixtures for end-to-end tests: a gateway over each database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.gateway import GatewayProcess
from tests.support.postgres import PostgresGateway, PostgresServer


@pytest.fixture(params=["sqlite", "postgresql"])
def any_gateway(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[GatewayProcess]:
    """A running gateway over the sample application, its tables empty; once with each database."""
    with ExitStack() as until_the_end:
        if request.param == "sqlite":
            process = GatewayProcess(tmp_path, "--dev")
            process.migrate()
        else:
            server: PostgresServer = request.getfixturevalue("postgres")
            process = PostgresGateway(tmp_path, until_the_end.enter_context(server.lent(server.sample())), "--dev")
        process.start()
        yield process
        process.stop()
