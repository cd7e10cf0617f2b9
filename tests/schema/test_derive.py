"""The schemas derived from a row schema, and the reading of resources."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.support.gateway import ROOT
from tidegate.core.access import claims
from tidegate.core.filters import tree
from tidegate.schema import Resource, derive, filter_schemas
from tidegate.schema.resource import read_property, read_resource, read_room

ROW: dict[str, Any] = {
    "title": "Boat",
    "type": "object",
    "x-resource": {
        "key": "id",
        "unique": [["name", "port"]],
        "indexes": [["port"]],
        "references": {"port": "ports.id"},
    },
    "x-access": {"read": "anyone", "delete": {"where": {"owner": "$user.id"}}},
    "properties": {
        "id": {"type": "integer", "readOnly": True},
        "name": {"type": "string", "minLength": 3},
        "state": {"enum": ["in", "out"], "default": "in"},
        "port": {"$ref": "#/$defs/Port", "description": "Where it is."},
        "left_at": {"type": ["string", "null"], "format": "date-time"},
        "owner": {"type": "string"},
        "crew": {"type": "array", "items": {"type": "string"}, "default": []},
        "pin": {"type": "string", "writeOnly": True, "maxLength": 8},
        "anything": {},
    },
    "required": ["id", "name", "state", "port"],
    "allOf": [{"if": {"required": ["left_at"]}, "then": {"required": ["owner"]}}],
}
DEFINITIONS: dict[str, Any] = {"Port": {"title": "Port", "type": "integer", "minimum": 1}, "App.Boat": ROW}


@pytest.fixture
def boats() -> Resource:
    return read_resource("boats", ROW, DEFINITIONS)


def accepts(schema: dict[str, Any], value: Any) -> bool:
    return Draft202012Validator({**schema, "$defs": DEFINITIONS}).is_valid(value)


def test_read_resource_reads_all_annotations(boats: Resource) -> None:
    assert (boats.name, boats.title, boats.table, boats.key) == ("boats", "Boat", "boats", ("id",))
    assert (boats.unique, boats.indexes) == ((("name", "port"),), (("port",),))
    assert boats.references == {"port": ("ports", "id")}
    assert boats.access["read"] == "anyone"
    assert list(boats.properties) == list(ROW["properties"])


def test_properties_have_the_facts_for_a_table(boats: Resource) -> None:
    found = boats.properties
    assert found["id"].read_only
    assert found["id"].type == "integer"
    assert found["port"].type == "integer"
    assert found["port"].schema["description"] == "Where it is."
    assert (found["state"].type, found["state"].enum, found["state"].default) == ("string", ("in", "out"), "in")
    assert (found["left_at"].type, found["left_at"].format, found["left_at"].nullable) == ("string", "date-time", True)
    assert found["pin"].write_only
    assert found["pin"].max_length == 8
    assert found["anything"].type == "any"
    assert found["crew"].items == {"type": "string"}
    assert {name for name, prop in found.items() if prop.column_nullable} == {"left_at", "owner", "pin", "anything"}


@pytest.mark.parametrize(
    ("schema", "kind", "nullable", "enum"),
    [
        ({"type": ["null", "boolean"]}, "boolean", True, None),
        ({"anyOf": [{"type": "number"}, {"type": "null"}]}, "number", True, None),
        ({"oneOf": [{"$ref": "#/$defs/Port"}, {"type": "null"}]}, "integer", True, None),
        ({"anyOf": [{"type": "number"}, {"type": "string"}]}, "any", False, None),
        ({"enum": ["a", None]}, "string", True, ("a",)),
        ({"const": 3}, "integer", False, (3,)),
        ({"enum": [1, "a"]}, "any", False, (1, "a")),
        (True, "any", False, None),
    ],
)
def test_read_property_knows_all_spellings_of_types(schema: Any, kind: str, nullable: bool, enum: Any) -> None:
    prop = read_property("p", schema, True, DEFINITIONS)
    assert (prop.type, prop.nullable, prop.enum) == (kind, nullable, enum)


def test_read_property_ends_for_circular_references() -> None:
    circle = {"A": {"$ref": "#/$defs/B"}, "B": {"$ref": "#/$defs/A"}}
    assert read_property("p", {"$ref": "#/$defs/A"}, True, circle).type == "any"


def test_a_room_has_defaults() -> None:
    room = read_room({"title": "Chat", "x-room": {"pattern": "chat-*", "history": {"size": 5}}})
    assert (room.pattern, room.presence, room.slow, room.access) == ("chat-*", True, "disconnect", {})
    assert (room.history.size, room.history.ttl) == (5, 0)


@pytest.mark.parametrize(
    ("filters", "legal"),
    [
        ({}, True),
        ({"id": 1, "name": "x"}, True),
        ({"left_at": None, "owner": None, "crew": [None]}, False),
        ({"left_at": None, "owner": None}, True),
        ({"name": None}, False),
        ({"state": "in"}, True),
        ({"state": "on"}, False),
        ({"state": None}, False),
        ({"port": 0}, True),
        ({"port": "1"}, False),
        ({"port": True}, False),
        ({"pin": "1"}, False),
        ({"crew": []}, False),
        ({"anything": "x"}, True),
        ({"anything": {"a": 1}}, False),
        ({"id": {"gt": 1}}, False),
        ({"unknown": 1}, False),
        ({"id": 2**53}, False),
    ],
)
def test_filters(boats: Resource, filters: dict[str, Any], legal: bool) -> None:
    assert accepts(derive.filter_schema(boats), filters) == legal


@pytest.mark.parametrize(
    ("row", "legal"),
    [
        ({"name": "Ada", "port": 1}, True),
        ({"name": "Ada", "port": 1, "state": "out", "pin": "1", "crew": ["x"], "anything": {}}, True),
        ({"name": "Ada"}, False),
        ({"name": "A", "port": 1}, False),
        ({"name": "Ada", "port": 0}, False),
        ({"name": "Ada", "port": 1, "id": 1}, False),
        ({"name": "Ada", "port": 1, "owner": None}, False),
        ({"name": "Ada", "port": 1, "left_at": None, "owner": "x"}, True),
        ({"name": "Ada", "port": 1, "left_at": None}, False),
        ({"name": "Ada", "port": 1, "more": 1}, False),
    ],
)
def test_creates(boats: Resource, row: dict[str, Any], legal: bool) -> None:
    assert accepts(derive.create_schema(boats), row) == legal


@pytest.mark.parametrize(
    ("changes", "legal"),
    [
        ({}, True),
        ({"name": "Ada"}, True),
        ({"name": "A"}, False),
        ({"name": None}, False),
        ({"owner": None, "left_at": None, "pin": None, "anything": None}, True),
        ({"crew": None}, False),
        ({"state": None}, False),
        ({"id": 1}, False),
        ({"left_at": "x"}, True),
        ({"more": 1}, False),
    ],
)
def test_updates(boats: Resource, changes: dict[str, Any], legal: bool) -> None:
    assert accepts(derive.update_schema(boats), changes) == legal


def test_derived_schemas_have_no_write_only_property(boats: Resource) -> None:
    for schema in (
        derive.filter_schema(boats),
        derive.sort_schema(boats),
        derive.fields_schema(boats),
        derive.row_schema(boats),
        derive.key_schema(boats),
    ):
        assert "pin" not in repr(schema)


def test_sent_rows_keep_their_schema(boats: Resource) -> None:
    sent = derive.row_schema(boats)
    assert list(sent["properties"]) == [name for name in ROW["properties"] if name != "pin"]
    assert sent["required"] == ["id", "name", "state", "port"]


def test_keys() -> None:
    single = read_resource("boats", ROW, DEFINITIONS)
    assert accepts(derive.key_schema(single), 1)
    assert not accepts(derive.key_schema(single), "1")
    pair = read_resource("boats", {**ROW, "x-resource": {"key": ["name", "port"]}}, DEFINITIONS)
    assert accepts(derive.key_schema(pair), {"name": "Ada", "port": 1})
    assert not accepts(derive.key_schema(pair), {"name": "Ada"})
    assert not accepts(derive.key_schema(pair), {"name": "Ada", "port": 1, "id": 1})


def test_references_stay_references(boats: Resource) -> None:
    row = {**ROW, "properties": {**ROW["properties"], "home": {"$ref": "#/$defs/App.Boat", "default": {}}}}
    home = derive.create_schema(read_resource("boats", row, DEFINITIONS))["properties"]["home"]
    assert home == {"$ref": "#/$defs/App.Boat"}
    assert boats.properties["port"].has_default is False


def test_the_core_and_the_schema_package_have_the_same_safe_integer() -> None:
    assert derive.SAFE_INTEGER == tree.SAFE_INTEGER
    ref = json.loads((ROOT / "schema" / "types" / "ref.schema.json").read_bytes())
    assert {option["maximum"] for option in ref["anyOf"] if "maximum" in option} == {derive.SAFE_INTEGER}


@pytest.mark.parametrize("value", ["$user.id", "$user.", "$user", "user.id", " $user.id", "", None, 1, ["$user.id"]])
def test_the_core_and_the_schema_package_recognise_the_same_claims(value: Any) -> None:
    assert filter_schemas.is_claim(value) == claims.is_claim(value)
