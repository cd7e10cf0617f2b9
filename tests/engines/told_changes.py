"""The part of an engine's listener that learns what became of rooms."""

from __future__ import annotations

from tidegate.core.rooms.ports import Occupancy


class ToldChanges:
    """Notes each change in its order: the room, and what became of it."""

    def __init__(self) -> None:
        self.changes: list[tuple[str, Occupancy]] = []

    def occupied(self, room: str) -> None:
        self.changes.append((room, "occupied"))

    def vacated(self, room: str) -> None:
        self.changes.append((room, "vacated"))
