"""What PostgreSQL alone does to its engine: killed connections, locks, a full disk, tables emptied or restored."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest

from tests.engines.losses import losses
from tests.engines.suite.case import refuses
from tests.engines.suite.under_test import FLEETING, KEPT, LONG, Gateway, House
from tests.support.deadlines import DEADLINE_S
from tests.support.driver import psycopg
from tests.support.postgres import PostgresServer
from tidegate.core.errors import Refused
from tidegate.core.rooms.ports import PresenceEntry
from tidegate.engines.setup import LeaseTimes
from tidegate.engines.untold import LIMIT, LOST
from tidegate_protocol import RoomPosition

pytest.importorskip("psycopg")

from tests.engines.postgres.on_postgres import TABLES, PostgresUnderTest
from tidegate.engines.postgres import attaching, outgoing, upkeep

pytestmark = [pytest.mark.long, pytest.mark.process]

MESSAGES = 150
OURS = "SELECT pid, application_name FROM pg_stat_activity WHERE application_name LIKE 'tidegate rooms%' ORDER BY 2, 1"


@pytest.fixture
async def house(under: PostgresUnderTest) -> AsyncIterator[House]:
    made = House(under)
    yield made
    await made.aclose()
    assert made.violations == []


async def insists(house: House, gateway: Gateway, data: object, room: str = "long-1") -> RoomPosition:
    """Publish as a client does: again with the same key while the engine is away."""
    while True:
        try:
            return await gateway.publish(data, room, LONG, key=f"k{data}")
        except Refused as refused:
            assert refused.code == "unavailable"
            await house.under.turn()


async def test_each_connection_is_terminated_during_a_stream(house: House, under: PostgresUnderTest) -> None:
    one, two = await house.two()
    for gateway in (one, two):
        await gateway.open("long-1", LONG)
    goal = 0

    async def stream() -> None:
        nonlocal goal
        for goal in range(1, MESSAGES + 1):
            await insists(house, one if goal % 3 else two, goal)

    def flowed(reached: int) -> bool:
        return goal >= reached or streaming.done()

    streaming = asyncio.ensure_future(stream())
    names = [name for _, name in under.rows(OURS)]
    assert len(names) == 4, "few connections, and named"
    for number in range(4):
        reached = goal + 20
        await house.until(partial(flowed, reached), "messages flow")
        found = under.rows(OURS)
        if len(found) == 4:
            under.rows(f"SELECT pg_terminate_backend({found[number][0]})")
    await asyncio.wait_for(streaming, DEADLINE_S)
    for gateway in (one, two):
        await house.until_data(gateway, list(range(1, MESSAGES + 1)), "long-1")
        assert gateway.heard.restarts == {}


async def test_messages_on_their_way_are_published_once(house: House, under: PostgresUnderTest) -> None:
    """Without keys: what was committed before the connection broke is found again, and the rest is sent again."""
    one, two = await house.two()
    await two.open("long-1", LONG)
    for _ in range(5):
        begun = len(two.heard.data("long-1"))
        answers = [asyncio.ensure_future(one.publish(begun + number, "long-1", LONG)) for number in range(40)]
        await asyncio.sleep(0)
        under.line(one.engine).break_connections()
        await asyncio.gather(*answers)
        await house.until_data(two, list(range(begun + 40)), "long-1")


async def test_a_server_that_stands_still_is_away_since_the_question(
    house: House, under: PostgresUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "SILENT_S", 0.2)
    gateway = await house.start()
    engine: Any = gateway.engine
    unanswered = losses(engine._upkeep.health, monkeypatch)
    under.line(engine).hold()
    await house.until(lambda: unanswered, "it is noticed")
    assert unanswered[0] > 0.2
    under.line(engine).let_go()
    await house.until(lambda: not engine._upkeep.health.away, "it is back")


async def test_a_server_process_is_killed(house: House, under: PostgresUnderTest, postgres: PostgresServer) -> None:
    """PostgreSQL then restarts by itself, with empty UNLOGGED tables."""
    gateway = await house.start()
    await gateway.open()
    await gateway.present("a")
    before = await gateway.publish("a")
    os.kill(int(str(under.rows(OURS)[0][0])), signal.SIGKILL)
    after = await insists(house, gateway, "b", "kept-1")
    assert after.epoch != before.epoch
    await house.until(lambda: gateway.heard.restarts.get("kept-1"), "the loss is told")
    other = await house.start()
    await other.open()
    await house.until_present(other, {"a": 1})


async def test_another_program_holds_a_lock(house: House, under: PostgresUnderTest) -> None:
    gateway = await house.start()
    await gateway.open()
    await gateway.publish("a")
    with under.locking("LOCK TABLE {}.outbox IN ACCESS EXCLUSIVE MODE"):
        with refuses("unavailable"):
            await gateway.publish("refused")
        answer = gateway.engine.present("kept-1", "a", PresenceEntry("A", 1, "online", 1))
    assert await answer == "occupied", "done once it can"
    await gateway.publish("b")
    await house.until_last(gateway, "b")
    heard = [data for data in gateway.heard.data("kept-1") if data != "refused"]
    assert heard == ["a", "b"], "what was refused may have been on its way; no other message is lost or twice"
    assert gateway.heard.restarts == {}


async def test_the_disk_is_full(house: House, under: PostgresUnderTest) -> None:
    gateway = await house.start()
    await gateway.open()
    under.sql(
        "CREATE FUNCTION {}.full() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$",
        "CREATE TRIGGER no_room BEFORE INSERT ON {}.outbox EXECUTE FUNCTION {}.full()",
    )
    try:
        with refuses("unavailable"):
            await gateway.publish("refused")
    finally:
        under.sql("DROP FUNCTION {}.full() CASCADE")
    await insists(house, gateway, "a", "kept-1")
    await house.until_data(gateway, ["a"])


NO_ROOM = "BEFORE INSERT ON {{}}.{} EXECUTE FUNCTION {{}}.full()"


async def test_what_waits_for_a_full_disk_is_bounded(
    house: House, under: PostgresUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Members change, and clients try to join rooms whose names they choose."""
    monkeypatch.setattr(outgoing, "MOST", 30)
    one, two = await house.two()
    for gateway in (one, two):
        await gateway.open()
    engine: Any = one.engine
    under.sql(
        "CREATE FUNCTION {}.full() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$",
        f"CREATE TRIGGER no_room {NO_ROOM.format('outbox')}",
        f"CREATE TRIGGER no_room {NO_ROOM.format('opened')}",
    )
    try:
        with refuses("unavailable"):
            await one.open("long-1", LONG)
        engine.close("long-1", 0.0)
        at = engine._at
        assert not engine._out._queue, "the database knows nothing of the room"
        for number in range(40):
            engine.present("kept-1", "a", PresenceEntry("A", number, "online", 1))
        await house.until(lambda: engine._at is not at, "the connection is given up")
        assert len(engine._out._queue) < 3, "of the user only what is so now waits"
    finally:
        under.sql("DROP FUNCTION {}.full() CASCADE")
    await house.until_present(two, {"a": 39})


async def test_one_message_that_cannot_be_stored_costs_no_other(house: House, under: PostgresUnderTest) -> None:
    gateway = await house.start()
    await gateway.open()
    under.sql("ALTER TABLE {}.outbox ADD CONSTRAINT small CHECK (octet_length(body) + n < 3)")
    try:
        done = await asyncio.gather(*(gateway.publish(number) for number in range(6)), return_exceptions=True)
    finally:
        under.sql("ALTER TABLE {}.outbox DROP CONSTRAINT small")
    assert [isinstance(each, Refused) for each in done] == [False, False, True, True, True, True]
    assert (await gateway.publish("after")).offset == 3


async def test_a_server_that_hangs_refuses_and_delivers_once(house: House, under: PostgresUnderTest) -> None:
    under.times = LeaseTimes()
    one, two = await house.two()
    for gateway in (one, two):
        await gateway.open()
    await one.publish("a")
    under.line(one.engine).hold()
    with refuses("unavailable"):
        await one.publish("b", key="k")
    under.line(one.engine).let_go()
    await insists(house, one, "c", "kept-1")
    assert (await one.publish("b", key="k")).offset == 2, "it was on its way"
    for gateway in (one, two):
        await house.until_data(gateway, ["a", "b", "c"])


async def test_tables_that_were_emptied(house: House, under: PostgresUnderTest) -> None:
    one, two = await house.two()
    for gateway in (one, two):
        await gateway.open()
    await one.present("a")
    before = await one.publish("x")
    under.sql("TRUNCATE " + ", ".join(f"{{}}.{table}" for table in TABLES))
    await house.until(lambda: one.heard.restarts.get("kept-1") and two.heard.restarts.get("kept-1"), "it is told")
    assert (await insists(house, one, "y", "kept-1")).epoch != before.epoch
    await house.until_last(two, "y")
    await house.until_present(two, {"a": 1})


@pytest.mark.parametrize(
    "done",
    [
        pytest.param("DROP TABLE {}.present", id="table dropped"),
        pytest.param('DROP SCHEMA "tidegate_suite" CASCADE', id="schema dropped"),
        pytest.param("DROP FUNCTION {}.apply", id="function dropped"),
        pytest.param("TRUNCATE {}.opened", id="rooms that are open emptied"),
        pytest.param("DELETE FROM {}.nodes", id="gateways deleted"),
    ],
)
async def test_what_another_program_took_away_is_made_again(
    house: House, under: PostgresUnderTest, caplog: pytest.LogCaptureFixture, done: str
) -> None:
    """Also what no statement fails for: a gateway whose open rooms are forgotten would hear nothing more."""
    under.times = LeaseTimes(lease=0.6, beat=0.15, grace=0.4)
    one, two = await house.two()
    for gateway in (one, two):
        await gateway.open()
    await one.present("a")
    await one.publish("x")
    under.sql(done)
    numbers = itertools.count()

    async def heard() -> bool:
        await insists(house, one, next(numbers), "kept-1")
        return "x" not in two.heard.data("kept-1")[-1:]

    await house.until_async(heard, "messages arrive again")
    await house.until_present(two, {"a": 1})
    three = await house.start()
    await three.open()
    await house.until_present(three, {"a": 1})
    said = [record.getMessage() for record in caplog.records if record.name.startswith("tidegate")]
    assert said and len(said) < 20


async def test_a_restored_backup_never_continues_old_positions(house: House, under: PostgresUnderTest) -> None:
    one, two = await house.two()
    await one.open("long-1", LONG)
    for number in range(10):
        await one.publish(number, "long-1", LONG)
    under.sql(*(f"CREATE TABLE {{}}.saved_{table} AS TABLE {{}}.{table}" for table in TABLES))
    try:
        for number in range(10, 15):
            before = await one.publish(number, "long-1", LONG)
        under.sql(
            "BEGIN",
            *(f"TRUNCATE {{}}.{table}" for table in TABLES),
            *(f"INSERT INTO {{}}.{table} TABLE {{}}.saved_{table}" for table in TABLES),
            "COMMIT",
        )
    finally:
        under.sql(*(f"DROP TABLE {{}}.saved_{table}" for table in TABLES))
    await house.until(lambda: one.heard.restarts.get("long-1"), "the loss is told")
    for number in range(20):
        after = await insists(house, two, f"new {number}")
    assert after.epoch != before.epoch
    assert (await two.open("long-1", LONG, before)).missed is None


async def test_a_message_arrives_without_its_notification(house: House, under: PostgresUnderTest) -> None:
    one, two = await house.two()
    await two.open("fleeting-1", FLEETING)
    two.engine._upkeep.notified = lambda: None  # type: ignore[attr-defined]  # as behind a broken LISTEN
    await one.publish("a", "fleeting-1", FLEETING)
    await house.until_data(two, ["a"], "fleeting-1")


async def test_a_gateway_without_the_room_is_not_woken(house: House, under: PostgresUnderTest) -> None:
    one, two = await house.two()
    await one.open()
    await two.open("kept-2")
    woken = []
    two.engine._upkeep.notified = lambda: woken.append(1)  # type: ignore[attr-defined]
    for number in range(20):
        await one.publish(number)
    await one.publish("last", "kept-2")
    await house.until(lambda: woken, "it is woken for its own room")
    assert len(woken) == 1


async def test_what_is_over_is_deleted(house: House, under: PostgresUnderTest) -> None:
    gateway = await house.start()
    await gateway.open()
    for number in range(12):
        await gateway.publish(number, key=f"k{number}")
        await gateway.publish(number, "kept-2")
    (count,) = under.rows("SELECT count(*) FROM {}.history WHERE room = 'kept-1'")[0]
    assert KEPT.history_size <= int(str(count)) < 2 * KEPT.history_size, "the size is held while it grows"
    await under.pass_time(4000)
    under.rows("SELECT {}.sweep(60000, 45000, 5000)")
    assert under.rows("SELECT room FROM {}.rooms") == [(b"kept-1",)], "a room that is open stays"
    for table in ("history", "keys", "outbox"):
        assert under.rows(f"SELECT count(*) FROM {{}}.{table}") == [(0,)], table
    assert (await gateway.publish("x")).offset == 13


async def test_what_is_told_while_the_server_is_away_is_bounded(house: House, under: PostgresUnderTest) -> None:
    one, two = await house.two()
    lost = LOST.total
    await under.cut(one.engine)
    messages = [asyncio.ensure_future(one.publish(number)) for number in range(LIMIT)]  # have no part in it
    await asyncio.sleep(0)
    for number in range(LIMIT + 20):
        one.engine.tell(None, "kind", str(number))
        one.engine.user("ada", b"")
    assert LOST.total - lost == LIMIT + 40
    await under.heal(one.engine)
    told = [("kind", str(number)) for number in range(LIMIT // 2)]
    await house.until(
        lambda: [each for each in two.heard.told_kinds if each[0] == "kind"] == told, "what waited is told"
    )
    await asyncio.gather(*messages, return_exceptions=True)


async def test_rooms_that_are_opened_and_closed_while_the_server_is_away_leave_nothing_behind(
    house: House, under: PostgresUnderTest
) -> None:
    """Clients try again every second, and choose the names."""
    one, two = await house.two()
    await one.open("kept-1")
    await one.open("kept-2")
    await under.cut(one.engine)
    engine: Any = one.engine
    for number in range(20):
        room = f"long-{number}"
        joining = asyncio.ensure_future(one.open(room, LONG))
        await asyncio.sleep(0)
        engine.close(room, 0.0)
        with pytest.raises(Refused):
            await joining
    engine.close("kept-2", 0.0)
    assert not engine._rooms._questions
    assert list(engine._presence._closed) == ["kept-2"]
    await under.heal(one.engine)
    await two.publish("a", "kept-1")
    await house.until_data(one, ["a"], "kept-1")
    await house.until(lambda: under.rows("SELECT room FROM {}.opened") == [(b"kept-1",)], "the other one is closed")


async def test_a_transaction_that_commits_late_is_not_passed_over(house: House, under: PostgresUnderTest) -> None:
    """Its row has a smaller number than one that would be committed before: that one has to wait."""
    one, two = await house.two()
    late = await house.start()
    for room in ("kept-1", "kept-2"):
        await two.open(room)
    message = '{"type":"message","room":"kept-1","from":"1","sender":{"id":"1","name":"A"},"data":"late",'
    empty = "ARRAY[''::bytea]"
    call = (
        f"SELECT {{}}.apply('{late.node}', 1, 1000, 'e', true, '', 'm', ARRAY['kept-1'::bytea], {empty}, {empty}, "
        f"{empty}, ARRAY['{message}'::bytea], ARRAY['}}'::bytea], ARRAY[5::bigint], ARRAY[60000::bigint])"
    )
    waiting = (
        "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name LIKE 'tidegate rooms%'"
    )
    with under.locking(call):
        publishing = asyncio.ensure_future(one.publish("early", "kept-2"))
        await house.until(lambda: publishing.done() or under.rows(waiting), "it waits")
    await publishing
    await house.until_data(two, ["early"], "kept-2")
    await house.until_data(two, ["late"])


async def test_a_gateway_that_is_back_in_the_middle_of_its_burial_says_everything(
    house: House, under: PostgresUnderTest
) -> None:
    """A burial goes in parts. Under its old name the gateway would go on without the users that are buried already."""
    under.times = LeaseTimes(lease=0.6, beat=0.15, grace=30.0)
    gateway = await house.start()
    await gateway.open()
    for user in "abc":
        await gateway.present(user)
    before = gateway.engine.node
    under.sql(
        "BEGIN",
        f"UPDATE {{}}.nodes SET ends = {{}}.now_ms() - 1 WHERE node = '{before}'",
        f"SELECT {{}}.bury('{before}', 0, 1)",
        "COMMIT",
    )
    await house.until(
        lambda: under.rows(f"SELECT count(*) FROM {{}}.present WHERE node = '{gateway.engine.node}'") == [(3,)],
        "all users are present",
    )
    assert gateway.engine.node != before
    gateway.engine.close("kept-1", 0.0)
    gateway.heard.closed("kept-1")
    await gateway.open()
    assert gateway.heard.elsewhere.get("kept-1", {}) == {}, "who is present under the old name is not elsewhere"


async def test_a_gateway_whose_new_name_is_all_that_arrived_says_everything(
    house: House, under: PostgresUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was given up, and the connection under its new name broke before anything was said over it."""
    one, two = await house.two()
    for gateway in (one, two):
        await gateway.open()
    await one.present("a")
    await house.until_present(two, {"a": 1})
    really = attaching._attach
    names: set[str] = set()

    async def attach(connection: Any, setup: Any, calls: Any, node: str, *, again: bool) -> Any:
        found = await really(connection, setup, calls, node, again=again)
        if found.generation is not None and not names:
            names.add(node)
            raise psycopg.OperationalError("the connection broke")
        return found

    monkeypatch.setattr(attaching, "_attach", attach)
    under.sql(f"DELETE FROM {{}}.nodes WHERE node = '{one.node}'", "DELETE FROM {}.present", "DELETE FROM {}.opened")
    await insists(house, one, "x", "kept-1")
    await house.until(lambda: names, "it has another name")
    await house.until_last(one, "x")
    three = await house.start()
    await three.open()
    await house.until_present(three, {"a": 1})
    await three.publish("y")
    await house.until_last(one, "y")
