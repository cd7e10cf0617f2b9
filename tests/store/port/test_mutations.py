"""Mutations on every database: what comes back, what is refused in which words, and where a refusal points."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from tests.store.mutations import create, delete, refusal, refused, update
from tests.store.port.conftest import AnyForeign, Database
from tests.support.deadlines import DEADLINE_S
from tidegate.core.access.rules import RowAccess
from tidegate.core.filters.tree import compile_filters
from tidegate.core.rows.feed_cursor import FeedCursor
from tidegate.core.rows.permissions import ResourceRules
from tidegate.core.rows.ports import Mutation, Store, WriteResult
from tidegate.core.rows.rows import Rows
from tidegate.core.session import Session
from tidegate_protocol import CreateRequest, DeleteRequest, Principal, UpdateRequest

ANYONE = dict.fromkeys(("read", "create", "update", "delete"), "anyone")
USER = Principal(id="7", name="Ada", roles=[], anonymous=False)


def asked(request: CreateRequest | UpdateRequest | DeleteRequest) -> Mutation:
    """The mutation that a client's request becomes."""
    rules = ResourceRules("boats", ("code",), RowAccess("boats", ANYONE))
    requests = Rows({"boats": rules}, FeedCursor("e", 0), 10, 10).requests
    serve: dict[type, Callable[..., Any]] = {
        CreateRequest: requests.create,
        UpdateRequest: requests.update,
        DeleteRequest: requests.delete,
    }
    (effect,) = serve[type(request)](Session("c", object(), USER), request, 0.0)
    mutation: Mutation = effect.mutation
    return mutation


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


async def test_the_database_fills_in_keys_times_and_defaults(store: Store) -> None:
    (ada,) = (await store.write(create({"name": "Ada"}, resource="people"))).rows
    (bob,) = (await store.write(create({"name": "Bob"}, resource="people"))).rows
    assert (ada["id"], bob["id"]) == (1, 2)
    assert len(ada["joined_at"]) == len("2026-01-31T12:00:00.000000Z")


async def test_the_log_names_the_client_and_its_key_and_no_foreign_program(store: Store, foreign: AnyForeign) -> None:
    await store.write(create({"code": "a"}, idempotency_key="k", digest=b"d"))
    foreign.run("UPDATE boats SET name = 'Eve'")
    await store.write(update("a", {"name": "Ada"}))
    changes = await store.changes(0, 9, 10)
    assert [(change.origin, change.actor) for change in changes] == [("k", "7"), (None, None), (None, "7")]


HERE = compile_filters({"harbour": "Ost"})
RIGHTS: dict[str, Any] = {"visible": HERE, "allowed": HERE}
SIGNED = compile_filters({"sign": 1})
MISSING = "there is no such row"
TAKEN, REFERRED = "another row has this value", "other rows refer to this one"
NOWHERE = "there is no such row in boats"
EXPECTED = "the row has another value here now"
VALUES, ROW = "you may not {} a row with these values", "you may not {} this row"
REPEATED: dict[str, Any] = {"idempotency_key": "k", "digest": b"another"}

# What is refused in the harbours `Ost`, with the boat `a`, its berth and the sign 1, and `West`, with the boat `b` and
# the sign 2. The idempotency key `k` was used before.
CASES = {
    "the key is taken": (create({"code": "a"}), ("conflict", "/data/code", "unique", TAKEN)),
    "the second key is taken": (
        create({"code": "z"}, {"code": "a"}, array=True),
        ("conflict", "/data/1/code", "unique", TAKEN),
    ),
    "a unique value is taken": (create({"code": "z", "sign": 1}), ("conflict", "/data/sign", "unique", TAKEN)),
    "unique values are taken by a default and a sent value": (
        create({"code": "z", "harbour": "Ost"}),
        ("conflict", "/data/harbour", "unique", TAKEN),
    ),
    "an update takes a unique value": (update("b", {"sign": 1}), ("conflict", "/data/sign", "unique", TAKEN)),
    "an update takes a key": (update("b", {"code": "a"}), ("conflict", "/data/code", "unique", TAKEN)),
    "a reference leads nowhere": (
        create({"harbour": "Ost", "number": 2, "boat": "?"}, resource="berths"),
        ("conflict", "/data/boat", "references", NOWHERE),
    ),
    "a reference in a list leads nowhere": (
        create({"harbour": "Ost", "number": 2, "boat": "?"}, resource="berths", array=True),
        ("conflict", "/data/0/boat", "references", NOWHERE),
    ),
    "an update leads a reference nowhere": (
        Mutation(kind="update", resource="berths", keys=({"harbour": "Ost", "number": 1},), data={"boat": "?"}),
        ("conflict", "/data/boat", "references", NOWHERE),
    ),
    "a row refers to the deleted row": (delete("a"), ("conflict", "/id", "references", REFERRED)),
    "a row refers to the second deleted row": (
        delete("b", "a", array=True),
        ("conflict", "/ids/1", "references", REFERRED),
    ),
    "a row refers to the old key": (update("a", {"code": "c"}), ("conflict", "/data", "references", REFERRED)),
    "the updated row is missing": (update("z", {"sign": 5}), ("not_found", "/id", None, MISSING)),
    "the deleted row is missing": (delete("z"), ("not_found", "/id", None, MISSING)),
    "the only row of a list is missing": (delete("z", array=True), ("not_found", "/ids/0", None, MISSING)),
    "an update expects another value": (
        update("a", {"sign": 5}, expected={"sign": 2}),
        ("conflict", "/if/sign", None, EXPECTED),
    ),
    "an update without data expects another value": (
        update("a", {}, expected={"sign": None}),
        ("conflict", "/if/sign", None, EXPECTED),
    ),
    "a delete expects no value": (
        delete("a", expected={"name": "nameless", "harbour": None}),
        ("conflict", "/if/harbour", None, EXPECTED),
    ),
    "the updated row is hidden": (update("b", {"sign": 5}, **RIGHTS), ("not_found", "/id", None, MISSING)),
    "the deleted row is hidden": (delete("b", array=True, **RIGHTS), ("not_found", "/ids/0", None, MISSING)),
    "the updated row is forbidden": (
        update("b", {"name": "x"}, allowed=HERE),
        ("forbidden", "/id", None, ROW.format("update")),
    ),
    "the deleted row is forbidden": (
        delete("b", array=True, allowed=HERE),
        ("forbidden", "/ids/0", None, ROW.format("delete")),
    ),
    "the new row is forbidden": (
        create({"code": "a", "harbour": "West"}, **RIGHTS),
        ("forbidden", "/data", None, VALUES.format("create")),
    ),
    "a new row of a list is forbidden": (
        create({"code": "y", "harbour": "Ost", "name": "y"}, {"code": "z", "harbour": "West"}, array=True, **RIGHTS),
        ("forbidden", "/data/1", None, VALUES.format("create")),
    ),
    "the new row is forbidden by what the database fills in": (
        create({"code": "z"}, allowed=SIGNED),
        ("forbidden", "/data", None, VALUES.format("create")),
    ),
    "the update is forbidden by the values that it sends": (
        update("a", {"harbour": "West", "sign": 2}, **RIGHTS),
        ("forbidden", "/data", None, VALUES.format("update")),
    ),
    "the idempotency key was used for another request": (
        create({"code": "z"}, **REPEATED),
        ("conflict", "/key", None, "this idempotency key was already used for a different request"),
    ),
    "the idempotency key was used, and the row is missing": (
        update("z", {}, **REPEATED),
        ("conflict", "/key", None, "this idempotency key was already used for a different request"),
    ),
}


async def test_refusals_point_into_the_message_and_change_nothing(store: Store, foreign: AnyForeign) -> None:
    foreign.run("INSERT INTO boats (code, sign, harbour) VALUES ('a', 1, 'Ost'), ('b', 2, 'West')")
    foreign.run("INSERT INTO berths (harbour, number, boat) VALUES ('Ost', 1, 'a')")
    await store.write(create({"code": "first"}, idempotency_key="k", digest=b"first"))
    before = foreign.tables(), foreign.head()
    for name, (mutation, expected) in CASES.items():
        assert await refusal(store, mutation) == expected, name
        assert (foreign.tables(), foreign.head()) == before, name


async def test_a_value_that_a_column_does_not_accept_is_invalid(store: Store) -> None:
    """PostgreSQL says which column it is about, SQLite does not."""
    code, pointer, keyword, message = await refusal(store, create({"name": "a" * 21}, resource="people"))
    assert (code, keyword, message) == ("invalid_data", "check", "the database does not accept this row")
    assert pointer in {"/data", "/data/name"}


async def test_a_list_with_one_id_is_still_a_list(store: Store) -> None:
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


async def test_a_mutation_whose_expectation_holds_is_done(store: Store) -> None:
    await store.write(create({"code": "a", "sign": 1}))
    expected = {"sign": 1, "harbour": None, "afloat": False, "name": "nameless"}
    assert (await store.write(update("a", {"sign": 2}, expected=expected))).rows[0]["sign"] == 2
    assert await refused(store, update("a", {"sign": 3}, expected=expected)) == ("conflict", "/if/sign", None)


async def test_a_repeated_request_gets_the_same_answer_and_writes_nothing(store: Store, foreign: AnyForeign) -> None:
    mutation = create({"name": "Ada"}, resource="people", idempotency_key="k", digest=b"1")
    first = await store.write(mutation)
    foreign.run("UPDATE people SET name = 'Eve'")
    assert await store.write(mutation) == first
    assert len(foreign.tables()["people"]) == 1
    other = create({"name": "Bob"}, resource="people", idempotency_key="k", digest=b"2")
    assert await refused(store, other) == ("conflict", "/key", None)
    other_user = Mutation(kind="create", resource="people", rows=({"name": "Bob"},), user="8", idempotency_key="k")
    assert (await store.write(other_user)).rows[0]["id"] == 2


async def test_a_refused_request_leaves_its_key_unused(store: Store) -> None:
    mutation = update("a", {"sign": 1}, idempotency_key="k", digest=b"1")
    assert await refused(store, mutation) == ("not_found", "/id", None)
    await store.write(create({"code": "a"}))
    assert (await store.write(mutation)).rows[0]["sign"] == 1


async def test_a_store_that_closes_writes_what_it_accepted_and_refuses_the_rest(
    database: Database, foreign: AnyForeign
) -> None:
    store = await database.open()
    waiting = [asyncio.ensure_future(store.write(create({"code": f"{n}", "sign": n}))) for n in range(200)]
    await asyncio.sleep(0)
    await store.close()
    async with asyncio.timeout(DEADLINE_S):
        assert len(await asyncio.gather(*waiting)) == 200
        assert await refused(store, create({"code": "late"})) == ("unavailable", None, None)
    assert len(foreign.tables()["boats"]) == 200


async def test_a_delete_that_a_trigger_ignores_is_refused_and_one_that_it_replaces_is_done(
    store: Store, database: Database
) -> None:
    """A trigger that marks the row as deleted keeps it."""
    await store.write(create({"code": "kept"}, {"code": "marked"}, {"code": "gone"}, array=True))
    if database.kind == "sqlite":
        database.foreign.execute(
            "CREATE TRIGGER keep BEFORE DELETE ON boats WHEN OLD.code <> 'gone' BEGIN "
            "UPDATE boats SET name = 'deleted' WHERE code = OLD.code AND code = 'marked'; SELECT RAISE(IGNORE); END"
        )
    else:
        database.foreign.execute(
            "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "UPDATE boats SET name = 'deleted' WHERE code = OLD.code AND code = 'marked'; RETURN NULL; END $$"
        )
        database.foreign.execute(
            "CREATE TRIGGER keep BEFORE DELETE ON boats FOR EACH ROW WHEN (OLD.code <> 'gone') EXECUTE FUNCTION keep()"
        )
    assert await refused(store, delete("kept")) == ("conflict", "/id", None)
    assert await refused(store, delete("gone", "kept", array=True)) == ("conflict", "/ids/1", None)
    assert (await store.write(delete("marked", "gone", array=True))).rows == [{"code": "marked"}, {"code": "gone"}]
    assert {key: row["name"] for (key,), row in database.foreign.tables()["boats"].items()} == {
        "kept": "nameless",
        "marked": "deleted",
    }


async def test_a_delete_of_which_a_trigger_marks_another_column_is_done(store: Store, database: Database) -> None:
    """The schema does not name the column. A second delete marks it once more."""
    await store.write(create({"code": "a"}))
    database.foreign.execute("ALTER TABLE boats ADD COLUMN deleted integer")
    mark = "UPDATE boats SET deleted = 1 WHERE code = OLD.code;"
    if database.kind == "sqlite":
        database.foreign.execute(f"CREATE TRIGGER mark BEFORE DELETE ON boats BEGIN {mark} SELECT RAISE(IGNORE); END")
    else:
        database.foreign.execute(
            f"CREATE FUNCTION mark() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {mark} RETURN NULL; END $$"
        )
        database.foreign.execute("CREATE TRIGGER mark BEFORE DELETE ON boats FOR EACH ROW EXECUTE FUNCTION mark()")
    for _ in range(2):
        assert (await store.write(delete("a"))).rows == [{"code": "a"}]
    assert list(database.foreign.tables()["boats"]) == [("a",)]


async def test_a_table_with_rules_takes_deletes(store: Store, database: Database) -> None:
    """PostgreSQL has them; on SQLite a trigger does the same."""
    await store.write(create({"code": "a"}, {"code": "b"}, array=True))
    database.foreign.execute("CREATE TABLE deleted (code text)")
    note = "INSERT INTO deleted VALUES (OLD.code)"
    if database.kind == "sqlite":
        database.foreign.execute(f"CREATE TRIGGER note AFTER DELETE ON boats BEGIN {note}; END")
    else:
        database.foreign.execute(f"CREATE RULE note AS ON DELETE TO boats DO ALSO {note}")
    assert (await store.write(delete("a", "b", array=True))).rows == [{"code": "a"}, {"code": "b"}]
    assert database.foreign.tables()["boats"] == {}
