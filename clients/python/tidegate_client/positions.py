"""Positions: where a reader is in the change feed {epoch, seq} or in a room's history {epoch, offset}.

Positions are kept as the gateway gave them, because they are given back as `since` unchanged. This module only says
which of two is further along. It knows neither rows nor rooms.
Invariant: a position never moves to another epoch by an advance. Whoever is in an old epoch gives the old position
back, the gateway sees that it can't be recovered, and says so; moving on by itself would skip what was missed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["Position", "advance", "is_seen"]

Position = Mapping[str, Any]


def advance(own: Position | None, heard: Position | None) -> Position | None:
    """The further one of `own` and `heard`; `own` stays if `heard` belongs to another epoch."""
    if heard is None:
        return own
    if own is None:
        return heard
    return heard if own["epoch"] == heard["epoch"] and _counter(heard) > _counter(own) else own


def is_seen(own: Position | None, heard: Position | None) -> bool:
    """Whether `heard` is at or before `own` in the same epoch."""
    if own is None or heard is None or own["epoch"] != heard["epoch"]:
        return False
    return _counter(heard) <= _counter(own)


def _counter(position: Position) -> int:
    value = position["seq"] if "seq" in position else position["offset"]
    return int(value)
