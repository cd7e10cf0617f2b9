"""The port through which rooms reach the engine that keeps their messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from tidegate.core.rooms.history import History
from tidegate.core.rooms.room import RoomRules
from tidegate_protocol import RoomPosition, Sender


class Broker(Protocol):
    """Room messages, as the gateway sees them. Times in seconds since the Unix epoch."""

    def publish(
        self, room: str, rules: RoomRules, sender: Sender, data: Any, key: str | None, now: float
    ) -> RoomPosition:
        """Say `data` in `room`; every gateway with members there delivers it. Returns its position."""

    def history(self, room: str, rules: RoomRules, now: float) -> History: ...

    def sweep(self, now: float, occupied: Callable[[str], bool]) -> None:
        """Forget what is past its ttl in rooms that nobody is in."""
