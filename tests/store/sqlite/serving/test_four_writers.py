"""Four other programs and the gateway write at once, and one of the programs is killed in the midst of it.

Each program counts up in its rows and notes what SQLite acknowledged. The feed must deliver every commit once, in the
order of commits: each program's numbers without a gap, and each old image of a row equal to the new image before it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.store.application import RESOURCES, Foreign
from tests.store.heard import Heard
from tests.support.deadlines import DEADLINE_S
from tidegate.core.rows.ports import Change, Mutation, ReadQuery, Row
from tidegate.store import SqliteStore

pytestmark = pytest.mark.process

WRITERS = 4
COMMITS = 150
PROGRAM = """
import sqlite3, sys
path, who, commits = sys.argv[1], sys.argv[2], int(sys.argv[3])
connection = sqlite3.connect(path, timeout=60, isolation_level=None)
connection.execute("PRAGMA synchronous = full")
number = 0
while number < commits or not commits:
    number += 1
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT OR REPLACE INTO boats (code, name, harbour) VALUES (?, ?, ?)", (who, str(number), who))
    connection.execute("UPDATE boats SET weight = ? WHERE code = ?", (number, who))
    connection.execute("UPDATE boats SET sign = coalesce(sign, 0) + 1 WHERE code = 'shared'")
    connection.execute("COMMIT")
    print(number, flush=True)
"""
"""Counts up, three changes a commit, and says each number once it is committed. Without an end if commits is 0."""


@pytest.fixture
async def store(path: Path, foreign: Foreign) -> AsyncIterator[SqliteStore]:
    foreign.run("INSERT INTO boats (code, sign) VALUES ('shared', 0)")
    store = await SqliteStore.open(f"sqlite:///{path}", RESOURCES)
    yield store
    await store.close()


@contextlib.contextmanager
def started(path: Path, who: str, commits: int, script: str = PROGRAM) -> Iterator[subprocess.Popen[str]]:
    """The program; it is killed at the end of the `with`, if it still runs."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", script, str(path), who, str(commits)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


async def ended(process: subprocess.Popen[str]) -> list[int]:
    """What it says was committed, until its end. (`communicate` would forget what `readline` read ahead.)"""
    assert process.stdout is not None
    said = await asyncio.to_thread(process.stdout.read)
    return [int(line) for line in said.split()]


async def count_up(store: SqliteStore, commits: int) -> None:
    """The gateway's clients, several at a time, among the others."""
    await store.write(Mutation(kind="create", resource="people", rows=({"name": "0"},), user="7"))
    for number in range(1, commits + 1):
        mutation = Mutation(kind="update", resource="people", keys=({"id": 1},), data={"name": f"{number}"}, user="7")
        await store.write(mutation)


def assert_one_history(changes: list[Change], start: dict[str, Row]) -> dict[str, Row]:
    """Each change begins where the last one of its row ended; returns the rows at the end."""
    rows = dict(start)
    for change in changes:
        name = f"{change.resource} {change.key}"
        assert change.old == rows.get(name), change
        assert change.new is not None
        rows[name] = change.new
    return rows


async def current(store: SqliteStore) -> dict[str, Row]:
    found = {}
    for name in ("boats", "people"):
        key = RESOURCES[name].key[0]
        for row in (await store.read(ReadQuery(resource=name))).rows:
            found[f"{name} { {key: row[key]} }"] = row
    return found


async def test_every_commit_of_four_programs_and_the_gateway_is_delivered_once_in_order(
    store: SqliteStore, path: Path, foreign: Foreign
) -> None:
    start, heard = await current(store), Heard()
    store.follow(heard.deliver)
    with contextlib.ExitStack() as stack:
        writers = [stack.enter_context(started(path, f"w{number}", COMMITS)) for number in range(WRITERS)]
        async with asyncio.timeout(DEADLINE_S):
            said = await asyncio.gather(count_up(store, COMMITS), *map(ended, writers))
    assert said[1:] == [list(range(1, COMMITS + 1))] * WRITERS
    await heard.until(foreign.head())
    assert [change.seq for change in heard.changes] == list(range(2, foreign.head() + 1))
    assert assert_one_history(heard.changes, start) == await current(store)
    assert (await current(store))["boats {'code': 'shared'}"]["sign"] == WRITERS * COMMITS
    for number in range(WRITERS):
        weights = [(change.new or {}).get("weight") for change in heard.changes if change.key == {"code": f"w{number}"}]
        assert [weight for weight in weights if weight is not None] == [*range(1, COMMITS + 1)]


async def test_a_program_that_is_killed_loses_nothing_that_was_acknowledged(
    store: SqliteStore, path: Path, foreign: Foreign
) -> None:
    start, heard = await current(store), Heard()
    store.follow(heard.deliver)
    committed = 0
    for life in range(3):
        with started(path, "w", 0) as writer, started(path, f"other{life}", 5) as other:
            assert writer.stdout is not None
            for _ in range(5 + life):
                acknowledged = int(await asyncio.to_thread(writer.stdout.readline))
            os.kill(writer.pid, signal.SIGKILL)
            said = await ended(writer)
            acknowledged = max([acknowledged, *said])
            assert await ended(other) == [1, 2, 3, 4, 5]
        row = foreign.tables()["boats"]["w",]
        assert row["weight"] in {acknowledged, acknowledged + 1}  # committed, and killed before it could say so
        assert row["name"] == f"{row['weight']:.0f}"  # no half of a transaction
        committed += int(row["weight"]) + 5
    await heard.until(foreign.head())
    assert [change.seq for change in heard.changes] == list(range(2, foreign.head() + 1))
    assert assert_one_history(heard.changes, start) == await current(store)
    assert (await current(store))["boats {'code': 'shared'}"]["sign"] == committed
    assert foreign.connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def test_a_program_killed_within_a_transaction_leaves_no_trace(store: SqliteStore, path: Path) -> None:
    """It holds the write lock when it dies; the gateway's next mutation succeeds."""
    script = PROGRAM.replace('connection.execute("COMMIT")', 'print("in the midst", flush=True); sys.stdin.read()')
    with started(path, "w", 1, script) as process:
        assert process.stdout is not None
        assert await asyncio.to_thread(process.stdout.readline) == "in the midst\n"
        mutation = Mutation(kind="create", resource="boats", rows=({"code": "b", "harbour": "x"},), user="7")
        waiting = asyncio.ensure_future(store.write(mutation))
        await asyncio.sleep(0)
        assert not waiting.done()
    async with asyncio.timeout(DEADLINE_S):
        written = await waiting
    assert written.seq == 2
    assert {row["code"] for row in (await store.read(ReadQuery(resource="boats"))).rows} == {"b", "shared"}
    assert [change.key for change in await store.changes(1, 9, 10)] == [{"code": "b"}]
