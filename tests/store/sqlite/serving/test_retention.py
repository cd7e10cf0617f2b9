"""How long the change log is kept: only changes that are both old and many go, and readers of lost changes know it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import apsw
import pytest

from tests.store.application import RESOURCES, Foreign, add
from tests.support.deadlines import DEADLINE_S
from tidegate.core.rows.ports import LogPruned, Mutation
from tidegate.store import Retention, SqliteStore
from tidegate.store.serving.retention import REQUESTS_KEEP_MS
from tidegate.store.sqlite.connection import connect
from tidegate.store.sqlite.serving import retention, writer
from tidegate.store.sqlite.serving.reader import Reader

NOW = int(time.time() * 1000)
DAY = 24 * 3600 * 1000
FEW = Retention(age_ms=DAY, rows=3)
LATER = NOW + 2 * DAY
"""A moment at which everything written in this test is old."""


@pytest.fixture
def connection(path: Path) -> Iterator[apsw.Connection]:
    connection = connect(path)
    yield connection
    connection.close()


@pytest.fixture
def reader(path: Path) -> Iterator[Reader]:
    reader = Reader(path, RESOURCES)
    yield reader
    reader.close()


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "STEP", 4)


def prune(connection: apsw.Connection, now_ms: int) -> int:
    return retention.prune(connection, now_ms, FEW)


def fill(foreign: Foreign, count: int) -> None:
    sql = f"""WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
        INSERT INTO people (name) SELECT 'p' || i FROM n"""
    foreign.connection.execute(sql)


def left(foreign: Foreign) -> list[int]:
    return [entry.seq for entry in foreign.log()]


def test_old_changes_go_in_small_steps_down_to_what_is_kept(
    connection: apsw.Connection, foreign: Foreign, reader: Reader
) -> None:
    fill(foreign, 10)
    assert prune(connection, LATER) == 4
    assert left(foreign) == [5, 6, 7, 8, 9, 10]
    assert prune(connection, LATER) == 3
    assert prune(connection, LATER) == 0
    assert left(foreign) == [8, 9, 10]
    assert reader.meta("pruned_to") == 7


def test_changes_that_are_not_old_stay_in_any_number(connection: apsw.Connection, foreign: Foreign) -> None:
    fill(foreign, 10)
    assert prune(connection, NOW) == 0
    foreign.connection.execute("UPDATE tidegate_log SET time = time - ? WHERE seq <= 2", (2 * DAY,))
    assert prune(connection, NOW) == 2
    assert left(foreign) == [3, 4, 5, 6, 7, 8, 9, 10]


def test_an_empty_log_is_left_alone(connection: apsw.Connection, reader: Reader) -> None:
    assert prune(connection, LATER) == 0
    assert reader.meta("pruned_to") == 0
    assert reader.changes(0, 0, 10) == []


def test_a_reader_of_pruned_changes_gets_log_pruned(
    connection: apsw.Connection, foreign: Foreign, reader: Reader
) -> None:
    fill(foreign, 7)
    assert len(reader.changes(3, 7, 10)) == 4
    prune(connection, LATER)
    with pytest.raises(LogPruned):
        reader.changes(3, 7, 10)
    assert [change.seq for change in reader.changes(4, 7, 10)] == [5, 6, 7]


def test_a_position_is_never_given_twice(connection: apsw.Connection, foreign: Foreign, reader: Reader) -> None:
    fill(foreign, 4)
    assert retention.prune(connection, LATER, Retention(rows=0)) == 4
    assert left(foreign) == []
    assert reader.head() == 4
    add(foreign, "a")
    assert left(foreign) == [5]


def test_pruning_that_fails_changes_nothing(connection: apsw.Connection, foreign: Foreign, reader: Reader) -> None:
    fill(foreign, 10)
    foreign.connection.execute(
        "CREATE TRIGGER stop BEFORE UPDATE ON tidegate_meta BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
    )
    with pytest.raises(apsw.ConstraintError):
        prune(connection, LATER)
    assert (len(left(foreign)), reader.meta("pruned_to")) == (10, 0)
    foreign.connection.execute("DROP TRIGGER stop")
    assert prune(connection, LATER) == 4


def test_answers_to_requests_are_forgotten_after_a_day(connection: apsw.Connection, foreign: Foreign) -> None:
    for key, age in (("old", REQUESTS_KEEP_MS + 1), ("young", REQUESTS_KEEP_MS - 60_000)):
        foreign.connection.execute("INSERT INTO tidegate_requests VALUES ('7', ?, x'00', '[]', ?)", (key, NOW - age))
    prune(connection, NOW)
    assert foreign.connection.execute("SELECT key FROM tidegate_requests").fetchall() == [("young",)]


def test_rows_that_ignored_statements_set_aside_go_too(connection: apsw.Connection, foreign: Foreign) -> None:
    add(foreign, "a")
    foreign.run("INSERT OR IGNORE INTO boats (code) VALUES ('a')")
    assert len(foreign.connection.execute("SELECT 1 FROM tidegate_aside").fetchall()) == 1
    prune(connection, NOW)
    assert foreign.connection.execute("SELECT 1 FROM tidegate_aside").fetchall() == []


async def test_the_writer_prunes_on_until_nothing_old_is_left(
    path: Path, foreign: Foreign, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One step for each pause would not keep up with a gateway that writes much."""
    fill(foreign, 40)
    foreign.connection.execute("UPDATE tidegate_log SET time = 0")
    monkeypatch.setattr(writer, "STEP", 4)
    clock, steps = [0.0], 0
    monkeypatch.setattr(writer, "time", SimpleNamespace(monotonic=lambda: clock[0], time=time.time))

    def counted(connection: apsw.Connection, now_ms: int, keep: Retention) -> int:
        nonlocal steps
        steps += 1
        return retention.prune(connection, now_ms, keep)

    monkeypatch.setattr(writer, "prune", counted)
    keep = Retention(age_ms=60_000, rows=3)
    store = await SqliteStore.open(f"sqlite:///{path}", RESOURCES, keep)
    try:
        await store.write(Mutation(kind="update", resource="people", keys=({"id": 1},), data={}))
        assert steps == 0
        clock[0] += keep.pause_s  # one pause is over; the clock stands still for all the steps
        async with asyncio.timeout(DEADLINE_S):
            while left(foreign) != [38, 39, 40]:
                await store.write(Mutation(kind="update", resource="people", keys=({"id": 1},), data={}))
        assert steps >= 10
    finally:
        await store.close()
