"""Mutations of tables of other programs, with rules that no schema file has: deferred references, triggers.

Such a rule refuses the mutation that breaks it. Mutations in the same commit are carried out.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.store.application import ANYONE
from tests.store.mutations import create, refusal, refused
from tests.store.port.conftest import Database
from tests.support.deadlines import DEADLINE_S
from tidegate.contract import Resource
from tidegate.core.rows.ports import Mutation, ReadQuery, Store
from tidegate.schema.resource import read_resource
from tidegate.store import backends

TABLES = (
    "CREATE TABLE masters (id integer PRIMARY KEY, name text)",
    """CREATE TABLE dogs (id integer PRIMARY KEY, master integer REFERENCES masters (id) DEFERRABLE INITIALLY DEFERRED,
    parent integer REFERENCES dogs (id) DEFERRABLE INITIALLY DEFERRED, name text)""",
    "INSERT INTO masters VALUES (1, 'Ada'), (2, 'Bob')",
    "INSERT INTO dogs VALUES (1, 1, NULL, 'Rex')",
)
INTEGER, TEXT = {"type": ["integer", "null"]}, {"type": ["string", "null"]}


def _resource(name: str, columns: dict[str, Any], references: dict[str, str]) -> Resource:
    schema = {
        "title": name.title(),
        "type": "object",
        "x-resource": {"key": "id", "references": references},
        "x-access": ANYONE,
        "properties": {"id": {"type": "integer"}, **columns},
        "required": ["id"],
    }
    return read_resource(name, schema, {})


KENNEL = {
    "masters": _resource("masters", {"name": TEXT}, {}),
    "dogs": _resource(
        "dogs", {"master": INTEGER, "parent": INTEGER, "name": TEXT}, {"master": "masters.id", "parent": "dogs.id"}
    ),
}


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    for statement in TABLES:
        database.foreign.execute(statement)
    backends.migrations(database.url).apply(database.url, {**database.resources, **KENNEL})
    store = await database.open(KENNEL)
    yield store
    await store.close()


def _mutation(kind: Any, resource: str, *ids: int, **fields: Any) -> Mutation:
    return Mutation(kind=kind, resource=resource, keys=tuple({"id": number} for number in ids), user="7", **fields)


@pytest.mark.parametrize(
    ("mutation", "pointer"),
    [
        (create({"id": 2, "master": 9}, resource="dogs"), "/data/master"),
        (create({"id": 2, "master": 1, "parent": 9}, resource="dogs", array=True), "/data/0/parent"),
        (_mutation("update", "dogs", 1, data={"master": 9}), "/data/master"),
        (_mutation("update", "dogs", 1, data={"parent": 9}), "/data/parent"),
        (_mutation("update", "masters", 1, data={"id": 9}), "/data"),
        (_mutation("delete", "masters", 1), "/id"),
        (_mutation("delete", "masters", 1, array=True), "/ids/0"),
        (_mutation("delete", "masters", 2, 1, array=True), "/ids"),
    ],
)
async def test_a_deferred_reference_refuses_the_mutation_that_breaks_it(
    store: Store, mutation: Mutation, pointer: str
) -> None:
    before = await _dogs(store)
    assert await refused(store, mutation) == ("conflict", pointer, "references")
    assert await _dogs(store) == before


async def test_mutations_in_the_same_commit_are_carried_out(store: Store) -> None:
    mutations = [
        create({"id": 2, "master": 2}, resource="dogs"),
        create({"id": 3, "master": 9}, resource="dogs"),
        create({"id": 4, "master": 1}, resource="dogs"),
    ]
    async with asyncio.timeout(DEADLINE_S):
        outcomes = await asyncio.gather(*map(store.write, mutations), return_exceptions=True)
    assert [getattr(outcome, "code", "done") for outcome in outcomes] == ["done", "conflict", "done"]
    assert await _dogs(store) == [1, 2, 4]


async def test_rows_of_one_mutation_may_refer_to_later_rows(store: Store) -> None:
    await store.write(create({"id": 2, "parent": 3}, {"id": 3, "parent": 2}, resource="dogs", array=True))
    await store.write(_mutation("delete", "dogs", 2, 3, array=True))
    assert await _dogs(store) == [1]


async def _dogs(store: Store) -> list[int]:
    return [row["id"] for row in (await store.read(ReadQuery(resource="dogs"))).rows]


RAISING = {
    "sqlite": (
        "CREATE TRIGGER good_names BEFORE INSERT ON dogs WHEN NEW.name = 'Cat' "
        "BEGIN SELECT RAISE(ABORT, 'a dog\n is no cat'); END",
        "CREATE TRIGGER rolling BEFORE INSERT ON dogs WHEN NEW.name = 'Cow' "
        "BEGIN SELECT RAISE(ROLLBACK, 'a dog is no cow'); END",
        "CREATE TRIGGER long_texts BEFORE UPDATE ON dogs WHEN NEW.name = 'Fish' "
        f"BEGIN SELECT RAISE(FAIL, '{'x' * 300}'); END",
        "CREATE TRIGGER kept BEFORE DELETE ON dogs BEGIN SELECT RAISE(ABORT, 'dogs stay'); END",
    ),
    "postgresql": (
        f"""CREATE FUNCTION good_names() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF TG_OP = 'DELETE' THEN RAISE EXCEPTION 'dogs stay' USING ERRCODE = 'check_violation'; END IF;
        IF NEW.name = 'Cat' THEN RAISE EXCEPTION E'a dog\\n is no %', 'cat' USING DETAIL = 'secret'; END IF;
        IF NEW.name = 'Cow' THEN RAISE EXCEPTION 'a dog is no cow' USING ERRCODE = 'DOG01'; END IF;
        IF NEW.name = 'Fish' THEN RAISE '{"x" * 300}' USING ERRCODE = 'admin_shutdown'; END IF;
        RETURN NEW; END $$""",
        "CREATE TRIGGER good_names BEFORE INSERT OR UPDATE OR DELETE ON dogs "
        "FOR EACH ROW EXECUTE FUNCTION good_names()",
    ),
}


async def test_what_a_trigger_says_with_raise_reaches_the_client(store: Store, database: Database) -> None:
    for statement in RAISING[database.kind]:
        database.foreign.execute(statement)
    for mutation, pointer, text in (
        (create({"id": 2, "name": "Cat"}, resource="dogs"), "/data", "a dog is no cat"),
        (create({"id": 2}, {"id": 3, "name": "Cat"}, resource="dogs", array=True), "/data/1", "a dog is no cat"),
        (create({"id": 2, "name": "Cow"}, resource="dogs"), "/data", "a dog is no cow"),
        (_mutation("update", "dogs", 1, data={"name": "Fish"}), "/data", "x" * 199 + "…"),
        (_mutation("delete", "dogs", 1), "/id", "dogs stay"),
    ):
        assert await refusal(store, mutation) == ("invalid_data", pointer, "check", text)
    assert await _dogs(store) == [1]
    mutations = [create({"id": number, "name": name}, resource="dogs") for number, name in ((5, "Rex"), (6, "Cat"))]
    async with asyncio.timeout(DEADLINE_S):
        outcomes = await asyncio.gather(*map(store.write, mutations), return_exceptions=True)
    assert [getattr(outcome, "code", "done") for outcome in outcomes] == ["done", "invalid_data"]


async def test_the_database_s_own_text_reaches_no_client(store: Store, database: Database) -> None:
    database.foreign.execute("CREATE TABLE counts (dog integer, secret integer CHECK (secret < 7))")
    database.foreign.execute(COUNTING[database.kind])
    for statement in NUMBERING[database.kind]:
        database.foreign.execute(statement)
    for name, code in (("a", "invalid_data"), ("b", "internal")):
        found = await refusal(store, create({"id": 9, "name": name}, resource="dogs"))
        assert found[0] == code
        assert not any(word in found[3] for word in ("<", "7", "9", "nowhere", "malformed"))


NUMBERING = {
    "sqlite": (
        "CREATE TRIGGER broken AFTER INSERT ON dogs WHEN NEW.name = 'b' BEGIN SELECT json_extract('secret', '$'); END",
        "CREATE TRIGGER counting AFTER INSERT ON dogs WHEN NEW.name = 'a' "
        "BEGIN INSERT INTO counts VALUES (NEW.id, NEW.id); END",
    ),
    "postgresql": ("CREATE TRIGGER counting AFTER INSERT ON dogs FOR EACH ROW EXECUTE FUNCTION counting()",),
}
COUNTING = {
    "sqlite": "SELECT 1",
    "postgresql": """CREATE FUNCTION counting() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.name = 'b' THEN EXECUTE 'SELECT secret FROM nowhere'; END IF;
        INSERT INTO counts VALUES (NEW.id, NEW.id); RETURN NEW; END $$""",
}


async def test_a_broken_rule_is_named_as_its_owner_named_it(database: Database) -> None:
    database.foreign.execute(
        "CREATE TABLE shifts (id integer PRIMARY KEY, starts integer, ends integer, "
        "CONSTRAINT ends_after_it_starts CHECK (ends > starts))"
    )
    integer = {"type": ["integer", "null"]}
    resources = {"shifts": _resource("shifts", {"starts": integer, "ends": integer}, {})}
    backends.migrations(database.url).apply(database.url, {**database.resources, **resources})
    store = await database.open(resources)
    try:
        found = await refusal(store, create({"id": 1, "starts": 2, "ends": 1}, resource="shifts"))
        assert found[0] == "invalid_data"
        assert found[2:] == ("check", "the database does not accept this row: ends_after_it_starts")
    finally:
        await store.close()
