"""A server that gets its first replica names what it replicates otherwise from then on, although it lost nothing."""

from __future__ import annotations

import pytest

from tests.engines.redis.under_test import RedisUnderTest
from tests.engines.suite.under_test import LONG, House
from tests.support.redis import Kind, running

pytestmark = pytest.mark.process


@pytest.mark.parametrize("kind", ["valkey", pytest.param("redis", marks=pytest.mark.long)])
async def test_gateways_from_before_and_after_the_first_replica_share_an_epoch(kind: Kind) -> None:
    with running(kind) as server, running(kind) as replica:
        under = RedisUnderTest(server)
        house = House(under)
        old = await house.start()
        await old.open("long-1", LONG)
        first = await old.publish("first", "long-1", LONG)
        await house.until_data(old, ["first"], "long-1")

        replica.command("REPLICAOF", "127.0.0.1", server.port)
        await house.until(lambda: b"state=online" in server.command("INFO", "replication"), "the replica is there")
        new = await house.start()
        await new.open("long-1", LONG)
        positions = [await gateway.publish(number, "long-1", LONG) for number, gateway in enumerate([old, new] * 3)]

        assert {position.epoch for position in positions} == {positions[0].epoch} != {first.epoch}
        assert [position.offset for position in positions] == [1, 2, 3, 4, 5, 6]
        await house.until_data(new, list(range(6)), "long-1")
        await house.until_data(old, ["first", *range(6)], "long-1")
        assert len(old.heard.restarts["long-1"]) == 1 and new.heard.restarts == {}
        await house.aclose()
        under.close()
