"""Shrinks a failing message: leaves out and simplifies parts of it as long as it still fails.

The search is greedy and remembers no results: each try changes the state of the running gateway, so that an earlier
result may no longer hold.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

SIMPLE: tuple[Any, ...] = (None, 0, "", "a", [], {})


def shrink(payload: bytes, fails: Callable[[bytes], bool], deadline: float) -> bytes:
    """The smallest failing message found until `deadline` (of time.monotonic). `payload` itself fails."""
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError):
        return payload
    found, better = payload, True
    while better:
        better = False
        for smaller in _simpler(value):
            if time.monotonic() > deadline:
                return found
            candidate = json.dumps(smaller).encode()
            if len(candidate) < len(found) and fails(candidate):
                value, found, better = smaller, candidate, True
                break
    return found


def _simpler(value: Any) -> Iterator[Any]:
    """Values that are simpler than `value`, the simplest first."""
    if value not in SIMPLE:
        yield from (simple for simple in SIMPLE)
    if isinstance(value, dict):
        for name in value:
            yield {key: inner for key, inner in value.items() if key != name}
        for name, inner in value.items():
            yield from ({**value, name: smaller} for smaller in _simpler(inner))
    elif isinstance(value, list):
        for index in range(len(value)):
            yield [*value[:index], *value[index + 1 :]]
        for index, inner in enumerate(value):
            yield from ([*value[:index], smaller, *value[index + 1 :]] for smaller in _simpler(inner))
    elif isinstance(value, str) and len(value) > 1:
        yield from (value[: len(value) // 2], value[len(value) // 2 :], value[:-1], value[1:])
    elif type(value) is int and abs(value) > 9:
        yield from (value // 10, value // 2)
