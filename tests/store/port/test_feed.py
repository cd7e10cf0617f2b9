"""The change feed: each committed change of every program, once and in order, from where the store was opened."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from tests.store.heard import Heard
from tests.store.mutations import create
from tests.store.port.conftest import AnyForeign, Database
from tests.support.waiting import until
from tidegate.core.rows.ports import Change, Store
from tidegate.store.hub.store import HubStore


def add(foreign: AnyForeign, code: str, harbour: str | None = None) -> None:
    foreign.run("INSERT INTO boats (code, name, harbour) VALUES (?, ?, ?)", code, code, harbour)


async def test_changes_of_foreign_programs_arrive_in_their_order(store: Store, foreign: AnyForeign) -> None:
    heard = Heard()
    store.follow(heard.deliver)
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


async def test_own_and_foreign_changes_arrive_in_one_order(store: Store, foreign: AnyForeign) -> None:
    heard = Heard()
    store.follow(heard.deliver)
    for number in range(10):
        await store.write(create({"code": f"own{number}", "harbour": f"own{number}"}))
        add(foreign, f"foreign{number}", harbour=f"f{number}")
    await heard.until(20)
    assert [change.seq for change in heard.changes] == list(range(1, 21))
    assert [change.actor for change in heard.changes] == ["7", None] * 10


async def test_the_next_batch_waits_until_the_gateway_has_taken_the_one_before(
    store: Store, foreign: AnyForeign
) -> None:
    """A batch that takes several turns of the loop, and another that cannot be delivered."""
    heard = Heard()
    under_way: list[asyncio.Future[None]] = []

    def deliver(changes: Sequence[Change], head: int) -> asyncio.Future[None]:
        assert all(done.done() for done in under_way)
        heard.deliver(changes, head)
        under_way.append(asyncio.get_running_loop().create_future())
        return under_way[-1]

    store.follow(deliver)
    add(foreign, "a")
    await heard.until(1)
    for code in "bcd":
        add(foreign, code, code)
    assert (await store.write(create({"code": "own", "harbour": "own"}))).seq == 5
    assert len(heard.changes) == 1
    under_way[0].set_exception(RuntimeError("a bug"))
    while len(heard.changes) < 5:
        before = len(under_way)
        await until(lambda before=before: len(under_way) > before or not under_way[-1].done())  # type: ignore[misc]
        under_way[-1].set_result(None)
    assert [change.seq for change in heard.changes] == [1, 2, 3, 4, 5]


async def test_the_feed_begins_where_the_store_was_opened(database: Database, foreign: AnyForeign) -> None:
    add(foreign, "before")
    store = await database.open()
    try:
        assert await store.head() == 1
        add(foreign, "between", harbour="x")  # after the store was opened, before it follows the log
        heard = Heard()
        store.follow(heard.deliver)
        add(foreign, "after", harbour="y")
        await heard.until(3)
        assert [change.key["code"] for change in heard.changes] == ["between", "after"]
        assert await store.head() == 1
    finally:
        await store.close()


async def test_a_closed_store_delivers_nothing(database: Database, foreign: AnyForeign) -> None:
    before = set(threading.enumerate())
    store = await database.open()
    heard = Heard()
    store.follow(heard.deliver)
    add(foreign, "a")
    await heard.until(1)
    await store.close()
    add(foreign, "b", harbour="x")
    left = set(threading.enumerate()) - before
    assert not any(thread.name.startswith("tidegate-") for thread in left)
    assert len(heard.changes) == 1


async def test_changes_that_were_pruned_before_the_feed_read_them_become_a_reset(
    store: Store, database: Database
) -> None:
    if isinstance(store, HubStore):
        pytest.skip("the feed of a hub does not wait for a worker: tests/hub/test_two_workers.py has the same for it")
    heard = Heard()
    stuck, go_on = threading.Event(), threading.Event()

    def deliver(changes: Sequence[Change], head: int) -> None:
        heard.deliver(changes, head)
        if head == 1:  # the loop is busy with the first change, and the feed waits for it
            stuck.set()
            assert go_on.wait(10)

    def meanwhile() -> None:
        assert stuck.wait(10)
        for code in "bcd":
            database.foreign.execute(f"INSERT INTO boats (code, name, harbour) VALUES ('{code}', '{code}', '{code}')")
        own = "_tidegate." if database.url.startswith("postgres") else "tidegate_"
        database.foreign.execute(f"DELETE FROM {own}log WHERE seq <= 3")
        database.foreign.execute(f"UPDATE {own}meta SET value = 3 WHERE name = 'pruned_to'")
        go_on.set()

    store.follow(deliver)
    database.foreign.execute("INSERT INTO boats (code, name, harbour) VALUES ('a', 'a', 'a')")
    thread = threading.Thread(target=meanwhile)
    thread.start()
    await heard.until(4)
    thread.join()
    delivered = [(change.seq, change.resource, change.action) for change in heard.changes]
    assert delivered[0] == (1, "boats", "create")
    assert (3, "boats", "reset") in delivered
    assert delivered[-1] == (4, "boats", "create")
    assert (2, "boats", "create") not in delivered
