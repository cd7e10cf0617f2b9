"""What a mutation's permission refuses on every database, in which words, and before what the database refuses.

The boats 'mine' and 'theirs' are there; the user sees and changes those of the harbour `h`.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.store.mutations import create, delete, refused, update
from tests.store.port.conftest import AnyForeign
from tidegate.core.errors import Refused
from tidegate.core.filters.tree import NOTHING, compile_filters
from tidegate.core.rows.ports import Row, Store

HERE = compile_filters({"harbour": "h"})
FORBIDDEN = ("forbidden", "/data", None)
MISSING = ("not_found", "/id", None)


@pytest.fixture(autouse=True)
def boats(foreign: AnyForeign) -> None:
    foreign.execute(
        "INSERT INTO boats (code, name, harbour, sign) VALUES ('mine', 'm', 'h', 1), ('theirs', 't', 'g', 2)"
    )
    foreign.execute("INSERT INTO berths (harbour, number, boat) VALUES ('g', 1, 'theirs')")


@pytest.mark.parametrize(
    "row",
    [
        {"code": "theirs", "harbour": "g"},
        {"code": "new", "harbour": "g", "sign": 2},
        {"code": "theirs", "harbour": None},
    ],
)
async def test_a_forbidden_new_row_does_not_reveal_which_values_are_taken(store: Store, row: Row) -> None:
    assert await refused(store, create(row, visible=HERE, allowed=HERE)) == FORBIDDEN
    assert await refused(store, create(row, visible=HERE, allowed=NOTHING)) == FORBIDDEN
    rows = ({"code": "fine", "harbour": "h"}, row)
    assert await refused(store, create(*rows, allowed=HERE, array=True)) == ("forbidden", "/data/1", None)


async def test_every_part_of_a_rule_is_asked_of_the_sent_values(store: Store) -> None:
    rule = compile_filters({"harbour": "h", "name": "n", "or": [{"weight": 1}, {"weight": None}]})
    taken = {"code": "theirs", "harbour": "h", "name": "n", "weight": 1}
    for wrong in ({"harbour": "g"}, {"name": "t"}, {"weight": 2}):
        assert await refused(store, create({**taken, **wrong}, allowed=rule)) == FORBIDDEN
    assert await refused(store, create(taken, allowed=rule)) == ("conflict", "/data/code", "unique")


async def test_a_permitted_new_row_is_refused_for_a_taken_value(store: Store) -> None:
    mutation = create({"code": "new", "harbour": "h", "sign": 2}, visible=HERE, allowed=HERE)
    assert await refused(store, mutation) == ("conflict", "/data/sign", "unique")


async def test_values_that_the_database_fills_in_are_judged_too(store: Store, foreign: AnyForeign) -> None:
    named = compile_filters({"name": "nameless"})
    assert len((await store.write(create({"code": "a"}, allowed=named))).rows) == 1
    other = compile_filters({"name": {"ne": "nameless"}})
    before = foreign.tables()
    assert await refused(store, create({"code": "b"}, allowed=other)) == FORBIDDEN
    assert foreign.tables() == before
    either = compile_filters({"or": [{"harbour": "h"}, {"name": "nameless"}]})
    assert len((await store.write(create({"code": "c", "harbour": "g"}, allowed=either))).rows) == 1


async def test_a_forbidden_update_does_not_reveal_which_values_are_taken(store: Store, foreign: AnyForeign) -> None:
    before = foreign.tables()
    for data in ({"harbour": "g", "sign": 2}, {"harbour": None, "sign": 2}):
        assert await refused(store, update("mine", data, visible=HERE, allowed=HERE)) == FORBIDDEN
    mutation = update("mine", {"sign": 2}, visible=HERE, allowed=HERE)
    assert await refused(store, mutation) == ("conflict", "/data/sign", "unique")
    assert foreign.tables() == before


@pytest.mark.parametrize("code", ["theirs", "missing"])
async def test_a_hidden_row_is_refused_like_a_missing_row(store: Store, code: str) -> None:
    hidden: dict[str, Any] = {"visible": HERE, "allowed": HERE}
    refusals = []
    for mutation in (
        update(code, {"name": "x"}, **hidden),
        update(code, {}, **hidden),
        update(code, {"sign": 1}, **hidden),
        update(code, {"harbour": "g"}, **hidden),
        update(code, {"name": "x"}, expected={"sign": 2}, **hidden),
        update(code, {"name": "x"}, expected={"sign": 3}, **hidden),
        delete(code, **hidden),
        delete(code, expected={"sign": 3}, **hidden),
    ):
        with pytest.raises(Refused) as caught:
            await store.write(mutation)
        refusals.append((caught.value.code, caught.value.pointer, caught.value.keyword, str(caught.value)))
    assert set(refusals) == {(*MISSING, "there is no such row")}


async def test_the_first_wrong_row_of_a_list_is_named(store: Store, foreign: AnyForeign) -> None:
    foreign.execute("INSERT INTO boats (code, name, harbour, sign) VALUES ('seen', 's', 'h', 3)")
    allowed = compile_filters({"harbour": "h", "sign": {"lt": 3}})
    before = foreign.tables()
    for codes, expected in {
        ("mine", "seen", "theirs"): ("forbidden", "/ids/1", None),
        ("mine", "theirs", "seen"): ("not_found", "/ids/1", None),
        ("mine", "missing", "seen"): ("not_found", "/ids/1", None),
    }.items():
        assert await refused(store, delete(*codes, visible=HERE, allowed=allowed, array=True)) == expected
    assert foreign.tables() == before


async def test_a_repeated_mutation_is_answered_without_its_rights(store: Store) -> None:
    mutation = create({"code": "new", "harbour": "h"}, allowed=HERE, idempotency_key="k", digest=b"d")
    first = await store.write(mutation)
    again = create({"code": "new", "harbour": "h"}, allowed=NOTHING, idempotency_key="k", digest=b"d")
    assert (await store.write(again)).rows == first.rows
    other = create({"code": "new", "harbour": "g"}, allowed=HERE, idempotency_key="k", digest=b"e")
    assert await refused(store, other) == ("conflict", "/key", None)
