"""Rewrites unions with a tag so that the tag decides first: one alternative is validated, not all of them.

A validator tries every alternative of a `oneOf`. If the alternatives refer to themselves, a refusal explained that way
costs a multiple with every level of nesting, and it names faults of the wrong alternative. The rewritten schema
asks for the tag with `if`, which is one step. Definitions stay as they are everywhere except in the validators.
Invariant: the rewritten schema accepts the same values and evaluates the same properties.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from tidegate.json_pointer import escape
from tidegate.schema.resource import REF_PREFIX, JsonSchema, steps_of
from tidegate.schema.subschemas import MANY, NAMED, ONE, mapped
from tidegate.schema.tags import WORDS, Candidates, Dispatch, Path, Tags, Union

TAG = "x-tag"
"""Marks the schema of a tag. Its value is the keyword of the tag in the schema as written: `const` or `enum`."""
CASES = "x-cases"
"""Marks a schema that decides by a tag. Its value is the number of cases, the first schemas of its `allOf`."""

_OF_OBJECTS = frozenset({
    "additionalProperties", "dependentRequired", "dependentSchemas", "maxProperties", "minProperties",
    "patternProperties", "properties", "propertyNames", "required", "unevaluatedProperties",
})  # fmt: skip


class Rewriter:
    """Rewrites schemas that refer to `definitions`."""

    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self._tags = Tags(definitions)
        self._moved: dict[str, str] = {}
        """{reference to an alternative: reference to it in the rewritten definitions}, both without percent signs for
        characters."""
        one_pass = _Pass(self._tags, self._moved)
        written = {key: one_pass.schema(one, REF_PREFIX + escape(key)) for key, one in definitions.items()}
        self.definitions: dict[str, Any] = {key: self._referring(one) for key, one in written.items()}

    def rewritten(self, schema: JsonSchema) -> JsonSchema:
        """`schema`, which is in no definition."""
        found: JsonSchema = self._referring(_Pass(self._tags, {}).schema(schema, "#"))
        return found

    def _referring(self, schema: Any) -> Any:
        return mapped(schema, lambda _place, sub: self._with_new_reference(sub)) if self._moved else schema

    def _with_new_reference(self, schema: JsonSchema) -> JsonSchema:
        reference = schema.get("$ref")
        return {**schema, "$ref": self._new_reference(reference)} if isinstance(reference, str) else schema

    def _new_reference(self, reference: str) -> str:
        plain = REF_PREFIX + "/".join(map(escape, steps_of(reference)))
        end = len(plain)
        while end > len(REF_PREFIX):
            if (found := self._moved.get(plain[:end])) is not None:
                return quote(found + plain[end:], safe="#/$~")
            end = plain.rfind("/", 0, end)
        return reference


class _Pass:
    """Rewrites one schema. `moved` gets the new place of each alternative."""

    def __init__(self, tags: Tags, moved: dict[str, str]) -> None:
        self._tags = tags
        self._moved = moved

    def schema(self, schema: Any, old: str, new: str | None = None) -> Any:
        """The rewritten `schema`, whose reference is `old`, and `new` in the rewritten definitions."""
        if not isinstance(schema, dict):
            return schema
        new = old if new is None else new
        unions = {word: self._tags.union(schema, word) for word in WORDS if word in schema}
        copy: JsonSchema = {}
        for word, value in schema.items():
            if unions.get(word) is None:
                copy[word] = self._inside(word, value, f"{old}/{word}", f"{new}/{word}")
        if copy.get("additionalProperties") is False:
            # Without it, the validator does not always name the property, or says that it is missing.
            copy.setdefault("patternProperties", {})
        for word, union in unions.items():
            if union is None:
                continue
            parts = copy.get("allOf", [])
            place = f"{new}/allOf/{len(parts)}"
            copy["allOf"] = [*parts, _Chain(self, word, schema[word], f"{old}/{word}").union(union, place)]
        return copy

    def _inside(self, word: str, value: Any, old: str, new: str) -> Any:
        if word in ONE:
            return self.schema(value, old, new)
        if word in MANY and isinstance(value, list):
            return [self.schema(sub, f"{old}/{index}", f"{new}/{index}") for index, sub in enumerate(value)]
        if word in NAMED and isinstance(value, dict):
            return {
                name: self.schema(sub, f"{old}/{escape(name)}", f"{new}/{escape(name)}") for name, sub in value.items()
            }
        return value

    def alternative(self, schema: Any, old: str, new: str) -> Any:
        """An alternative at its new place. One that can match several values of the tag has several places."""
        self._moved.setdefault(old, new)
        return self.schema(schema, old, new)


class _Chain:
    """Writes the conditions for one union. Conditions are inside `not`, so that they evaluate no property."""

    def __init__(self, inside: _Pass, word: str, alternatives: list[Any], old: str) -> None:
        self._pass = inside
        self._word = word
        self._alternatives = alternatives
        self._old = old
        self._placed = set[int]()

    def union(self, union: Union, place: str) -> JsonSchema:
        """The conditions, and the alternatives that no value can match, to which a reference may still lead."""
        checks = self._checks(union, place)
        never = [index for index in range(len(self._alternatives)) if index not in self._placed]
        if never:
            kept = {str(index): self._alternative(index, f"{place}/$defs/{index}") for index in never}
            checks = {**checks, "$defs": kept}
        return checks

    def _checks(self, union: Union, place: str) -> JsonSchema:
        if union.around:
            return {"if": {"type": "object"}, "then": self._candidates(union.objects, f"{place}/then")}
        if not union.others:
            found: JsonSchema = self._candidates(union.objects, place)
            return found
        objects = self._candidates(union.objects, f"{place}/then")
        others = enumerate(union.others)
        bare = [self._bare(index, union, f"{place}/else/{self._word}/{n}") for n, index in others]
        return {"if": {"type": "object"}, "then": objects, "else": {self._word: [*bare, {"type": "object"}]}}

    def _bare(self, index: int, union: Union, place: str) -> Any:
        """An alternative for values that are no objects."""
        schema = self._alternatives[index]
        if index not in union.objects.indices:
            return self._alternative(index, place)
        if isinstance(schema, dict):
            schema = {word: value for word, value in schema.items() if word not in _OF_OBJECTS}
        return self._pass.schema(schema, f"{self._old}/{index}", place)

    def _dispatch(self, dispatch: Dispatch, place: str) -> JsonSchema:
        path, checks = dispatch.path, list[JsonSchema]()
        tag = {"enum": dispatch.values, TAG: dispatch.keyword}
        for case in dispatch.cases:
            chosen = self._candidates(case.candidates, f"{place}/allOf/{len(checks)}/else")
            checks.append({"if": {"not": _with(path, {"enum": list(case.values)})}, "else": chosen})
        if not dispatch.absent.indices:
            return {**_with(path, tag), CASES: len(checks), "allOf": checks}
        without = self._candidates(dispatch.absent, f"{place}/allOf/{len(checks)}/then")
        return {
            CASES: len(checks),
            "allOf": [*checks, {"if": {"not": _with(path, {})}, "then": without, "else": _with(path, tag)}],
        }

    def _candidates(self, candidates: Candidates, place: str) -> Any:
        if candidates.dispatch is not None:
            return self._dispatch(candidates.dispatch, place)
        if len(candidates.indices) == 1:
            return self._alternative(candidates.indices[0], place)
        several = enumerate(candidates.indices)
        return {self._word: [self._alternative(index, f"{place}/{self._word}/{n}") for n, index in several]}

    def _alternative(self, index: int, place: str) -> Any:
        self._placed.add(index)
        return self._pass.alternative(self._alternatives[index], f"{self._old}/{index}", place)


def _with(path: Path, leaf: JsonSchema) -> JsonSchema:
    """Objects with a value at `path` that `leaf` accepts."""
    name, rest = path[0], path[1:]
    return {"type": "object", "required": [name], "properties": {name: _with(rest, leaf) if rest else leaf}}
