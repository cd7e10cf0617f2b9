"""Finds the schemas that apply to a refused value itself, beside a failed `unevaluatedProperties` or `...Items`.

A validator counts what a failed schema describes as not evaluated, so that a property with a wrong value is reported a
second time, as not allowed. These schemas tell which properties and items are known.
Invariant: of a union, only the alternative that the explanation names applies, or all if the value has no known tag.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from jsonschema_rs import ValidationError

from tidegate.contract.closest import UNIONS, Choice, closest
from tidegate.contract.compiled import CompiledSchema
from tidegate.contract.dispatch import CASES
from tidegate.schema.instance_path import Locate
from tidegate.schema.regex import is_match
from tidegate.schema.resource import JsonSchema

Steps = list[str | int]


class Applied:
    """The schemas that apply to one value. `errors`: the errors beside the one that is explained."""

    def __init__(self, compiled: CompiledSchema, locate: Locate, error: ValidationError) -> None:
        self._compiled = compiled
        self._locate = locate
        self._value: Any = error.instance
        self._here = locate(error)
        self._keyword = error.kind.name
        self._root = error.evaluation_path[:-1]

    def schemas(self, errors: Iterable[ValidationError]) -> list[JsonSchema]:
        """All of them, the one that has the keyword first."""
        return list(self._from(self._compiled.at(self._root), self._root, list(errors)))

    def unexpected(self, error: ValidationError) -> Iterator[str | int]:
        """The names or the indices that the validator reports. It reports items by their JSON text."""
        kind: Any = error.kind
        if self._keyword == "unevaluatedProperties":
            yield from kind.unexpected
            return
        reported = {_text(json.loads(one)) for one in kind.unexpected}
        yield from (index for index, item in enumerate(self._value) if _text(item) in reported)

    def inner(self, name: str | int) -> Any:
        """The property or the item `name`."""
        return self._value[name]

    def is_known(self, name: str | int, schemas: list[JsonSchema]) -> bool:
        """Whether a schema describes the property or the item `name`."""
        items = self._keyword == "unevaluatedItems"
        return any(
            (number > 0 and self._keyword in schema)
            or (_has_item(schema, int(name)) if items else _has_property(schema, str(name)))
            for number, schema in enumerate(schemas)
        )

    def absent(self, schemas: list[JsonSchema]) -> list[str]:
        """The names of properties that the value could have, and has not."""
        present = self._value if isinstance(self._value, dict) else {}
        return [name for schema in schemas for name in schema.get("properties", ()) if name not in present]

    def _from(self, schema: Any, path: Steps, errors: list[ValidationError]) -> Iterator[JsonSchema]:
        if not isinstance(schema, dict):
            return
        yield schema
        if "$ref" in schema:
            yield from self._from(self._compiled.target(schema["$ref"]), [*path, "$ref"], errors)
        for index, sub in enumerate(schema.get("allOf", ())):
            yield from self._from(sub, [*path, "allOf", index], errors)
        yield from self._from_unknown_tag(schema, path, errors)
        for word in UNIONS & schema.keys():
            yield from self._from_union(schema[word], [*path, word], errors)
        if "if" in schema:
            holds = self._holds(schema["if"])
            for word in ("if", "then") if holds else ("else",):
                yield from self._from(schema.get(word), [*path, word], errors)
        for name, sub in schema.get("dependentSchemas", {}).items():
            if isinstance(self._value, dict) and name in self._value:
                yield from self._from(sub, [*path, "dependentSchemas", name], errors)

    def _from_unknown_tag(self, schema: JsonSchema, path: Steps, errors: list[ValidationError]) -> Iterator[JsonSchema]:
        """All alternatives if the value has none of their tags: their properties may be right, and the tag wrong."""
        cases = schema["allOf"][: schema[CASES]] if CASES in schema else []
        if cases and all(self._holds(case["if"]) for case in cases):
            for index, case in enumerate(cases):
                yield from self._from(case["else"], [*path, "allOf", index, "else"], errors)

    def _holds(self, condition: Any) -> bool:
        return self._compiled.inside(condition).is_valid(self._value)

    def _from_union(self, alternatives: list[Any], path: Steps, errors: list[ValidationError]) -> Iterator[JsonSchema]:
        for error in errors:
            if error.evaluation_path == path and self._locate(error) == self._here:
                for choice in _chosen(error, self._locate):
                    yield from self._from(alternatives[choice.index], [*path, choice.index], choice.errors)


def _chosen(error: ValidationError, locate: Locate) -> list[Choice]:
    """The alternative that the explanation of a failed union names, or those of a `oneOf` that match."""
    kind: Any = error.kind
    matching = [Choice(index, []) for index, branch in enumerate(kind.context) if not branch]
    choice = None if matching else closest(error, locate)
    return matching if choice is None else [choice]


def _has_property(schema: JsonSchema, name: str) -> bool:
    if name in schema.get("properties", ()) or "additionalProperties" in schema:
        return True
    return any(is_match(pattern, name) for pattern in schema.get("patternProperties", ()))


def _has_item(schema: JsonSchema, index: int) -> bool:
    return "items" in schema or index < len(schema.get("prefixItems", ()))


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
