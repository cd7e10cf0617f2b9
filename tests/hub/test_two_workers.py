"""Two workers over one SQLite file, a foreign program, cut lines and a hub that is started again.

Each worker's feed delivers every change once and in order, and what a client was told is written is there.
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

from tests.store.application import RESOURCES
from tests.store.conftest import path, template  # noqa: F401  # fixtures
from tests.store.mutations import create, delete, update
from tests.store.program import Program
from tests.support.hub import Hub
from tests.support.waiting import until
from tidegate.core.errors import Refused
from tidegate.core.rooms.room import RoomRules
from tidegate.core.rooms.room_log import NewMessage
from tidegate.core.rows.ports import Change, ReadQuery
from tidegate.store.hub.store import HubStore
from tidegate_protocol import RoomPosition

ROOM = RoomRules("chat-*", history_size=100, history_ttl=1e9, durable=True)


class Copy:
    """A client's copy of the rows, kept with what the feed of one worker delivers."""

    def __init__(self, store: HubStore) -> None:
        self.store = store
        self.rows: dict[str, Any] = {}
        self.seqs: list[int] = []
        self.head = 0
        self.skipped: list[int] = []
        self.resets = 0

    def deliver(self, changes: Sequence[Change], head: int) -> None:
        assert head > self.head, "heads grow"
        assert all(self.head < change.seq <= head for change in changes), "what comes is new"
        self.head = head
        for change in changes:
            if change.action == "reset":
                self.resets += 1
                continue
            self.seqs.append(change.seq)
            code = change.key.get("code")
            if change.resource == "boats" and code is not None:
                if change.new is None:
                    self.rows.pop(code)
                else:
                    self.rows[code] = change.new

    def skip(self, head: int) -> None:
        self.skipped.append(head)
        self.head = max(self.head, head)


class Workers:
    """A hub, two workers and another program."""

    def __init__(self, file: Path) -> None:
        self.url = f"sqlite:///{file}"
        self.hub = Hub(backlog=1 << 20)
        self.program = Program(file)
        self.copies: list[Copy] = []

    async def start(self) -> None:
        await self.hub.start(self.url, RESOURCES)
        for number in (1, 2):
            store = await HubStore.open(self.url, RESOURCES, self.hub.address, f"worker {number}", durable=True)
            copy = Copy(store)
            store.follow(copy.deliver, copy.skip)
            self.copies.append(copy)

    async def restart_hub(self) -> None:
        await self.hub.stop()
        await self.hub.start(self.url, RESOURCES)

    async def close(self) -> None:
        for copy in self.copies:
            await copy.store.close()
        await self.hub.stop()
        self.program.close()

    @property
    def head(self) -> int:
        return int(self.program.execute("SELECT max(seq) FROM tidegate_log").fetchone()[0] or 0)

    async def equal(self) -> None:
        """Wait until every copy has everything, and compare it with the table."""
        head = self.head
        for copy in self.copies:
            await until(lambda copy=copy: copy.head >= head)  # type: ignore[misc]
            found = await copy.store.read(ReadQuery(resource="boats"))
            assert copy.rows == {row["code"]: row for row in found.rows}


@pytest.fixture
async def workers(path: Path) -> AsyncIterator[Workers]:  # noqa: F811
    found = Workers(path)
    await found.start()
    yield found
    await found.close()


async def test_a_write_through_one_worker_is_delivered_by_both(workers: Workers) -> None:
    one, two = workers.copies
    written = await one.store.write(create({"code": "a", "name": "Ada"}))
    assert written.rows[0]["code"] == "a"
    found = await two.store.read(ReadQuery(resource="boats"))
    assert [row["code"] for row in found.rows] == ["a"], "what is acknowledged is read at once, through any worker"
    await workers.equal()
    assert one.seqs == two.seqs == [1]


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
    assert workers.head == 1


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
                chance.choice(workers.copies).store._connector.cut()  # type: ignore[union-attr]
            case 2 if turn % 3 == 0:
                await workers.restart_hub()
        await asyncio.gather(*work)
    await workers.equal()
    present = {code for (code,) in workers.program.execute("SELECT code FROM boats")}
    assert acknowledged <= present
    for copy in workers.copies:
        assert copy.seqs == list(range(1, workers.head + 1)), "every change once and in order"
        assert not copy.resets
        assert not copy.skipped, "it followed all the time"


async def test_a_worker_that_does_not_read_is_cut_off_and_reads_the_log(workers: Workers) -> None:
    one, two = workers.copies
    line = two.store._line
    assert line is not None and line._transport is not None
    line._transport.pause_reading()
    big = "x" * 400_000
    for number in range(12):
        await one.store.write(create({"code": f"c{number}", "name": big, "harbour": str(number)}))
    await until(lambda: two.store._line is not line)
    await workers.equal()
    assert one.seqs == two.seqs == list(range(1, 13))


async def test_changes_that_were_pruned_while_a_worker_was_away_become_a_reset(workers: Workers) -> None:
    one, two = workers.copies
    assert two.store._connector is not None
    address, two.store._connector.address = two.store._connector.address, "\0nobody"
    two.store._connector.cut()
    await until(lambda: two.store._line is None)
    for number in range(3):
        await one.store.write(create({"code": f"c{number}", "harbour": str(number)}))
    await until(lambda: one.head == 3)
    workers.program.execute("DELETE FROM tidegate_log WHERE seq <= 2")
    workers.program.execute("UPDATE tidegate_meta SET value = 2 WHERE name = 'pruned_to'")
    two.store._connector.address = address
    await until(lambda: two.head == 3)
    assert two.resets == len(RESOURCES)
    assert two.seqs == []
    await one.store.write(create({"code": "after"}))
    await until(lambda: two.head == 4)
    assert two.seqs == [4]


async def test_a_paused_worker_gets_nothing_and_goes_on_from_the_head(workers: Workers) -> None:
    one, two = workers.copies
    two.store.pause()
    assert not two.store.following
    await one.store.write(create({"code": "a"}))
    await until(lambda: one.head == 1)
    await asyncio.gather(two.store.resume(), two.store.resume())
    assert two.skipped == [1]
    await one.store.write(update("a", {"name": "Ada"}))
    await one.store.write(delete("a"))
    await until(lambda: two.head == 3)
    assert (one.seqs, two.seqs) == ([1, 2, 3], [2, 3])


async def test_the_feed_of_the_hub_rests_while_no_worker_follows(workers: Workers) -> None:
    for copy in workers.copies:
        copy.store.pause()
    hub = workers.hub.store
    assert hub is not None
    await until(lambda: not hub.following)
    await workers.copies[0].store.resume()
    assert hub.following


async def test_a_worker_alone_reads_and_refuses_writes(workers: Workers) -> None:
    one, two = workers.copies
    await one.store.write(create({"code": "a"}))
    await workers.hub.stop()
    await until(lambda: two.store._line is None)
    assert [row["code"] for row in (await two.store.read(ReadQuery(resource="boats"))).rows] == ["a"]
    with pytest.raises(Refused) as caught:
        await two.store.write(create({"code": "b"}))
    assert caught.value.code == "unavailable" and caught.value.retry_after is not None
    await workers.hub.start(workers.url, RESOURCES)
    await until(lambda: two.store._line is not None)
    await two.store.write(create({"code": "b"}))
    await workers.equal()


async def test_workers_hear_how_the_database_is(workers: Workers) -> None:
    [(trigger,), *_] = workers.program.execute(
        "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'boats' AND name LIKE 'tidegate%'"
    )
    workers.program.execute(f'DROP TRIGGER "{trigger}"')
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
    await until(lambda: told == [["chat-1"]])
    found = await two.after("chat-1", ROOM, RoomPosition(epoch=first.position.epoch, offset=0), time.time())
    assert [record.text for record in found.records or ()] == [b'{"text":"a"}']
    again = await two.append(kept("a", key="k"))
    assert (again.new, again.position) == (False, first.position)
    with pytest.raises(Refused) as caught:
        await two.append(msgspec.structs.replace(kept("b", key="k"), digest=b"other"))
    assert caught.value.code == "conflict"
    second = await two.append(kept("b"))
    assert second.position.offset == 2
    await workers.restart_hub()
    await until(lambda: None in told)
    assert (await two.heads(["chat-1"]))["chat-1"] == second.position, "a restart of the hub loses none of them"
    await two.forget("chat-1")
    assert not (await one.page("chat-1", ROOM, None, 10, time.time())).records
