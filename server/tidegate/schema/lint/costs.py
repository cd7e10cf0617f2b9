"""Keywords whose cost a client could choose: patterns, and items that have to be compared with each other.

Invariant: what passes is matched in time linear to the value, by an engine without backtracking.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tidegate.schema.definition import Definition, Schemas
from tidegate.schema.problem import Problem
from tidegate.schema.regex import SMALL, fits, is_regex, size_of
from tidegate.schema.resource import json_types, resolved
from tidegate.schema.subschemas import escape, subschemas

UNIQUE_ITEMS = 256
"""Arrays and objects that may be compared with each other: other validators than ours compare each with each."""
WORK = 512 * 1024 * 1024
"""Bytes of a compiled pattern times characters of a text; about 20 ms."""

_BACKTRACKING = re.compile(r"(?<!\\)(?:\(\?<?[=!]|\\[1-9]|\\k<)").search
"""Lookaround and backreferences, as they begin."""


def cost_problems(schemas: Schemas, own: list[Definition]) -> Iterator[Problem]:
    """Every keyword of `own` that a client could make expensive."""
    for item in own:
        for place, schema in subschemas(item.schema):
            if not isinstance(schema, dict):
                continue
            if isinstance(pattern := schema.get("pattern"), str):
                for reason in _pattern(pattern, schema.get("maxLength")):
                    yield Problem(item.file, f"{item.pointer}{place}/pattern", reason)
            for pattern in schema.get("patternProperties", {}):
                for reason in _pattern(pattern, None):
                    yield Problem(item.file, f"{item.pointer}{place}/patternProperties/{escape(pattern)}", reason)
            if schema.get("uniqueItems") is True and not _cheap(schema, schemas):
                yield Problem(
                    item.file,
                    f"{item.pointer}{place}/uniqueItems",
                    f"items that may be objects or arrays are compared with each other: add `maxItems` of at most "
                    f"{UNIQUE_ITEMS}, or a `type` of strings or numbers to `items`",
                )
            for word in ("$dynamicRef", "$dynamicAnchor", "$anchor"):
                if word in schema:
                    yield Problem(item.file, f"{item.pointer}{place}/{word}", f"{word!r} is not followed; use `$ref`")


def _pattern(pattern: str, max_length: Any) -> Iterator[str]:
    if fits(pattern, SMALL):
        return
    size = size_of(pattern)
    if size is None and not is_regex(pattern):
        counted = ", or too large a one: count with `minLength` and `maxLength` instead of {m,n}"
        yield f"{pattern!r} is no regular expression{counted if '{' in pattern else ''}"
    elif size is None and _BACKTRACKING(pattern):
        yield (
            f"{pattern!r} needs backtracking, whose time a client could choose: write it without lookaround "
            "((?=, (?!, (?<) and backreferences (\\1), with `allOf` and `not` around two patterns where needed"
        )
    elif size is None:
        yield f"{pattern!r} is too large: count with `minLength` and `maxLength` instead of {{m,n}}"
    elif not (isinstance(max_length, int) and size * max_length <= WORK):
        yield (
            f"{pattern!r} is a large pattern for a text of any length: add `maxLength` of at most {WORK // size}, "
            "or write it with fewer counted repetitions {m,n} and classes such as \\p{L}"
        )


def _cheap(schema: dict[str, Any], schemas: Schemas) -> bool:
    if schema.get("maxItems", UNIQUE_ITEMS + 1) <= UNIQUE_ITEMS:
        return True
    kinds = json_types(resolved(schema.get("items", True), schemas.by_key), schemas.by_key)
    return bool(kinds) and not {"array", "object"} & set(kinds) and "prefixItems" not in schema
