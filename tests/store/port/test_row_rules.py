"""What a schema says of a whole row is asked of the row as it is in the table after a client wrote it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.store.application import ANYONE
from tests.store.mutations import create, refusal, refused
from tests.store.port.conftest import Database
from tidegate.contract import Resource
from tidegate.core.errors import Refused
from tidegate.core.filters.tree import compile_filters
from tidegate.core.rows.ports import Mutation, ReadQuery, Row, Store
from tidegate.schema.resource import read_resource
from tidegate.store import backends

DEFINITIONS = {"App.Reported": {"if": {"properties": {"status": {"const": "done"}}}, "then": {"required": ["report"]}}}
SHIFT: dict[str, Any] = {
    "title": "Shift",
    "type": "object",
    "x-resource": {"key": "id"},
    "x-access": ANYONE,
    "properties": {
        "id": {"type": "integer", "readOnly": True},
        "status": {"type": "string", "default": "open"},
        "report": {"type": "string"},
        "note": {"type": ["string", "null"]},
        "places": {"type": "integer"},
        "taken": {"type": "integer"},
        "mail_at": {"type": "string", "format": "date-time"},
        "pin": {"type": "string", "writeOnly": True},
        "hint": {"type": "string"},
    },
    "required": ["id", "status"],
    "additionalProperties": False,
    "allOf": [{"$ref": "#/$defs/App.Reported"}],
    "dependentRequired": {"taken": ["places"], "hint": ["pin"]},
    "not": {"required": ["report", "taken"]},
    "dependentSchemas": {"pin": {"properties": {"hint": {"maxLength": 5}, "pin": {"minLength": 4}}}},
    "anyOf": [{"properties": {"status": {"const": "done"}}}, {"properties": {"places": {"maximum": 10}}}],
    "patternProperties": {"_at$": {"pattern": "^20"}},
    "propertyNames": {"minLength": 2},
    "minProperties": 2,
    "maxProperties": 6,
    "unevaluatedProperties": False,
}
RESOURCES: dict[str, Resource] = {"shifts": read_resource("shifts", SHIFT, DEFINITIONS)}


def change(data: Row, *ids: int, **fields: Any) -> Mutation:
    keys = tuple({"id": number} for number in ids or (1,))
    return Mutation(kind="update", resource="shifts", keys=keys, data=data, user="7", **fields)


def new(*rows: Row, **fields: Any) -> Mutation:
    return create(*rows, resource="shifts", **fields)


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    backends.migrations(database.url).apply(database.url, {**database.resources, **RESOURCES})
    store = await database.open(RESOURCES)
    yield store
    await store.close()


async def rows(store: Store) -> list[Row]:
    return (await store.read(ReadQuery(resource="shifts"))).rows


CHANGES: dict[str, tuple[Row, Row, tuple[str, str] | None]] = {
    "if and then, in a $ref of an allOf": ({}, {"status": "done"}, ("/data", "required")),
    "the row has what it needs": ({"report": "r"}, {"status": "done"}, None),
    "the change has what it needs": ({}, {"status": "done", "report": "r"}, None),
    "null takes away what a rule needs": ({"status": "done", "report": "r"}, {"report": None}, ("/data", "required")),
    "null in a property that may be null is a value": ({"report": "r"}, {"note": None}, None),
    "dependentRequired": ({}, {"taken": 1}, ("/data", "dependentRequired")),
    "dependentRequired, of the row": ({"places": 3}, {"taken": 1}, None),
    "dependentRequired, of a hidden property": ({"pin": "1234"}, {"hint": "year"}, None),
    "dependentRequired, of a hidden property that is missing": ({}, {"hint": "y"}, ("/data", "dependentRequired")),
    "not": ({"report": "r"}, {"places": 3, "taken": 1}, ("/data", "not")),
    "dependentSchemas, in a property that is sent": ({}, {"pin": "123"}, ("/data/pin", "minLength")),
    "dependentSchemas, in a property of the row": ({"pin": "1234"}, {"hint": "longer"}, ("/data/hint", "maxLength")),
    "anyOf": ({}, {"places": 11}, ("/data/places", "maximum")),
    "anyOf, by the other branch": ({"report": "r"}, {"places": 11, "status": "done"}, None),
    "patternProperties": ({}, {"mail_at": "1999-01-01T00:00:00.000000Z"}, ("/data/mail_at", "pattern")),
    "maxProperties": ({"places": 1, "taken": 1, "pin": "1234"}, {"hint": "y", "note": "n"}, ("/data", "maxProperties")),
}  # fmt: skip


async def test_an_update_is_refused_for_a_resulting_row_that_breaks_a_rule(store: Store) -> None:
    """Each case: the row, the change, and the pointer and keyword of the refusal."""
    numbers = iter(range(1, 100))

    async def tried(case: tuple[Row, Row, tuple[str, str] | None]) -> None:
        row, data, expected = case
        number = next(numbers)
        (before,) = (await store.write(new(row))).rows
        if expected is None:
            await store.write(change(data, number))
        else:
            assert await refused(store, change(data, number)) == ("invalid_data", *expected)
            (now,) = (await store.read(ReadQuery(resource="shifts", keys=({"id": number},)))).rows
            assert now == before

    for name, case in CHANGES.items():
        try:
            await tried(case)
        except (AssertionError, Refused) as error:
            raise AssertionError(f"{name}: {error}") from error


async def test_a_new_row_is_judged_with_its_defaults(database: Database) -> None:
    rule = {"if": {"properties": {"status": {"const": "open"}}, "required": ["status"]}, "then": {"required": ["hint"]}}
    schema = {**SHIFT, "dependentRequired": {"hint": ["id"]}, "allOf": [rule]}
    resources = {"shifts": read_resource("shifts", schema, {})}
    backends.migrations(database.url).apply(database.url, {**database.resources, **resources})
    store = await database.open(resources)
    try:
        assert await refused(store, new({"places": 1})) == ("invalid_data", "/data", "required")
        array = new({"hint": "a"}, {"places": 1}, array=True)
        assert await refused(store, array) == ("invalid_data", "/data/1", "required")
        await store.write(new({"hint": "a"}, {"status": "done"}, array=True))
        assert len(await rows(store)) == 2
    finally:
        await store.close()


async def test_an_update_of_several_rows_changes_none_if_one_breaks_a_rule(store: Store) -> None:
    await store.write(new({"report": "r"}, {}, array=True))
    assert await refused(store, change({"status": "done"}, 1, 2, array=True)) == ("invalid_data", "/data", "required")
    assert {row["status"] for row in await rows(store)} == {"open"}


async def test_a_row_that_another_program_broke_can_be_mended(store: Store, database: Database) -> None:
    database.foreign.execute("INSERT INTO shifts (id, status) VALUES (1, 'done')")
    assert await refused(store, change({"note": "n"})) == ("invalid_data", "/data", "required")
    await store.write(change({"report": "r"}))
    assert (await rows(store))[0] == {"id": 1, "status": "done", "report": "r", "note": None}


async def test_a_trigger_of_another_program_counts(store: Store, database: Database) -> None:
    if database.url.startswith("sqlite"):
        database.foreign.execute(
            "CREATE TRIGGER finish AFTER UPDATE OF places ON shifts BEGIN "
            "UPDATE shifts SET status = 'done' WHERE id = NEW.id; END"
        )
    else:
        database.foreign.execute(
            "CREATE FUNCTION finish() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "UPDATE shifts SET status = 'done' WHERE id = NEW.id; RETURN NULL; END $$"
        )
        database.foreign.execute(
            "CREATE TRIGGER finish AFTER UPDATE OF places ON shifts FOR EACH ROW EXECUTE FUNCTION finish()"
        )
    await store.write(new({}))
    assert await refused(store, change({"places": 3})) == ("invalid_data", "/data", "required")


async def test_permission_comes_before_the_rules(store: Store) -> None:
    await store.write(new({}))
    allowed = compile_filters({"status": "open"})
    assert await refused(store, change({"status": "done"}, allowed=allowed)) == ("forbidden", "/data", None)


async def test_a_refusal_says_nothing_of_hidden_values(store: Store, database: Database) -> None:
    database.foreign.execute("INSERT INTO shifts (id, status, pin) VALUES (1, 'open', '12')")
    text = "the resulting row breaks a rule of its schema"
    assert await refusal(store, change({"note": "n"})) == ("invalid_data", "/data", "minLength", text)
    assert (await refusal(store, change({"pin": "345"})))[3] == "must have at least 4 characters"
    database.foreign.execute("UPDATE shifts SET pin = '1234', hint = 'too long'")
    text = "hint of the resulting row must have at most 5 characters"
    assert (await refusal(store, change({"note": "n"})))[3] == text
