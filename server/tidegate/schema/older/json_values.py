"""Searches a schema as plain JSON, where the draft decides what is a schema and what is data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tidegate.json_pointer import unescape


def references(value: Any) -> Iterator[str]:
    """The text of every `$ref`."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def resolves(schema: Any, reference: str) -> bool:
    """Whether a reference into the same file has something at its end."""
    if not reference.startswith("#/"):
        return False
    for step in map(unescape, reference[2:].split("/")):
        if isinstance(schema, dict) and step in schema:
            schema = schema[step]
        elif isinstance(schema, list) and step.isdecimal() and int(step) < len(schema):
            schema = schema[int(step)]
        else:
            return False
    return True


def has(value: Any, word: str) -> bool:
    """Whether an object has the name `word`."""
    if isinstance(value, dict):
        return word in value or any(has(inner, word) for inner in value.values())
    return isinstance(value, list) and any(has(inner, word) for inner in value)
