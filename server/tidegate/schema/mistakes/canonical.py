"""What jsonschema-rs can compute of a schema: whether any value fits it, and whether it has all values of another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jsonschema_rs import CanonicalSchema, canonicalize

from tidegate.schema.references import mentioned
from tidegate.schema.resource import JsonSchema


def canonical(schema: JsonSchema, definitions: Mapping[str, Any]) -> CanonicalSchema | None:
    """`schema` with the definitions that it refers to. None if the library cannot read it."""
    try:
        return canonicalize({**schema, "$defs": _needed(schema, definitions)}, validate_formats=True, offline=True)
    except ValueError:  # the linter reports it
        return None


def is_impossible(schema: JsonSchema, definitions: Mapping[str, Any]) -> bool:
    """Whether it is certain that no value fits `schema`."""
    found = canonical(schema, definitions)
    return found is not None and str(found.satisfiability()) == "no"


def _needed(schema: JsonSchema, definitions: Mapping[str, Any]) -> dict[str, Any]:
    """The definitions that `schema` refers to, directly or not."""
    needed: dict[str, Any] = {}
    todo = mentioned(schema)
    while todo:
        key = todo.pop()
        if key in definitions and key not in needed:
            needed[key] = definitions[key]
            todo |= mentioned(definitions[key])
    return needed
