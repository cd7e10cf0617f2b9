"""Two workers over one database, a foreign program, cut lines and a hub that is started again.

Each worker's feed delivers every change once and in order, and what a client was told is written is there. Over SQLite
the hub writes; over PostgreSQL each worker does.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.hub.workers import Copy, Workers, over
from tests.store.application import RESOURCES
from tests.store.conftest import path, postgres_template, template  # noqa: F401  # fixtures
from tests.store.mutations import create, delete, update
from tests.support.postgres import PostgresServer
from tests.support.waiting import until
from tidegate.core.errors import Refused
from tidegate.core.rooms.room import RoomRules
from tidegate.core.rooms.room_log import NewMessage
from tidegate.core.rows.ports import ReadQuery
from tidegate.store import open_store
from tidegate.store.hub.row_line import RowLine
from tidegate.store.hub.store import HubStore
from tidegate_protocol import RoomPosition

HOUR_S = 3600.0
ROOM = RoomRules("chat-*", history_size=100, history_ttl=1e9, durable=True)


@pytest.fixture(params=["sqlite", "postgresql"])
async def workers(
    request: pytest.FixtureRequest,
    path: Path,  # noqa: F811
    postgres: PostgresServer,
    postgres_template: str,  # noqa: F811
) -> AsyncIterator[Workers]:
    with over(request.param, path, postgres, postgres_template) as found:
        await found.start()
        yield found
        await found.close()


sqlite_alone = pytest.mark.parametrize("workers", ["sqlite"], indirect=True)
postgresql_alone = pytest.mark.parametrize("workers", ["postgresql"], indirect=True)


async def test_a_write_through_one_worker_is_delivered_by_both(workers: Workers) -> None:
    one, two = workers.copies
    written = await one.store.write(create({"code": "a", "name": "Ada"}))
    assert written.rows[0]["code"] == "a"
    found = await two.store.read(ReadQuery(resource="boats"))
    assert [row["code"] for row in found.rows] == ["a"], "what is acknowledged is read at once, through any worker"
    await workers.equal()
    assert one.seqs == two.seqs == workers.seqs
    assert len(one.seqs) == 1


async def test_a_refusal_crosses_with_its_fields(workers: Workers) -> None:
    one, two = workers.copies
    await one.store.write(create({"code": "a"}))
    with pytest.raises(Refused) as caught:
        await two.store.write(create({"code": "a"}))
    assert (caught.value.code, caught.value.keyword, caught.value.pointer) == ("conflict", "unique", "/data/code")


async def test_a_key_is_known_through_every_worker(workers: Workers) -> None:
    one, two = workers.copies
    mutation = create({"code": "a"}, idempotency_key="k")
    first = await one.store.write(mutation)
    again = await two.store.write(mutation)
    assert again.rows == first.rows
    assert len(workers.seqs) == 1


@pytest.mark.long
async def test_random_writes_by_all_through_cuts_and_restarts_leave_equal_copies(workers: Workers) -> None:
    chance = random.Random(7)
    acknowledged: set[str] = set()

    async def write(number: int) -> None:
        store = workers.copies[number % 2].store
        code = f"w{number % 2}-{number}"
        while True:
            try:
                await store.write(create({"code": code, "harbour": code}, idempotency_key=code))
            except Refused as refused:
                assert refused.code == "unavailable", refused
                assert refused.retry_after is not None
                await asyncio.sleep(0.002)
            else:
                acknowledged.add(code)
                return

    for turn in range(12):
        work = [asyncio.create_task(write(turn * 10 + number)) for number in range(10)]
        for number in range(5):
            code = f"f{turn}-{number}"
            workers.program.execute("INSERT INTO boats (code, name, harbour) VALUES (?, ?, ?)", (code, code, code))
        workers.program.execute("UPDATE boats SET name = name || '!' WHERE code LIKE ?", (f"f{turn // 2}-%",))
        workers.program.execute("DELETE FROM boats WHERE code = ?", (f"f{turn - 1}-1",))
        match chance.randrange(4):
            case 0:
                workers.hub.cut()
            case 1:
                workers.connector(chance.choice(workers.copies)).cut()
            case 2 if turn % 3 == 0:
                await workers.restart_hub()
        await asyncio.gather(*work)
    await workers.equal()
    present = {code for (code,) in workers.program.execute("SELECT code FROM boats")}
    assert acknowledged <= present
    for copy in workers.copies:
        assert copy.seqs == workers.seqs, "every change once and in order"
        assert not copy.resets
        assert not copy.skipped, "it followed all the time"


async def test_a_worker_that_does_not_read_is_cut_off_and_reads_the_log(workers: Workers) -> None:
    one, two = workers.copies
    line = workers.line(two)
    assert line is not None and line._transport is not None
    line._transport.pause_reading()
    big = "x" * 400_000
    for number in range(12):
        await one.store.write(create({"code": f"c{number}", "extra": big, "harbour": str(number)}))
    await until(lambda: workers.line(two) is not line)
    await workers.equal()
    assert one.seqs == two.seqs == workers.seqs
    assert len(one.seqs) == 12


async def test_changes_that_were_pruned_while_a_worker_was_away_become_a_reset(workers: Workers) -> None:
    one, two = workers.copies
    connector = workers.connector(two)
    address, connector.address = connector.address, "\0nobody"
    connector.cut()
    await until(lambda: workers.line(two) is None)
    for number in range(3):
        await one.store.write(create({"code": f"c{number}", "harbour": str(number)}))
    head = workers.seqs[-1]
    await until(lambda: one.head == head)
    workers.prune(workers.seqs[1])
    connector.address = address
    await until(lambda: two.head == head)
    assert two.resets == len(RESOURCES)
    assert two.seqs == workers.seqs == [head], "what is not gone is no part of the reset"
    await one.store.write(create({"code": "after"}))
    await until(lambda: two.head > head)
    assert two.seqs == workers.seqs


async def test_a_paused_worker_gets_nothing_and_goes_on_from_the_head(workers: Workers) -> None:
    one, two = workers.copies
    two.store.pause()
    assert not two.store.following
    await one.store.write(create({"code": "a"}))
    (first,) = workers.seqs
    await until(lambda: one.head == first)
    await asyncio.gather(two.store.resume(), two.store.resume())
    assert two.skipped == [first]
    await one.store.write(update("a", {"name": "Ada"}))
    await one.store.write(delete("a"))
    await until(lambda: two.head == workers.seqs[-1])
    assert (one.seqs, two.seqs) == (workers.seqs, workers.seqs[1:])


async def test_the_feed_of_the_hub_rests_while_no_worker_follows(workers: Workers) -> None:
    for copy in workers.copies:
        copy.store.pause()
    hub = workers.hub.store
    assert hub is not None
    await until(lambda: not hub.following)
    await workers.copies[0].store.resume()
    assert hub.following


@sqlite_alone
async def test_a_worker_alone_reads_and_refuses_writes(workers: Workers) -> None:
    one, two = workers.copies
    await one.store.write(create({"code": "a"}))
    await workers.hub.stop()
    await until(lambda: workers.line(two) is None)
    assert [row["code"] for row in (await two.store.read(ReadQuery(resource="boats"))).rows] == ["a"]
    with pytest.raises(Refused) as caught:
        await two.store.write(create({"code": "b"}))
    assert caught.value.code == "unavailable" and caught.value.retry_after is not None
    await workers.hub.start(workers.url, RESOURCES)
    await until(lambda: workers.line(two) is not None)
    await two.store.write(create({"code": "b"}))
    await workers.equal()


@postgresql_alone
async def test_a_worker_alone_reads_and_writes_and_gets_changes_later(workers: Workers) -> None:
    one, two = workers.copies
    await one.store.write(create({"code": "a"}))
    await workers.equal()
    await workers.hub.stop()
    await until(lambda: workers.line(two) is None)
    await two.store.write(create({"code": "b", "harbour": "b"}))
    found = await one.store.read(ReadQuery(resource="boats"))
    assert {row["code"] for row in found.rows} == {"a", "b"}
    assert two.seqs == workers.seqs[:1]
    two.store.pause()
    with pytest.raises(Refused) as caught:
        await two.store.resume()
    assert (caught.value.code, caught.value.retry_after) == ("unavailable", 1.0)
    await workers.hub.start(workers.url, RESOURCES)
    await until(lambda: one.seqs == workers.seqs and workers.line(two) is not None)
    await two.store.resume()
    await two.store.write(create({"code": "c", "harbour": "c"}))
    await until(lambda: one.seqs == workers.seqs and two.seqs == workers.seqs[::2])


@postgresql_alone
async def test_a_write_after_a_question_for_changes_waits_for_the_answer(workers: Workers) -> None:
    one, two = workers.copies
    one.store.pause()
    line = workers.line(one)
    assert line is not None and line._transport is not None
    line._transport.pause_reading()
    asked = asyncio.create_task(one.store.resume())
    await asyncio.sleep(0)
    written = asyncio.ensure_future(one.store.write(create({"code": "a", "harbour": "a"})))
    for code in "bcd":
        await two.store.write(create({"code": code, "harbour": code}))
    assert not asked.done()
    assert not written.done()
    line._transport.resume_reading()
    await asked
    seq = (await written).seq
    await until(lambda: seq in one.seqs)
    assert workers.seqs[-1] == seq, "it was done last"


@postgresql_alone
async def test_a_stop_ends_questions_and_writes_that_wait_for_the_hub(workers: Workers) -> None:
    one, _ = workers.copies
    one.store.pause()
    line = workers.line(one)
    assert line is not None and line._transport is not None
    line._transport.pause_reading()
    asked = asyncio.create_task(one.store.resume())
    await asyncio.sleep(0)
    written = asyncio.ensure_future(one.store.write(create({"code": "a"})))
    await asyncio.sleep(0)
    one.store.give_up()
    await one.store.close(0)
    for task in (asked, written):
        with pytest.raises(Refused):
            await task
    assert workers.seqs == [], "what is refused at a stop is not done"


@postgresql_alone
async def test_one_connection_follows_the_log_for_all_workers(
    workers: Workers, caplog: pytest.LogCaptureFixture
) -> None:
    await workers.worker("worker 3")
    one, *_ = workers.copies
    sessions = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    following: set[int] = set()
    for number in range(10):
        await one.store.write(create({"code": f"c{number}", "harbour": str(number)}))
        await workers.equal()
        following |= {
            pid
            for pid, query in workers.program.execute(f"SELECT pid, query {sessions}")
            if query.startswith(("LISTEN", "UNLISTEN", "NOTIFY")) or "log WHERE seq > $1 ORDER BY" in query
        }
    for copy in workers.copies:
        copy.store.pause()
    paused = f"SELECT pid {sessions} AND query LIKE 'UNLISTEN%'"
    await until(lambda: workers.program.execute(paused))
    following |= {pid for (pid,) in workers.program.execute(paused)}
    assert len(following) == 1, "as one gateway without workers"
    assert "already served" not in caplog.text, "nor are workers other gateways to each other"


@postgresql_alone
async def test_another_gateway_sees_the_workers_as_one(workers: Workers, caplog: pytest.LogCaptureFixture) -> None:
    one, two = workers.copies
    told: list[Sequence[str] | None] = []
    assert two.store.rooms is not None
    two.store.rooms.watch(told.append)
    other = await open_store(workers.url, RESOURCES, durable=True)
    try:
        heard = Copy(other)
        other.follow(heard.deliver, heard.skip)
        assert other.rooms is not None
        other.rooms.watch(lambda rooms: None)
        await until(lambda: "already served by 1 other gateway:" in caplog.text)
        await other.write(create({"code": "a"}))
        await one.store.write(create({"code": "b", "harbour": "b"}))
        await until(lambda: one.seqs == two.seqs == heard.seqs == workers.seqs)
        await other.rooms.append(kept("elsewhere"))
        await until(lambda: ["chat-1"] in told)
    finally:
        await other.close()


@postgresql_alone
async def test_a_worker_with_another_schema_gets_the_changes_of_its_resources(workers: Workers) -> None:
    """After a reload; the hub stays."""
    changed = await workers.worker("worker 3", {"people": RESOURCES["people"]})
    workers.program.execute("INSERT INTO boats (code, name, harbour) VALUES ('a', 'a', 'a')")
    workers.program.execute("INSERT INTO people (name) VALUES ('Ada')")
    _, second = workers.seqs
    await until(lambda: changed.head == second)
    assert changed.seqs == [second]
    changed.store.pause()
    await changed.store.resume()
    assert changed.store.healthy


async def test_workers_hear_how_the_database_is(workers: Workers) -> None:
    found = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'boats'",
        "postgresql": "SELECT tgname FROM pg_trigger WHERE tgrelid = 'boats'::regclass AND NOT tgisinternal",
    }
    [(trigger,), *_] = workers.program.execute(found[workers.kind])
    on = " ON boats" if workers.kind == "postgresql" else ""
    workers.program.execute(f'DROP TRIGGER "{trigger}"{on}')
    for copy in workers.copies:
        await until(lambda copy=copy: "boats" in copy.store.incomplete)  # type: ignore[misc]
        assert not copy.store.healthy


def kept(text: str, key: str | None = None) -> NewMessage:
    return NewMessage(
        room="chat-1",
        text=b'{"text":"%b"}' % text.encode(),
        time=int(time.time() * 1000),
        size=100,
        ttl=3_600_000,
        user="1",
        key=key,
    )


async def test_durable_rooms_are_those_of_all_workers(workers: Workers) -> None:
    one, two = (copy.store.rooms for copy in workers.copies)
    assert one is not None and two is not None and one.shared
    told: list[Sequence[str] | None] = []
    two.watch(told.append)
    first = await one.append(kept("a", key="k"))
    await until(lambda: ["chat-1"] in told)
    found = await two.after("chat-1", ROOM, RoomPosition(epoch=first.position.epoch, offset=0), time.time())
    assert [record.text for record in found.records or ()] == [b'{"text":"a"}']
    again = await two.append(kept("a", key="k"))
    assert (again.new, again.position) == (False, first.position)
    with pytest.raises(Refused) as caught:
        await two.append(msgspec.structs.replace(kept("b", key="k"), digest=b"other"))
    assert caught.value.code == "conflict"
    second = await two.append(kept("b"))
    assert second.position.offset == 2
    told.clear()
    await workers.restart_hub()
    await until(lambda: None in told)
    assert (await two.heads(["chat-1"]))["chat-1"] == second.position, "a restart of the hub loses none of them"
    await two.forget("chat-1")
    assert not (await one.page("chat-1", ROOM, None, 10, time.time())).records


@pytest.mark.parametrize("broken", ["the feed of the hub", "the writer of the hub"])
async def test_a_worker_tells_a_feed_that_is_away_from_a_database_that_takes_no_writes(
    workers: Workers, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rules of rooms about rows hold as long as changes arrive, also where the disk is full."""
    (one, _), hub = workers.copies, workers.hub.store
    store: Any = one.store
    await workers.equal()
    assert store.lag < HOUR_S
    part: Any = hub
    part = part._feed if "feed" in broken else part._writer
    monkeypatch.setattr(type(part), "healthy", False, raising=False)
    monkeypatch.setattr(type(part), "problem", "broken by the test", raising=False)
    if "feed" in broken:
        monkeypatch.setattr(part, "_succeeded", lambda: None)
        part.healthy, part.problem = False, "broken by the test"
    await until(lambda: store.problem == "broken by the test")
    line: RowLine = store.row_line if isinstance(store, HubStore) else store._line.row_line
    line.feed._well_at -= HOUR_S
    assert (store.lag >= HOUR_S) == ("feed" in broken)
    assert store.following
