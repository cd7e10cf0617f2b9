"""What holds together for a value: JSON types, values, and the rules for objects and arrays.

`schema_reader` makes these alternatives from a schema. It knows no language that code is generated for.
Invariant: an alternative of two others accepts at least what both accept.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tidegate.codegen import name_patterns
from tidegate.schema.resource import kind_of

KINDS = ("object", "array", "string", "number", "boolean", "null")
LIMIT = 64
"""A schema with more combinations of alternatives is read as if the last `anyOf` or `oneOf` were a condition."""


@dataclass(frozen=True, slots=True)
class ObjectRule:
    """What one schema says of objects: schemas by name, by pattern of the name, and of all other properties."""

    properties: Mapping[str, Any] = field(default_factory=dict)
    patterns: Mapping[str, Any] = field(default_factory=dict)
    rest: Any = None
    """None: the schema says nothing of other properties."""
    required: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class ArrayRule:
    """What one schema says of arrays: schemas of the first items and of all others, and bounds of the length."""

    prefix: Sequence[Any] = ()
    rest: Any = None
    """None: the schema says nothing of other items."""
    contains: Any = None
    low: int = 0
    high: int | None = None


@dataclass(frozen=True, slots=True)
class Alternative:
    """What holds together."""

    kinds: tuple[str, ...] = KINDS
    values: tuple[Any, ...] | None = None
    int64: bool = False
    objects: tuple[ObjectRule, ...] = ()
    arrays: tuple[ArrayRule, ...] = ()
    possible: tuple[ObjectRule | ArrayRule, ...] = ()
    """Rules that hold for some of the values only."""
    overlapping: tuple[ObjectRule | ArrayRule, ...] = ()
    """Possible rules that other alternatives of the same union have."""
    origins: tuple[str, ...] = ()
    """The references that the alternative was read through."""


def canonical(value: Any) -> str:
    """A text that is equal for equal JSON values: `1` and `1.0` are equal, `1` and `true` are not."""
    return json.dumps(_plain(value), sort_keys=True)


def kind(value: Any) -> str:
    """The JSON type of a value, one of KINDS."""
    found = kind_of(value)
    return "number" if found == "integer" else found


def settled(item: Alternative) -> Alternative | None:
    """`item` without types that it has no value of. None if no value is left."""
    if item.values is not None:
        values = tuple(value for value in item.values if kind(value) in item.kinds)
        present = {kind(value) for value in values}
        item = replace(item, values=values, kinds=tuple(each for each in item.kinds if each in present))
    return item if item.kinds else None


def merged(left: Alternative, right: Alternative) -> Alternative | None:
    first, second = (right, left) if left.kinds == KINDS else (left, right)
    values = left.values if right.values is None else right.values
    if left.values is not None and right.values is not None:
        known = {canonical(value) for value in right.values}
        values = tuple(value for value in left.values if canonical(value) in known)
    return settled(
        Alternative(
            kinds=tuple(each for each in first.kinds if each in second.kinds),
            values=values,
            int64=left.int64 or right.int64,
            objects=left.objects + right.objects,
            arrays=left.arrays + right.arrays,
            possible=left.possible + right.possible,
            overlapping=left.overlapping + right.overlapping,
            origins=left.origins + right.origins,
        )
    )


def both(left: Sequence[Alternative], right: Sequence[Alternative]) -> list[Alternative]:
    """The alternatives of two schemas that hold together. With too many of them, `right` is no more than possible."""
    if len(left) > 1 and len(right) > 1 and len(left) * len(right) > LIMIT:
        return [with_possible(item, rules(right)) for item in left]
    pairs = (merged(one, other) for one in left for other in right)
    return [item for item in pairs if item is not None]


def rules(found: Iterable[Alternative]) -> tuple[ObjectRule | ArrayRule, ...]:
    return tuple(rule for item in found for rule in (*item.objects, *item.arrays, *item.possible, *item.overlapping))


def with_possible(item: Alternative, rules: tuple[ObjectRule | ArrayRule, ...]) -> Alternative:
    return replace(item, possible=item.possible + rules)


def closed_object(item: Alternative, rest: Any) -> Alternative:
    """`item` with the schema of the properties that no other keyword evaluates.

    A property that may be evaluated has the schema that did it, or `rest`. With a pattern for its name it may have any.
    Where nothing is said of names that are not listed, each alternative of a union lists its own properties only.
    """
    some = [rule for rule in (*item.possible, *item.overlapping) if isinstance(rule, ObjectRule)]
    plain = rest is False and not any(rule.patterns or rule.rest is not None for rule in (*item.objects, *some))
    possible = [rule for rule in some if rule in item.possible] if plain else some
    if any(rule.rest is not None for rule in (*item.objects, *possible)):
        return item
    patterns = {pattern: True for rule in (*item.objects, *possible) for pattern in rule.patterns}
    properties: dict[str, Any] = {name: True for rule in item.objects for name in rule.properties}
    maybe: dict[str, list[Any]] = {}
    for rule in possible:
        for name in rule.properties.keys() - properties.keys():
            maybe.setdefault(name, []).append(rule.properties[name])
    for name, subs in sorted(maybe.items()):
        free = any(name_patterns.matches(pattern, name) for pattern in patterns)
        properties[name] = True if free else {"anyOf": [*subs, rest]}
    return replace(item, objects=(*item.objects, ObjectRule(properties, patterns, rest)))


def closed_array(item: Alternative, rest: Any) -> Alternative:
    """`item` with the schema of the items that no other keyword evaluates."""
    possible = [rule for rule in (*item.possible, *item.overlapping) if isinstance(rule, ArrayRule)]
    if any(rule.rest is not None for rule in (*item.arrays, *possible)):
        return item
    contained = [rule.contains for rule in (*item.arrays, *possible) if rule.contains is not None]
    others = {"anyOf": [*contained, rest]} if contained else rest
    known = max((len(rule.prefix) for rule in item.arrays), default=0)
    prefix: list[Any] = [True] * known
    for index in range(known, max((len(rule.prefix) for rule in possible), default=0)):
        prefix.append({"anyOf": [*(rule.prefix[index] for rule in possible if len(rule.prefix) > index), others]})
    return replace(item, arrays=(*item.arrays, ArrayRule(prefix, others)))


def schemas_of(name: str, rules: Sequence[ObjectRule]) -> Iterable[Any]:
    """All schemas of the property `name`."""
    for rule in rules:
        matching = [sub for pattern, sub in rule.patterns.items() if name_patterns.matches(pattern, name)]
        if name in rule.properties:
            yield rule.properties[name]
        elif not matching and rule.rest is not None:
            yield rule.rest
        yield from matching


def schemas_of_pattern(pattern: str, rules: Sequence[ObjectRule]) -> Iterable[Any]:
    """Schemas of all properties that match `pattern`. A rule with other patterns may say anything of them."""
    for rule in rules:
        if pattern in rule.patterns:
            yield rule.patterns[pattern]
        elif not rule.patterns and rule.rest is not None:
            yield rule.rest


def schemas_at(index: int, rules: Sequence[ArrayRule]) -> Iterable[Any]:
    """All schemas of the item at `index`."""
    for rule in rules:
        if index < len(rule.prefix):
            yield rule.prefix[index]
        elif rule.rest is not None:
            yield rule.rest


def _plain(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return {name: _plain(each) for name, each in value.items()} if isinstance(value, dict) else value
