"""The writer of SQLite: many mutations share a commit, and none spoils another. tests/store/port has the rest."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.store.application import RESOURCES, Foreign
from tests.store.mutations import create, delete, refused, update
from tests.support.deadlines import DEADLINE_S
from tidegate.core.errors import Refused
from tidegate.core.rows.ports import Mutation, ReadQuery, WriteResult
from tidegate.store import SqliteStore
from tidegate.store.sqlite import connection


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    store = await SqliteStore.open(f"sqlite:///{path}", RESOURCES)
    yield store
    await store.close()


async def together(
    store: SqliteStore, foreign: Foreign, mutations: list[Mutation]
) -> list[WriteResult | BaseException]:
    """The outcomes of mutations that wait while another program writes, and then share a transaction."""
    waiting = [asyncio.ensure_future(store.write(mutation)) for mutation in mutations]
    await asyncio.sleep(0)
    foreign.connection.execute("COMMIT")
    async with asyncio.timeout(DEADLINE_S):
        return await asyncio.gather(*waiting, return_exceptions=True)


async def test_waiting_mutations_share_a_commit(store: SqliteStore, foreign: Foreign) -> None:
    """Another program holds the lock while they come in; each commit of the writer wakes the feed once."""
    foreign.connection.execute("BEGIN IMMEDIATE")
    commits: list[int] = []
    store._writer._committed = lambda: commits.append(1)
    waiting = [
        asyncio.ensure_future(store.write(create({"code": f"{number}", "sign": number}))) for number in range(100)
    ]
    await asyncio.sleep(0)
    foreign.connection.execute("COMMIT")
    async with asyncio.timeout(DEADLINE_S):
        results = await asyncio.gather(*waiting)
    assert [result.rows[0]["code"] for result in results] == [f"{number}" for number in range(100)]
    assert len(commits) <= 3


async def test_a_mutation_that_fails_undoes_no_other(store: SqliteStore, foreign: Foreign) -> None:
    foreign.connection.execute("BEGIN IMMEDIATE")
    mutations = [
        create({"code": "a"}),
        create({"code": "b", "harbour": "x"}, {"code": "a"}, array=True),
        update("missing", {"name": "Ada"}),
        create({"code": "c", "harbour": "y"}),
        delete("c", "missing", array=True),
        update("a", {"harbour": "z"}),
    ]
    outcomes = await together(store, foreign, mutations)
    assert [getattr(outcome, "code", "done") for outcome in outcomes] == [
        "done",
        "conflict",
        "not_found",
        "done",
        "not_found",
        "done",
    ]
    rows = (await store.read(ReadQuery(resource="boats"))).rows
    assert [(row["code"], row["harbour"]) for row in rows] == [("a", "z"), ("c", "y")]
    assert [entry.action for entry in foreign.log()] == ["create", "create", "update"]


async def test_each_change_of_a_shared_commit_has_the_key_of_the_request_that_made_it(
    store: SqliteStore, foreign: Foreign
) -> None:
    """Also after one that fails, one that changes nothing, and after changes of another program."""
    assert len((await store.write(create({"code": "a"}, idempotency_key="key a"))).rows) == 1
    foreign.connection.execute("BEGIN IMMEDIATE")
    foreign.connection.execute("INSERT INTO boats (code, harbour) VALUES ('f', 'f')")
    mutations = [
        create({"code": "b", "harbour": "b"}, idempotency_key="key b"),
        create({"code": "c", "harbour": "c"}, {"code": "a"}, array=True, idempotency_key="lost"),
        create({"code": "a"}, idempotency_key="key a"),
        create({"code": "d", "harbour": "d"}),
        update("missing", {"name": "Ada"}, idempotency_key="lost too"),
        update("b", {}, idempotency_key="nothing"),
        create({"code": "e", "harbour": "e"}, {"code": "g", "harbour": "g"}, array=True, idempotency_key="key e"),
    ]
    await together(store, foreign, mutations)
    log = foreign.connection.execute("SELECT new, origin, actor FROM tidegate_log ORDER BY seq").fetchall()
    found = [(json.loads(new)["code"], origin, actor) for new, origin, actor in log]
    assert found == [
        ("a", "key a", "7"), ("f", None, None), ("b", "key b", "7"), ("d", None, "7"), ("e", "key e", "7"),
        ("g", "key e", "7"),
    ]  # fmt: skip


async def test_a_database_that_is_busy_for_long_is_unavailable(
    path: Path, foreign: Foreign, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(connection, "BUSY_TIMEOUT_MS", 50)
    monkeypatch.setitem(connection.PRAGMAS, "busy_timeout", 50)
    store = await SqliteStore.open(f"sqlite:///{path}", RESOURCES)
    try:
        foreign.connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(Refused) as caught:
            await store.write(create({"code": "a"}))
        assert (caught.value.code, caught.value.retry_after) == ("unavailable", 1.0)
        assert not store.healthy
        assert (await store.read(ReadQuery(resource="boats"))).rows == []  # readers go on
        foreign.connection.execute("COMMIT")
        assert (await store.write(create({"code": "a"}))).seq == 1
        assert store.healthy
    finally:
        await store.close()
    assert "a transaction failed" in caplog.text


async def test_a_broken_foreign_trigger_fails_only_mutations_of_its_table(
    store: SqliteStore, foreign: Foreign, caplog: pytest.LogCaptureFixture
) -> None:
    foreign.connection.execute(
        "CREATE TRIGGER broken AFTER INSERT ON people BEGIN SELECT known_to_its_program_only(NEW.id); END"
    )
    foreign.connection.execute("BEGIN IMMEDIATE")
    mutations = [
        create({"code": "a"}),
        create({"name": "Ada"}, resource="people"),
        create({"code": "b", "harbour": "x"}),
    ]
    outcomes = await together(store, foreign, mutations)
    assert [getattr(outcome, "code", "done") for outcome in outcomes] == ["done", "internal", "done"]
    assert store.healthy
    assert "known_to_its_program_only" in caplog.text


async def test_a_foreign_trigger_may_refuse_a_row(store: SqliteStore, foreign: Foreign) -> None:
    foreign.connection.execute(
        "CREATE TRIGGER no BEFORE INSERT ON boats WHEN NEW.code = 'a' BEGIN SELECT RAISE(ABORT, 'not this one'); END"
    )
    assert await refused(store, create({"code": "a"})) == ("invalid_data", "/data", "check")
    assert (await store.write(create({"code": "b"}))).seq == 1


@pytest.mark.parametrize("how", ["ROLLBACK", "FAIL", "ABORT"])
async def test_a_foreign_trigger_that_ends_the_transaction_undoes_no_other_mutation(
    store: SqliteStore, foreign: Foreign, how: str
) -> None:
    foreign.connection.execute(
        f"CREATE TRIGGER no BEFORE INSERT ON boats WHEN NEW.code = 'no' BEGIN SELECT RAISE({how}, 'not this one'); END"
    )
    foreign.connection.execute("BEGIN IMMEDIATE")
    codes = ["no", "a", "b", "no", "no", "c", "no"]
    mutations = [create({"code": code, "sign": sign}) for sign, code in enumerate(codes)]
    outcomes = await together(store, foreign, mutations)
    told = [getattr(outcome, "code", "done") for outcome in outcomes]
    assert told == ["invalid_data" if code == "no" else "done" for code in codes]
    assert store.healthy
    assert [entry.key for entry in foreign.log()] == [("a",), ("b",), ("c",)]


async def test_a_row_that_a_foreign_trigger_ignores_is_refused(store: SqliteStore, foreign: Foreign) -> None:
    foreign.run("INSERT INTO boats (code) VALUES ('b')")
    for event in ("INSERT", "UPDATE"):
        foreign.connection.execute(f"CREATE TRIGGER no_{event} BEFORE {event} ON boats BEGIN SELECT RAISE(IGNORE); END")
    assert await refused(store, create({"code": "a"})) == ("conflict", "/data", None)
    assert await refused(store, update("b", {"sign": 1})) == ("conflict", "/data", None)


async def test_a_foreign_trigger_may_update_its_row(store: SqliteStore, foreign: Foreign) -> None:
    """As `updated_at` is kept in SQLite. A trigger that called itself would never end."""
    foreign.connection.execute(
        "CREATE TRIGGER touch AFTER UPDATE ON boats BEGIN "
        "UPDATE boats SET weight = coalesce(weight, 0) + 1 WHERE code = NEW.code; END"
    )
    await store.write(create({"code": "a"}))
    await store.write(update("a", {"name": "Ada"}))
    (row,) = (await store.read(ReadQuery(resource="boats"))).rows
    assert (row["name"], row["weight"]) == ("Ada", 1.0)
    assert [(entry.action, (entry.new or {})["weight"]) for entry in foreign.log()][-1] == ("update", 1.0)


async def test_rows_with_text_that_is_not_utf_8_can_be_updated(store: SqliteStore, foreign: Foreign) -> None:
    foreign.run("INSERT INTO boats (code, name) VALUES ('a', CAST(x'41ff42' AS TEXT))")
    assert (await store.write(update("a", {"name": "Ada"}))).rows[0]["name"] == "Ada"


async def test_an_answer_that_cannot_be_read_undoes_one_mutation_of_its_transaction(
    store: SqliteStore, foreign: Foreign
) -> None:
    """All mutations of a transaction share a cursor, and this one leaves a row on it that was not read."""
    foreign.run("INSERT INTO boats (code, name) VALUES ('a', CAST(x'41ff42' AS TEXT))")
    foreign.connection.execute("BEGIN IMMEDIATE")
    mutations = [
        create({"code": "b"}),
        update("a", {"harbour": "h"}),
        create({"code": "c"}),
        update("b", {"name": "B"}),
    ]
    outcomes = await together(store, foreign, mutations)
    assert [getattr(outcome, "code", "done") for outcome in outcomes] == ["done", "internal", "done", "done"]
    found = foreign.connection.execute("SELECT code, harbour, CAST(name AS BLOB) FROM boats ORDER BY code").fetchall()
    assert found == [("a", None, b"A\xffB"), ("b", None, b"B"), ("c", None, b"nameless")]


async def test_acknowledged_mutations_are_committed(store: SqliteStore, foreign: Foreign) -> None:
    result = await store.write(create({"code": "a"}))
    assert foreign.log()[-1].seq == result.seq
    assert foreign.connection.execute("PRAGMA journal_mode").fetchall() == [("wal",)]
