"""Generates TypeScript types from schemas: interfaces with JSDoc, and unions of literals.

It writes single types; `typescript_modules` writes the modules around them. A schema that TypeScript cannot express
becomes `unknown`.
Invariant: the output compiles under `tsc --strict` for any linted schema.
"""

from __future__ import annotations

import json
import re
from typing import Any

from tidegate.codegen.model import Named
from tidegate.codegen.shape import shape
from tidegate.schema.resource import REF_PREFIX, JsonSchema

_SIMPLE = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}
_IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*").fullmatch
_OPEN = "{ [property: string]: unknown }"


def declaration(named: Named) -> str:
    """`export interface` for an object with properties, `export type` for anything else."""
    schema = shape(named.schema)
    doc = jsdoc(schema, "")
    if schema.get("properties"):
        return f"{doc}export interface {named.name} {_members(schema, '')}\n"
    return f"{doc}export type {named.name} = {type_of(schema, '')};\n"


def type_of(schema: Any, indent: str) -> str:
    """The type expression of a shape. Nested objects are indented below `indent`."""
    if not isinstance(schema, dict):
        return "unknown" if schema else "never"
    if "$ref" in schema:
        return _reference(schema["$ref"])
    if "const" in schema:
        return literal(schema["const"])
    if "enum" in schema:
        return _union([literal(value) for value in schema["enum"]])
    if schema.get("properties"):
        return _nullable(_members(schema, indent), schema)
    for word in ("anyOf", "oneOf"):
        if word in schema:
            return _union([type_of(branch, indent) for branch in schema[word]])
    if "allOf" in schema:
        return _intersection([type_of(branch, indent) for branch in schema["allOf"]])
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    return _union([_of_kind(kind, schema, indent) for kind in kinds]) if kinds else "unknown"


def literal(value: Any) -> str:
    """A JSON value as a literal type or expression."""
    return json.dumps(value, ensure_ascii=False)


def property_name(name: str) -> str:
    """`name` as the name of a property in an interface, quoted if necessary."""
    return name if _IDENTIFIER(name) else literal(name)


def jsdoc(schema: Any, indent: str) -> str:
    """The description as a comment. Empty without a description."""
    text = schema.get("description") if isinstance(schema, dict) else None
    if not isinstance(text, str) or not text.strip():
        return ""
    lines = text.strip().replace("*/", "*\\/").splitlines()
    if len(lines) == 1:
        return f"{indent}/** {lines[0]} */\n"
    return f"{indent}/**\n" + "".join(f"{indent} * {line}".rstrip() + "\n" for line in lines) + f"{indent} */\n"


def _members(schema: JsonSchema, indent: str) -> str:
    inner = indent + "  "
    required = set(schema.get("required", ()))
    text = ""
    for name, sub in schema["properties"].items():
        mark = "" if name in required else "?"
        text += f"{jsdoc(sub, inner)}{inner}{property_name(name)}{mark}: {type_of(sub, inner)};\n"
    return "{\n" + text + indent + "}"


def _of_kind(kind: str, schema: JsonSchema, indent: str) -> str:
    if kind == "array":
        return _array(schema, indent)
    if kind == "object":
        values = schema.get("additionalProperties")
        return f"{{ [property: string]: {type_of(values, indent)} }}" if values else _OPEN
    return _SIMPLE.get(kind, "unknown")


def _array(schema: JsonSchema, indent: str) -> str:
    first = [type_of(item, indent) for item in schema.get("prefixItems", ())]
    rest = type_of(schema.get("items", True), indent)
    if first:
        # A tuple may be shorter than its prefix: types do not express minItems.
        return f"[{', '.join(f'({item})?' for item in first)}, ...({rest})[]]"
    return f"({rest})[]" if re.search(r" [|&] ", rest) and not rest.startswith("{") else f"{rest}[]"


def _nullable(text: str, schema: JsonSchema) -> str:
    kinds = schema.get("type")
    return f"{text} | null" if isinstance(kinds, list) and "null" in kinds else text


def _reference(reference: str) -> str:
    name, _, tail = reference.removeprefix(REF_PREFIX).partition("/")
    return "unknown" if tail else name


def _union(types: list[str]) -> str:
    unique = list(dict.fromkeys(types))
    return "unknown" if "unknown" in unique else " | ".join(unique)


def _intersection(types: list[str]) -> str:
    unique = [item for item in dict.fromkeys(types) if item != "unknown"]
    return " & ".join(f"({item})" if " | " in item else item for item in unique) or "unknown"
