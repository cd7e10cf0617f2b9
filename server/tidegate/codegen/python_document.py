"""Describes decided Python types as a JSON Schema document, from which datamodel-code-generator writes them.

The document uses only words that mean one Python type: no `allOf`, no bounds, one schema for each class and alias.
Invariant: the tool's type for each property is the decided one.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Any

from tidegate.codegen.python_expressions import INT64
from tidegate.codegen.python_types import Declared
from tidegate.schema.resource import REF_PREFIX, JsonSchema

_SIMPLE: dict[str, JsonSchema] = {
    "Any": {},
    "bool": {"type": "boolean"},
    "float": {"type": "number"},
    "int": {"type": "integer"},
    "str": {"type": "string"},
}


def document(types: Iterable[Declared]) -> dict[str, JsonSchema]:
    """The schema of each type, by its name. `Int64` is a name of the base module."""
    return {INT64: {"type": "integer"}, **{item.name: _schema(item) for item in types}}


def _schema(item: Declared) -> JsonSchema:
    described = _described(item.doc)
    if item.expression is not None:
        return {**described, **of_text(item.expression.text)}
    tag = None if item.tag is None else item.tag[0]
    properties = {
        # The tool would write tags by itself where it sees a constant, with the name of the attribute.
        each.name: {**of_text("str" if each.name == tag else each.kind.text), **_described(each.doc)}
        for each in item.fields
    }
    required = [each.name for each in item.fields if each.required]
    return {**described, "type": "object", "properties": properties, "required": required}


def _described(doc: str) -> JsonSchema:
    return {"description": doc} if doc else {}


def of_text(expression: str) -> JsonSchema:
    """The schema that has this type expression."""
    return _of(ast.parse(expression, mode="eval").body)


def _of(node: ast.expr) -> JsonSchema:
    match node:
        case ast.BinOp():
            return {"anyOf": [_of(member) for member in _members(node)]}
        case ast.Constant(value=None):
            return {"type": "null"}
        case ast.Name(id=name):
            return dict(_SIMPLE[name]) if name in _SIMPLE else {"$ref": REF_PREFIX + name}
        case ast.Subscript(value=ast.Name(id=generic), slice=inner):
            return _of_generic(generic, inner.elts if isinstance(inner, ast.Tuple) else [inner])
    raise TypeError(ast.unparse(node))


def _of_generic(generic: str, parts: list[ast.expr]) -> JsonSchema:
    if generic == "Literal":
        values: list[Any] = [ast.literal_eval(part) for part in parts]
        return {"enum": values}
    if generic == "dict":
        return {"type": "object", "additionalProperties": _of(parts[1])}
    if generic == "list":
        return {"type": "array", "items": _of(parts[0])}
    count = len(parts)
    return {"type": "array", "prefixItems": [_of(part) for part in parts], "minItems": count, "maxItems": count}


def _members(node: ast.expr) -> list[ast.expr]:
    return [*_members(node.left), *_members(node.right)] if isinstance(node, ast.BinOp) else [node]
