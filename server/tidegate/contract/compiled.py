"""Compiles the validators of a contract, once, when the gateway starts.

A registry has all definitions. Each validator is a reference into it, or a derived schema that refers to it.
Invariant: a broken schema fails here, before the first client connects.
"""

from __future__ import annotations

from typing import Any

from jsonschema_rs import Draft202012Validator, Registry, Validator

from tidegate.schema.folder import DIALECT
from tidegate.schema.formats import FORMATS
from tidegate.schema.regex import LINEAR
from tidegate.schema.resource import REF_PREFIX, JsonSchema
from tidegate.schema.subschemas import mapped, subschemas

_URI = "tidegate:contract"


class Compiler:
    """Compiles schemas with references into `definitions`."""

    def __init__(self, definitions: dict[str, Any]) -> None:
        self._registry = Registry([(_URI, {"$schema": DIALECT, "$id": _URI, "$defs": definitions})])

    def named(self, key: str) -> Validator:
        """The validator of a definition."""
        return self.schema({"$ref": REF_PREFIX + key})

    def schema(self, schema: JsonSchema) -> Validator:
        """The validator of a schema that refers to definitions."""
        absolute = mapped(schema, lambda _pointer, sub: _absolute(sub))
        return Draft202012Validator(
            absolute,
            registry=self._registry,
            validate_formats=True,
            formats=FORMATS,
            offline=True,
            pattern_options=LINEAR,
            mask="…",  # keeps large values out of error messages, which the gateway does not use
        )


def names_in(definitions: dict[str, Any]) -> frozenset[str]:
    """The names of all properties that occur in `definitions`."""
    found: set[str] = set()
    for definition in definitions.values():
        for _, schema in subschemas(definition):
            if isinstance(schema, dict):
                found.update(schema.get("properties", ()), schema.get("required", ()))
    return frozenset(found)


def _absolute(schema: JsonSchema) -> JsonSchema:
    reference = schema.get("$ref")
    return {**schema, "$ref": _URI + reference} if isinstance(reference, str) else schema
