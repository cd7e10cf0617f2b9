"""Finds the schemas inside a schema, by the applicators of JSON Schema draft 2020-12 and Tidegate's annotations.

A `$ref` below `const`, `default`, `enum` or `examples` is data, and a property may have the name `$ref`. This module
alone knows the difference. https://json-schema.org/draft/2020-12/json-schema-core, sections 8 and 10.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tidegate.json_pointer import escape

ONE = frozenset({
    "additionalProperties", "contains", "contentSchema", "else", "if", "items", "not", "propertyNames", "then",
    "unevaluatedItems", "unevaluatedProperties", "x-part",
})  # fmt: skip
MANY = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
NAMED = frozenset({"$defs", "definitions", "dependentSchemas", "patternProperties", "properties", "x-refusals"})


def subschemas(schema: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """`schema` and every schema inside it, each with its pointer."""
    yield path, schema
    if not isinstance(schema, dict):
        return
    for word, value in schema.items():
        if word in ONE:
            yield from subschemas(value, f"{path}/{word}")
        elif word in MANY and isinstance(value, list):
            for index, sub in enumerate(value):
                yield from subschemas(sub, f"{path}/{word}/{index}")
        elif word in NAMED and isinstance(value, dict):
            for name, sub in value.items():
                yield from subschemas(sub, f"{path}/{word}/{escape(name)}")


def mapped(schema: Any, change: Callable[[str, dict[str, Any]], dict[str, Any]], path: str = "") -> Any:
    """A deep copy of `schema`, with `change(pointer, schema)` applied to every object schema, inner ones first."""
    if not isinstance(schema, dict):
        return schema
    copy: dict[str, Any] = {}
    for word, value in schema.items():
        here = f"{path}/{word}"
        if word in ONE:
            copy[word] = mapped(value, change, here)
        elif word in MANY and isinstance(value, list):
            copy[word] = [mapped(sub, change, f"{here}/{index}") for index, sub in enumerate(value)]
        elif word in NAMED and isinstance(value, dict):
            copy[word] = {name: mapped(sub, change, f"{here}/{escape(name)}") for name, sub in value.items()}
        else:
            copy[word] = value
    return change(path, copy)
