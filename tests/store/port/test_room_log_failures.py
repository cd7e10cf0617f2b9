"""The log of durable rooms over both databases, when one does not write, is another one, or the gateway stops."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.store.port.conftest import Database, WriteTime
from tests.store.port.test_room_log import Logged, execute, gateway, message, refused, texts
from tests.support.deadlines import DEADLINE_S
from tests.support.waiting import until
from tidegate.core.rooms.room import RoomRules
from tidegate.core.rooms.room_log import ForgetRoom
from tidegate.store import StoreError, backends, open_store
from tidegate.store.sqlite.serving.database_file import DatabaseFile
from tidegate.store.sqlite.serving.disk_reserve import DiskReserve
from tidegate.store.sqlite.serving.write_health import WriteHealth

LONG = RoomRules(pattern="*", history_size=1000, history_ttl=3600.0, durable=True)
LOCKS = {"sqlite": "BEGIN IMMEDIATE", "postgresql": "BEGIN; SELECT * FROM _tidegate.rooms FOR UPDATE"}


def locked(database: Database, *, begin: bool) -> None:
    """Another program takes the lock that every message needs, or gives it back."""
    connection: Any = database.foreign.connection  # type: ignore[attr-defined]
    connection.execute(LOCKS[database.kind] if begin else "ROLLBACK")


async def test_a_message_that_waits_for_a_lock_is_refused_in_time_and_not_kept(
    database: Database, write_time: WriteTime
) -> None:
    short, write_time.seconds = write_time.seconds, DEADLINE_S
    async with gateway(database) as logged:
        await logged.keep("chat.1", "a")
    write_time.seconds = short
    async with gateway(database) as logged:
        locked(database, begin=True)
        for answer in [logged.log.append(message("chat.1", text)) for text in "bc"]:
            refusal = await refused(answer)
            assert (refusal.code, refusal.retry_after) == ("unavailable", 1.0)
        write_time.seconds = DEADLINE_S
        locked(database, begin=False)
        await logged.keep("chat.1", "d")
        assert texts(await logged.page("chat.1")) == ["a", "d"]


async def test_what_is_under_way_at_a_stop_is_kept_or_refused(database: Database) -> None:
    store: Any = await open_store(database.url, database.resources, durable=True)
    logged = Logged(store, database)
    answers = [logged.log.append(message("chat.1", str(number), LONG)) for number in range(200)]
    await store.close()
    found = await asyncio.gather(*answers, return_exceptions=True)
    acknowledged = [str(number) for number, each in enumerate(found) if not isinstance(each, BaseException)]
    async with gateway(database) as again:
        assert texts(await again.page("chat.1", limit=500, rules=LONG)) == acknowledged


async def test_a_given_up_gateway_refuses_messages(database: Database) -> None:
    async with gateway(database) as logged:
        logged.store.give_up()
        with pytest.raises(Exception, match="the gateway stops"):
            logged.log.append(message("chat.1", "a"))


async def test_a_new_epoch_of_the_database_is_one_of_every_room(database: Database) -> None:
    async with gateway(database) as logged:
        kept = await logged.keep("chat.1", *"ab")
    backends.new_epoch(database.url)
    async with gateway(database) as logged:
        found = await logged.after("chat.1", kept[0].position)
        assert (found.records, found.head.offset) == (None, 2)
        assert found.head.epoch != kept[1].position.epoch
        assert texts(await logged.page("chat.1")) == ["a", "b"]
        assert [each.position.offset for each in await logged.keep("chat.1", "c")] == [3]


async def test_a_gateway_whose_database_was_replaced_keeps_nothing(database: Database) -> None:
    async with gateway(database) as logged:
        await logged.keep("chat.1", "a")
        backends.new_epoch(database.url)
        await until(lambda: logged.store.outdated)
        with pytest.raises(Exception, match="has to be restarted"):
            logged.log.append(message("chat.1", "b"))


async def test_messages_wait_for_a_table_that_is_gone(database: Database) -> None:
    async with gateway(database) as logged:
        await logged.keep("chat.1", "a")
        execute(database, "ALTER TABLE {messages} RENAME TO elsewhere")
        refusal = await refused(logged.log.append(message("chat.1", "b")))
        assert refusal.code == "unavailable"
        back = "_tidegate.elsewhere RENAME TO messages"
        if database.kind == "sqlite":
            back = "elsewhere RENAME TO tidegate_messages"
        execute(database, f"ALTER TABLE {back}")
        await logged.keep("chat.1", "c")
        assert texts(await logged.page("chat.1")) == ["a", "c"]


async def test_a_full_disk_refuses_messages_but_not_to_forget(database: Database) -> None:
    if database.kind != "sqlite":
        pytest.skip("the server says that its disk is full")
    path = database.url.removeprefix("sqlite:///")
    async with gateway(database):
        health = WriteHealth(DatabaseFile(Path(path)), DiskReserve(Path(path)))
        health.full = True
        refusal = health.refusal(message("chat.1", "a"))
        assert refusal is not None
        assert (refusal.code, refusal.retry_after) == ("unavailable", 5.0)
        assert health.refusal(ForgetRoom(room="chat.1")) is None
        health.close()


async def test_a_database_of_before_is_migrated_and_is_not_served_before_that(database: Database) -> None:
    for table in ("{rooms}", "{messages}", "{message_keys}"):
        execute(database, f"DROP TABLE {table}")
    with pytest.raises(StoreError, match=r"messages of durable rooms are there.*type: tidegate migrate"):
        await open_store(database.url, database.resources, durable=True)
    store: Any = await open_store(database.url, database.resources)
    await store.close()
    steps = backends.migrations(database.url).apply(database.url, database.resources)
    assert len(steps) == 3
    async with gateway(database) as logged:
        await logged.keep("chat.1", "a")
    assert backends.migrations(database.url).apply(database.url, database.resources) == []
