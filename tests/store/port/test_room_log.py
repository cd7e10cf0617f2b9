"""The log of durable rooms, over both databases: numbers, keys, pages, pruning, restarts, other gateways."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from tests.store.port.conftest import Database
from tests.support.waiting import until
from tidegate.core.budgets.payer import Payer
from tidegate.core.errors import Refused
from tidegate.core.rooms.room import RoomRules
from tidegate.core.rooms.room_log import Kept, NewMessage, Records, RoomLog
from tidegate.store import open_store
from tidegate.store.serving import room_log as serving
from tidegate.store.serving.retention import REQUESTS_KEEP_MS, Retention
from tidegate.store.serving.room_state import IDLE_MS, SLACK
from tidegate_protocol import RoomPosition

RULES = RoomRules(pattern="*", history_size=100, history_ttl=3600.0, durable=True)
TABLES = {"sqlite": "tidegate_{}", "postgresql": "_tidegate.{}"}
ALICE = Payer("user:alice", "1")


def message(room: str, text: str, rules: RoomRules = RULES, at: float | None = None, **more: Any) -> NewMessage:
    return NewMessage(
        room=room,
        text=b'{"text":"%b"}' % text.encode(),
        time=int((time.time() if at is None else at) * 1000),
        size=rules.history_size,
        ttl=int(rules.history_ttl * 1000),
        user="alice",
        payer=ALICE,
        **more,
    )


def texts(found: Records) -> list[str] | None:
    return None if found.records is None else [each.text.decode()[9:-2] for each in found.records]


class Logged:
    """The log of one gateway."""

    def __init__(self, store: Any, database: Database) -> None:
        assert store.rooms is not None
        self.store = store
        self.log: RoomLog = store.rooms
        self._database = database

    async def keep(self, room: str, *said: str, rules: RoomRules = RULES, at: float | None = None) -> list[Kept]:
        answers = [self.log.append(message(room, text, rules, at)) for text in said]
        return [await answer for answer in answers]

    async def after(self, room: str, since: RoomPosition | None, rules: RoomRules = RULES) -> Records:
        return await self.log.after(room, rules, since, time.time())

    async def page(self, room: str, before: int | None = None, limit: int = 50, rules: RoomRules = RULES) -> Records:
        return await self.log.page(room, rules, before, limit, time.time())

    async def sweep(self, at: float) -> None:
        """As housekeeping does, at another time."""
        now = int(at * 1000)
        if self._database.kind == "sqlite":
            from tidegate.store.sqlite.connection import connect, sqlite_path
            from tidegate.store.sqlite.serving.room_writes import sweep

            connection = connect(sqlite_path(self._database.url))
            while sweep(connection, now):
                pass
            connection.close()
        else:
            from tidegate.store.postgres.serving.room_writes import sweep_all

            await asyncio.get_running_loop().run_in_executor(None, sweep_all, self._database.url, now)


@asynccontextmanager
async def gateway(database: Database) -> AsyncIterator[Logged]:
    store = await open_store(database.url, database.resources, durable=True)
    try:
        yield Logged(store, database)
    finally:
        await store.close()


@pytest.fixture
async def logged(database: Database) -> AsyncIterator[Logged]:
    async with gateway(database) as found:
        yield found


def execute(database: Database, sql: str) -> None:
    """With `{}` around a table's name."""
    table = TABLES[database.kind]
    for name in ("rooms", "messages", "message_keys"):
        sql = sql.replace("{" + name + "}", table.format(name))
    if database.kind == "sqlite":
        database.foreign.execute(sql)
    else:
        database.foreign.connection.execute(sql)  # type: ignore[attr-defined]


def count(database: Database, table: str) -> int:
    sql = f"SELECT count(*) FROM {TABLES[database.kind].format(table)}"
    found = database.foreign.connection.execute(sql).fetchall()  # type: ignore[attr-defined]
    return int(found[0][0])


async def refused(answer: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        await answer
    return caught.value


def offsets(kept: Sequence[Kept]) -> list[int]:
    return [each.position.offset for each in kept]


async def test_messages_have_numbers_of_their_room_and_are_read_in_order(logged: Logged) -> None:
    first = await logged.keep("chat.1", *"abc")
    other = await logged.keep("chat.2", "x")
    assert (offsets(first), offsets(other)) == ([1, 2, 3], [1])
    found = await logged.after("chat.1", first[0].position)
    assert (texts(found), found.head) == (["b", "c"], first[2].position)
    page = await logged.page("chat.1", limit=2)
    assert (texts(page), page.more) == (["b", "c"], True)
    page = await logged.page("chat.1", before=2)
    assert (texts(page), page.more) == (["a"], False)


async def test_a_room_without_messages_has_a_position_that_is_good_for_its_first_ones(logged: Logged) -> None:
    empty = (await logged.after("chat.1", None)).head
    assert empty.offset == 0
    await logged.keep("chat.1", *"ab")
    assert texts(await logged.after("chat.1", empty)) == ["a", "b"]


async def test_everything_is_there_after_a_restart(database: Database) -> None:
    async with gateway(database) as before:
        kept = await before.keep("chat.1", *"abc")
    async with gateway(database) as after:
        assert texts(await after.after("chat.1", kept[0].position)) == ["b", "c"]
        assert offsets(await after.keep("chat.1", "d")) == [4]


@pytest.mark.parametrize(
    "since",
    [
        RoomPosition(epoch="other.0", offset=1),
        RoomPosition(epoch="", offset=0),
        RoomPosition(epoch="{}", offset=4),
        RoomPosition(epoch="{}", offset=2**53 - 1),
    ],
)
async def test_a_position_that_never_was_gets_no_messages_and_changes_nothing(
    logged: Logged, since: RoomPosition
) -> None:
    (*_, last) = await logged.keep("chat.1", *"abc")
    epoch = since.epoch.format(last.position.epoch)
    found = await logged.after("chat.1", RoomPosition(epoch=epoch, offset=since.offset))
    assert (found.records, found.head) == (None, last.position)
    assert offsets(await logged.keep("chat.1", "d")) == [4]


async def test_a_message_with_the_same_key_is_kept_once_also_after_a_restart(database: Database) -> None:
    async with gateway(database) as before:
        first = await before.log.append(message("chat.1", "a", key="k", digest=b"1"))
        again = await before.log.append(message("chat.1", "a", key="k", digest=b"1"))
        assert (again.position, again.new, first.new) == (first.position, False, True)
        elsewhere = await before.log.append(message("chat.2", "a", key="k", digest=b"1"))
        assert elsewhere.new
    async with gateway(database) as after:
        again = await after.log.append(message("chat.1", "a", key="k", digest=b"1"))
        assert (again.position, again.new) == (first.position, False)
        other = await refused(after.log.append(message("chat.1", "b", key="k", digest=b"2")))
        assert (other.code, other.pointer) == ("conflict", "/key")
        assert texts(await after.page("chat.1")) == ["a"]


async def test_equal_keys_at_once_are_one_message(logged: Logged) -> None:
    answers = [logged.log.append(message("chat.1", "a", key="k", digest=b"1")) for _ in range(5)]
    answers.append(logged.log.append(message("chat.1", "b", key="k", digest=b"2")))
    found = await asyncio.gather(*answers, return_exceptions=True)
    assert [isinstance(each, Kept) and each.new for each in found] == [True, *[False] * 5]
    assert isinstance(found[-1], Refused)
    assert found[-1].code == "conflict"


@pytest.mark.parametrize(
    ("one", "other"), [(("a b", "c"), ("a", "b c")), (("a\\0", "x"), ("a\0", "x")), (("", "ab"), ("a", "b"))]
)
async def test_users_and_keys_are_told_apart(logged: Logged, one: tuple[str, str], other: tuple[str, str]) -> None:
    for number, (user, key) in enumerate((one, other), 1):
        new = msgspec.structs.replace(message("chat.1", "a", key=key, digest=b"%d" % number), user=user)
        assert (await logged.log.append(new)).position.offset == number


async def test_keys_are_forgotten_in_time(database: Database, logged: Logged) -> None:
    now = time.time()
    first = await logged.log.append(message("chat.1", "a", key="k", digest=b"1", at=now - REQUESTS_KEEP_MS / 1000 - 1))
    again = await logged.log.append(message("chat.1", "b", key="k", digest=b"2", at=now))
    assert (first.new, again.new) == (True, True)
    await logged.log.append(message("chat.1", "c", key="other", digest=b"2", at=now))
    assert count(database, "message_keys") == 2
    await logged.sweep(now + REQUESTS_KEEP_MS / 1000 + 1)
    assert count(database, "message_keys") == 0


async def test_only_as_many_messages_are_seen_as_the_room_keeps(database: Database, logged: Logged) -> None:
    rules = RoomRules(pattern="*", history_size=3, history_ttl=3600.0, durable=True)
    kept = await logged.keep("chat.1", *(str(number) for number in range(2 * SLACK)), rules=rules)
    page = await logged.page("chat.1", rules=rules)
    assert (texts(page), page.more) == ([str(number) for number in range(2 * SLACK - 3, 2 * SLACK)], False)
    assert (await logged.after("chat.1", kept[-5].position, rules)).records is None
    assert texts(await logged.after("chat.1", kept[-4].position, rules)) is not None
    assert count(database, "messages") <= 3 + SLACK


async def test_messages_end_with_their_ttl_and_positions_go_on(database: Database, logged: Logged) -> None:
    now = time.time()
    rules = RoomRules(pattern="*", history_size=10, history_ttl=60.0, durable=True)
    old = await logged.keep("chat.1", *"ab", rules=rules, at=now - 90)
    (new,) = await logged.keep("chat.1", "c", rules=rules, at=now - 30)
    assert texts(await logged.page("chat.1", rules=rules)) == ["c"]
    assert (await logged.after("chat.1", old[0].position, rules)).records is None
    await logged.sweep(now)
    assert count(database, "messages") == 1
    await logged.sweep(now + 60)
    assert count(database, "messages") == 0
    assert texts(await logged.after("chat.1", new.position, rules)) == []
    (next_one,) = await logged.keep("chat.1", "d", rules=rules)
    assert next_one.position == RoomPosition(epoch=new.position.epoch, offset=4)


async def test_a_room_that_was_silent_for_long_has_another_epoch(database: Database, logged: Logged) -> None:
    now = time.time()
    (kept,) = await logged.keep("chat.1", "a", at=now)
    await logged.sweep(now + 3601)
    await logged.sweep(now + 3601 + IDLE_MS / 1000)
    assert count(database, "rooms") == 0
    (again,) = await logged.keep("chat.1", "b")
    assert again.position.offset == 1
    assert again.position.epoch != kept.position.epoch
    assert (await logged.after("chat.1", kept.position)).records is None


async def test_a_forgotten_room_has_no_messages_and_a_new_epoch(database: Database, logged: Logged) -> None:
    kept = await logged.keep("chat.1", *"ab")
    await logged.keep("chat.2", "x")
    await logged.log.forget("chat.1")
    assert texts(await logged.page("chat.1")) == []
    assert (await logged.after("chat.1", kept[0].position)).records is None
    (again,) = await logged.keep("chat.1", "c")
    assert again.position.offset == 1
    assert again.position.epoch != kept[0].position.epoch
    assert texts(await logged.page("chat.1")) == ["c"]
    await logged.sweep(time.time())
    assert count(database, "messages") == 2
    assert texts(await logged.page("chat.2")) == ["x"]


async def test_what_is_too_much_for_one_answer_is_not_recovered_but_followed(
    logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "MISSED", 5)
    empty = (await logged.after("chat.1", None)).head
    kept = await logged.keep("chat.1", *"abcdefgh")
    assert (await logged.after("chat.1", empty)).records is None
    assert texts(await logged.after("chat.1", kept[2].position)) == [*"defgh"]
    followed = await logged.log.follow("chat.1", empty)
    assert (texts(followed), followed.head) == ([*"abcde"], kept[-1].position)


async def test_pages_and_what_was_missed_are_bounded_in_bytes(logged: Logged) -> None:
    empty = (await logged.after("chat.1", None)).head
    await logged.keep("chat.1", *("x" * 60_000 for _ in range(8)))
    page = await logged.page("chat.1")
    assert page.records is not None
    assert (len(page.records), page.more) == (4, True)
    assert (await logged.after("chat.1", empty)).records is None
    followed = await logged.log.follow("chat.1", empty)
    assert followed.records is not None
    assert [record.offset for record in followed.records] == [1, 2, 3, 4]


async def test_times_do_not_go_back_but_for_a_clock_that_was_wrong(logged: Logged) -> None:
    now = 1_800_000_000.0
    times = [(await logged.keep("chat.1", "a", at=at))[0].time for at in (now, now - 5, now + 1, now - 5_000)]
    assert times == [int(each * 1000) for each in (now, now, now + 1, now - 5_000)]


async def test_rows_of_another_program_harm_nothing(database: Database, logged: Logged) -> None:
    kept = await logged.keep("chat.1", *"abc")
    execute(database, "DELETE FROM {messages} WHERE number = 2")
    for room, text in (("chat.1", "no JSON"), ("chat.9", '{"a":1}')):
        values = f"('{room}', 0, 4, 9000000000000, '{text}')"
        execute(database, "INSERT INTO {messages} (room, generation, number, time, text) VALUES " + values)
    assert (await logged.after("chat.1", kept[0].position)).records is None
    assert texts(await logged.page("chat.1")) == ["a", "c"]
    assert offsets(await logged.keep("chat.1", "d", "e")) == [5, 6]
    assert offsets(await logged.keep("chat.9", "d")) == [1]
    assert texts(await logged.page("chat.1")) == ["a", "c", "d", "e"]


async def test_messages_that_the_database_lost_begin_a_new_epoch(logged: Logged) -> None:
    kept = await logged.keep("chat.1", *"ab")
    known = RoomPosition(epoch=kept[1].position.epoch, offset=9)
    answer = await logged.log.append(message("chat.1", "c", known=known))
    assert answer.position.epoch != known.epoch
    assert (await logged.after("chat.1", known)).records is None


async def test_the_feed_of_rows_is_not_disturbed(database: Database, logged: Logged) -> None:
    head = await logged.store.head()
    await logged.keep("chat.1", *"abc")
    assert await logged.store.changes(0, 2**53, 100) == []
    assert await logged.store.head() == head


async def test_a_gateway_without_durable_rooms_has_no_log(database: Database) -> None:
    store: Any = await open_store(database.url, database.resources)
    assert store.rooms is None
    await store.close()


async def test_many_rooms_in_one_batch(logged: Logged) -> None:
    said = [(f"chat.{number % 7}", str(number)) for number in range(200)]
    await asyncio.gather(*(logged.log.append(message(room, text)) for room, text in said))
    for number in range(7):
        assert texts(await logged.page(f"chat.{number}", limit=100)) == [
            text for room, text in said if room == f"chat.{number}"
        ]
    heads = await logged.log.heads([f"chat.{number}" for number in range(8)])
    assert {room: head.offset for room, head in heads.items()} == {f"chat.{n}": 29 if n < 4 else 28 for n in range(7)}


async def test_the_sweep_is_done_by_the_gateway_itself(database: Database) -> None:
    store: Any = await open_store(database.url, database.resources, Retention(age_ms=1000), durable=True)
    logged = Logged(store, database)
    await logged.keep("chat.1", "a", at=time.time() - 7200)
    await until(lambda: count(database, "messages") == 0)
    await store.close()
