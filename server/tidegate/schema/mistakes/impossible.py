"""Schemas that no value fits, because their keywords contradict each other.

jsonschema-rs computes whether a schema can be satisfied, and says "no" only where that is certain. This module reports
the innermost such schema with the keywords that contradict each other, and leaves out what follows from it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from tidegate.schema.definition import Schemas
from tidegate.schema.mistakes.canonical import Definitions
from tidegate.schema.mistakes.site import Site, own, sites
from tidegate.schema.problem import Problem
from tidegate.schema.resource import JsonSchema

_IDLE = frozenset(
    {"$comment", "default", "deprecated", "description", "examples", "readOnly", "title", "type", "writeOnly"}
)
"""A schema with these keywords alone always has values, and one with `properties` without `required` too."""


def impossible_problems(schemas: Schemas, told: Collection[tuple[str, str]]) -> Iterator[Problem]:
    """A problem for each schema that no value fits. `told`: (file, pointer) of other mistakes, which explain it."""
    definitions = Definitions(schemas.by_key)
    broken = {item.key for item in own(schemas) if definitions.is_impossible(item.schema)}
    if broken:  # what only refers to one of them has no mistake
        definitions = Definitions({key: key in broken or schema for key, schema in schemas.by_key.items()})
    found = [site for site in sites(schemas) if _candidate(site) and definitions.is_impossible(site.schema)]
    inner = {_place(site) for site in found}
    for site in found:
        file, place = _place(site)
        explained = any(other == file and _is_below(inside, place) for other, inside in told)
        if not explained and not any(_is_inside(other, (file, place)) for other in inner):
            words = _contradiction(site.schema, definitions)
            yield site.problem(f"/{words[0]}" if len(words) == 1 else "", _reason(words))


def _is_inside(inner: tuple[str, str], outer: tuple[str, str]) -> bool:
    return inner != outer and inner[0] == outer[0] and _is_below(inner[1], outer[1])


def _place(site: Site) -> tuple[str, str]:
    return site.item.file, site.item.pointer + site.place


def _is_below(inside: str, place: str) -> bool:
    return inside == place or inside.startswith(f"{place}/")


def _candidate(site: Site) -> bool:
    return site.schema != {"not": {}} and not site.schema.keys() <= _IDLE


def _contradiction(schema: JsonSchema, definitions: Definitions) -> list[str]:
    """As few keywords of `schema` as no value fits."""
    left = dict(schema)
    for word in schema:
        fewer = {name: said for name, said in left.items() if name != word}
        if definitions.is_impossible(fewer):
            left = fewer
    return list(left)


def _reason(words: list[str]) -> str:
    if len(words) == 1:
        return f"no value fits `{words[0]}`: what it says contradicts itself; write what can hold together"
    named = ", ".join(f"`{word}`" for word in words[:-1])
    return f"no value fits {named} and `{words[-1]}` together; change or remove one of them"
