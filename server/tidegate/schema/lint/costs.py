"""Refuses keywords with which a client could make validation slow: some patterns, and `uniqueItems` of large items.

Invariant: an accepted pattern is matched in time linear to the value, by an engine without backtracking.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from tidegate.json_pointer import escape
from tidegate.schema.definition import Definition, Schemas
from tidegate.schema.problem import Problem
from tidegate.schema.regex import SMALL, fits, is_regex, size_of
from tidegate.schema.resource import json_types, resolved
from tidegate.schema.subschemas import subschemas

UNIQUE_ITEMS = 256
"""Maximum number of arrays or objects under `uniqueItems`. Some validators compare each item with each other item."""
WORK = 512 * 1024 * 1024
"""Maximum of: bytes of a compiled pattern times characters of a text. It takes about 20 ms."""

_BACKTRACKING = re.compile(r"(?<!\\)(?:\(\?<?[=!]|\\[1-9]|\\k<)").search
"""The beginnings of lookaround and backreferences."""


def cost_problems(schemas: Schemas, own: list[Definition]) -> Iterator[Problem]:
    """All keywords in `own` with which a client could make validation slow."""
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
                    f"`uniqueItems` compares all items that are objects or arrays: add `maxItems` of at most "
                    f"{UNIQUE_ITEMS}, or a `type` of strings or numbers to `items`",
                )
            for word in ("$dynamicRef", "$dynamicAnchor", "$anchor"):
                if word in schema:
                    yield Problem(
                        item.file, f"{item.pointer}{place}/{word}", f"Tidegate does not follow {word!r}; use `$ref`"
                    )


def _pattern(pattern: str, max_length: Any) -> Iterator[str]:
    if fits(pattern, SMALL):
        return
    size = size_of(pattern)
    if size is None and not is_regex(pattern):
        counted = ", or is too large: limit the length with `minLength` and `maxLength` in place of {m,n}"
        hint = counted if "{" in pattern else _of_glob(pattern)
        yield f"{pattern!r} is not a regular expression{hint}"
    elif size is None and _BACKTRACKING(pattern):
        yield (
            f"{pattern!r} needs backtracking, with which a client could block the gateway: write it without lookaround "
            "((?=, (?!, (?<) and backreferences (\\1), with `allOf` and `not` around two patterns where needed"
        )
    elif size is None:
        yield f"{pattern!r} is too large: limit the length with `minLength` and `maxLength` in place of {{m,n}}"
    elif not (isinstance(max_length, int) and size * max_length <= WORK):
        yield (
            f"{pattern!r} is too large for a text of any length: add `maxLength` of at most {WORK // size}, "
            "or write it with fewer counted repetitions {m,n} and classes such as \\p{L}"
        )


def _of_glob(pattern: str) -> str:
    """The regular expression for a pattern such as `*.png`."""
    if not pattern.startswith("*"):
        return ""
    meant = "".join(".*" if letter == "*" else re.escape(letter) for letter in pattern)
    return f"; did you mean {json.dumps(f'^{meant}$')}?"


def _cheap(schema: dict[str, Any], schemas: Schemas) -> bool:
    own = json_types({"type": schema["type"]}, schemas.by_key) if "type" in schema else []
    if own and "array" not in own:  # it says nothing there
        return True
    if schema.get("maxItems", UNIQUE_ITEMS + 1) <= UNIQUE_ITEMS:
        return True
    kinds = json_types(resolved(schema.get("items", True), schemas.by_key), schemas.by_key)
    return bool(kinds) and not {"array", "object"} & set(kinds) and "prefixItems" not in schema
