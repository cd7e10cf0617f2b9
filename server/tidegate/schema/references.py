"""Which definitions a schema refers to, directly or through others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidegate.schema.resource import REF_PREFIX
from tidegate.schema.subschemas import subschemas


def mentioned(schema: Any) -> set[str]:
    """The keys of the definitions that `schema` refers to."""
    references = (sub.get("$ref") for _, sub in subschemas(schema) if isinstance(sub, dict))
    found = (reference for reference in references if isinstance(reference, str) and reference.startswith(REF_PREFIX))
    return {reference.removeprefix(REF_PREFIX).partition("/")[0] for reference in found}


def reachable(key: str, mentions: Mapping[str, set[str]]) -> set[str]:
    """The keys of the definitions that are reachable from `key`. Includes `key` only if it is recursive."""
    found: set[str] = set()
    todo = set(mentions.get(key, ()))
    while todo:
        one = todo.pop()
        if one not in found:
            found.add(one)
            todo |= mentions.get(one, set())
    return found
