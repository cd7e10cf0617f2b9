"""A server that loses everything under an open connection, takes no writes, deletes keys while full, or is away."""

from __future__ import annotations

import pytest

from tests.engines.redis.test_failures import publish_all
from tests.engines.redis.under_test import RedisUnderTest
from tests.engines.suite.under_test import LONG, House
from tests.support.redis import RedisServer
from tidegate.core.errors import Refused
from tidegate.engines.redis import start
from tidegate.engines.redis.engine import EVICTS
from tidegate.engines.redis.keys import PRESENCE, Keys
from tidegate.engines.untold import LIMIT, LOST

pytestmark = pytest.mark.process


async def test_changes_around_a_flush_are_told_once(house: House, server: RedisServer) -> None:
    """The connection goes on. A user leaves before a beat notices the flush, others stay, one is new."""
    one, two = await house.two()
    for room in ("kept-1", "kept-2", "kept-3"):
        one.say("a", room=room)
    two.say("b", room="kept-3")
    occupied = [("occupied", f"kept-{number}") for number in (1, 2, 3)]
    await house.until_changes(occupied)
    await house.until(lambda: server.command("HLEN", Keys(house.under.prefix).of_room("kept-3", PRESENCE)) == 2, "all")  # type: ignore[attr-defined]
    server.command("FLUSHALL")
    one.say("a", 0, room="kept-1")
    one.say("a", 0, room="kept-3")
    two.say("new", room="kept-2")
    two.say("new", room="kept-4")
    occupied.append(("occupied", "kept-4"))
    await house.until_changes([*occupied, ("vacated", "kept-1")])
    two.say("b", 0, room="kept-3")
    await house.until_changes([*occupied, ("vacated", "kept-1"), ("vacated", "kept-3")])


async def test_a_server_that_takes_no_writes_is_away(
    house: House, server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """It answers PINGs, and would refuse every message and every join: it has too few replicas."""
    if server.kind == "redis":
        pytest.skip("Redis 6.2 does not ask for replicas in scripts")
    gateway = await house.start()
    await gateway.open("long-1", LONG)
    server.command("CONFIG", "SET", "min-replicas-to-write", 1)
    try:
        with pytest.raises(Refused) as refused:
            await gateway.publish("a", "long-1", LONG)
        assert (refused.value.code, refused.value.retry_after) == ("unavailable", 1.0)
        await house.until(lambda: not gateway.engine.healthy, "it is not ready")
        with pytest.raises(Refused):
            await gateway.open("kept-2")
    finally:
        server.command("CONFIG", "SET", "min-replicas-to-write", 0)
    await publish_all(gateway, range(1))
    await house.until_last(gateway, 0, "long-1")
    assert gateway.engine.healthy and gateway.heard.restarts == {}
    said = [record for record in caplog.records if record.name == "tidegate.engine" and record.levelname != "INFO"]
    assert 1 <= len(said) <= 3
    assert any("NOREPLICAS" in str(vars(record).get("reason")) for record in said)


async def test_a_server_that_deletes_keys_when_it_is_full_is_warned_of(
    server: RedisServer, under: RedisUnderTest
) -> None:
    before = EVICTS.total
    try:
        for maxmemory, policy in ((0, "allkeys-lru"), (1 << 30, "noeviction"), (1 << 30, "volatile-ttl")):
            assert EVICTS.total == before
            server.command("CONFIG", "SET", "maxmemory", maxmemory)
            server.command("CONFIG", "SET", "maxmemory-policy", policy)
            engine = await start(under.setup(server.socket_url))
            await engine.aclose()
    finally:
        server.command("CONFIG", "SET", "maxmemory", 0)
        server.command("CONFIG", "SET", "maxmemory-policy", "noeviction")
    assert EVICTS.total == before + 1


async def test_what_is_told_while_the_server_is_away_is_bounded(house: House, under: RedisUnderTest) -> None:
    one, two = await house.two()
    lost = LOST.total
    await under.cut(one.engine)
    for number in range(LIMIT + 20):
        one.engine.tell(None, "kind", str(number))
        one.engine.user("ada", b"")
    assert LOST.total - lost == LIMIT + 40
    await under.heal(one.engine)
    told = [("kind", str(number)) for number in range(LIMIT // 2)]
    await house.until(
        lambda: [each for each in two.heard.told_kinds if each[0] == "kind"] == told, "what waited is told"
    )
