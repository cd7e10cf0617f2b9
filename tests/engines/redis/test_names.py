"""The names of a gateway that was given up again and again: it forgets the old ones."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engines.redis.under_test import RedisUnderTest
from tests.engines.suite.under_test import House
from tests.support.redis import RedisServer
from tests.support.waiting import until
from tidegate.engines.redis import nodes

pytestmark = pytest.mark.process


async def test_a_gateway_that_takes_name_after_name_keeps_the_newest_ones_and_forgets_the_others(
    house: House, server: RedisServer, under: RedisUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nodes, "NAMES", 3)
    gateway = await house.start()
    engine: Any = gateway.engine
    for _ in range(12):
        engine._rename()
    newest = list(engine._nodes.names)[-3:]
    await gateway.open()

    def heard_under() -> set[str]:
        channels = server.command("PUBSUB", "CHANNELS", f"{under.prefix}:t:*")
        return {channel.decode().rpartition(":")[2] for channel in channels}

    await house.until(lambda: list(engine._nodes.names) == newest, "the others are buried, and forgotten")
    assert gateway.node == newest[-1]
    await until(lambda: heard_under() == set(newest))
    assert (await gateway.publish("a")).offset == 1
