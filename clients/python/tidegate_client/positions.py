"""Positions: where a reader is in the change feed {epoch, seq} or in a room's history {epoch, offset}.

Positions are kept as the gateway gave them, because they are given back as `since` unchanged. This module only says
which of two is further along. It knows neither rows nor rooms.
Invariant: a position never moves to another epoch by an advance. A client in an old epoch gives the old position back,
and the gateway answers that it can't recover from there; a client that moved on by itself would skip what it missed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .errors import InvalidOption

__all__ = ["Position", "advance", "is_seen", "position_of", "room_position"]

Position = Mapping[str, Any]


def advance(own: Position | None, other: Position | None) -> Position | None:
    """The further of `own` and `other`; `own` stays if `other` belongs to another epoch."""
    if other is None:
        return own
    if own is None:
        return other
    return other if own["epoch"] == other["epoch"] and _counter(other) > _counter(own) else own


def is_seen(own: Position | None, other: Position | None) -> bool:
    """Whether `other` is at or before `own` in the same epoch."""
    if own is None or other is None or own["epoch"] != other["epoch"]:
        return False
    return _counter(other) <= _counter(own)


def position_of(message: Mapping[str, Any]) -> Position | None:
    """The position that a message of the gateway names. LookupError, TypeError or ValueError if it is none."""
    position: Position | None = message.get("position")
    is_seen(position, position)
    return position


def room_position(given: object) -> Position | None:
    """Where a program wants to go on in a room. InvalidOption for what is no position of a room."""
    if given is None or (isinstance(given, Mapping) and {"epoch", "offset"} <= given.keys()):
        return given
    raise InvalidOption("since is a position of the room: what `room.position` was")


def _counter(position: Position) -> int:
    value = position["seq"] if "seq" in position else position["offset"]
    return int(value)
