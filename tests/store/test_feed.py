"""The change feed: every committed change, whoever made it, once and in order, from where the store was opened."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from tests.store.application import RESOURCES, Foreign, add
from tidegate.core.ports import Change, WriteOrder
from tidegate.store import SqliteStore, feed


class Heard:
    """What the feed delivered: batches with the position after each."""

    def __init__(self) -> None:
        self.batches: list[tuple[list[Change], int]] = []
        self.threads: set[int] = set()
        self._news = asyncio.Event()

    def deliver(self, changes: Sequence[Change], head: int) -> None:
        self.batches.append((list(changes), head))
        self.threads.add(threading.get_ident())
        self._news.set()

    @property
    def changes(self) -> list[Change]:
        return [change for changes, _ in self.batches for change in changes]

    @property
    def head(self) -> int:
        return self.batches[-1][1] if self.batches else 0

    async def until(self, head: int) -> None:
        """Returns once everything up to `head` was delivered."""
        async with asyncio.timeout(10):
            while self.head < head:
                self._news.clear()
                await self._news.wait()


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    store = await SqliteStore.open(f"sqlite:///{path}", RESOURCES)
    yield store
    await store.close()


def create(code: str) -> WriteOrder:
    return WriteOrder(kind="create", resource="boats", rows=({"code": code, "harbour": code},), user="7")


async def test_changes_of_foreign_programs_arrive_in_their_order(store: SqliteStore, foreign: Foreign) -> None:
    heard = Heard()
    store.listen(heard.deliver)
    add(foreign, "a")
    foreign.run("UPDATE boats SET name = 'Ada'")
    foreign.run("INSERT INTO people (name) VALUES ('Eve')")
    foreign.run("DELETE FROM boats")
    await heard.until(4)
    assert [(change.seq, change.resource, change.action) for change in heard.changes] == [
        (1, "boats", "create"),
        (2, "boats", "update"),
        (3, "people", "create"),
        (4, "boats", "delete"),
    ]
    first, second, _, last = heard.changes
    assert (first.old, first.new, second.new) == (None, second.old, last.old)
    assert (last.key, last.new) == ({"code": "a"}, None)
    assert heard.threads == {threading.get_ident()}


async def test_own_and_foreign_changes_arrive_in_one_order(store: SqliteStore, foreign: Foreign) -> None:
    heard = Heard()
    store.listen(heard.deliver)
    for number in range(10):
        await store.write(create(f"own{number}"))
        add(foreign, f"foreign{number}", harbour=f"f{number}")
    await heard.until(20)
    assert [change.seq for change in heard.changes] == list(range(1, 21))
    assert [change.actor for change in heard.changes] == ["7", None] * 10


async def test_an_own_change_is_not_waited_for(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The writer wakes the feed; foreign commits alone are polled for."""
    monkeypatch.setattr(feed, "POLL_S", 3600.0)
    heard = Heard()
    store.listen(heard.deliver)
    assert (await store.write(create("a"))).seq == 1
    await heard.until(1)
    assert (await store.write(create("b"))).seq == 2
    await heard.until(2)


async def test_the_feed_begins_where_the_store_was_opened(path: Path, foreign: Foreign) -> None:
    add(foreign, "before")
    store = await SqliteStore.open(f"sqlite:///{path}", RESOURCES)
    try:
        assert await store.head() == 1
        add(foreign, "between", harbour="x")  # after opening, before listening: not to be missed
        heard = Heard()
        store.listen(heard.deliver)
        add(foreign, "after", harbour="y")
        await heard.until(3)
        assert [change.key["code"] for change in heard.changes] == ["between", "after"]
        assert await store.head() == 1
    finally:
        await store.close()


async def test_what_was_rolled_back_is_not_heard(store: SqliteStore, foreign: Foreign) -> None:
    heard = Heard()
    store.listen(heard.deliver)
    foreign.connection.execute("BEGIN IMMEDIATE")
    add(foreign, "a")
    foreign.connection.execute("ROLLBACK")
    add(foreign, "b")
    await heard.until(1)
    assert [(change.seq, change.key) for change in heard.changes] == [(1, {"code": "b"})]


async def test_a_long_transaction_comes_in_batches_without_a_gap(
    store: SqliteStore, foreign: Foreign, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "BATCH", 10)
    heard = Heard()
    store.listen(heard.deliver)
    foreign.connection.execute("BEGIN IMMEDIATE")
    rows = [(f"{number}", f"{number}") for number in range(30)]
    foreign.connection.executemany("INSERT INTO boats (code, harbour) VALUES (?, ?)", rows)
    foreign.connection.execute("COMMIT")
    await heard.until(30)
    assert [(len(changes), head) for changes, head in heard.batches] == [(10, 10), (10, 20), (10, 30)]
    assert [change.seq for change in heard.changes] == list(range(1, 31))


async def test_it_never_runs_ahead_of_who_listens(
    store: SqliteStore, foreign: Foreign, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the loop is busy nothing piles up on it: the next batch is read when this one was taken."""
    monkeypatch.setattr(feed, "BATCH", 2)
    heard = Heard()
    handed: list[int] = []
    hand_over = store._feed._hand_over

    def counted(changes: Sequence[Change], upto: int) -> None:
        handed.append(upto - heard.head)
        hand_over(changes, upto)

    monkeypatch.setattr(store._feed, "_hand_over", counted)
    rows = [(f"{number}", f"{number}") for number in range(20)]
    foreign.connection.executemany("INSERT INTO boats (code, harbour) VALUES (?, ?)", rows)
    store.listen(heard.deliver)
    await heard.until(20)
    assert max(handed) <= 2


async def test_changes_of_what_is_no_resource_still_move_the_position(path: Path, foreign: Foreign) -> None:
    store = await SqliteStore.open(f"sqlite:///{path}", {"people": RESOURCES["people"]})
    try:
        heard = Heard()
        store.listen(heard.deliver)
        add(foreign, "a")
        await heard.until(1)
        assert heard.changes == []
    finally:
        await store.close()


async def test_foreign_values_do_not_stop_it(store: SqliteStore, foreign: Foreign) -> None:
    heard = Heard()
    store.listen(heard.deliver)
    foreign.run("INSERT INTO boats (code, papers, tags) VALUES ('a', json_object('a', 1), json('[1]'))")
    foreign.run("UPDATE boats SET name = CAST(x'ff' AS TEXT), extra = ?", "[" * 900 + "]" * 900)
    foreign.run("UPDATE boats SET extra = ?, name = 'Ada'", '"\\ud800"')
    await heard.until(3)
    assert [(change.new or {})["papers"] for change in heard.changes] == [{"a": 1}] * 3


async def test_a_log_that_cannot_be_read_is_tried_again(
    store: SqliteStore, foreign: Foreign, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    decoded = store._reader.decoded
    failures = iter([ValueError("no JSON"), OSError("no disk")])

    def failing(found: Sequence[tuple[object, ...]]) -> list[Change]:
        if failure := next(failures, None):
            raise failure
        return decoded(found)

    monkeypatch.setattr(store._reader, "decoded", failing)
    heard = Heard()
    store.listen(heard.deliver)
    add(foreign, "a")
    await heard.until(1)
    assert [change.key for change in heard.changes] == [{"code": "a"}]
    assert caplog.text.count("it will be tried again") == 2


async def test_nothing_is_delivered_after_the_store_was_closed(path: Path, foreign: Foreign) -> None:
    store = await SqliteStore.open(f"sqlite:///{path}", RESOURCES)
    heard = Heard()
    store.listen(heard.deliver)
    add(foreign, "a")
    await heard.until(1)
    await store.close()
    add(foreign, "b", harbour="x")
    assert not any(thread.name.startswith("tidegate-") for thread in threading.enumerate())
    assert len(heard.changes) == 1
