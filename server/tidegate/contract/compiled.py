"""Compiles the validators of a contract, once, when the gateway starts.

A registry has all definitions twice: as they are written, which decides, and rewritten so that tags decide first, which
explains refusals. Each validator is a reference into it, or a derived schema that refers to it.
Invariant: a broken schema fails here, before the first client connects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from jsonschema_rs import Draft202012Validator, Registry, ValidationError, Validator

from tidegate.contract.dispatch import Rewriter
from tidegate.schema.formats import FORMATS
from tidegate.schema.older.dialects import DIALECT
from tidegate.schema.regex import LINEAR
from tidegate.schema.resource import REF_PREFIX, JsonSchema, follow
from tidegate.schema.subschemas import mapped, subschemas

_WRITTEN = "tidegate:contract"
_REWRITTEN = "tidegate:contract/rewritten"


class CompiledSchema:
    """The validators of one schema.

    `is_valid` decides. `iter_errors` gives the errors of a refused value in `schema`, which is rewritten.
    """

    __slots__ = ("_compiler", "is_valid", "iter_errors", "schema")

    def __init__(self, compiler: Compiler, written: Validator, schema: JsonSchema, rewritten: Validator) -> None:
        self._compiler = compiler
        self.schema = schema
        self.is_valid: Callable[[Any], bool] = written.is_valid
        self.iter_errors: Callable[[Any], Iterator[ValidationError]] = rewritten.iter_errors

    def at(self, path: Iterable[str | int]) -> Any:
        """The schema at the `evaluation_path` of an error, which leads through references. {} if there is none."""
        found: Any = self.schema
        try:
            for step in path:
                # A path has the name of a property such as "1" as a number.
                found = found[str(step) if isinstance(found, dict) else step]
                if step == "$ref" and isinstance(found, str):  # a property may have this name
                    found = self._compiler.target(found)
        except (KeyError, IndexError, TypeError):
            return {}
        return found

    def target(self, reference: str) -> Any:
        """The rewritten schema that `reference` names."""
        return self._compiler.target(reference)

    def inside(self, schema: Any) -> CompiledSchema:
        """The validators of a schema inside the rewritten one."""
        return self._compiler.inside(schema)


class Compiler:
    """Compiles schemas with references into `definitions`."""

    def __init__(self, definitions: dict[str, Any]) -> None:
        self._rewriter = Rewriter(definitions)
        self._registry = Registry([
            (uri, {"$schema": DIALECT, "$id": uri, "$defs": found})
            for uri, found in ((_WRITTEN, definitions), (_REWRITTEN, self._rewriter.definitions))
        ])  # fmt: skip
        self._inside: dict[int, tuple[Any, CompiledSchema]] = {}
        """The validators of schemas inside rewritten ones, by identity. They exist for explanations only."""

    def named(self, key: str) -> CompiledSchema:
        """The validators of a definition."""
        return self.schema({"$ref": REF_PREFIX + key})

    def schema(self, schema: JsonSchema) -> CompiledSchema:
        """The validators of a schema that refers to definitions."""
        written = self._validator(_absolute(schema, _WRITTEN))
        rewritten = _absolute(self._rewriter.rewritten(schema), _REWRITTEN)
        return CompiledSchema(self, written, rewritten, self._validator(rewritten))

    def target(self, reference: str) -> Any:
        """The rewritten schema that `reference` names."""
        return follow(reference.removeprefix(_REWRITTEN), self._rewriter.definitions)

    def inside(self, schema: Any) -> CompiledSchema:
        """The validators of a part of a rewritten schema."""
        known = self._inside.get(id(schema))
        if known is None:
            absolute = _absolute(schema, _REWRITTEN)
            validator = self._validator(absolute)
            known = self._inside[id(schema)] = schema, CompiledSchema(self, validator, absolute, validator)
        return known[1]

    def _validator(self, absolute: Any) -> Validator:
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


def _absolute(schema: Any, uri: str) -> Any:
    """A copy of `schema` whose references lead into the definitions at `uri`."""

    def change(_pointer: str, sub: JsonSchema) -> JsonSchema:
        reference = sub.get("$ref")
        local = isinstance(reference, str) and reference.startswith("#")
        return {**sub, "$ref": uri + str(reference)} if local else sub

    return mapped(schema, change)
