"""From where a live query goes on: what a program keeps between two runs, as plain JSON.

Invariant: `{"position": ..., "scope": ...}` comes back from JSON as it went there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

from .errors import InvalidOption
from .positions import Position

__all__ = ["Since", "since_of"]


class Since(TypedDict):
    """A position in the change feed, and which rows the user could see when it got there."""

    position: Position
    scope: NotRequired[str | None]


def since_of(given: Since | Mapping[str, Any]) -> Since:
    """`given` may be a bare position."""
    about = given if isinstance(given, Mapping) else {}
    position, scope = about.get("position", about), about.get("scope")
    if not isinstance(position, Mapping) or not {"epoch", "seq"} <= position.keys():
        raise InvalidOption("since is a position of the change feed, or what `live.since` was")
    return Since(position=dict(position), scope=scope) if scope is not None else Since(position=dict(position))
