"""What only a Redis server does to its clients: it ends and pauses them, forgets scripts, stands still, is demoted."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from tests.engines.losses import losses
from tests.engines.redis.under_test import TIMES, RedisUnderTest
from tests.engines.suite.under_test import ADA, FLEETING, LONG, Gateway, House
from tests.support.deadlines import DEADLINE_S
from tests.support.redis import RedisServer, running
from tests.support.waiting import until
from tidegate.core.errors import Refused
from tidegate.engines.redis import link, lua, publisher
from tidegate.engines.redis.connection import COMMAND_LIMIT
from tidegate.engines.setup import LeaseTimes
from tidegate_protocol import RoomPosition

pytestmark = pytest.mark.process


async def publish_all(gateway: Gateway, numbers: range, room: str = "long-1") -> None:
    """With idempotency keys, as a client that must know: again until the engine has it."""
    for number in numbers:
        while True:
            try:
                await gateway.publish(number, room, LONG, key=f"k{number}")
                break
            except Refused as refused:
                assert (refused.code, refused.retry_after) == ("unavailable", 1.0)
                await asyncio.sleep(0.002)


def _heard(gateway: Gateway, count: int) -> bool:
    return len(gateway.heard.data("long-1")) >= count


@pytest.mark.parametrize("kind", ["CLIENT KILL", "SCRIPT FLUSH", "CLIENT PAUSE", "DEBUG SLEEP"])
async def test_a_stream_that_is_disturbed_arrives_once_and_in_order(
    house: House, server: RedisServer, kind: str
) -> None:
    one, two = await house.two()
    for gateway in (one, two):
        await gateway.open("long-1", LONG)
    publishing = asyncio.ensure_future(publish_all(one, range(200)))
    for goal in (20, 80, 140):
        await house.until(partial(_heard, two, goal), "messages flow")
        match kind:
            case "CLIENT KILL":
                server.kill_clients("normal")
            case "SCRIPT FLUSH":
                server.command("SCRIPT", "FLUSH")
            case "CLIENT PAUSE":
                server.pause_clients(50)
            case "DEBUG SLEEP":
                await asyncio.to_thread(server.command, "DEBUG", "SLEEP", "0.05")
    await publishing
    for gateway in (one, two):
        await house.until_data(gateway, list(range(200)), "long-1")
        assert gateway.heard.restarts == {}


async def test_scripts_that_the_server_forgot_cost_nothing_that_was_asked(house: House, server: RedisServer) -> None:
    """The connection goes on, and messages that were sent in one write keep their order."""
    gateway = await house.start()
    await gateway.open("long-1", LONG)
    connection = gateway.engine._wire.connection  # type: ignore[attr-defined]
    for start in (0, 50):
        server.command("SCRIPT", "FLUSH")
        numbers = range(start, start + 50)
        positions = await asyncio.gather(*(gateway.publish(number, "long-1", LONG) for number in numbers))
        assert [position.offset for position in positions] == [number + 1 for number in numbers]
    await house.until_data(gateway, list(range(100)), "long-1")
    assert gateway.engine._wire.connection is connection  # type: ignore[attr-defined]


async def test_a_server_that_was_flushed_begins_new_epochs_and_hears_presence_again(
    house: House, server: RedisServer
) -> None:
    one, two = await house.two()
    for gateway in (one, two):
        await gateway.open("long-1", LONG)
    before = await one.publish("a", "long-1", LONG)
    await one.present("x", room="long-1")
    await house.until_present(two, {"x": 1}, "long-1")
    server.command("FLUSHALL")
    await house.until(lambda: one.heard.restarts.get("long-1") and two.heard.restarts.get("long-1"), "it is noticed")
    await house.until(lambda: server.command("KEYS", f"{house.under.prefix}:*:p"), "presence is said again")  # type: ignore[attr-defined]
    after = await two.publish("b", "long-1", LONG)
    assert after.epoch != before.epoch
    await house.until_last(one, "b", "long-1")
    three = await house.start()
    await three.open("long-1", LONG)
    await house.until_present(three, {"x": 1}, "long-1")
    assert ("long-1", "x") not in two.heard.gone_at, "no user left and came back"


async def test_a_server_that_stands_still_is_away_and_heals(
    house: House, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "PING_S", 0.2)
    monkeypatch.setattr(link, "ANSWER_S", 0.2)
    monkeypatch.setattr(link, "OVERDUE_S", 0.1)
    gateway = await house.start()
    await gateway.open("long-1", LONG)
    await gateway.publish(0, "long-1", LONG)
    engine: Any = gateway.engine
    unanswered = losses(engine._health, monkeypatch)
    with server.stopped():
        with pytest.raises(Refused) as refused:
            await gateway.publish("unsure", "long-1", LONG)
        assert refused.value.code == "unavailable"
        await until(lambda: not gateway.engine.healthy)
        assert unanswered[0] == link.OVERDUE_S, "it is away since the PING"
        with pytest.raises(Refused):
            await gateway.open("kept-2")
    await until(lambda: gateway.engine.healthy)
    await publish_all(gateway, range(1, 3))
    await house.until_last(gateway, 2, "long-1")
    assert gateway.heard.restarts == {}


async def test_messages_wait_for_a_short_failure_and_keep_their_order(house: House, under: RedisUnderTest) -> None:
    gateway = await house.start()
    await gateway.open("long-1", LONG)
    await under.cut(gateway.engine)
    answers = [gateway.publish(number, "long-1", LONG) for number in range(30)]
    waiting = asyncio.gather(*answers)
    await asyncio.sleep(0)
    await under.heal(gateway.engine)
    assert [position.offset for position in await waiting] == list(range(1, 31))
    await house.until_data(gateway, list(range(30)), "long-1")


async def test_a_session_that_has_a_message_which_its_gateway_lost_does_not_get_it_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another gateway sent it the message. It is answered when all others have it, too."""
    one, two = await house.two()
    for gateway in (one, two):
        await gateway.open("long-1", LONG)
    await one.publish(0, "long-1", LONG)
    await house.until_data(two, [0], "long-1")
    rooms: Any = two.engine
    rooms, lost = rooms._rooms, []
    with monkeypatch.context() as dropping:
        dropping.setattr(rooms, "heard", lambda channel, said: lost.append(said))
        position = await one.publish(1, "long-1", LONG)
        await until(lambda: lost)
    opened = await two.open("long-1", LONG, since=position)
    assert (opened.head, opened.missed) == (position, [])
    assert two.heard.data("long-1") == [0, 1]


async def test_messages_keep_their_order_where_another_gateway_gives_the_server_its_scripts_again(
    house: House, server: RedisServer
) -> None:
    """The server forgot the scripts, refused the first message, was given them, and then got the second one."""
    gateway = await house.start()
    await gateway.open("long-1", LONG)

    engine: Any = gateway.engine
    connection = engine._wire.connection
    publish = partial(engine.publish, "long-1", LONG, ADA, key=None, now=0.0, account="ada")

    def calls() -> int:
        found: bytes = server.command("INFO", "commandstats")
        return int(found.partition(b"cmdstat_evalsha:calls=")[2].partition(b",")[0])

    engine._nodes._unanswered = True  # no beat, which calls a script, too
    await until(lambda: connection.unanswered == 0)
    connection._transport.pause_reading()  # the gateway reads no answer
    server.command("SCRIPT", "FLUSH")
    before = calls()
    first = publish("first")
    await until(lambda: calls() == before + 1)
    server.command("SCRIPT", "LOAD", lua.PUBLISH.source)
    second = publish("second")
    await until(lambda: calls() == before + 2)
    connection._transport.resume_reading()
    with pytest.raises(Refused) as refused:
        await first
    assert refused.value.code == "unavailable"
    assert (await second).offset == 1
    await gateway.publish("third", "long-1", LONG)
    await house.until_data(gateway, ["second", "third"], "long-1")


async def test_messages_wait_for_so_long_and_so_many(
    house: House, under: RedisUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "HOLD_S", 0.05)
    monkeypatch.setattr(publisher, "HOLD_LIMIT", 10)
    gateway = await house.start()
    await under.cut(gateway.engine)
    results = await asyncio.gather(*(gateway.publish(number) for number in range(15)), return_exceptions=True)
    assert all(isinstance(result, Refused) and result.code == "unavailable" for result in results)
    held: Any = gateway.engine
    assert not held._publisher._held and held._publisher._held_bytes == 0
    await under.heal(gateway.engine)


async def test_what_is_unanswered_is_bounded(
    house: House, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More messages than may be unanswered at a time: those beyond wait, and all arrive."""
    monkeypatch.setattr(publisher, "HOLD_LIMIT", 10_000)
    # A slow machine takes longer for so many than messages wait, and than a PING among them may take.
    monkeypatch.setattr(publisher, "HOLD_S", DEADLINE_S)
    monkeypatch.setattr(link, "PING_S", DEADLINE_S)
    gateway = await house.start()
    await gateway.open("fleeting-1", FLEETING)
    most = 0

    async def watch() -> None:
        nonlocal most
        while True:
            connection = gateway.engine._wire.connection  # type: ignore[attr-defined]
            most = max(most, connection.unanswered)
            await asyncio.sleep(0)

    watching = asyncio.ensure_future(watch())
    count = COMMAND_LIMIT + 1000
    await asyncio.gather(*(gateway.publish(number, "fleeting-1", FLEETING) for number in range(count)))
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching  # what it raised is why the figure below is wrong
    assert 1000 < most <= COMMAND_LIMIT + 10, "beside PING and the lease"
    await house.until_data(gateway, list(range(count)), "fleeting-1")


async def test_a_message_that_waits_for_an_answer_survives_another_question(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gateway that is given up twice in a moment asks twice. The room keeps no history to read the message from."""
    gateway = await house.start()
    await gateway.open("fleeting-1", FLEETING)
    rooms = gateway.engine._rooms  # type: ignore[attr-defined]
    heard = rooms.heard

    def heard_and_asked(channel: bytes, said: bytes) -> None:
        heard(channel, said)
        rooms.ask_all()

    monkeypatch.setattr(rooms, "heard", heard_and_asked)
    publishing = asyncio.ensure_future(gateway.publish(0, "fleeting-1", FLEETING))
    await asyncio.sleep(0)
    rooms.ask_all()
    await publishing
    await house.until_data(gateway, [0], "fleeting-1")


async def test_a_connection_that_is_cut_for_reading_slowly_is_refilled(house: House, server: RedisServer) -> None:
    """The server ends a connection whose output waits (client-output-buffer-limit): all arrives over the next one."""
    one, two = await house.two()
    for gateway in (one, two):
        await gateway.open("long-1", LONG)
    server.command("CONFIG", "SET", "client-output-buffer-limit", "pubsub 6mb 0 0")
    try:
        transport = two.engine._wire.connection._transport  # type: ignore[attr-defined]
        transport.pause_reading()
        for number in range(200):
            await one.publish({"number": number, "text": "x" * 50_000}, "long-1", LONG)
        assert len(two.heard.data("long-1")) < 200
        transport.resume_reading()
        await house.until_count(two, 200, "long-1")
    finally:
        server.command("CONFIG", "SET", "client-output-buffer-limit", "pubsub 32mb 8mb 60")
    assert [data["number"] for data in two.heard.data("long-1")] == list(range(200))
    assert two.heard.restarts == {}


async def test_a_master_that_becomes_a_replica_is_left_and_nothing_is_published_twice(
    house: House, server: RedisServer
) -> None:
    gateway = await house.start()
    await gateway.open("long-1", LONG)
    first = await gateway.publish(0, "long-1", LONG)
    server.command("REPLICAOF", "127.0.0.1", 1)
    try:
        with pytest.raises(Refused) as refused:
            await gateway.publish("not done", "long-1", LONG)
        assert refused.value.code == "unavailable"
    finally:
        server.command("REPLICAOF", "NO", "ONE")
    await publish_all(gateway, range(1, 2))
    await house.until_last(gateway, 1, "long-1")
    assert gateway.heard.messages["long-1"][-1].epoch != first.epoch, "a promotion is another history"


async def test_kill_9_and_back_heals_without_a_restart_of_the_gateway(house: House, server: RedisServer) -> None:
    one, two = await house.two()
    for gateway in (one, two):
        await gateway.open("long-1", LONG)
    await publish_all(one, range(3))
    server.kill()
    with pytest.raises(Refused):
        await asyncio.gather(*(one.publish("lost", "long-1", LONG) for _ in range(3)))
    server.start()
    await publish_all(one, range(3, 6))
    for gateway in (one, two):
        await house.until(partial(gateway.heard.restarts.get, "long-1"), "the loss is told")
    await one.publish("after", "long-1", LONG)
    for gateway in (one, two):
        await house.until_last(gateway, "after", "long-1")
        assert len(gateway.heard.restarts["long-1"]) == 1


async def test_a_room_that_lost_its_place_in_the_server_is_found_by_the_sweep(
    house: House, server: RedisServer, under: RedisUnderTest
) -> None:
    """An eviction, or a person who deletes keys: the connection stays, and says nothing of it."""
    gateway = await house.start()
    await gateway.open("long-1", LONG)
    before = await gateway.publish(0, "long-1", LONG)
    await house.until_data(gateway, [0], "long-1")
    server.command("DEL", f"{under.prefix}:{{long-1}}:m")
    engine: Any = gateway.engine
    engine._rooms.sweep(60.0)
    await house.until(lambda: gateway.heard.restarts.get("long-1"), "the loss is told")
    after = await gateway.publish(1, "long-1", LONG)
    assert after.epoch != before.epoch
    await house.until_last(gateway, 1, "long-1")


async def test_an_entry_that_was_not_heard_is_found_by_the_sweep(
    house: House, server: RedisServer, under: RedisUnderTest
) -> None:
    """The room's number of changes is another one than what was heard."""
    gateway = await house.start()
    await gateway.open("long-1", LONG)
    other = await house.start()
    await other.present("x", room="kept-9")
    meta, presence = (f"{under.prefix}:{{long-1}}:{part}" for part in "mp")
    server.command("HSET", presence, f"{other.node} {b'x'.hex()}", '["X",1,"online",1,0,null]')
    server.command("HINCRBY", meta, "v", 1)
    engine: Any = gateway.engine
    engine._rooms.sweep(60.0)
    await house.until_present(gateway, {"x": 1}, "long-1")


async def test_few_large_answers_are_under_way_at_a_time(
    house: House, under: RedisUnderTest, server: RedisServer
) -> None:
    """Many sessions that missed much, in many rooms: the server never has more than a few megabytes for a gateway."""
    gateway = await house.start()
    rooms = [f"long-{number}" for number in range(40)]
    for room in rooms:
        await asyncio.gather(*(gateway.publish("x" * 50_000, room, LONG) for _ in range(10)))
    heads = [await gateway.publish("last", room, LONG) for room in rooms]
    server.command("CONFIG", "SET", "client-output-buffer-limit", "pubsub 8mb 0 0")
    try:
        starts = [RoomPosition(epoch=head.epoch, offset=0) for head in heads]
        opened = await asyncio.gather(
            *(gateway.open(room, LONG, since) for room, since in zip(rooms, starts, strict=True) for _ in range(2))
        )
    finally:
        server.command("CONFIG", "SET", "client-output-buffer-limit", "pubsub 32mb 8mb 60")
    assert [len(answer.missed or ()) for answer in opened] == [11] * 80


async def test_the_sweep_keeps_the_epoch_of_a_quiet_room(
    house: House, server: RedisServer, under: RedisUnderTest
) -> None:
    gateway = await house.start()
    head = (await gateway.open("fleeting-1", FLEETING)).head
    meta = f"{under.prefix}:{{fleeting-1}}:m"
    server.command("PEXPIRE", meta, 5_000)
    engine: Any = gateway.engine
    engine._rooms.sweep(60.0)
    await until(lambda: server.command("PTTL", meta) > 100_000)
    assert (await gateway.publish("a", "fleeting-1", FLEETING)).epoch == head.epoch


async def test_a_burial_that_its_gateway_did_not_end_is_ended_by_another_one(
    house: House, server: RedisServer, under: RedisUnderTest
) -> None:
    """The first burial ends after one room of three."""
    one, two = await house.two()
    await two.open("kept-1")
    for number in range(3):
        await one.present("x", room=f"kept-{number}")
    node = one.node
    await house.kill(one)
    await house.kill(two)
    await asyncio.sleep(TIMES.lease + TIMES.grace)
    prefix = under.prefix
    from tidegate.engines.redis.lua import BURY

    room = "kept-1"
    keys = [f"{prefix}:{{{room}}}:m", f"{prefix}:{{{room}}}:p", f"{prefix}:nodes", f"{prefix}:n:{node}"]
    keys += [f"{prefix}:{{{room}}}:{part}" for part in ("o", "w")]
    grace = int(TIMES.grace * 1000)
    arguments = (node, room, f"{prefix}:{{{room}}}:c", grace)
    assert server.command("EVAL", BURY.source, 6, *keys, *arguments, "one", 60_000) == [1, 1]
    assert server.command("EVAL", BURY.source, 6, *keys, *arguments, "another", 60_000) == [0, 0], "nothing to do"
    assert len(server.command("SMEMBERS", f"{prefix}:n:{node}")) == 2
    three = await house.start()
    await house.until(lambda: not server.command("EXISTS", f"{prefix}:n:{node}"), "the rest is buried")
    await house.until(lambda: server.command("ZRANGE", f"{prefix}:nodes", 0, -1) == [three.node.encode()], "forgotten")
    for number in range(3):
        assert await three.present("y", room=f"kept-{number}") == "occupied"


async def test_a_claim_of_a_client_never_reaches_the_position_that_the_gateway_knows(house: House) -> None:
    """Through a gateway that knows the room and one that does not, again and again."""
    one, two = await house.two()
    await one.open("long-1", LONG)
    head = await one.publish("a", "long-1", LONG)
    for offset in (2, 2**53 - 1):
        for gateway in (one, two):
            opened = await gateway.open("long-1", LONG, RoomPosition(epoch=head.epoch, offset=offset))
            assert (opened.head, opened.missed) == (head, None)
            two.close("long-1")
    assert (await two.publish("b", "long-1", LONG)).epoch == head.epoch


async def test_a_server_that_hides_its_runs_still_notices_what_this_gateway_delivered(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A managed server without INFO: a gateway with members in the room notices, and the start says what is missing."""
    with running("valkey", "--user", "default", "on", "nopass", "~*", "&*", "+@all", "-info") as server:
        under = RedisUnderTest(server)
        house = House(under)
        gateway = await house.start()
        assert "does not say which run" in caplog.text
        await gateway.open("long-1", LONG)
        before = await gateway.publish(0, "long-1", LONG)
        await house.until_data(gateway, [0], "long-1")
        server.restart_empty()
        await publish_all(gateway, range(1, 3))
        await house.until(lambda: gateway.heard.restarts.get("long-1"), "the loss is told")
        assert (await gateway.publish(3, "long-1", LONG)).epoch != before.epoch
        assert house.violations == []
        await house.aclose()


async def test_a_full_server_refuses_messages_and_no_gateway_is_given_up(
    house: House, under: RedisUnderTest, server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Leases and those who leave need no memory, or next to none."""
    # However long the machine pauses between two beats, no lease ends.
    under.lease_times = LeaseTimes(lease=DEADLINE_S, beat=TIMES.beat, grace=TIMES.grace)
    one, two = await house.two()
    for gateway in (one, two):
        await gateway.open("long-1", LONG)
    await one.present("x", room="long-1")
    await house.until_present(two, {"x": 1}, "long-1")
    names = {one.node, two.node}

    def ends() -> dict[str, float]:
        found = server.command("ZRANGE", f"{under.prefix}:nodes", 0, -1, "WITHSCORES")
        return {node.decode(): float(end) for node, end in zip(found[::2], found[1::2], strict=True)}

    server.command("CONFIG", "SET", "maxmemory", 1)
    try:
        with pytest.raises(Refused) as refused:
            await one.publish("a", "long-1", LONG)
        assert (refused.value.code, refused.value.retry_after) == ("unavailable", 1.0)
        before = ends()
        await house.until(lambda: all(ends()[name] > before[name] for name in names), "both leases are renewed")
        assert {one.node, two.node} == names, "and kept"
        assert ("long-1", "x") not in two.heard.gone_at
        await one.absent("x", "long-1")
        await house.until(lambda: ("long-1", "x") in two.heard.gone_at, "who leaves is heard of")
        three = await house.start()
        assert three.engine.healthy
        await three.open("long-1", LONG)
    finally:
        server.command("CONFIG", "SET", "maxmemory", 0)
    await one.publish("b", "long-1", LONG)
    await house.until_last(two, "b", "long-1")
    assert len([record for record in caplog.records if "refused a command" in record.message]) <= 1


async def test_a_gateway_that_gets_no_lease_asks_once_in_a_while(
    house: House, server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a lease nothing about users can be written: it is tried again, and not without a pause."""
    gateway = await house.start()
    await gateway.open("long-1", LONG)
    server.command("CONFIG", "RESETSTAT")
    leases = f"{house.under.prefix}:nodes"  # type: ignore[attr-defined]
    server.command("DEL", leases)
    server.command("SET", leases, "of another kind")  # every beat fails
    asked = asyncio.ensure_future(gateway.present("x", room="long-1"))
    await asyncio.wait([asked], timeout=0.5)
    said = server.command("INFO", "commandstats").decode().partition("cmdstat_evalsha:calls=")[2]
    assert int(said.partition(",")[0]) < 50
    assert len([record for record in caplog.records if "refused a command" in record.message]) <= 1
    server.command("DEL", leases)
    await house.until(asked.done, "the user is present")
