"""Finds the tags of unions: the property whose value decides which alternative of a `oneOf` or `anyOf` can match.

A tag has a `const` or an `enum` in every alternative, also behind `$ref` and `allOf`, or one or two levels deeper, in
an object inside the value. Its value is a text, a whole number, a boolean or null. This module rewrites no schema.
Invariant: a value matches no alternative besides the candidates that a `Union` names for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from itertools import combinations
from typing import Any

from tidegate.schema.resource import JsonSchema, follow, kind_of

Path = tuple[str, ...]
"""The names that lead to a tag."""
_Key = tuple[str, Any]
"""(JSON type, value): `true` and 1 differ, 1 and 1.0 do not."""

LEVELS = 3
"""The most names between a value and its tag."""
WORDS = ("oneOf", "anyOf")
_SCALARS = frozenset({"null", "boolean", "number", "string"})
_TYPES = _SCALARS | {"array", "object"}


@dataclass(frozen=True, slots=True)
class Case:
    """The alternatives that can match if the tag has one of these values."""

    values: tuple[Any, ...]
    candidates: Candidates


@dataclass(frozen=True, slots=True)
class Dispatch:
    """How the value of a tag decides."""

    path: Path
    keyword: str
    """`const` or `enum`: the keyword of the tag in the alternatives."""
    cases: tuple[Case, ...]
    """Values in no case match no alternative."""
    absent: Candidates
    """The alternatives that can match objects without the tag."""

    @property
    def values(self) -> list[Any]:
        """All values that the tag can have, in the order of the alternatives."""
        return [value for case in self.cases for value in case.values]


@dataclass(frozen=True, slots=True)
class Candidates:
    """The indices of the alternatives that can match, and the tag that decides between them, if there is one."""

    indices: tuple[int, ...]
    dispatch: Dispatch | None = None

    def together(self) -> Iterator[frozenset[int]]:
        """The pairs of alternatives that no tag keeps apart."""
        if self.dispatch is None:
            yield from map(frozenset, combinations(self.indices, 2))
            return
        yield from self.dispatch.absent.together()
        for case in self.dispatch.cases:
            yield from case.candidates.together()


@dataclass(frozen=True)
class Union:
    """The alternatives of one `oneOf` or `anyOf` between which a tag decides, or the JSON type `object` alone."""

    objects: Candidates
    """The alternatives that can match objects."""
    others: tuple[int, ...]
    """The alternatives that can match something else, as far as the schema around the union allows it."""
    around: bool
    """The schema around the union allows objects only."""

    @cached_property
    def _together(self) -> frozenset[frozenset[int]]:
        return frozenset(self.objects.together())

    def apart(self, one: int, other: int) -> bool:
        """Whether the tag decides between two alternatives, for every object."""
        return frozenset((one, other)) not in self._together


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is true of every value that a schema accepts. It may say less than the schema, never more."""

    types: frozenset[str] = _TYPES
    values: Mapping[_Key, Any] | None = None
    """The only values. None: others than scalars are possible, or the values are unknown."""
    word: str = "const"
    required: frozenset[str] = frozenset()
    properties: Mapping[str, _Facts] = field(default_factory=dict)

    def both(self, other: _Facts) -> _Facts:
        """The facts about values that two schemas accept."""
        shared = self.properties.keys() & other.properties.keys()
        return _Facts(
            self.types & other.types,
            _limited(self.values, other.values),
            "enum" if "enum" in {self.word, other.word} else "const",
            self.required | other.required,
            {
                **self.properties,
                **other.properties,
                **{name: self.properties[name].both(other.properties[name]) for name in shared},
            },
        )

    def either(self, other: _Facts) -> _Facts:
        """The facts about values that one of two schemas accepts."""
        known = self.values is not None and other.values is not None
        return _Facts(
            self.types | other.types,
            {**(self.values or {}), **(other.values or {})} if known else None,
            "enum" if "enum" in {self.word, other.word} else "const",
            self.required & other.required,
            {name: one.either(other.properties[name]) for name, one in self.properties.items()
             if name in other.properties},
        )  # fmt: skip

    def at(self, path: Path) -> _Facts | None:
        """The facts about the inner value at `path`, where it is present."""
        found: _Facts | None = self
        for name in path:
            found = None if found is None else found.properties.get(name)
        return found

    def has(self, path: Path) -> bool:
        """Whether every object that the schema accepts has a value at `path`."""
        if path[0] not in self.required:
            return False
        inner = self.properties[path[0]]
        return len(path) == 1 or (inner.types == {"object"} and inner.has(path[1:]))


class Tags:
    """Finds the tags of unions in schemas that refer to `definitions`."""

    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self._definitions = definitions
        self._known: dict[tuple[str, int], _Facts] = {}

    def union(self, schema: Any, word: str) -> Union | None:
        """The union `schema[word]`, `word` being `oneOf` or `anyOf`. None if neither a tag nor the type decides."""
        alternatives = schema.get(word) if isinstance(schema, dict) else None
        if not isinstance(alternatives, list) or not alternatives:
            return None
        facts = [self._facts(one) for one in alternatives]
        around = self._facts({name: value for name, value in schema.items() if name != word})
        objects = tuple(index for index, one in enumerate(facts) if "object" in one.types)
        others = tuple(index for index, one in enumerate(facts) if (one.types & around.types) - {"object"})
        dispatch = _Split(facts, [one.both(around) for one in facts]).dispatch(objects)
        alone = len(objects) == 1 and (len(facts) == 1 or bool(others))
        found = Union(Candidates(objects, dispatch), others, around.types == {"object"})
        return found if dispatch is not None or alone else None

    def _facts(self, schema: Any, level: int = LEVELS) -> _Facts:
        if not isinstance(schema, dict):
            return _Facts()
        found = _own_facts(schema)
        if level:
            inner = schema.get("properties", {})
            found = replace(found, properties={name: self._facts(sub, level - 1) for name, sub in inner.items()})
        if isinstance(reference := schema.get("$ref"), str):
            found = found.both(self._referred(reference, level))
        for sub in schema.get("allOf", ()):
            found = found.both(self._facts(sub, level))
        for word in WORDS:
            if several := schema.get(word):
                found = found.both(reduce(_Facts.either, (self._facts(sub, level) for sub in several)))
        return found

    def _referred(self, reference: str, level: int) -> _Facts:
        key = (reference, level)
        if key not in self._known:
            self._known[key] = _Facts()  # ends a schema that refers to itself for the same value
            try:
                target = follow(reference, self._definitions)
            except (KeyError, IndexError, ValueError, TypeError):
                target = True  # the linter reports it as a reference without a target
            self._known[key] = self._facts(target, level)
        return self._known[key]


_Groups = dict[tuple[int, ...], list[Any]]
"""{alternatives: the values of a tag for which they can match}."""


@dataclass(frozen=True, slots=True)
class _Split:
    """Splits the alternatives of one union by tags."""

    facts: Sequence[_Facts]
    """The facts of each alternative."""
    whole: Sequence[_Facts]
    """The same, with the facts of the schema around the union: it may require the tag."""

    def dispatch(self, candidates: tuple[int, ...], used: tuple[Path, ...] = ()) -> Dispatch | None:
        """The tag that decides best between `candidates`. None if there is no tag, or nothing to decide."""
        if len(candidates) < 2:
            return None
        paths = dict.fromkeys(path for index in candidates for path in _paths(self.facts[index]))
        splits = [(path, self._by(path, candidates)) for path in paths if path not in used]
        useful = [(path, split) for path, split in splits if split is not None]
        if not useful:
            return None
        path, (groups, absent) = min(useful, key=lambda one: _rank(*one))

        def inner(indices: tuple[int, ...]) -> Candidates:
            return Candidates(indices, self.dispatch(indices, (*used, path)))

        known = [one for index in candidates if (one := self.facts[index].at(path)) is not None]
        keyword = "enum" if any(one.word == "enum" for one in known) else "const"
        cases = tuple(Case(tuple(values), inner(indices)) for indices, values in groups.items())
        return Dispatch(path, keyword, cases, inner(absent))

    def _by(self, path: Path, candidates: tuple[int, ...]) -> tuple[_Groups, tuple[int, ...]] | None:
        """The candidates by the values of the tag at `path`, and the candidates without the tag.

        None if an alternative can have any value there, or if no value decides anything.
        """
        owners: dict[_Key, tuple[int, ...]] = {}
        values: dict[_Key, Any] = {}
        for index in candidates:
            found = self.facts[index].at(path)
            if found is None or found.values is None:
                return None
            for key, value in found.values.items():
                owners[key] = (*owners.get(key, ()), index)
                values[key] = value
        groups: _Groups = {}
        for key, indices in owners.items():
            groups.setdefault(indices, []).append(values[key])
        if all(indices == candidates for indices in groups):
            return None
        return groups, tuple(index for index in candidates if not self.whole[index].has(path))


def _rank(path: Path, split: tuple[_Groups, tuple[int, ...]]) -> tuple[bool, int, int, bool]:
    """The least is best: a required tag, few alternatives left, close to the top, of texts."""
    groups, absent = split
    texts = all(isinstance(value, str) for values in groups.values() for value in values)
    return bool(absent), max(map(len, groups)), len(path), not texts


def _paths(facts: _Facts) -> Iterator[Path]:
    """The places where a tag may be, those at the top first."""
    for name, one in facts.properties.items():
        if one.values is not None:
            yield (name,)
    for name, one in facts.properties.items():
        yield from ((name, *path) for path in _paths(one))


def _own_facts(schema: JsonSchema) -> _Facts:
    """The facts that the keywords of `schema` itself state about the value."""
    types = schema.get("type", [])
    named = frozenset("number" if one == "integer" else one for one in ([types] if isinstance(types, str) else types))
    options = schema["enum"] if "enum" in schema else [schema["const"]] if "const" in schema else None
    word = "enum" if "enum" in schema else "const"
    found = _Facts(named & _TYPES or _TYPES, None, word, frozenset(schema.get("required", ())))
    if options is None:
        return found
    kinds = frozenset(_key(value)[0] for value in options)
    scalar = kinds <= _SCALARS and not any(isinstance(value, float) and value % 1 for value in options)
    values = {_key(value): value for value in options} if scalar else None
    return replace(found, types=found.types & kinds, values=values)


def _key(value: Any) -> _Key:
    kind = kind_of(value)
    return "number" if kind == "integer" else kind, value


def _limited(one: Mapping[_Key, Any] | None, other: Mapping[_Key, Any] | None) -> Mapping[_Key, Any] | None:
    """The values in both. None stands for any."""
    if one is None or other is None:
        return other if one is None else one
    return {key: value for key, value in one.items() if key in other}
