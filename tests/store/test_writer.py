"""Writing through the gateway: many orders share a commit, none spoils another, and what fails says where and why."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.store.application import RESOURCES, Foreign
from tidegate.core.errors import Refused
from tidegate.core.live import Live, ResourceRules
from tidegate.core.ports import ReadQuery, Row, WriteOrder, WriteResult
from tidegate.core.position import Dispatched
from tidegate.core.session import Session
from tidegate.store import SqliteStore, database
from tidegate_protocol import CreateRequest, DeleteRequest, Principal, UpdateRequest

USER = Principal(id="7", name="Ada", roles=[], anonymous=False)


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    store = await SqliteStore.open(f"sqlite:///{path}", RESOURCES)
    yield store
    await store.close()


def create(*rows: Row, resource: str = "boats", **fields: Any) -> WriteOrder:
    return WriteOrder(kind="create", resource=resource, rows=rows, user="7", **fields)


def update(code: str, data: Row, **fields: Any) -> WriteOrder:
    return WriteOrder(kind="update", resource="boats", keys=({"code": code},), data=data, user="7", **fields)


def delete(*codes: str, **fields: Any) -> WriteOrder:
    return WriteOrder(kind="delete", resource="boats", keys=tuple({"code": code} for code in codes), **fields)


def asked(request: CreateRequest | UpdateRequest | DeleteRequest) -> WriteOrder:
    """The order that a client's request leads to."""
    rules = ResourceRules("boats", ("code",), dict.fromkeys(("read", "create", "update", "delete"), "anyone"))
    live = Live({"boats": rules}, Dispatched("e", 0), 10, 10)
    serve: dict[type, Callable[..., Any]] = {
        CreateRequest: live.create,
        UpdateRequest: live.update,
        DeleteRequest: live.delete,
    }
    (effect,) = serve[type(request)](Session("c", object(), USER), request, 0.0)
    order: WriteOrder = effect.order
    return order


async def refused(store: SqliteStore, order: WriteOrder) -> tuple[str, str | None, str | None]:
    with pytest.raises(Refused) as caught:
        await store.write(order)
    return caught.value.code, caught.value.pointer, caught.value.keyword


async def test_written_rows_come_back_whole(store: SqliteStore, foreign: Foreign) -> None:
    row = {
        "code": "a",
        "harbour": None,
        "weight": 0.1,
        "afloat": True,
        "tags": ["x"],
        "papers": {"y": [1]},
        "extra": "z",
    }
    written = await store.write(create({**row, "pin": "1234"}))
    assert written == WriteResult([{**row, "name": "nameless"}], 1)
    assert (await store.write(update("a", {"weight": None, "name": "Ada", "extra": False}))).rows == [
        {
            "code": "a",
            "name": "Ada",
            "harbour": None,
            "afloat": True,
            "tags": ["x"],
            "papers": {"y": [1]},
            "extra": False,
        }
    ]
    assert (await store.write(update("a", {"code": "b"}))).rows[0]["code"] == "b"
    assert await store.write(delete("b")) == WriteResult([{"code": "b"}], foreign.head())
    assert foreign.tables()["boats"] == {}


async def test_the_database_fills_in_what_only_it_can_know(store: SqliteStore) -> None:
    (ada,) = (await store.write(create({"name": "Ada"}, resource="people"))).rows
    (bob,) = (await store.write(create({"name": "Bob"}, resource="people"))).rows
    assert (ada["id"], bob["id"]) == (1, 2)
    assert len(ada["joined_at"]) == len("2026-01-31T12:00:00.000000Z")


async def test_a_client_and_its_key_are_in_the_log_and_nobody_elses(store: SqliteStore, foreign: Foreign) -> None:
    await store.write(create({"code": "a"}, idempotency_key="k", digest=b"d"))
    foreign.run("UPDATE boats SET name = 'Eve'")
    await store.write(update("a", {"name": "Ada"}))
    changes = await store.changes(0, 9, 10)
    assert [(change.origin, change.actor) for change in changes] == [("k", "7"), (None, None), (None, "7")]


async def test_orders_that_wait_share_a_commit(store: SqliteStore, foreign: Foreign) -> None:
    """Another program holds the lock while they come in; each commit of the writer wakes the feed once."""
    foreign.connection.execute("BEGIN IMMEDIATE")
    commits: list[int] = []
    store._writer._committed = lambda: commits.append(1)
    waiting = [
        asyncio.ensure_future(store.write(create({"code": f"{number}", "sign": number}))) for number in range(100)
    ]
    await asyncio.sleep(0)
    foreign.connection.execute("COMMIT")
    async with asyncio.timeout(10):
        results = await asyncio.gather(*waiting)
    assert [result.rows[0]["code"] for result in results] == [f"{number}" for number in range(100)]
    assert len(commits) <= 3


async def test_an_order_that_fails_takes_nothing_of_the_others_with_it(store: SqliteStore, foreign: Foreign) -> None:
    foreign.connection.execute("BEGIN IMMEDIATE")
    orders = [
        create({"code": "a"}),
        create({"code": "b", "harbour": "x"}, {"code": "a"}, array=True),
        update("missing", {"name": "Ada"}),
        create({"code": "c", "harbour": "y"}),
        delete("c", "missing", array=True),
        update("a", {"harbour": "z"}),
    ]
    waiting = [asyncio.ensure_future(store.write(order)) for order in orders]
    await asyncio.sleep(0)
    foreign.connection.execute("COMMIT")
    async with asyncio.timeout(10):
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
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


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (create({"code": "a"}), ("conflict", "/data/code", "unique")),
        (create({"code": "z"}, {"code": "a"}, array=True), ("conflict", "/data/1/code", "unique")),
        (create({"code": "z", "sign": 1}), ("conflict", "/data/sign", "unique")),
        (create({"code": "z", "harbour": "Ost"}), ("conflict", "/data/harbour", "unique")),
        (update("b", {"sign": 1}), ("conflict", "/data/sign", "unique")),
        (update("b", {"code": "a"}), ("conflict", "/data/code", "unique")),
        (create({"name": "a" * 21}, resource="people"), ("invalid_data", "/data", "check")),
        (
            create({"harbour": "Ost", "number": 2, "boat": "?"}, resource="berths"),
            ("conflict", "/data/boat", "references"),
        ),
        (delete("a"), ("conflict", "/id", "references")),
        (delete("b", "a", array=True), ("conflict", "/ids/1", "references")),
        (update("a", {"code": "c"}), ("conflict", "/data", "references")),
        (update("z", {"sign": 5}), ("not_found", "/id", None)),
        (delete("z"), ("not_found", "/id", None)),
        (update("a", {"sign": 5}, expected={"sign": 2}), ("conflict", "/if/sign", None)),
        (delete("a", expected={"name": "nameless", "harbour": None}), ("conflict", "/if/harbour", None)),
    ],
)
async def test_a_refusal_points_into_the_message(
    store: SqliteStore, foreign: Foreign, order: WriteOrder, expected: tuple[str, str | None, str | None]
) -> None:
    foreign.run("INSERT INTO boats (code, sign, harbour) VALUES ('a', 1, 'Ost'), ('b', 2, 'West')")
    foreign.run("INSERT INTO berths (harbour, number, boat) VALUES ('Ost', 1, 'a')")
    before = foreign.tables(), foreign.head()
    assert await refused(store, order) == expected
    assert (foreign.tables(), foreign.head()) == before


async def test_a_list_of_one_id_is_still_a_list(store: SqliteStore) -> None:
    for one, several in (
        (UpdateRequest(resource="boats", id="z", data={}), UpdateRequest(resource="boats", ids=["z"], data={})),
        (DeleteRequest(resource="boats", id="z"), DeleteRequest(resource="boats", ids=["z"])),
    ):
        assert await refused(store, asked(one)) == ("not_found", "/id", None)
        assert await refused(store, asked(several)) == ("not_found", "/ids/0", None)
    await store.write(asked(CreateRequest(resource="boats", data={"code": "a"})))
    assert await refused(store, asked(CreateRequest(resource="boats", data=[{"code": "a"}]))) == (
        "conflict",
        "/data/0/code",
        "unique",
    )


async def test_an_expectation_that_holds_lets_the_order_pass(store: SqliteStore) -> None:
    await store.write(create({"code": "a", "sign": 1}))
    expected = {"sign": 1, "harbour": None, "afloat": False, "name": "nameless"}
    assert (await store.write(update("a", {"sign": 2}, expected=expected))).rows[0]["sign"] == 2
    assert await refused(store, update("a", {"sign": 3}, expected=expected)) == ("conflict", "/if/sign", None)


async def test_the_same_request_again_gets_the_same_answer_and_writes_nothing(
    store: SqliteStore, foreign: Foreign
) -> None:
    order = create({"name": "Ada"}, resource="people", idempotency_key="k", digest=b"1")
    first = await store.write(order)
    foreign.run("UPDATE people SET name = 'Eve'")
    assert await store.write(order) == first
    assert len(foreign.tables()["people"]) == 1
    other = create({"name": "Bob"}, resource="people", idempotency_key="k", digest=b"2")
    assert await refused(store, other) == ("conflict", "/key", None)
    someone_else = WriteOrder(kind="create", resource="people", rows=({"name": "Bob"},), user="8", idempotency_key="k")
    assert (await store.write(someone_else)).rows[0]["id"] == 2


async def test_a_key_is_free_again_when_its_request_was_refused(store: SqliteStore) -> None:
    order = update("a", {"sign": 1}, idempotency_key="k", digest=b"1")
    assert await refused(store, order) == ("not_found", "/id", None)
    await store.write(create({"code": "a"}))
    assert (await store.write(order)).rows[0]["sign"] == 1


async def test_a_database_that_is_busy_for_long_is_unavailable(
    path: Path, foreign: Foreign, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_MS", 50)
    monkeypatch.setitem(database.PRAGMAS, "busy_timeout", 50)
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


async def test_a_foreign_trigger_that_is_broken_fails_its_own_orders_alone(
    store: SqliteStore, foreign: Foreign, caplog: pytest.LogCaptureFixture
) -> None:
    foreign.connection.execute(
        "CREATE TRIGGER broken AFTER INSERT ON people BEGIN SELECT known_to_its_program_only(NEW.id); END"
    )
    foreign.connection.execute("BEGIN IMMEDIATE")
    orders = [create({"code": "a"}), create({"name": "Ada"}, resource="people"), create({"code": "b", "harbour": "x"})]
    waiting = [asyncio.ensure_future(store.write(order)) for order in orders]
    await asyncio.sleep(0)
    foreign.connection.execute("COMMIT")
    async with asyncio.timeout(10):
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert [getattr(outcome, "code", "done") for outcome in outcomes] == ["done", "internal", "done"]
    assert store.healthy
    assert "known_to_its_program_only" in caplog.text


async def test_a_foreign_trigger_may_refuse_a_row(store: SqliteStore, foreign: Foreign) -> None:
    foreign.connection.execute(
        "CREATE TRIGGER no BEFORE INSERT ON boats WHEN NEW.code = 'a' BEGIN SELECT RAISE(ABORT, 'not this one'); END"
    )
    assert await refused(store, create({"code": "a"})) == ("invalid_data", "/data", "check")
    assert (await store.write(create({"code": "b"}))).seq == 1


async def test_rows_with_text_that_is_not_utf_8_can_be_mended(store: SqliteStore, foreign: Foreign) -> None:
    foreign.run("INSERT INTO boats (code, name) VALUES ('a', CAST(x'41ff42' AS TEXT))")
    assert (await store.write(update("a", {"name": "Ada"}))).rows[0]["name"] == "Ada"


async def test_closing_writes_what_was_accepted_and_refuses_the_rest(path: Path, foreign: Foreign) -> None:
    store = await SqliteStore.open(f"sqlite:///{path}", RESOURCES)
    waiting = [asyncio.ensure_future(store.write(create({"code": f"{n}", "sign": n}))) for n in range(200)]
    await asyncio.sleep(0)
    await store.close()
    async with asyncio.timeout(5):
        assert len(await asyncio.gather(*waiting)) == 200
        assert await refused(store, create({"code": "late"})) == ("unavailable", None, None)
    assert len(foreign.tables()["boats"]) == 200


async def test_what_was_acknowledged_is_committed(store: SqliteStore, foreign: Foreign) -> None:
    result = await store.write(create({"code": "a"}))
    assert foreign.log()[-1].seq == result.seq
    assert foreign.connection.execute("PRAGMA journal_mode").fetchall() == [("wal",)]
