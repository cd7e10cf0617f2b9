"""A paused feed reads nothing; when it resumes, it jumps to the head of the log and goes on from there."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from tests.store.heard import Heard
from tests.store.mutations import create
from tests.store.port.conftest import AnyForeign, Database
from tests.support.deadlines import DEADLINE_S
from tidegate.core.errors import Refused
from tidegate.core.rows.ports import Store


def add(foreign: AnyForeign, code: str) -> None:
    foreign.run("INSERT INTO boats (code, name, harbour) VALUES (?, ?, ?)", code, code, code)


class Listener(Heard):
    """It counts jumps, too."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.jumps: list[int] = []
        store.follow(self.deliver, self.jumps.append)

    @property
    def codes(self) -> list[str]:
        return [change.key["code"] for change in self.changes]


async def test_changes_during_a_pause_are_skipped(store: Store, foreign: AnyForeign) -> None:
    listener = Listener(store)
    add(foreign, "a")
    await listener.until(1)
    store.pause()
    assert not store.following
    add(foreign, "b")
    await store.write(create({"code": "c", "harbour": "c"}))
    await store.resume()
    assert store.following
    assert listener.jumps == [3]
    add(foreign, "d")
    await listener.until(4)
    assert (listener.codes[0], listener.codes[-1]) == ("a", "d")
    # A read that was under way when the feed was paused may have seen the next changes.
    assert listener.codes == sorted(set(listener.codes))


async def test_a_feed_that_follows_the_log_does_not_jump(store: Store, foreign: AnyForeign) -> None:
    listener = Listener(store)
    await store.resume()
    add(foreign, "a")
    await store.resume()
    await listener.until(1)
    assert (listener.jumps, listener.codes) == ([], ["a"])


async def test_callers_that_resume_together_share_one_jump(store: Store, foreign: AnyForeign) -> None:
    listener = Listener(store)
    store.pause()
    add(foreign, "a")
    await asyncio.gather(*(store.resume() for _ in range(5)))
    assert listener.jumps == [1]


async def test_a_feed_is_not_paused_while_a_caller_waits_for_it(store: Store, foreign: AnyForeign) -> None:
    listener = Listener(store)
    store.pause()
    waiting = asyncio.create_task(store.resume())
    await asyncio.sleep(0)
    store.pause()
    async with asyncio.timeout(DEADLINE_S):
        await waiting
    assert store.following
    add(foreign, "a")
    await listener.until(1)
    assert listener.codes == ["a"]


async def test_mutations_that_arrive_during_the_jump_are_written_after_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If they were written before it, the feed might skip them, and earlier subscribers would miss them."""
    listener = Listener(store)
    gate = store._feed.gate  # type: ignore[attr-defined]  # both databases' stores have one
    goes_on, jumped = threading.Event(), gate.jumped

    def held(head: int) -> None:
        goes_on.wait(10)
        jumped(head)

    monkeypatch.setattr(gate, "jumped", held)
    store.pause()
    waiting = asyncio.create_task(store.resume())
    await asyncio.sleep(0)  # it has begun
    writes = [asyncio.ensure_future(store.write(create({"code": code, "harbour": code}))) for code in "abc"]
    gone = asyncio.ensure_future(store.write(create({"code": "gone"})))
    done, _ = await asyncio.wait(writes, timeout=0.2)
    assert not done
    gone.cancel()
    goes_on.set()
    await waiting
    results = await asyncio.gather(*writes)
    await listener.until(3)
    assert (listener.jumps, listener.codes) == ([0], ["a", "b", "c"])
    assert [result.seq for result in results] == sorted(result.seq for result in results)
    assert store.ledger.of_kind("writes") == 0  # type: ignore[attr-defined]  # as above


async def test_a_caller_that_resumes_while_the_log_cannot_be_read_is_refused(
    store: Store, database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    listener = Listener(store)

    def failing(*_: Any) -> int:
        raise ValueError("no head")

    with monkeypatch.context() as patched:
        patched.setattr(database.feed, "head" if database.url.startswith("sqlite") else "one_value", failing)
        store.pause()
        for _ in range(2):
            with pytest.raises(Refused) as refused:
                async with asyncio.timeout(DEADLINE_S):
                    await store.resume()
            assert (refused.value.code, refused.value.retry_after) == ("unavailable", 1.0)
            assert not store.following
        assert not store.healthy
    assert caplog.text.count("it will be tried again") == 1, "the same failure is logged once"
    async with asyncio.timeout(DEADLINE_S):
        await store.resume()
        while not store.healthy:  # noqa: ASYNC110  # the feed's thread knows
            await asyncio.sleep(0.005)
    assert listener.jumps == [0]


class Recorded:
    """A connection that records its statements."""

    def __init__(self, connection: Any, asked: list[str]) -> None:
        self._connection, self._asked = connection, asked

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def __enter__(self) -> Recorded:
        self._connection.__enter__()
        return self

    def __exit__(self, *error: Any) -> Any:
        return self._connection.__exit__(*error)

    def execute(self, sql: str, *values: Any) -> Any:
        self._asked.append(sql)
        return self._connection.execute(sql, *values)

    def pragma(self, name: str) -> Any:
        self._asked.append(name)
        return self._connection.pragma(name)


async def test_a_paused_feed_reads_nothing(
    database: Database, foreign: AnyForeign, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither commits of other programs nor the gateway's make the feed look."""
    asked: list[str] = []
    connect = database.feed.connect
    monkeypatch.setattr(database.feed, "connect", lambda place, **how: Recorded(connect(place, **how), asked))
    monkeypatch.setattr(database.feed, "POLL_S", 0.001)
    monkeypatch.setattr(database.feed, "PAUSED_POLL_S", 0.001, raising=False)
    store = await database.open()
    try:
        listener = Listener(store)
        await store.write(create({"code": "a"}))
        await listener.until(1)
        store.pause()
        mark = len(asked)
        for number in range(10):
            add(foreign, f"b{number}")
            await store.write(create({"code": f"c{number}", "harbour": f"c{number}"}))
        looked = [sql for sql in asked[mark:] if "seq" in sql or sql == "data_version"]
        assert len(looked) <= 4, "a read may have been under way when it was paused"
        if database.url.startswith("postgresql"):
            assert any("NOTIFY" in sql for sql in asked[mark:]), "other gateways have to be woken"
        await store.resume()
        assert listener.jumps == [21]
    finally:
        await store.close()
