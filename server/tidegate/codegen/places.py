"""Gives names to the places inside definitions that references lead to, such as `#/$defs/Order/properties/lines`.

Each becomes a definition beside the others, so that types of both languages can refer to it.
Invariant: a reference into a definition and the place itself become references to the same name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from tidegate.codegen.names import type_name, unique
from tidegate.json_pointer import pointer, steps
from tidegate.schema.resource import REF_PREFIX, JsonSchema, steps_of
from tidegate.schema.subschemas import mapped, subschemas


class Places:
    """The places inside `definitions` that references in them lead to."""

    def __init__(self, definitions: Mapping[str, JsonSchema]) -> None:
        self._definitions = definitions
        self._names: dict[tuple[str, str], str] = {}
        """{(definition, pointer): name of the new definition}"""
        for title, place in sorted({target for schema in definitions.values() for target in _targets(schema)}):
            if place in dict(subschemas(definitions.get(title, {}))):
                name = type_name(title, steps(place), definitions[title])
                self._names[title, place] = unique(name, {*definitions, *self._names.values()})

    def named(self, title: str, schema: JsonSchema) -> JsonSchema:
        """`schema`, which has the title `title`, with references to the new definitions."""
        copy: JsonSchema = mapped(schema, partial(self._changed, title))
        return copy

    def definitions(self) -> dict[str, JsonSchema]:
        """The new definitions by name."""
        found: dict[str, JsonSchema] = {}
        for (title, place), name in self._names.items():
            inner = dict(subschemas(self._definitions[title]))[place]
            if isinstance(inner, dict):
                found[name] = mapped(inner, partial(self._inside, title, place))
            else:  # a definition is an object: the same as true, or as false
                found[name] = {} if inner else {"not": {}}
        return found

    def _inside(self, title: str, place: str, below: str, schema: JsonSchema) -> JsonSchema:
        return self._changed(title, place + below, schema) if below else self._followed(schema)

    def _changed(self, title: str, place: str, schema: JsonSchema) -> JsonSchema:
        name = self._names.get((title, place))
        if name is None:
            return self._followed(schema)
        told: JsonSchema = {word: schema[word] for word in ("description", "deprecated") if word in schema}
        return {"$ref": REF_PREFIX + name, **told}

    def _followed(self, schema: JsonSchema) -> JsonSchema:
        for target in _targets(schema, inside=False):
            if target in self._names:
                return {**schema, "$ref": REF_PREFIX + self._names[target]}
        return schema


def _targets(schema: Any, inside: bool = True) -> Iterator[tuple[str, str]]:
    """(definition, pointer) of each reference to a place in a definition, in `schema` and inside it."""
    for _, sub in subschemas(schema) if inside else [("", schema)]:
        reference = sub.get("$ref") if isinstance(sub, dict) else None
        if isinstance(reference, str) and reference.startswith(REF_PREFIX):
            title, *steps = steps_of(reference)
            if steps:
                yield title, pointer(list(steps))
