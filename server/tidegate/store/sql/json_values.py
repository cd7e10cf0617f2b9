"""JSON values in columns, for both databases: which properties have them, and how deep they may be."""

from __future__ import annotations

from typing import Any

JSON_TYPES = {"array", "object", "any"}
DEPTH = 200
"""Levels of JSON that every reader can decode."""


def too_deep(value: Any) -> bool:
    """Whether JSON has more levels than every reader can decode."""
    level = [value]
    for _ in range(DEPTH):
        inner = (each.values() if isinstance(each, dict) else each for each in level if isinstance(each, dict | list))
        level = [item for items in inner for item in items]
    return bool(level)
