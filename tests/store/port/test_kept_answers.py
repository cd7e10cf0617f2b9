"""What is kept of answers to writes with a key: little, and enough to answer a repetition."""

from __future__ import annotations

from typing import Any

import pytest

from tests.store.mutations import create, delete, refused, update
from tests.store.port.conftest import AnyForeign, Database
from tidegate.core.budgets.payer import Payer
from tidegate.core.rows.ports import Mutation, Store
from tidegate.store.serving import answers
from tidegate.store.serving.answers import KEPT_BYTES

LARGE = "x" * (KEPT_BYTES + 1)
MANY = tuple({"code": f"c{number:04}", "extra": LARGE} for number in range(300))


def kept(database: Database) -> dict[str, int]:
    """The bytes of the kept answers, by key."""
    program: Any = database.foreign
    table = "tidegate_requests" if database.kind == "sqlite" else "_tidegate.requests"
    return dict(program.connection.execute(f"SELECT key, length(reply) FROM {table}").fetchall())


def many(kind: Any, key: str, **fields: Any) -> Mutation:
    keys = () if kind == "create" else tuple({"code": row["code"]} for row in MANY)
    return Mutation(
        kind=kind, resource="boats", keys=keys, user="7", idempotency_key=key, digest=key.encode(), array=True, **fields
    )


async def test_a_large_answer_is_not_kept_and_is_read_again(database: Database) -> None:
    store = await database.open()
    try:
        made = many("create", "made", rows=MANY)
        first = await store.write(made)
        changed = many("update", "changed", data={"weight": 3.5})
        second = await store.write(changed)
        assert await store.write(made) == type(first)(second.rows, first.seq), "the rows as they are now"
        head = database.foreign.head()
        assert await store.write(changed) == second
        renamed = many("update", "renamed", data={"extra": LARGE})
        assert (await store.write(renamed)).rows == second.rows, "nothing changed"
        gone = many("delete", "gone")
        third = await store.write(gone)
        assert await store.write(gone) == third
        assert await refused(store, made) == ("not_found", "/key", None)
        assert database.foreign.head() == head + 300, "repetitions wrote nothing"
    finally:
        await store.close()
    sizes = kept(database)
    assert sizes["made"] < 300 * 30, "its keys, which the request may not have"
    assert max(sizes["changed"], sizes["renamed"], sizes["gone"]) < 100, sizes


async def test_a_row_that_is_gone_is_missing_in_a_repeated_answer(store: Store, foreign: AnyForeign) -> None:
    made = create({"code": "a", "name": LARGE}, idempotency_key="a", digest=b"a")
    both = many("create", "b", rows=MANY[:2])
    await store.write(made)
    await store.write(both)
    foreign.run("DELETE FROM boats WHERE code = 'a'")
    foreign.run("DELETE FROM boats WHERE code = 'c0000'")
    assert await refused(store, made) == ("not_found", "/key", None)
    assert [row["code"] for row in (await store.write(both)).rows] == ["c0001"]
    assert set(foreign.tables()["boats"]) == {("c0001",)}, "nothing is made a second time"


async def test_a_repetition_finds_a_row_whose_key_the_request_changed(store: Store) -> None:
    await store.write(create({"code": "a", "name": LARGE}))
    moved = update("a", {"code": "b"}, idempotency_key="k", digest=b"k")
    first = await store.write(moved)
    assert await store.write(moved) == first
    assert first.rows[0]["code"] == "b"


async def test_an_account_that_keeps_too_much_is_refused_for_the_day(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "NUMBER_A_DAY", 2)
    store = await database.open()

    def keyed(code: str, account: str) -> Mutation:
        made = create({"code": code}, idempotency_key=code, digest=code.encode())
        return Mutation(
            **{name: getattr(made, name) for name in made.__struct_fields__} | {"payer": Payer(account, "c")}
        )

    try:
        for code in ("a", "b"):
            await store.write(keyed(code, "user 7"))
        assert await refused(store, keyed("c", "user 7")) == ("limit_reached", "/key", None)
        assert (await store.write(keyed("a", "user 7"))).rows[0]["code"] == "a", "a repetition is answered"
        assert (await store.write(keyed("d", "user 8"))).rows[0]["code"] == "d", "another account is not concerned"
        assert (await store.write(create({"code": "e"}))).rows[0]["code"] == "e", "nor a write without a key"
        assert await store.write(delete("e")) is not None
    finally:
        await store.close()
    assert set(kept(database)) == {"a", "b", "d"}
