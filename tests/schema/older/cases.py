"""Schemas as other tools and older drafts write them, what `tidegate check --fix` makes of them, and what it leaves."""

from __future__ import annotations

from typing import Any, NamedTuple

Schema = dict[str, Any]
D3, D4, D6, D7 = (f"http://json-schema.org/draft-0{number}/schema#" for number in (3, 4, 6, 7))
D2019 = "https://json-schema.org/draft/2019-09/schema"
NOW = "https://json-schema.org/draft/2020-12/schema"
TEXT, NUMBER = {"type": "string"}, {"type": "number"}


class Case(NamedTuple):
    """`left`: pointers of what the author has to decide."""

    old: Schema
    new: Schema
    left: tuple[str, ...] = ()


def same(old: Schema, *left: str) -> Case:
    """A file in which nothing is certain."""
    return Case(old, old, left)


CASES = {
    "definitions": Case(
        {"$schema": D7, "definitions": {"a": TEXT}, "properties": {"x": {"$ref": "#/definitions/a"}}},
        {"$schema": NOW, "$defs": {"a": TEXT}, "properties": {"x": {"$ref": "#/$defs/a"}}},
    ),
    "definitions beside $defs": Case(
        {"definitions": {"a": TEXT}, "$defs": {"b": NUMBER}, "anyOf": [{"$ref": "#/definitions/a"}]},
        {"$defs": {"b": NUMBER, "a": TEXT}, "anyOf": [{"$ref": "#/$defs/a"}]},
    ),
    "one name in definitions and in $defs": same(
        {"$defs": {"a": NUMBER}, "definitions": {"a": TEXT}, "items": {"$ref": "#/definitions/a"}}, "/definitions"
    ),
    "definitions inside a property": same(
        {"properties": {"x": {"definitions": {"a": TEXT}}}}, "/properties/x/definitions"
    ),
    "a property named definitions": same({"properties": {"definitions": TEXT, "id": TEXT, "items": NUMBER}}),
    "a reference to a property named definitions": same(
        {"properties": {"definitions": TEXT, "x": {"$ref": "#/properties/definitions"}}}
    ),
    "definitions of another file": Case(
        {"properties": {"x": {"$ref": "../types/a.schema.json#/definitions/b"}}},
        {"properties": {"x": {"$ref": "../types/a.schema.json#/$defs/b"}}},
    ),
    "definitions with escapes": Case(
        {"definitions": {"a/b": TEXT}, "items": {"$ref": "#/definitions/a~1b"}},
        {"$defs": {"a/b": TEXT}, "items": {"$ref": "#/$defs/a~1b"}},
    ),
    "a recursion": Case(
        {"$schema": D4, "properties": {"next": {"$ref": "#"}, "all": {"items": [{"$ref": "#"}]}}},
        {"$schema": NOW, "properties": {"next": {"$ref": "#"}, "all": {"prefixItems": [{"$ref": "#"}]}}},
    ),
    "a reference into a list of items": same({"items": [TEXT], "contains": {"$ref": "#/items/0"}}, ""),
    "$schema alone": Case({"$schema": D6, "type": "object"}, {"$schema": NOW, "type": "object"}),
    "draft 2019-09": Case({"$schema": D2019, "items": [TEXT]}, {"$schema": NOW, "prefixItems": [TEXT]}),
    "$schema with an empty fragment": same({"$schema": NOW + "#"}),
    "an unknown $schema": same({"$schema": "https://example.com/own", "minimum": 1}),
    "id": Case({"$schema": D4, "id": "order.json"}, {"$schema": NOW, "$id": "order.json"}),
    "id of an inner schema": same({"properties": {"x": {"id": "#x", "type": "string"}}}),
    "items with a list": Case({"items": [TEXT, NUMBER]}, {"prefixItems": [TEXT, NUMBER]}),
    "items with a list and no more": Case(
        {"items": [TEXT], "additionalItems": False}, {"prefixItems": [TEXT], "items": False}
    ),
    "items with a list and others": Case(
        {"items": [TEXT], "additionalItems": NUMBER}, {"prefixItems": [TEXT], "items": NUMBER}
    ),
    "items with a list and any": Case({"items": [TEXT], "additionalItems": True}, {"prefixItems": [TEXT]}),
    "items with an empty list": Case({"items": [], "additionalItems": TEXT}, {"items": TEXT}),
    "additionalItems beside one schema": Case({"items": TEXT, "additionalItems": False}, {"items": TEXT}),
    "additionalItems alone": Case({"additionalItems": False, "minItems": 1}, {"minItems": 1}),
    "items inside items": Case(
        {"items": [{"items": [TEXT], "additionalItems": False}]},
        {"prefixItems": [{"prefixItems": [TEXT], "items": False}]},
    ),
    "dependencies on names": Case({"dependencies": {"a": ["b"]}}, {"dependentRequired": {"a": ["b"]}}),
    "dependencies on schemas": Case(
        {"dependencies": {"a": {"required": ["b"]}, "c": False}},
        {"dependentSchemas": {"a": {"required": ["b"]}, "c": False}},
    ),
    "dependencies on both": Case(
        {"dependencies": {"a": ["b"], "c": {"items": [TEXT]}}},
        {"dependentRequired": {"a": ["b"]}, "dependentSchemas": {"c": {"prefixItems": [TEXT]}}},
    ),
    "dependencies beside their followers": same(
        {"dependencies": {"a": ["b"]}, "dependentRequired": {"a": ["c"]}}, "/dependencies"
    ),
    "dependencies of draft-03": same({"$schema": D3, "dependencies": {"a": "b"}}, "/dependencies", "/$schema"),
    "a limit that is excluded": Case(
        {"$schema": D4, "minimum": 1, "exclusiveMinimum": True, "maximum": 9, "exclusiveMaximum": False},
        {"$schema": NOW, "exclusiveMinimum": 1, "maximum": 9},
    ),
    "required in a property": Case(
        {"properties": {"a": {"type": "string", "required": True}, "b": {"required": False}}},
        {"properties": {"a": TEXT, "b": {}}, "required": ["a"]},
    ),
    "required in a property and beside": Case(
        {"properties": {"a": {"required": True}, "b": {}}, "required": ["b"]},
        {"properties": {"a": {}, "b": {}}, "required": ["b", "a"]},
    ),
    "a property named required": same({"properties": {"required": {"type": "boolean"}}}),
    "nullable": Case({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
    "nullable with a list of types": Case({"type": ["string", "null"], "nullable": True}, {"type": ["string", "null"]}),
    "not nullable": Case({"type": "string", "nullable": False}, {"type": "string"}),
    "nullable with an enum that has null": Case(
        {"type": "string", "enum": ["a", None], "nullable": True}, {"type": ["string", "null"], "enum": ["a", None]}
    ),
    "nullable with an enum": same({"type": "string", "enum": ["a"], "nullable": True}, "/nullable"),
    "nullable beside a reference": same({"$ref": "#/$defs/a", "nullable": True, "$defs": {"a": TEXT}}, "/nullable"),
    "nullable without a type": same({"nullable": True, "oneOf": [TEXT, NUMBER]}, "/nullable"),
    "discriminator": same(
        {"oneOf": [{"type": "object"}, {"type": "array"}], "discriminator": {"propertyName": "kind"}}, "/discriminator"
    ),
    "components": same({"items": {"$ref": "#/components/schemas/Pet"}}, "/items/$ref"),
    "example and xml": Case({"example": 1, "xml": {"name": "x"}}, {"examples": [1]}),
    "words beside a reference": same(
        {"$schema": D7, "$defs": {"a": TEXT}, "items": {"$ref": "#/$defs/a", "maxLength": 2}}, "/items/$ref", "/$schema"
    ),
    "annotations beside a reference": Case(
        {"$schema": D7, "$defs": {"a": TEXT}, "items": {"$ref": "#/$defs/a", "description": "x", "x-note": 1}},
        {"$schema": NOW, "$defs": {"a": TEXT}, "items": {"$ref": "#/$defs/a", "description": "x", "x-note": 1}},
    ),
    "words beside a reference in draft 2019-09": Case(
        {"$schema": D2019, "$defs": {"a": TEXT}, "items": {"$ref": "#/$defs/a", "maxLength": 2}},
        {"$schema": NOW, "$defs": {"a": TEXT}, "items": {"$ref": "#/$defs/a", "maxLength": 2}},
    ),
    "$recursiveRef": Case(
        {"$schema": D2019, "properties": {"next": {"$recursiveRef": "#"}}},
        {"$schema": NOW, "properties": {"next": {"$ref": "#"}}},
    ),
    "$recursiveRef with an anchor": same({"$recursiveAnchor": True, "items": {"$recursiveRef": "#"}}),
    "old words in data": same({"const": {"definitions": {}, "items": [1]}, "default": {"nullable": True}}),
    "divisibleBy and any": Case({"$schema": D3, "divisibleBy": 2, "type": "any"}, {"$schema": NOW, "multipleOf": 2}),
    "formats of draft-03": Case({"format": "ip-address"}, {"format": "ipv4"}),
}  # fmt: skip
