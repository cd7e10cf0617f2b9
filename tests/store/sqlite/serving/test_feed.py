"""The change feed of SQLite: what it reads ahead, and what it cannot read. tests/store/port has the rest."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from tests.store.application import RESOURCES, Foreign, add
from tests.store.heard import Heard
from tidegate.core.rows.ports import Change, Mutation
from tidegate.store import SqliteStore
from tidegate.store.serving.batch_size import AdaptiveBatchSize
from tidegate.store.sqlite.serving import feed


class Fixed(AdaptiveBatchSize):
    """Batches of one size, however slow they are."""

    def __init__(self, size: int) -> None:
        self.size = size

    def took(self, seconds: float) -> None:
        """The size stays."""


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    store = await SqliteStore.open(f"sqlite:///{path}", RESOURCES)
    yield store
    await store.close()


def create(code: str) -> Mutation:
    return Mutation(kind="create", resource="boats", rows=({"code": code, "harbour": code},), user="7")


async def test_the_gateway_s_changes_are_delivered_without_polling(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer wakes the feed; foreign commits alone are polled for."""
    monkeypatch.setattr(feed, "POLL_S", 3600.0)
    heard = Heard()
    store.follow(heard.deliver)
    assert (await store.write(create("a"))).seq == 1
    await heard.until(1)
    assert (await store.write(create("b"))).seq == 2
    await heard.until(2)


async def test_a_transaction_that_was_rolled_back_is_not_delivered(store: SqliteStore, foreign: Foreign) -> None:
    heard = Heard()
    store.follow(heard.deliver)
    foreign.connection.execute("BEGIN IMMEDIATE")
    add(foreign, "a")
    foreign.connection.execute("ROLLBACK")
    add(foreign, "b")
    await heard.until(1)
    assert [(change.seq, change.key) for change in heard.changes] == [(1, {"code": "b"})]


async def test_a_long_transaction_comes_in_batches_without_a_gap(
    store: SqliteStore, foreign: Foreign, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store._feed, "_batch", Fixed(10))
    heard = Heard()
    store.follow(heard.deliver)
    foreign.connection.execute("BEGIN IMMEDIATE")
    rows = [(f"{number}", f"{number}") for number in range(30)]
    foreign.connection.executemany("INSERT INTO boats (code, harbour) VALUES (?, ?)", rows)
    foreign.connection.execute("COMMIT")
    await heard.until(30)
    assert [(len(changes), head) for changes, head in heard.batches] == [(10, 10), (10, 20), (10, 30)]
    assert [change.seq for change in heard.changes] == list(range(1, 31))


async def test_the_feed_is_never_more_than_a_batch_ahead_of_the_loop(
    store: SqliteStore, foreign: Foreign, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The feed reads the next batch when the loop has taken this one, so that nothing piles up on a busy loop."""
    monkeypatch.setattr(store._feed, "_batch", Fixed(2))
    heard = Heard()
    handed: list[int] = []
    hand_over = store._feed._hand_over

    def counted(changes: Sequence[Change], upto: int) -> None:
        handed.append(upto - heard.head)
        hand_over(changes, upto)

    monkeypatch.setattr(store._feed, "_hand_over", counted)
    rows = [(f"{number}", f"{number}") for number in range(20)]
    foreign.connection.executemany("INSERT INTO boats (code, harbour) VALUES (?, ?)", rows)
    store.follow(heard.deliver)
    await heard.until(20)
    assert max(handed) <= 2


async def test_changes_of_former_resources_still_move_the_position(path: Path, foreign: Foreign) -> None:
    store = await SqliteStore.open(f"sqlite:///{path}", {"people": RESOURCES["people"]})
    try:
        heard = Heard()
        store.follow(heard.deliver)
        add(foreign, "a")
        await heard.until(1)
        assert heard.changes == []
    finally:
        await store.close()


async def test_foreign_values_do_not_stop_the_feed(store: SqliteStore, foreign: Foreign) -> None:
    heard = Heard()
    store.follow(heard.deliver)
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

    monkeypatch.setattr(store._feed, "_decoded", failing)
    heard = Heard()
    store.follow(heard.deliver)
    add(foreign, "a")
    await heard.until(1)
    assert [change.key for change in heard.changes] == [{"code": "a"}]
    assert caplog.text.count("it will be tried again") == 2
