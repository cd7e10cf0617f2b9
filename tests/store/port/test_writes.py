"""Writing through the gateway: what comes back, what is refused and where that points, on every database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.store.mutations import create, delete, refused, update
from tests.store.port.conftest import AnyForeign, Database
from tests.support.deadlines import DEADLINE_S
from tidegate.core.access.rules import RowAccess
from tidegate.core.rows.feed_cursor import FeedCursor
from tidegate.core.rows.ports import Mutation, Store, WriteResult
from tidegate.core.rows.requests import ResourceRules, Rows
from tidegate.core.session import Session
from tidegate_protocol import CreateRequest, DeleteRequest, Principal, UpdateRequest

ANYONE = dict.fromkeys(("read", "create", "update", "delete"), "anyone")
USER = Principal(id="7", name="Ada", roles=[], anonymous=False)


def asked(request: CreateRequest | UpdateRequest | DeleteRequest) -> Mutation:
    """The order that a client's request leads to."""
    rules = ResourceRules("boats", ("code",), RowAccess("boats", ANYONE))
    live = Rows({"boats": rules}, FeedCursor("e", 0), 10, 10)
    serve: dict[type, Callable[..., Any]] = {
        CreateRequest: live.create,
        UpdateRequest: live.update,
        DeleteRequest: live.delete,
    }
    (effect,) = serve[type(request)](Session("c", object(), USER), request, 0.0)
    order: Mutation = effect.order
    return order


async def test_written_rows_come_back_whole(store: Store, foreign: AnyForeign) -> None:
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


async def test_the_database_fills_in_what_only_it_can_know(store: Store) -> None:
    (ada,) = (await store.write(create({"name": "Ada"}, resource="people"))).rows
    (bob,) = (await store.write(create({"name": "Bob"}, resource="people"))).rows
    assert (ada["id"], bob["id"]) == (1, 2)
    assert len(ada["joined_at"]) == len("2026-01-31T12:00:00.000000Z")


async def test_a_client_and_its_key_are_in_the_log_and_nobody_elses(store: Store, foreign: AnyForeign) -> None:
    await store.write(create({"code": "a"}, idempotency_key="k", digest=b"d"))
    foreign.run("UPDATE boats SET name = 'Eve'")
    await store.write(update("a", {"name": "Ada"}))
    changes = await store.changes(0, 9, 10)
    assert [(change.origin, change.actor) for change in changes] == [("k", "7"), (None, None), (None, "7")]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (create({"code": "a"}), ("conflict", "/data/code", "unique")),
        (create({"code": "z"}, {"code": "a"}, array=True), ("conflict", "/data/1/code", "unique")),
        (create({"code": "z", "sign": 1}), ("conflict", "/data/sign", "unique")),
        (create({"code": "z", "harbour": "Ost"}), ("conflict", "/data/harbour", "unique")),
        (update("b", {"sign": 1}), ("conflict", "/data/sign", "unique")),
        (update("b", {"code": "a"}), ("conflict", "/data/code", "unique")),
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
    store: Store, foreign: AnyForeign, order: Mutation, expected: tuple[str, str | None, str | None]
) -> None:
    foreign.run("INSERT INTO boats (code, sign, harbour) VALUES ('a', 1, 'Ost'), ('b', 2, 'West')")
    foreign.run("INSERT INTO berths (harbour, number, boat) VALUES ('Ost', 1, 'a')")
    before = foreign.tables(), foreign.head()
    assert await refused(store, order) == expected
    assert (foreign.tables(), foreign.head()) == before


async def test_what_a_column_does_not_take_is_invalid(store: Store) -> None:
    """PostgreSQL says which column it is about, SQLite does not."""
    code, pointer, keyword = await refused(store, create({"name": "a" * 21}, resource="people"))
    assert (code, keyword) == ("invalid_data", "check")
    assert pointer in {"/data", "/data/name"}


async def test_a_list_of_one_id_is_still_a_list(store: Store) -> None:
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


async def test_an_expectation_that_holds_lets_the_order_pass(store: Store) -> None:
    await store.write(create({"code": "a", "sign": 1}))
    expected = {"sign": 1, "harbour": None, "afloat": False, "name": "nameless"}
    assert (await store.write(update("a", {"sign": 2}, expected=expected))).rows[0]["sign"] == 2
    assert await refused(store, update("a", {"sign": 3}, expected=expected)) == ("conflict", "/if/sign", None)


async def test_the_same_request_again_gets_the_same_answer_and_writes_nothing(
    store: Store, foreign: AnyForeign
) -> None:
    order = create({"name": "Ada"}, resource="people", idempotency_key="k", digest=b"1")
    first = await store.write(order)
    foreign.run("UPDATE people SET name = 'Eve'")
    assert await store.write(order) == first
    assert len(foreign.tables()["people"]) == 1
    other = create({"name": "Bob"}, resource="people", idempotency_key="k", digest=b"2")
    assert await refused(store, other) == ("conflict", "/key", None)
    someone_else = Mutation(kind="create", resource="people", rows=({"name": "Bob"},), user="8", idempotency_key="k")
    assert (await store.write(someone_else)).rows[0]["id"] == 2


async def test_a_key_is_free_again_when_its_request_was_refused(store: Store) -> None:
    order = update("a", {"sign": 1}, idempotency_key="k", digest=b"1")
    assert await refused(store, order) == ("not_found", "/id", None)
    await store.write(create({"code": "a"}))
    assert (await store.write(order)).rows[0]["sign"] == 1


async def test_closing_writes_what_was_accepted_and_refuses_the_rest(database: Database, foreign: AnyForeign) -> None:
    store = await database.open()
    waiting = [asyncio.ensure_future(store.write(create({"code": f"{n}", "sign": n}))) for n in range(200)]
    await asyncio.sleep(0)
    await store.close()
    async with asyncio.timeout(DEADLINE_S):
        assert len(await asyncio.gather(*waiting)) == 200
        assert await refused(store, create({"code": "late"})) == ("unavailable", None, None)
    assert len(foreign.tables()["boats"]) == 200
