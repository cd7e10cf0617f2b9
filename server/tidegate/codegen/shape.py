"""The shape of a definition: what is left of a schema when only the types matter.

Bounds, patterns and conditions are dropped, because the schema itself checks them at run time and a type cannot;
defaults are dropped, because "absent" must stay distinguishable from "default" on the wire. Both languages read shapes.
Invariant: every value that a definition accepts has its shape.
"""

from __future__ import annotations

from typing import Any

from tidegate.schema.resource import REF_PREFIX, JsonSchema
from tidegate.schema.subschemas import mapped

BOUNDS = frozenset({
    "contains", "default", "examples", "exclusiveMaximum", "exclusiveMinimum", "format", "maxContains", "maximum",
    "maxItems", "maxLength", "maxProperties", "minContains", "minimum", "minItems", "minLength", "minProperties",
    "multipleOf", "pattern", "propertyNames", "readOnly", "unevaluatedItems", "unevaluatedProperties", "uniqueItems",
    "writeOnly", "$comment", "$schema", "$id", "deprecated",
})  # fmt: skip
CONDITIONS = frozenset({
    "allOf", "anyOf", "dependentRequired", "dependentSchemas", "else", "if", "not", "oneOf", "then",
})  # fmt: skip


def shape(schema: JsonSchema) -> JsonSchema:
    """The shape of `schema` and of everything inside it."""
    copy: JsonSchema = mapped(schema, lambda _pointer, sub: _simplified(sub))
    return copy


def message_shape(schema: JsonSchema) -> JsonSchema:
    """The shape of a message without its `type`, which the generators write in their own way."""
    simple = shape(schema)
    properties = {name: sub for name, sub in simple.get("properties", {}).items() if name != "type"}
    required = [name for name in simple.get("required", []) if name != "type"]
    return {**simple, "properties": properties, "required": required}


def renamed(schema: JsonSchema, names: dict[str, str]) -> JsonSchema:
    """`schema` with every `#/$defs/OLD` turned into `#/$defs/NEW`; references below a definition keep their tail."""

    def change(_pointer: str, sub: JsonSchema) -> JsonSchema:
        reference = sub.get("$ref")
        if not isinstance(reference, str):
            return sub
        key, slash, tail = reference.removeprefix(REF_PREFIX).partition("/")
        return {**sub, "$ref": f"{REF_PREFIX}{names.get(key, key)}{slash}{tail}"}

    copy: JsonSchema = mapped(schema, change)
    return copy


def _simplified(schema: JsonSchema) -> JsonSchema:
    simple: dict[str, Any] = {
        word: value for word, value in schema.items() if word not in BOUNDS and not word.startswith("x-")
    }
    if simple.get("properties"):
        simple = {word: value for word, value in simple.items() if word not in CONDITIONS}
    elif simple.get("type") == "object" and simple.get("additionalProperties", True) is True:
        simple["additionalProperties"] = {}  # a mapping, not a class without fields
    return simple
