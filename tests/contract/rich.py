"""An application for contract tests whose schemas use the keywords that the sample application does not use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Json = dict[str, Any]

OPEN_TO_ALL = {action: "anyone" for action in ("read", "create", "update", "delete")}
THING: Json = {
    "title": "Thing",
    "x-resource": {"key": "id", "references": {"parent_id": "things.id"}},
    "x-access": OPEN_TO_ALL,
    "type": "object",
    "properties": {
        "id": {"type": "integer", "minimum": 1, "readOnly": True},
        "parent_id": {"type": ["integer", "null"]},
        "code": {"type": "string", "pattern": "^[A-Z]{2}-[0-9]+$"},
        "price": {"type": "number", "multipleOf": 0.01, "minimum": 0, "exclusiveMaximum": 1000},
        "rank": {"type": "integer", "multipleOf": 5, "exclusiveMinimum": -10, "maximum": 50},
        "grade": {"enum": ["a", "b", None]},
        "kind": {"const": "thing"},
        "day": {"type": "string", "format": "date"},
        "at": {"type": "string", "format": "date-time"},
        "token": {"type": "string", "format": "uuid"},
        "address": {"anyOf": [{"type": "string", "format": "ipv4"}, {"type": "null"}]},
        "mail": {"type": "string", "format": "email"},
        "meta": {
            "type": "object",
            "properties": {"depth": {"type": "integer", "minimum": 0}},
            "patternProperties": {"^x_": {"type": "string", "maxLength": 3}},
            "additionalProperties": False,
            "minProperties": 1,
        },
        "marks": {
            "type": "array",
            "items": {"type": "object", "properties": {"at": {"type": "number"}}, "required": ["at"]},
            "uniqueItems": True,
            "maxItems": 4,
        },
        "secret": {"type": "string", "minLength": 2, "writeOnly": True},
        "anything": {},
    },
    "required": ["id", "code", "price"],
    "dependentRequired": {"rank": ["grade"]},
    "additionalProperties": False,
}
PLACE: Json = {
    "title": "Place",
    "x-resource": {"key": ["zone", "slug"]},
    "x-access": OPEN_TO_ALL,
    "type": "object",
    "properties": {
        "zone": {"type": "integer", "minimum": 0, "maximum": 9},
        "slug": {"type": "string", "minLength": 1, "maxLength": 8},
        "label": {"type": "string", "maxLength": 2},
    },
    "required": ["zone", "slug"],
    "additionalProperties": False,
}
SHIFT: Json = {
    "title": "Shift",
    "x-resource": {"key": "id"},
    "x-access": OPEN_TO_ALL,
    "type": "object",
    "properties": {
        "id": {"type": "integer", "readOnly": True},
        "status": {"enum": ["open", "done"], "default": "done"},
        "report": {"type": "string", "maxLength": 3},
        "places": {"type": "integer", "minimum": 0, "maximum": 3},
        "taken": {"type": "integer", "minimum": 0, "maximum": 3},
    },
    "required": ["id", "status"],
    "additionalProperties": False,
    "if": {"properties": {"status": {"const": "done"}}},
    "then": {"required": ["report"]},
    "dependentRequired": {"taken": ["places"]},
    "anyOf": [{"properties": {"places": {"maximum": 1}}}, {"properties": {"report": {"minLength": 2}}}],
}
PAIR: Json = {
    "title": "Pair",
    "x-room": {"pattern": "pair-*"},
    "x-access": {"join": "anyone", "send": "anyone"},
    "type": "array",
    "prefixItems": [{"type": "integer"}, {"type": "string"}],
    "items": False,
    "minItems": 1,
}
ODD: Json = {
    "title": "Odd",
    "x-room": {"pattern": "odd"},
    "x-access": {"join": "anyone", "send": "anyone"},
    "type": "object",
    "properties": {"kind": {"enum": ["a", "b", 1, None]}, "tags": {"type": "array", "contains": {"const": "x"}}},
    "propertyNames": {"maxLength": 4},
    "if": {"properties": {"kind": {"const": "a"}}, "required": ["kind"]},
    "then": {"required": ["tags"]},
    "else": {"maxProperties": 2},
    "not": {"required": ["no"]},
    "dependentSchemas": {"tags": {"properties": {"n": {"type": "integer"}}}},
    "oneOf": [{"required": ["kind"]}, {"required": ["n"]}],
}
FILES: dict[str, Json] = {
    "resources/things": THING,
    "resources/places": PLACE,
    "resources/shifts": SHIFT,
    "rooms/pair": PAIR,
    "rooms/odd": ODD,
}
SEEDS: list[Json] = [
    {"type": "create", "resource": "things", "data": {"code": "AB-1", "price": 0.1, "kind": "thing", "grade": None}},
    {"type": "create", "resource": "things", "data": {"code": "AB-2", "price": 19.99, "rank": 5, "grade": "a"}},
    {
        "type": "create",
        "resource": "things",
        "data": {"code": "AB-3", "price": 1, "meta": {"depth": 1, "x_a": "abc"}, "marks": [{"at": 1}, {"at": 2.5}]},
    },
    {
        "type": "create",
        "resource": "things",
        "data": {
            "code": "AB-4",
            "price": 2,
            "day": "2024-02-29",
            "at": "2026-01-01T00:00:00.5+02:00",
            "token": "6f1c2d3e-0000-4000-8000-000000000000",
            "address": "127.0.0.1",
            "secret": "hush",
            "anything": [1],
        },
    },
    {"type": "update", "resource": "things", "id": 1, "data": {"grade": "b", "address": None, "meta": {"depth": 0}}},
    {"type": "list", "resource": "things", "filters": {"rank": 5, "grade": None, "day": "2024-02-29", "anything": "x"}},
    {"type": "get", "resource": "places", "id": {"zone": 1, "slug": "a"}},
    {"type": "delete", "resource": "places", "ids": [{"zone": 1, "slug": "a"}, {"zone": 2.0, "slug": "b"}]},
    {"type": "create", "resource": "places", "data": [{"zone": 1, "slug": "a", "label": "\U0001f600\U0001f600"}]},
    {"type": "create", "resource": "shifts", "data": {"status": "open", "places": 1}},
    {"type": "update", "resource": "shifts", "id": 1, "data": {"report": None, "taken": 2}},
    {"type": "message", "room": "pair-1", "data": [1, "a"]},
    {"type": "message", "room": "odd", "data": {"kind": "a", "tags": ["x"]}},
    {"type": "message", "room": "odd", "data": {"n": 1}},
]
"""Valid messages, for mutation."""


def write(folder: Path) -> Path:
    """Write the schema folder into `folder`."""
    for name, content in FILES.items():
        path = folder / f"{name}.schema.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
    return folder
