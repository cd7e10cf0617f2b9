"""Checks schemas that refer to themselves: a tree is allowed, a loop and a double recursion are refused.

The nesting limit of messages bounds a tree. A schema that applies itself to the same value has no meaning. A schema
that applies itself twice to the same item or property doubles the validator's work with every level of nesting: twenty
brackets would keep a gateway busy for minutes. Alternatives with a tag are allowed, because the tag decides in one step
which of them is validated (`contract.dispatch`); so are `then` and `else` of the same `if`, and `then` of several whose
conditions are about a tag.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

from tidegate.json_pointer import escape
from tidegate.schema.definition import Definition, Schemas
from tidegate.schema.problem import Problem
from tidegate.schema.references import mentioned, reachable
from tidegate.schema.resource import REF_PREFIX, JsonSchema, follow
from tidegate.schema.subschemas import subschemas
from tidegate.schema.tags import WORDS, Tags

LOOP = "the schema refers to itself for the same value; a recursion must go into a property or an item"
DOUBLED = (
    "the schema refers to itself here and at {other} for the same value, which doubles the work with every level of "
    "nesting; refer to it in one place only, beside the alternatives, or give each alternative a required property "
    "with another `const`, such as `kind`, which decides between them"
)
_SAME_ONE = ("not", "if", "then", "else")
_SAME_MANY = ("allOf", "anyOf", "oneOf")
_REST = frozenset({"additionalProperties", "items", "unevaluatedItems", "unevaluatedProperties"})
"""Keywords that do not apply to the properties and items that other keywords of the same schema name."""
PATHS = 256
"""The most keywords that apply to values inside a value, and that the linter looks at."""


Choices = Mapping[tuple[str, str], int]
"""{(reference to a schema, `oneOf`, `anyOf` or `if` in it): the alternative, or 0 for `then` and 1 for `else`}."""


@dataclass(frozen=True, slots=True)
class _Way:
    """A keyword that applies a schema to a value inside the value."""

    place: str
    """The reference to the schema with the keyword."""
    keyword: str
    name: str | None
    """The property or the index. None if the keyword applies to several."""
    schema: Any
    choices: Choices
    """The alternatives of unions, and the branches of conditions, in which the keyword is."""

    @property
    def array(self) -> bool:
        return self.keyword in {"items", "prefixItems", "contains", "unevaluatedItems"}


def recursion_problems(schemas: Schemas, own: list[Definition]) -> Iterator[Problem]:
    """All recursions in `own` that are not allowed."""
    definitions = schemas.by_key
    mentions = {key: mentioned(schema) for key, schema in definitions.items()}
    reach = {item.key: reachable(item.key, mentions) for item in own}
    doubled = _Doubled(definitions, mentions)
    for item in own:
        for place, schema in subschemas(item.schema):
            if not isinstance(schema, dict):
                continue
            here = f"{REF_PREFIX}{item.key}{place}"
            if _loops(here, schema, definitions):
                yield Problem(item.file, item.pointer + place, LOOP)
            elif item.key in reach[item.key] and (other := doubled.other(item.key, here, schema)) is not None:
                yield Problem(item.file, item.pointer + place, DOUBLED.format(other=other))


class _Doubled:
    """Finds schemas that apply themselves twice to the same inner value."""

    def __init__(self, definitions: Mapping[str, Any], mentions: dict[str, set[str]]) -> None:
        self._definitions = definitions
        self._mentions = mentions
        self._tags = Tags(definitions)

    def other(self, key: str, here: str, schema: JsonSchema) -> str | None:
        """The place of the second reference. None if the definition `key` with `schema` applies itself only once."""
        back = [
            way
            for way in self._ways(here, schema, [here], {})
            if any(key == one or key in reachable(one, self._mentions) for one in mentioned(way.schema))
        ]
        for one, two in combinations(back[:PATHS], 2):
            if _overlap(one, two) and not (self._apart(one, two) or self._conditions_apart(one, two, schema)):
                return f"{one.place.removeprefix(REF_PREFIX).partition('/')[2] or 'its root'}/{one.keyword}"
        return None

    def _apart(self, one: _Way, two: _Way) -> bool:
        """Whether a tag or a condition decides which one of two ways is validated."""
        for (place, word), index in one.choices.items():
            other = two.choices.get((place, word), index)
            if other == index:
                continue
            if word == "if":
                return True
            union = self._tags.union(_target(place, self._definitions), word)
            if union is not None and not one.array and union.apart(index, other):
                return True
        return False

    def _conditions_apart(self, one: _Way, two: _Way, around: JsonSchema) -> bool:
        """Whether the ways are under `then` of two conditions with different values of a tag, as in a list of them."""
        conditions = [
            [_target(f"{place}/if", self._definitions) for (place, word), index in way.choices.items()
             if word == "if" and index == 0]
            for way in (one, two)
        ]  # fmt: skip
        for pair in product(*conditions):
            union = self._tags.union({**around, "oneOf": list(pair)}, "oneOf")
            if union is not None and not one.array and union.apart(0, 1):
                return True
        return False

    def _ways(self, here: str, schema: JsonSchema, path: list[str], choices: Choices) -> Iterator[_Way]:
        """All keywords for inner values, in `schema` and in every schema that applies to the same value."""
        for word in ("items", "contains", "unevaluatedItems", "additionalProperties", "unevaluatedProperties"):
            if word in schema:
                yield _Way(here, word, None, schema[word], choices)
        for word, named in (("properties", True), ("patternProperties", False)):
            for name, sub in schema.get(word, {}).items():
                yield _Way(here, word, name if named else None, sub, choices)
        for index, sub in enumerate(schema.get("prefixItems", ())):
            yield _Way(here, "prefixItems", str(index), sub, choices)
        for place, sub in _same_value(here, schema, self._definitions):
            if place not in path and len(path) < PATHS:
                yield from self._ways(place, sub, [*path, place], {**choices, **_choice(here, place)})


def _choice(here: str, place: str) -> Choices:
    """The choice that leads from the schema `here` to the schema `place` inside it."""
    word, _, index = place.removeprefix(f"{here}/").partition("/")
    if word in {"then", "else"}:
        return {(here, "if"): int(word == "else")}
    return {(here, word): int(index)} if place.startswith(f"{here}/") and word in WORDS else {}


def _overlap(one: _Way, two: _Way) -> bool:
    """Whether the two keywords can apply to the same value."""
    if one.array != two.array:
        return False
    if one.place == two.place and one.keyword != two.keyword and (one.keyword in _REST or two.keyword in _REST):
        return "contains" in {one.keyword, two.keyword}
    return one.name is None or two.name is None or one.name == two.name


def _loops(start: str, schema: JsonSchema, definitions: Mapping[str, Any]) -> bool:
    """Whether `schema` refers to itself without going into a property or an item."""
    todo, seen = [(start, schema)], set[str]()
    while todo:
        here, current = todo.pop()
        for place, sub in _same_value(here, current, definitions):
            if place == start:
                return True
            if place not in seen:
                seen.add(place)
                todo.append((place, sub))
    return False


def _same_value(here: str, schema: JsonSchema, definitions: Mapping[str, Any]) -> Iterator[tuple[str, JsonSchema]]:
    """The schemas that `schema` applies to the same value, each with its reference."""
    found: list[tuple[str, Any]] = [(f"{here}/{word}", schema[word]) for word in _SAME_ONE if word in schema]
    for word in _SAME_MANY:
        found += [(f"{here}/{word}/{index}", sub) for index, sub in enumerate(schema.get(word, ()))]
    for name, sub in schema.get("dependentSchemas", {}).items():
        found.append((f"{here}/dependentSchemas/{escape(name)}", sub))
    reference = schema.get("$ref")
    if isinstance(reference, str):
        found.append((reference, _target(reference, definitions)))
    return ((place, sub) for place, sub in found if isinstance(sub, dict))


def _target(reference: str, definitions: Mapping[str, Any]) -> Any:
    try:
        return follow(reference, definitions)
    except (KeyError, IndexError, ValueError, TypeError):
        return True  # the linter reports it as a reference without a target
