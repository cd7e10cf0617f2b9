"""How much one session or account may do with rooms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from tidegate.core.budgets.rates import Bucket, KeyedBuckets, Rate
from tidegate.core.errors import Refused
from tidegate.core.rooms.present_user import Info
from tidegate.core.session import Session


class RoomLimits(msgspec.Struct, frozen=True):
    """The limits of rooms; 0 for none, of `info` and `new_rooms`."""

    rooms: int = 100
    """Rooms that a session may be in at a time."""
    history: int = 1000
    """Messages of a `history` that sets no limit."""
    info: int = 1024
    """Bytes of a member's info, as JSON."""
    new_rooms: float = 600.0
    """Rooms a minute that the sessions of one account may be the first to join."""


def read_info(info: Mapping[str, Any] | UnsetType, limits: RoomLimits) -> Info | None:
    """The `info` of a request, encoded; None without one. Raises Refused(too_large)."""
    if info is UNSET:
        return None
    text = msgspec.json.encode(info)
    if 0 < limits.info < len(text):
        raise Refused("too_large", f"info has at most {limits.info} bytes as JSON", pointer="/info")
    return msgspec.Raw(text)


class Openings:
    """The rooms that each account was the first to join lately. An anonymous client without an address has no limit."""

    def __init__(self, per_minute: float) -> None:
        self._rate = Rate(per_minute / 60, per_minute)
        self._buckets = KeyedBuckets(self._rate)

    def count_with(self, bucket: Callable[[str, Rate], Bucket]) -> None:
        """From here on an account has the bucket that `bucket` makes for it, which others may take from, too."""
        self._buckets = KeyedBuckets(self._rate, bucket=bucket)

    def ask(self, session: Session, now: float) -> None:
        """`session` is about to be the first in a room. Raises Refused(limit_reached)."""
        if session.user.anonymous and session.address is None:
            return
        wait = self._buckets.take(session.account, now)
        if wait:
            raise Refused(
                "limit_reached",
                "too many rooms that no other client is in were joined lately; wait a little",
                pointer="/room",
                retry_after=round(wait, 3),
            )
