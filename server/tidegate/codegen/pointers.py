"""Names the schemas inside definitions that references point to, such as `#/$defs/Order/definitions/address`.

A type can refer to a name only. A target gets a name if it refers to itself, or if it stands in `definitions` or
`$defs`, where a schema is put to be used again. References to other targets stay: their types are written in place.
Invariant: without its named targets, no definition refers to itself below its root.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import chain, count
from typing import Any
from urllib.parse import unquote

from tidegate.schema.folder import pascal
from tidegate.schema.resource import REF_PREFIX, JsonSchema, follow
from tidegate.schema.subschemas import mapped, subschemas

_SHARED = ("definitions", "$defs")


def with_targets(definitions: Mapping[str, JsonSchema], taken: Iterable[str] = ()) -> dict[str, JsonSchema]:
    """`definitions` and the targets that need names, by name. `taken` are names that no target may get."""
    targets = _targets(definitions)
    names: dict[str, str] = {}
    used = {*definitions, *taken}
    for reference in sorted(targets):
        name, *steps = reference.removeprefix(REF_PREFIX).split("/")
        if (len(steps) > 1 and steps[-2] in _SHARED) or reference in _reachable(reference, targets):
            names[reference] = _unique(f"{name}_{pascal(steps[-1]) or 'Part'}", used)
            used.add(names[reference])

    def change(_pointer: str, sub: JsonSchema) -> JsonSchema:
        name = names.get(unquote(reference)) if isinstance(reference := sub.get("$ref"), str) else None
        return sub if name is None else {**sub, "$ref": REF_PREFIX + name}

    every = {**definitions, **{name: targets[reference] for reference, name in names.items()}}
    return {name: mapped(schema, change) for name, schema in every.items()}


def _targets(definitions: Mapping[str, JsonSchema]) -> dict[str, Any]:
    """The schemas inside definitions that references point to, by reference."""
    found: dict[str, Any] = {}
    todo = list(definitions.values())
    while todo:
        for reference in _inner_references(todo.pop()):
            try:
                if reference not in found:
                    found[reference] = follow(reference, definitions)
                    todo.append(found[reference])
            except (KeyError, IndexError, ValueError, TypeError):
                continue  # the compiler of the schema reports it
    return found


def _inner_references(schema: Any) -> list[str]:
    """The references in `schema` to schemas inside definitions."""
    references = (sub.get("$ref") for _, sub in subschemas(schema) if isinstance(sub, dict))
    return [unquote(text) for text in references if isinstance(text, str) and "/" in text.removeprefix(REF_PREFIX)]


def _unique(name: str, taken: Collection[str]) -> str:
    numbered = (f"{name}_{number}" for number in count(2))
    return next(each for each in chain((name,), numbered) if each not in taken)


def _reachable(start: str, targets: Mapping[str, Any]) -> set[str]:
    """The targets that `start` refers to, directly or through others."""
    found: set[str] = set()
    todo = [start]
    while todo:
        fresh = set(_inner_references(targets.get(todo.pop()))) - found
        found |= fresh
        todo += fresh
    return found
