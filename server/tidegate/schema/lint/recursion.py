"""Checks schemas that refer to themselves: a tree is allowed, a loop and a double recursion are refused.

The nesting limit of messages bounds a tree. A schema that applies itself to the same value has no meaning. A schema
that applies itself twice to the same item or property doubles the validator's work with every level of nesting: twenty
brackets would keep a gateway busy for minutes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from tidegate.schema.definition import Definition, Schemas
from tidegate.schema.problem import Problem
from tidegate.schema.resource import REF_PREFIX, JsonSchema, follow
from tidegate.schema.subschemas import escape, subschemas

LOOP = "the schema refers to itself for the same value; a recursion must go into a property or an item"
DOUBLED = (
    "the schema refers to itself here and at {other} for the same value, which doubles the work with every level of "
    "nesting; refer to it in one place only, beside the alternatives"
)
_SAME_ONE = ("not", "if", "then", "else")
_SAME_MANY = ("allOf", "anyOf", "oneOf")
_REST = frozenset({"additionalProperties", "items", "unevaluatedItems", "unevaluatedProperties"})
"""Keywords that do not apply to the properties and items that other keywords of the same schema name."""
PATHS = 256
"""The linter looks at so many keywords at most that apply to values inside a value."""


@dataclass(frozen=True, slots=True)
class _Way:
    """A keyword that applies a schema to a value inside the value."""

    place: str
    """The reference to the schema with the keyword."""
    keyword: str
    name: str | None
    """The property or the index. None if the keyword applies to several."""
    schema: Any

    @property
    def array(self) -> bool:
        return self.keyword in {"items", "prefixItems", "contains", "unevaluatedItems"}


def recursion_problems(schemas: Schemas, own: list[Definition]) -> Iterator[Problem]:
    """All recursions in `own` that are not allowed."""
    definitions = schemas.by_key
    mentions = {key: mentioned(schema) for key, schema in definitions.items()}
    reach = {item.key: _reachable(item.key, mentions) for item in own}
    for item in own:
        for place, schema in subschemas(item.schema):
            if not isinstance(schema, dict):
                continue
            here = f"{REF_PREFIX}{item.key}{place}"
            if _loops(here, schema, definitions):
                yield Problem(item.file, item.pointer + place, LOOP)
            elif item.key in reach[item.key]:
                yield from _doubled(item, place, here, schema, definitions, mentions)


def _doubled(
    item: Definition,
    place: str,
    here: str,
    schema: JsonSchema,
    definitions: Mapping[str, Any],
    mentions: dict[str, set[str]],
) -> Iterator[Problem]:
    back = [
        way
        for way in _ways(here, schema, definitions, [here])
        if any(key == item.key or item.key in _reachable(key, mentions) for key in mentioned(way.schema))
    ]
    for one, two in combinations(back[:PATHS], 2):
        if _overlap(one, two):
            other = f"{one.place.removeprefix(REF_PREFIX).partition('/')[2] or 'its root'}/{one.keyword}"
            yield Problem(item.file, item.pointer + place, DOUBLED.format(other=other))
            return


def _overlap(one: _Way, two: _Way) -> bool:
    """Whether the two keywords can apply to the same value."""
    if one.array != two.array:
        return False
    if one.place == two.place and one.keyword != two.keyword and (one.keyword in _REST or two.keyword in _REST):
        return "contains" in {one.keyword, two.keyword}
    return one.name is None or two.name is None or one.name == two.name


def _ways(here: str, schema: JsonSchema, definitions: Mapping[str, Any], path: list[str]) -> Iterator[_Way]:
    """All keywords for inner values, in `schema` and in every schema that applies to the same value."""
    for word in ("items", "contains", "unevaluatedItems", "additionalProperties", "unevaluatedProperties"):
        if word in schema:
            yield _Way(here, word, None, schema[word])
    for word, named in (("properties", True), ("patternProperties", False)):
        for name, sub in schema.get(word, {}).items():
            yield _Way(here, word, name if named else None, sub)
    for index, sub in enumerate(schema.get("prefixItems", ())):
        yield _Way(here, "prefixItems", str(index), sub)
    for place, sub in _same_value(here, schema, definitions):
        if place not in path and len(path) < PATHS:
            yield from _ways(place, sub, definitions, [*path, place])


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


def mentioned(schema: Any) -> set[str]:
    """The keys of the definitions that `schema` refers to."""
    references = (sub.get("$ref") for _, sub in subschemas(schema) if isinstance(sub, dict))
    found = (reference for reference in references if isinstance(reference, str) and reference.startswith(REF_PREFIX))
    return {reference.removeprefix(REF_PREFIX).partition("/")[0] for reference in found}


def _reachable(key: str, mentions: dict[str, set[str]]) -> set[str]:
    """The keys of the definitions that are reachable from `key`. Includes `key` only if it is recursive."""
    found: set[str] = set()
    todo = set(mentions.get(key, ()))
    while todo:
        one = todo.pop()
        if one not in found:
            found.add(one)
            todo |= mentions.get(one, set())
    return found
