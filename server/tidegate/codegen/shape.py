"""The shape of a definition: its schema reduced to the types.

A shape has no bounds, patterns and conditions: a type cannot express them, and the schema checks them at run time. It
has no defaults, because "absent" and "default" must stay distinguishable on the wire. The generators of both languages
read shapes.
Invariant: every value that a definition accepts has its shape.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tidegate.int64 import FORMAT
from tidegate.schema.resource import REF_PREFIX, JsonSchema
from tidegate.schema.subschemas import mapped, subschemas

BOUNDS = frozenset({
    "contains", "default", "examples", "exclusiveMaximum", "exclusiveMinimum", "format", "maxContains", "maximum",
    "maxItems", "maxLength", "maxProperties", "minContains", "minimum", "minItems", "minLength", "minProperties",
    "multipleOf", "pattern", "propertyNames", "readOnly", "unevaluatedItems", "unevaluatedProperties", "uniqueItems",
    "writeOnly", "$comment", "$schema", "$id", "deprecated",
})  # fmt: skip
CONDITIONS = frozenset({
    "allOf", "anyOf", "dependentRequired", "dependentSchemas", "else", "if", "not", "oneOf", "then",
})  # fmt: skip


INT64 = f"{REF_PREFIX}Int64"
"""The type of integers of 64 bits, which no schema defines: each generator writes it by itself."""
_INT64_TYPES = ("string", ["string"], ["string", "null"], ["null", "string"])


def shape(schema: JsonSchema) -> JsonSchema:
    """The shape of `schema` and of everything inside it."""
    copy: JsonSchema = mapped(schema, lambda _pointer, sub: _simplified(sub))
    return copy


def uses_int64(shapes: Iterable[Any]) -> bool:
    """Whether one of these shapes has an integer of 64 bits."""
    return any(isinstance(sub, dict) and sub.get("$ref") == INT64 for top in shapes for _, sub in subschemas(top))


def renamed(schema: JsonSchema, names: dict[str, str]) -> JsonSchema:
    """`schema` with every `#/$defs/OLD` changed to `#/$defs/NEW`. References below a definition keep their tail."""

    def change(_pointer: str, sub: JsonSchema) -> JsonSchema:
        reference = sub.get("$ref")
        if not isinstance(reference, str):
            return sub
        key, slash, tail = reference.removeprefix(REF_PREFIX).partition("/")
        return {**sub, "$ref": f"{REF_PREFIX}{names.get(key, key)}{slash}{tail}"}

    copy: JsonSchema = mapped(schema, change)
    return copy


def is_int64(schema: JsonSchema) -> bool:
    """Whether `schema` itself is that of an integer of 64 bits, or of one or null."""
    return schema.get("format") == FORMAT and schema.get("type") in _INT64_TYPES


def _int64(schema: JsonSchema) -> JsonSchema:
    """A reference to the type of integers of 64 bits, and null where `schema` allows it. An enum's values are lost."""
    described = {"description": schema["description"]} if "description" in schema else {}
    if "null" in schema["type"]:
        return {"anyOf": [{"$ref": INT64}, {"type": "null"}], **described}
    return {"$ref": INT64, **described}


def _simplified(schema: JsonSchema) -> JsonSchema:
    if is_int64(schema):
        return _int64(schema)
    simple: dict[str, Any] = {
        word: value for word, value in schema.items() if word not in BOUNDS and not word.startswith("x-")
    }
    if simple.get("properties"):
        simple = {word: value for word, value in simple.items() if word not in CONDITIONS}
    elif simple.get("type") == "object" and simple.get("additionalProperties", True) is True:
        simple["additionalProperties"] = {}  # a mapping, not a class without fields
    return simple
