"""The filter schema of a resource: its properties, the operators that fit their types, values of those types.

`checks.filter_schemas` derives the same schemas a second time, and must accept and refuse the same filters.
"""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tidegate.checks import filter_schemas as second_reading
from tidegate.checks.reference_validator import formats
from tidegate.schema import Resource, derive, filter_schemas
from tidegate.schema.resource import JsonSchema, read_property, read_resource

ROW: dict[str, Any] = {
    "title": "Boat",
    "type": "object",
    "x-resource": {"key": "id"},
    "properties": {
        "id": {"type": "integer", "readOnly": True},
        "name": {"type": "string", "minLength": 3, "description": "What it is called."},
        "state": {"enum": ["in", "out"], "default": "in"},
        "class": {"enum": [1, 2, 3]},
        "length": {"type": "number"},
        "left_at": {"type": ["string", "null"], "format": "date-time"},
        "owner": {"type": "string", "format": "email"},
        "crew": {"type": "array", "items": {"type": "string", "minLength": 1}, "default": []},
        "marks": {"type": ["array", "null"], "items": {"enum": ["a", 1, ["no scalar"], None]}},
        "log": {"type": "array", "items": {"type": "object"}, "default": []},
        "papers": {"type": ["object", "null"]},
        "pin": {"type": "string", "writeOnly": True},
        "anything": {},
        "mixed": {"enum": ["a", 1, ["no scalar"]]},
        "hull": {"type": ["string", "null"], "format": "int64"},
        "berth": {"type": "string", "format": "int64", "enum": ["1", "20"], "default": "1"},
    },
    "required": ["id", "name", "state", "length", "class", "mixed"],
}
BOATS: Resource = read_resource("boats", ROW, {})
SCHEMA = filter_schemas.filters_schema(BOATS)
VALIDATOR = Draft202012Validator({**SCHEMA, "$defs": filter_schemas.definitions([BOATS])}, format_checker=formats())
SECOND_READING = Draft202012Validator(second_reading.filters(derive.readable(BOATS)), format_checker=formats())

REFINE = {
    "eq", "ne", "eqs", "nes", "lt", "gt", "lte", "gte", "in", "nin", "ina", "nina", "between", "nbetween",
    "contains", "ncontains", "containss", "ncontainss", "startswith", "nstartswith", "startswiths", "nstartswiths",
    "endswith", "nendswith", "endswiths", "nendswiths", "null", "nnull", "or", "and",
}  # fmt: skip


@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"id": 1, "name": "x"},
        {"id": {"gt": 1, "lte": 7}},
        {"id": {"between": [7, 1]}},
        {"name": {"eq": "", "nin": ["a", "b"], "startswith": "", "nbetween": ["a", "b"]}},
        {"state": {"in": ["in", "out"]}},
        {"class": {"gte": 7, "ne": 1}},
        {"left_at": None},
        {"left_at": {"null": False, "gte": "2026-01-31T12:00:00Z"}},
        {"owner": {"endswith": "@example.com", "gte": "b"}},
        {"crew": {"ina": ["Ada", "Bo"], "nina": [""]}},
        {"marks": {"ina": ["a", 1]}},
        {"marks": None},
        {"papers": None},
        {"papers": {"nnull": True}},
        {"anything": {"in": [1, "a", True, 0.5]}},
        {"anything": True},
        {"mixed": 1},
        {"hull": "-9223372036854775808"},
        {"hull": {"in": ["9007199254740993", "0"], "between": ["-5", "9223372036854775807"]}},
        {"berth": {"eq": "20", "gt": "3"}},
        {"or": [{}, {"and": [{"or": [{"id": 1}]}]}], "and": [{"id": 2}], "name": "x"},
    ],
    ids=str,
)
def test_legal(filters: dict[str, Any]) -> None:
    assert VALIDATOR.is_valid(filters)
    assert SECOND_READING.is_valid(filters)


@pytest.mark.parametrize(
    "filters",
    [
        {"id": "1"},
        {"id": 2**53},
        {"id": {"gt": 2**53}},
        {"id": {"eq": True}},
        {"id": {"contains": 1}},
        {"id": {}},
        {"id": {"between": [1]}},
        {"id": {"in": []}},
        {"id": None},
        {"id": {"null": True}},
        {"hull": 1},
        {"hull": "01"},
        {"hull": "-0"},
        {"hull": {"lt": "9223372036854775808"}},
        {"hull": {"gte": ""}},
        {"hull": {"contains": "1"}},
        {"hull": {"startswith": "1"}},
        {"berth": "3"},
        {"berth": {"lt": "x"}},
        {"name": {"gt": 1}},
        {"name": {"or": []}},
        {"state": "on"},
        {"state": {"eq": "on"}},
        {"state": {"gt": "in"}},
        {"state": {"contains": "i"}},
        {"state": None},
        {"class": 4},
        {"class": {"gte": "1"}},
        {"class": {"gte": 1e300}},
        {"class": {"between": [-(2**53), 2]}},
        {"left_at": {"null": None}},
        {"left_at": {"contains": "2026"}},
        {"crew": "Ada"},
        {"crew": ["Ada"]},
        {"crew": {"eq": "Ada"}},
        {"crew": {"ina": [1]}},
        {"crew": {"ina": []}},
        {"crew": {"null": True}},
        {"marks": {"ina": ["b"]}},
        {"marks": {"ina": [None]}},
        {"marks": {"ina": [["no scalar"]]}},
        {"log": {"ina": ["a"]}},
        {"papers": {"eq": {}}},
        {"pin": "1"},
        {"pin": {"eq": "1"}},
        {"anything": {"gt": 1}},
        {"anything": {"in": [None]}},
        {"mixed": ["no scalar"]},
        {"mixed": {"in": [["no scalar"]]}},
        {"unknown": 1},
        {"or": []},
        {"or": {}},
        {"and": [{"pin": "1"}]},
        {"or": [{"and": [{"or": [{"id": "1"}]}]}]},
        {"not": {}},
        [],
    ],
    ids=str,
)
def test_illegal(filters: Any) -> None:
    assert not VALIDATOR.is_valid(filters)
    assert not SECOND_READING.is_valid(filters)


@pytest.mark.parametrize(
    ("schema", "family"),
    [
        ({"type": "string"}, "text"),
        ({"type": "string", "format": "email"}, "text"),
        ({"type": "string", "format": "date-time"}, "order"),
        ({"type": "string", "format": "date"}, "order"),
        ({"type": "string", "format": "uuid"}, "order"),
        ({"type": "string", "format": "time"}, "equality"),
        ({"type": "string", "format": "duration"}, "equality"),
        ({"enum": ["a", "b"]}, "equality"),
        ({"type": "integer"}, "order"),
        ({"type": "number"}, "order"),
        ({"enum": [1, 2]}, "order"),
        ({"type": "boolean"}, "equality"),
        ({}, "equality"),
        ({"type": ["string", "integer"]}, "equality"),
        ({"type": "array"}, "members"),
        ({"type": "array", "items": {"type": ["integer", "null"]}}, "members"),
        ({"type": "array", "items": {"type": "array"}}, "nothing"),
        ({"type": "object"}, "nothing"),
        ({"enum": [[], {}]}, "nothing"),
    ],
    ids=str,
)
def test_the_operators_follow_from_the_type(schema: JsonSchema, family: str) -> None:
    required = read_property("p", schema, True, {})
    optional = read_property("p", schema, False, {})
    assert filter_schemas.family(required) == filter_schemas.family(optional) == family
    assert filter_schemas.operators(optional) == filter_schemas.operators(required) + filter_schemas.NULLNESS


def test_the_filters_have_all_operators_of_refine() -> None:
    known = {name for names in filter_schemas.OPERATORS.values() for name in names}
    known |= {*filter_schemas.NULLNESS, *filter_schemas.COMBINERS}
    assert known == REFINE
    assert len(known) == 30


def test_filters_have_no_write_only_property() -> None:
    assert "pin" not in repr(SCHEMA)


def test_descriptions_stay() -> None:
    assert SCHEMA["properties"]["name"]["description"] == "What it is called."


def test_only_rules_accept_claims_as_values() -> None:
    rules = filter_schemas.filters_schema(BOATS, key="Rule", claims=filter_schemas.CLAIMS)
    validator = Draft202012Validator({**rules, "$defs": {"Rule": rules}})
    rule = {"or": [{"id": "$user.id"}, {"id": {"in": ["$user.id", 7]}}, {"state": "$user.state"}, {"marks": None}]}
    assert validator.is_valid(rule)
    assert not VALIDATOR.is_valid(rule)
    assert not validator.is_valid({"id": "user.id"})
    assert not validator.is_valid({"state": "on"})


def test_if_accepts_only_the_short_form() -> None:
    expected = Draft202012Validator(derive.filter_schema(BOATS))
    for value in ({"id": 1}, {"left_at": None}, {"state": "in"}):
        assert expected.is_valid(value)
        assert VALIDATOR.is_valid(value)
    assert not expected.is_valid({"id": {"eq": 1}})
