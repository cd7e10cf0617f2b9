"""What both databases know of JSON values in columns."""

from __future__ import annotations

from typing import Any

JSON_TYPES = {"array", "object", "any"}
DEPTH = 200
"""Levels of JSON that every reader can follow."""


def too_deep(value: Any) -> bool:
    """Whether JSON is nested deeper than every reader can follow."""
    level = [value]
    for _ in range(DEPTH):
        inner = (one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list))
        level = [item for items in inner for item in items]
    return bool(level)
