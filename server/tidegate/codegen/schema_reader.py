"""Reads what a schema says of a value, without `$ref`, `allOf`, `anyOf` and `oneOf`: a list of alternatives.

Every accepted value meets at least one alternative. A type needs no bounds, so they do not count; `if`, `not` and
`dependentSchemas` do not narrow an alternative, but what they may add to an object or an array counts as `possible`.
Invariant: the alternatives accept at least what the schema accepts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

from tidegate.codegen import name_patterns
from tidegate.codegen.alternatives import (
    KINDS,
    Alternative,
    ArrayRule,
    ObjectRule,
    both,
    canonical,
    closed_array,
    closed_object,
    merged,
    rules,
    settled,
    with_possible,
)
from tidegate.codegen.shape import is_int64
from tidegate.schema.keywords import OF_ONE_TYPE
from tidegate.schema.resource import JsonSchema

TYPING = frozenset({
    "$ref", "additionalProperties", "allOf", "anyOf", "const", "contains", "dependentSchemas", "else", "enum", "if",
    "items", "maxItems", "minItems", "not", "oneOf", "patternProperties", "prefixItems", "properties", "propertyNames",
    "required", "then", "type", "unevaluatedItems", "unevaluatedProperties",
})  # fmt: skip
"""The keywords that count here."""
_ABOUT: Mapping[str, frozenset[str]] = {**OF_ONE_TYPE, "string": OF_ONE_TYPE["string"] | {"format"}}
"""The keywords that restrict values of one JSON type only."""
_LISTING = frozenset({"$ref", "allOf", "const", "enum"})
_GENERAL = frozenset({"$dynamicRef", "anyOf", "const", "else", "enum", "if", "not", "oneOf", "then", "type"})


class AlternativeReader:
    """Reads schemas whose references `target` follows. A reference to itself for the same value says nothing."""

    def __init__(self, target: Callable[[str], Any]) -> None:
        self._target = target

    def read(self, schema: Any, path: frozenset[str] = frozenset()) -> list[Alternative]:
        """The alternatives of `schema`. Empty if it accepts nothing. `path`: the references that led here."""
        if not isinstance(schema, dict):
            return [Alternative()] if schema else []
        found = self._own(schema)
        reference = schema.get("$ref")
        if isinstance(reference, str) and reference not in path:
            there = self.read(self._target(reference), path | {reference})
            found = both(found, [replace(item, origins=(reference, *item.origins)) for item in there])
        for sub in schema.get("allOf", ()):
            found = both(found, self.read(sub, path))
        for word in ("anyOf", "oneOf"):
            if word in schema:
                branches = [self.read(branch, path) for branch in schema[word]]
                if any(self._decides(branch, schema) for branch in schema[word]):
                    found = both(found, self._choice(word, schema[word], branches))
                else:
                    found = [with_possible(item, rules(chain.from_iterable(branches))) for item in found]
        conditions = [schema[word] for word in ("if", "then", "else") if word in schema]
        conditions += schema.get("dependentSchemas", {}).values()
        for sub in conditions:
            found = [with_possible(item, rules(self.read(sub, path))) for item in found]
        if "unevaluatedProperties" in schema:
            found = [closed_object(item, schema["unevaluatedProperties"]) for item in found]
        if "unevaluatedItems" in schema:
            found = [closed_array(item, schema["unevaluatedItems"]) for item in found]
        return found

    def shared_kinds(self, branches: Sequence[Any]) -> set[str]:
        """The JSON types that no value of a `oneOf` has, because two branches accept all values of them."""
        counts = dict.fromkeys(KINDS, 0)
        for branch in branches:
            for kind in self._free(branch, frozenset()):
                counts[kind] += 1
        return {kind for kind, count in counts.items() if count > 1}

    def _own(self, schema: JsonSchema) -> list[Alternative]:
        """The alternative of the keywords that stand in `schema` itself, if any value meets them."""
        negated = schema.get("not")
        if negated is True or (isinstance(negated, dict) and not negated):
            return []
        kinds = _kinds(schema.get("type", KINDS))
        if isinstance(negated, dict) and negated.keys() == {"type"}:
            kinds = tuple(kind for kind in kinds if kind not in _kinds(negated["type"], negated=True))
        values = [schema["const"]] if "const" in schema else schema.get("enum")
        own = Alternative(
            kinds=kinds,
            values=None if values is None else tuple(values),
            int64=is_int64(schema),
            objects=(*_object_rules(schema), *self._names(schema.get("propertyNames", True))),
            arrays=tuple(_array_rules(schema)),
        )
        return [item for item in [settled(own)] if item is not None]

    def _names(self, schema: Any) -> Iterator[ObjectRule]:
        """`propertyNames`, as far as it lists the names or begins them."""
        if schema is False:
            yield ObjectRule(rest=False)
        for part in self.read(schema) if isinstance(schema, dict) else ():
            if part.values is not None and len(self.read(schema)) == 1:
                yield ObjectRule({name: True for name in part.values if isinstance(name, str)}, rest=False)
        if isinstance(schema, dict) and isinstance(schema.get("pattern"), str):
            yield _object_rule({}, {schema["pattern"]: True}, False, ())

    def _decides(self, branch: Any, parent: JsonSchema) -> bool:
        """Whether `branch` says more than a type can leave out, such as which properties are required."""
        if not isinstance(branch, dict):
            return branch is False
        for word, value in branch.items():
            if word in {"allOf", "anyOf", "oneOf"}:
                if any(self._decides(sub, parent) for sub in value):
                    return True
            elif word == "properties":
                if any(self._decides(sub, {}) for sub in value.values()):
                    return True
            elif word == "type" and value == parent.get("type"):
                continue
            elif word in TYPING - {"required", "not", "minItems", "maxItems", "contains"}:
                return True
        return False

    def _choice(self, word: str, branches: Sequence[Any], read: Sequence[Sequence[Alternative]]) -> list[Alternative]:
        if word == "anyOf":
            return self._overlapping(read)
        left = tuple(kind for kind in KINDS if kind not in self.shared_kinds(branches))
        return both([Alternative(kinds=left)], list(chain.from_iterable(read))) if left else []

    def _overlapping(self, read: Sequence[Sequence[Alternative]]) -> list[Alternative]:
        """All alternatives. A value may meet several branches, whose rules are possible rules of each other."""
        constants = [[self._constants(item) for item in of_branch] for of_branch in read]
        found = []
        for number, of_branch in enumerate(read):
            for item, ours in zip(of_branch, constants[number], strict=True):
                others = [
                    other
                    for index, branch in enumerate(read)
                    for other, theirs in zip(branch, constants[index], strict=True)
                    if index != number and not _disjoint(item, ours, other, theirs)
                ]
                found.append(replace(item, overlapping=item.overlapping + rules(others)))
        return found

    def _constants(self, item: Alternative) -> dict[str, set[str]]:
        """The values of each property whose schema lists them, in canonical form."""
        found = {}
        for rule in item.objects:
            for name, sub in rule.properties.items():
                if isinstance(sub, dict) and not _LISTING.isdisjoint(sub):
                    parts = self.read(sub)
                    if parts and all(part.values is not None for part in parts):
                        found[name] = {canonical(value) for part in parts for value in part.values or ()}
        return found

    def _free(self, schema: Any, path: frozenset[str]) -> set[str]:
        """The JSON types of which `schema` accepts every value."""
        if not isinstance(schema, dict):
            return set(KINDS) if schema else set()
        if not _GENERAL.isdisjoint(schema):
            return set()
        free = {kind for kind in KINDS if _ABOUT.get(kind, frozenset()).isdisjoint(schema)}
        reference = schema.get("$ref")
        if isinstance(reference, str):
            free &= set() if reference in path else self._free(self._target(reference), path | {reference})
        for sub in schema.get("allOf", ()):
            free &= self._free(sub, path)
        return free


def _disjoint(left: Alternative, ours: dict[str, set[str]], right: Alternative, theirs: dict[str, set[str]]) -> bool:
    """Whether no value meets both, because a required property has other constants in `left` than in `right`."""
    needed = {name for item in (left, right) for rule in item.objects for name in rule.required}
    tags = needed & ours.keys() & theirs.keys()
    return merged(left, right) is None or any(ours[name].isdisjoint(theirs[name]) for name in tags)


def _kinds(types: Any, *, negated: bool = False) -> tuple[str, ...]:
    """The JSON types of `type`. A number that is no integer has no type here, so `not` cannot take it away."""
    listed = [types] if isinstance(types, str) else types
    named = {"integer": None if negated else "number"}
    return tuple(dict.fromkeys(kind for kind in (named.get(each, each) for each in listed) if kind is not None))


def _object_rules(schema: JsonSchema) -> Iterator[ObjectRule]:
    if not TYPING.isdisjoint(schema.keys() & _ABOUT["object"]):
        yield _object_rule(
            schema.get("properties", {}),
            schema.get("patternProperties", {}),
            schema.get("additionalProperties"),
            schema.get("required", ()),
        )


def _object_rule(
    properties: Mapping[str, Any], patterns: Mapping[str, Any], rest: Any, required: Sequence[str]
) -> ObjectRule:
    """A rule in which patterns that list names, such as `^(a|b)$`, and patterns of all names have become plainer."""
    listed = {name: True for pattern in patterns for name in name_patterns.names(pattern)}
    every = [sub for pattern, sub in patterns.items() if name_patterns.matches_all(pattern)]
    if every:
        rest = {"allOf": every}
    return ObjectRule({**listed, **properties}, patterns, rest, required)


def _array_rules(schema: JsonSchema) -> Iterator[ArrayRule]:
    if not TYPING.isdisjoint(schema.keys() & _ABOUT["array"]):
        high = schema.get("maxItems")
        yield ArrayRule(
            prefix=schema.get("prefixItems", ()),
            rest=schema.get("items"),
            contains=schema.get("contains"),
            low=int(schema.get("minItems", 0)),
            high=None if high is None else int(high),
        )
