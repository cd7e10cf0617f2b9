"""The public part of a bundle: without `x-access`, and without the `writeOnly` properties of rows.

The rules say from which users data is kept, and by which claims; a `writeOnly` property is often a secret's name. The
gateway validates with the whole contract; only documents are made of a published bundle. Its index has the hash of the
whole contract, which clients compare.
Invariant: neither a rule nor the name of a `writeOnly` property is in it, except in a description that says it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tidegate.schema import CONTRACT, INDEX, Bundle, contract_hash, unbundle
from tidegate.schema.resource import REF_PREFIX, JsonSchema

CONDITIONS = (
    ("if", "then", "else"), ("allOf",), ("anyOf",), ("oneOf",), ("not",), ("dependentRequired",), ("dependentSchemas",),
    ("patternProperties",), ("propertyNames",),
)  # fmt: skip
"""Keywords that say something about a whole row. A group that names a hidden property is left out whole: without that
property it would say something else."""


def published(document: Bundle) -> Bundle:
    """The public part of `document`, which is not changed."""
    index = document[INDEX]
    hidden = _hidden(document)
    definitions = {key: _definition(schema, hidden.get(key, frozenset())) for key, schema in document["$defs"].items()}
    named = {word: value for word, value in index.items() if word != "definitions"}
    kept = _kept(document["$defs"], definitions, lambda key: _names(named, frozenset({key})))
    entries = {key: entry for key, entry in index["definitions"].items() if key in kept}
    return {
        **document,
        INDEX: {
            **index,
            **{
                kind: {name: _without(entry, {"access"}) for name, entry in index[kind].items()}
                for kind in ("client", "rooms")
            },
            "definitions": entries,
            "meta": {},
            CONTRACT: contract_hash(document),
        },
        "$defs": {key: definitions[key] for key in kept},
    }


def _hidden(document: Bundle) -> dict[str, frozenset[str]]:
    """The names of the `writeOnly` properties, by the definition of their row."""
    keys = {name: entry["schema"] for name, entry in document[INDEX]["resources"].items()}
    return {
        keys[name]: frozenset(prop.name for prop in resource.properties.values() if prop.write_only)
        for name, resource in unbundle(document).resources.items()
    }


def _definition(schema: JsonSchema, hidden: frozenset[str]) -> JsonSchema:
    if not isinstance(schema, dict):
        return schema
    shown = _without(schema, {"x-access"})
    if not hidden:
        return shown
    for group in CONDITIONS:
        if any(_names(shown.get(word), hidden) for word in group):
            shown = _without(shown, set(group))
    shown["properties"] = _without(shown["properties"], hidden)
    if "required" in shown:
        shown["required"] = [name for name in shown["required"] if name not in hidden]
    if "examples" in shown:
        shown["examples"] = [_without(row, hidden) if isinstance(row, dict) else row for row in shown["examples"]]
    if "default" in shown and _names(shown["default"], hidden):
        del shown["default"]
    shown["x-resource"] = {
        word: [each for each in value if not _names(each, hidden)] if isinstance(value, list) else value
        for word, value in shown["x-resource"].items()
    }
    return shown


def _names(found: Any, hidden: frozenset[str]) -> bool:
    """Whether any name or text in `found` is one of a hidden property."""
    if isinstance(found, dict):
        return any(name in hidden or _names(value, hidden) for name, value in found.items())
    if isinstance(found, list):
        return any(_names(each, hidden) for each in found)
    return isinstance(found, str) and found in hidden


def _kept(before: dict[str, JsonSchema], after: dict[str, JsonSchema], indexed: Callable[[str], bool]) -> list[str]:
    """The definitions but those that only a hidden property used. `indexed`: whether the index names it."""
    used = {*_references(before)}
    while True:
        still_used = {*_references(after)}
        gone = {key for key in used - still_used if key in after and not indexed(key)}
        if not gone:
            return list(after)
        after = {key: schema for key, schema in after.items() if key not in gone}


def _references(found: Any) -> Iterator[str]:
    """The keys of the definitions that `found` refers to."""
    if isinstance(found, dict):
        target = found.get("$ref")
        if isinstance(target, str) and target.startswith(REF_PREFIX):
            yield target.removeprefix(REF_PREFIX).partition("/")[0]
        for value in found.values():
            yield from _references(value)
    elif isinstance(found, list):
        for each in found:
            yield from _references(each)


def _without(given: dict[str, Any], names: frozenset[str] | set[str]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name not in names}
