"""Alternatives of `anyOf` and `oneOf` that no value can use: equal ones, and those that what is beside them excludes.

`oneOf` wants exactly one alternative. So of two alternatives where one has all values of the other, the narrower one
never holds alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jsonschema_rs import CanonicalSchema

from tidegate.schema.mistakes.canonical import Definitions, covers
from tidegate.schema.mistakes.site import Found, Site
from tidegate.schema.resource import JsonSchema

MOST = 40
"""Of more alternatives, the pairs are not compared."""
_BESIDE = frozenset(
    {"$ref", "allOf", "const", "enum", "maximum", "minimum", "pattern", "required", "type", "properties"}
)


def alternative_problems(site: Site) -> Iterator[Found]:
    """All alternatives of `site` that no value can use."""
    for word in ("anyOf", "oneOf"):
        alternatives = site.schema.get(word, ())
        if len(alternatives) > 1:
            yield from _useless(site, word, alternatives)


def _useless(site: Site, word: str, alternatives: list[Any]) -> Iterator[Found]:
    definitions = Definitions(site.schemas.by_key)
    beside = {name: said for name, said in site.schema.items() if name in _BESIDE}
    read: list[CanonicalSchema | None] = []
    for index, schema in enumerate(alternatives):
        same = next((number for number in range(index) if alternatives[number] == schema), None)
        place = f"/{word}/{index}"
        if same is not None:
            why = ", so that no value fits exactly one" if word == "oneOf" else ""
            yield place, f"this alternative is equal to alternative {same}{why}; remove one"
            return
        if _excluded(beside, schema, definitions):
            named = " and ".join(f"`{name}`" for name in beside)
            yield place, f"no value fits this alternative and {named} beside `{word}`; change or remove one of them"
        read.append(definitions.canonical(schema) if isinstance(schema, dict) and word == "oneOf" else None)
    if len(read) <= MOST:
        yield from _covered(word, read)


def _excluded(beside: JsonSchema, schema: Any, definitions: Definitions) -> bool:
    """Whether `schema` has values, but none that fits what is beside it."""
    if not beside or not isinstance(schema, dict):
        return False
    both = {"allOf": [beside, schema]}
    return definitions.is_impossible(both) and not (
        definitions.is_impossible(schema) or definitions.is_impossible(beside)
    )


def _covered(word: str, read: list[CanonicalSchema | None]) -> Iterator[Found]:
    for index, narrow in enumerate(read):
        for other, wide in enumerate(read):
            if index != other and narrow is not None and wide is not None and covers(wide, narrow):
                yield (
                    f"/{word}/{index}",
                    (
                        f"each value of this alternative fits alternative {other} too, and `oneOf` wants exactly one: "
                        "write `anyOf`, or make alternatives that exclude each other"
                    ),
                )
                return
