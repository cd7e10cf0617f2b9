"""What is known of a value that fits some schemas together: its kinds, its bounds, its properties and its items.

The schemas are a conjunction. A fact holds for every such value; what the schemas leave open is no fact. Alternatives
(`anyOf`, `oneOf`) are listed, not read: the caller takes them one at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from jsonschema_rs import Draft202012Validator

from tidegate.schema.compat.kinds import KINDS, Bound, kinds_of_types, lower_bounds, upper_bounds, value_kind
from tidegate.schema.compat.parts import Part, Parts, flat
from tidegate.schema.regex import LINEAR

UNIONS = ("oneOf", "anyOf")
Union = tuple[int | bool, str]
"""The token of a part, and the keyword of its alternatives."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The properties that schemas name, in place: also in alternatives and conditions."""

    names: frozenset[str]
    patterns: frozenset[str]
    everything: bool
    """Some schema applies to all other properties too."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """One of the alternatives of a union."""

    union: Part
    word: str
    index: int

    @property
    def part(self) -> Part:
        return self.union.at(self.word, self.index)

    def siblings(self) -> list[Part]:
        """The other alternatives."""
        count = len(self.union.words[self.word])
        return [self.union.at(self.word, index) for index in range(count) if index != self.index]


class Facts:
    """The conjunction of `parts`, references and `allOf` included."""

    def __init__(
        self, parts: Iterable[Part], taken: frozenset[Union] = frozenset(), chosen: tuple[Alternative, ...] = ()
    ) -> None:
        self.parts: Parts = flat(parts)
        self.chosen = chosen
        self.taken = taken
        self._named: dict[str, Parts] = {}
        self._tags: dict[str, list[Any] | None] = {}
        """The unions of which the parts already have one alternative."""
        self.key = (frozenset(part.token for part in self.parts), taken)

    def and_also(self, part: Part) -> Facts:
        """These facts and `part`."""
        return Facts([*self.parts, part], self.taken, self.chosen)

    def choosing(self, alternative: Alternative) -> Facts:
        """These facts and one alternative of a union."""
        taken = self.taken | {(alternative.union.token, alternative.word)}
        return Facts([*self.parts, alternative.part], taken, (*self.chosen, alternative))

    def said(self, word: str) -> Iterator[tuple[Part, Any]]:
        """The parts with the keyword `word`, and what it says there."""
        return ((part, part.words[word]) for part in self.parts if word in part.words)

    @cached_property
    def kinds(self) -> frozenset[str]:
        """The kinds of values that fit."""
        found = frozenset() if any(part.impossible for part in self.parts) else KINDS
        for _, types in self.said("type"):
            found &= kinds_of_types(types)
        for _, values in self.said("enum"):
            found &= {value_kind(value) for value in values}
        for _, value in self.said("const"):
            found &= {value_kind(value)}
        if "object" in found and any(self.absent(name) for name in self.required):
            found -= {"object"}
        return found

    @cached_property
    def required(self) -> frozenset[str]:
        return frozenset(name for _, names in self.said("required") for name in names)

    @property
    def unions(self) -> list[tuple[Part, str]]:
        """The parts with alternatives that were not taken yet, and their keyword."""
        return [
            (part, word)
            for part in self.parts
            for word in UNIONS
            if word in part.words and (part.token, word) not in self.taken
        ]

    def without_unions(self) -> Facts:
        """The same facts, of whose alternatives nothing is said."""
        return Facts(self.parts, self.taken | {(part.token, word) for part, word in self.unions}, self.chosen)

    def most(self, word: str) -> Any:
        """The smallest value of an upper bound."""
        return min((value for _, value in self.said(word)), default=None)

    def least(self, word: str) -> Any:
        """The largest value of a lower bound."""
        return max((value for _, value in self.said(word)), default=None)

    @property
    def whole(self) -> bool:
        """Whether all numbers are integers."""
        return "fraction" not in self.kinds

    @cached_property
    def lower(self) -> Bound | None:
        """The lower bound of numbers."""
        return max((bound for part in self.parts for bound in lower_bounds(part, self.whole)), default=None)

    @cached_property
    def upper(self) -> Bound | None:
        """The upper bound of numbers, negated, so that a larger one is stricter."""
        return max((bound for part in self.parts for bound in upper_bounds(part, self.whole)), default=None)

    @cached_property
    def shape(self) -> Shape:
        """The properties that the parts name."""
        names = {name for _, properties in self.said("properties") for name in properties}
        patterns = {pattern for _, properties in self.said("patternProperties") for pattern in properties}
        for part, _ in self.said("unevaluatedProperties"):
            inside = evaluated(part)
            names |= inside.names
            patterns |= inside.patterns
        return Shape(frozenset(names), frozenset(patterns), False)

    def named(self, name: str) -> Parts:
        """The schemas of the property `name`. None if every value fits there."""
        if name not in self._named:
            self._named[name] = tuple(self._parts_named(name))
        return self._named[name]

    def _parts_named(self, name: str) -> list[Part]:
        found: list[Part] = []
        for part in self.parts:
            found += property_parts(part, name)
            if "unevaluatedProperties" in part.words and not covered_by(evaluated(part), name):
                found.append(part.at("unevaluatedProperties"))
        return found

    def tag(self, name: str) -> list[Any] | None:
        """The values of the property `name`, if they are listed."""
        if name not in self._tags:
            inner = Facts(self.named(name))
            lists = [list(values) for _, values in inner.said("enum")] + [[value] for _, value in inner.said("const")]
            self._tags[name] = min(lists, key=len) if lists else None
        return self._tags[name]

    def absent(self, name: str) -> bool:
        """Whether no value has the property `name`."""
        return any(part.impossible for part in flat(self.named(name)))

    def like(self, pattern: str) -> Parts:
        """The schemas of all properties whose name matches `pattern` and is not one of `shape.names`."""
        found: list[Part] = []
        for part in self.parts:
            own = part.words.get("patternProperties", {})
            if pattern in own:
                found.append(part.at("patternProperties", pattern))
            elif not own and "additionalProperties" in part.words:
                found.append(part.at("additionalProperties"))
        return tuple(found)

    def others(self) -> Parts:
        """The schemas of the properties that `shape` does not cover."""
        found = [part.at("additionalProperties") for part, _ in self.said("additionalProperties")]
        found += [
            part.at("unevaluatedProperties")
            for part, _ in self.said("unevaluatedProperties")
            if not evaluated(part).everything
        ]
        return tuple(found)

    @cached_property
    def no_others(self) -> bool:
        """Whether a value has only properties that `shape` covers."""
        return any(part.impossible for part in flat(self.others()))

    def item(self, index: int) -> Parts:
        """The schemas of the item at `index`."""
        found: list[Part] = []
        for part in self.parts:
            first = len(part.words.get("prefixItems", ()))
            if index < first:
                found.append(part.at("prefixItems", index))
            elif "items" in part.words:
                found.append(part.at("items"))
            elif "unevaluatedItems" in part.words and not _items_elsewhere(part):
                found.append(part.at("unevaluatedItems"))
        return tuple(found)

    @cached_property
    def first_items(self) -> int:
        """From this index on, the schema of all items is the same."""
        return max((len(items) for _, items in self.said("prefixItems")), default=0)

    @cached_property
    def most_items(self) -> int | None:
        """The largest number of items."""
        found: int | None = self.most("maxItems")
        for index in range(self.first_items + 1):
            if any(part.impossible for part in flat(self.item(index))):
                return index if found is None else min(found, index)
        return found


def property_parts(part: Part, name: str) -> list[Part]:
    """The schemas that the keywords of `part` apply to the property `name`, without `unevaluatedProperties`."""
    words = part.words
    found = [part.at("properties", name)] if name in words.get("properties", {}) else []
    found += [
        part.at("patternProperties", pattern)
        for pattern in words.get("patternProperties", {})
        if matches(pattern, name)
    ]
    if not found and "additionalProperties" in words:
        found.append(part.at("additionalProperties"))
    return found


def matches(pattern: str, text: str) -> bool:
    """Whether a regular expression of a schema matches `text`. What the engine cannot read matches nothing."""
    try:
        return Draft202012Validator({"pattern": pattern}, pattern_options=LINEAR).is_valid(text)
    except ValueError:
        return False


def covered_by(shape: Shape, name: str) -> bool:
    return shape.everything or name in shape.names or any(matches(pattern, name) for pattern in shape.patterns)


def evaluated(part: Part) -> Shape:
    """The properties that `part` can evaluate, for its `unevaluatedProperties`."""
    names: set[str] = set()
    patterns: set[str] = set()
    everything = False
    seen: set[int | bool] = set()
    todo = [part]
    while todo:
        one = todo.pop()
        if one.token in seen:
            continue
        seen.add(one.token)
        names |= set(one.words.get("properties", ()))
        patterns |= set(one.words.get("patternProperties", ()))
        everything |= "additionalProperties" in one.words or (one is not part and "unevaluatedProperties" in one.words)
        todo += in_place(one)
    return Shape(frozenset(names), frozenset(patterns), everything)


def in_place(part: Part) -> list[Part]:
    """The schemas that `part` applies to the same value."""
    words = part.words
    found = [part.target()] if "$ref" in words else []
    found += [part.at(word) for word in ("if", "then", "else") if word in words]
    for word in ("allOf", *UNIONS):
        found += [part.at(word, index) for index in range(len(words.get(word, ())))]
    return found + [part.at("dependentSchemas", name) for name in words.get("dependentSchemas", ())]


def _items_elsewhere(part: Part) -> bool:
    """Whether a schema beside `unevaluatedItems` may evaluate items that `prefixItems` and `items` do not."""
    words = part.words
    return bool(words.keys() & {"$ref", "allOf", "anyOf", "oneOf", "if", "contains", "dependentSchemas"})
