"""The suite of all engines, on the oldest and the newest server: their order of push and reply differs."""

from __future__ import annotations

import pytest

from tests.engines.redis.conftest import Servers
from tests.engines.redis.under_test import RedisUnderTest
from tests.engines.suite.cases import Case, every_case, play
from tests.support.redis import RedisServer

pytestmark = pytest.mark.process


@pytest.fixture(params=["valkey", pytest.param("redis", marks=pytest.mark.long)])
def server(request: pytest.FixtureRequest, servers: Servers) -> RedisServer:
    """In most runs on the newest alone: it takes long."""
    return servers(request.param)


@every_case
async def test_the_suite(played: Case, server: RedisServer) -> None:
    under = RedisUnderTest(server)
    try:
        await play(played, under)
    finally:
        under.close()
