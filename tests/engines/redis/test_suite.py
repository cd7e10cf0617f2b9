"""The suite of all engines, on the oldest and the newest server: their order of push and reply differs."""

from __future__ import annotations

import pytest

from tests.engines.redis.under_test import RedisUnderTest
from tests.engines.suite.cases import Case, every_case, play
from tests.support.redis import RedisServer

pytestmark = pytest.mark.process


@every_case
async def test_the_suite(played: Case, server: RedisServer) -> None:
    under = RedisUnderTest(server)
    try:
        await play(played, under)
    finally:
        under.close()
