"""Strict JSON for the judgement of messages, read with Python's json, and the values that no message may have.

It is written a second time here, so that a mistake in the gateway is not repeated: see `oracle`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tidegate.schema import SAFE_INTEGER

DEPTH = 32
"""Levels of arrays and objects."""


class NotJson(ValueError):
    """Not JSON by RFC 8259, or JSON that different parsers read differently."""


def parse(payload: bytes) -> Any:
    """Strict JSON. Raises NotJson, or ValueError."""
    value = json.loads(payload.decode(), parse_constant=_no_constant)
    for inner in _values(value):
        if isinstance(inner, float) and inner in {float("inf"), float("-inf")}:
            raise NotJson("a number beyond the range of a double")
        if isinstance(inner, str):
            inner.encode()  # raises for lone surrogates
    return value


def _no_constant(name: str) -> Any:
    raise NotJson(name)


def _values(value: Any) -> Iterator[Any]:
    """All values inside a JSON value, and the names of properties."""
    todo = [value]
    while todo:
        item = todo.pop()
        yield item
        if isinstance(item, dict):
            todo += [*item, *item.values()]
        elif isinstance(item, list):
            todo += item


def hazards(value: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    """The pointers of values that are refused in every message: NUL, integers beyond 2^53, too many levels."""
    place = "".join(f"/{step}" for step in path)
    if isinstance(value, dict | list) and len(path) >= DEPTH:
        yield place
    elif isinstance(value, dict):
        if any("\0" in name for name in value):
            yield place
        for name, inner in value.items():
            yield from hazards(inner, (*path, name.replace("~", "~0").replace("/", "~1")))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from hazards(inner, (*path, str(index)))
    elif (isinstance(value, str) and "\0" in value) or (isinstance(value, int) and abs(value) > SAFE_INTEGER):
        yield place
