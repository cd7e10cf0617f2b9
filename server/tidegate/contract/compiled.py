"""Compiles the validators of a contract, once, when the gateway starts.

A registry has all definitions, rewritten so that tags decide first. Each validator is a reference into it, or a
derived schema that refers to it.
Invariant: a broken schema fails here, before the first client connects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from jsonschema_rs import Draft202012Validator, Registry, ValidationError, Validator

from tidegate.contract.dispatch import Rewriter
from tidegate.schema.folder import DIALECT
from tidegate.schema.formats import FORMATS
from tidegate.schema.regex import LINEAR
from tidegate.schema.resource import REF_PREFIX, JsonSchema, follow
from tidegate.schema.subschemas import mapped, subschemas

_URI = "tidegate:contract"


class CompiledSchema:
    """A validator, and the schema that it validates, for the explanation of its errors."""

    __slots__ = ("_compiler", "is_valid", "iter_errors", "schema")

    def __init__(self, compiler: Compiler, schema: JsonSchema, validator: Validator) -> None:
        self._compiler = compiler
        self.schema = schema
        self.is_valid: Callable[[Any], bool] = validator.is_valid
        self.iter_errors: Callable[[Any], Iterator[ValidationError]] = validator.iter_errors

    def at(self, path: Iterable[str | int]) -> Any:
        """The schema at the `evaluation_path` of an error, which leads through references. {} if there is none."""
        found: Any = self.schema
        try:
            for step in path:
                found = self._compiler.target(found["$ref"]) if step == "$ref" else found[step]
        except (KeyError, IndexError, TypeError):
            return {}
        return found

    def target(self, reference: str) -> Any:
        """The schema that `reference` names."""
        return self._compiler.target(reference)

    def inside(self, schema: Any) -> CompiledSchema:
        """The validator of a schema inside this one."""
        return self._compiler.inside(schema)


class Compiler:
    """Compiles schemas with references into `definitions`."""

    def __init__(self, definitions: dict[str, Any]) -> None:
        self._rewriter = Rewriter(definitions)
        self._definitions = self._rewriter.definitions
        self._registry = Registry([(_URI, {"$schema": DIALECT, "$id": _URI, "$defs": self._definitions})])
        self._inside: dict[int, tuple[Any, CompiledSchema]] = {}
        """The validators of schemas inside others, by identity. They exist for explanations only."""

    def named(self, key: str) -> CompiledSchema:
        """The validator of a definition."""
        return self.schema({"$ref": REF_PREFIX + key})

    def schema(self, schema: JsonSchema) -> CompiledSchema:
        """The validator of a schema that refers to definitions."""
        return self._compiled(self._rewriter.rewritten(schema))

    def target(self, reference: str) -> Any:
        """The rewritten schema that `reference` names."""
        return follow(reference.removeprefix(_URI), self._definitions)

    def inside(self, schema: Any) -> CompiledSchema:
        """The validator of a part of a rewritten schema."""
        known = self._inside.get(id(schema))
        if known is None:
            known = self._inside[id(schema)] = (schema, self._compiled(schema))
        return known[1]

    def _compiled(self, rewritten: Any) -> CompiledSchema:
        absolute = mapped(rewritten, lambda _pointer, sub: _absolute(sub))
        validator = Draft202012Validator(
            absolute,
            registry=self._registry,
            validate_formats=True,
            formats=FORMATS,
            offline=True,
            pattern_options=LINEAR,
            mask="…",  # keeps large values out of error messages, which the gateway does not use
        )
        return CompiledSchema(self, absolute, validator)


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
    if not isinstance(reference, str) or reference.startswith(_URI):
        return schema
    return {**schema, "$ref": _URI + reference}
