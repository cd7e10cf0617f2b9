"""Closed objects as parts of a larger one: `allOf` and `$ref` do not extend an object with additionalProperties false.

`additionalProperties` looks at the `properties` beside it and at no others. So a property that only another part names
can never be there, which is what people mean least when they write `allOf`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jsonschema_rs import Draft202012Validator

from tidegate.schema.definition import Schemas
from tidegate.schema.mistakes.site import Found, Site
from tidegate.schema.regex import LINEAR
from tidegate.schema.resource import JsonSchema, follow


def closed_parts(site: Site) -> Iterator[Found]:
    """A part of `site` that forbids the properties of another part."""
    if not {"$ref", "allOf"} & site.schema.keys() or site.is_row or site.role == "condition":
        return
    parts = list(_parts("", site.schema, site.schemas, frozenset()))
    for place, part in parts:
        if part.get("additionalProperties") is not False:
            continue
        others = {
            name: where
            for where, other in parts
            if other is not part
            for name, sub in other.get("properties", {}).items()
            if sub is not False
        }
        lost = sorted(name for name in others if not _names(part, name))
        if lost:
            named = ", ".join(map(repr, lost))
            yield (
                place,
                (
                    f"this part allows only its own `properties`, so that {named} of another part can never be there; "
                    'remove "additionalProperties": false here, and write "unevaluatedProperties": false beside '
                    f"`{'allOf' if 'allOf' in site.schema else '$ref'}`"
                ),
            )
            return


def _parts(place: str, schema: Any, schemas: Schemas, seen: frozenset[str]) -> Iterator[tuple[str, JsonSchema]]:
    """(pointer, schema) of `schema` and of the parts that must all hold."""
    if not isinstance(schema, dict):
        return
    yield place, schema
    for index, sub in enumerate(schema.get("allOf", ())):
        yield from _parts(f"{place}/allOf/{index}", sub, schemas, seen)
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference not in seen:
        target = follow(reference, schemas.by_key)
        for _, part in _parts("", target, schemas, seen | {reference}):
            yield f"{place}/$ref", part


def _names(part: JsonSchema, name: str) -> bool:
    """Whether `properties` or `patternProperties` of `part` allow `name`."""
    if name in part.get("properties", {}):
        return True
    return any(
        Draft202012Validator({"pattern": pattern}, pattern_options=LINEAR).is_valid(name)
        for pattern in part.get("patternProperties", {})
    )
