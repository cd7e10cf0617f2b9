"""The epochs of room histories, and what an epoch says of a room that has no history.

A room without messages has no history, so that joining rooms leaves nothing behind. Its clients still get a position:
offset 0 in the epoch that the room's next history will have. An epoch counts how many histories were forgotten before
it, so an old position of that kind is good as long as no history of its room was forgotten since.
Invariant: two histories of one room never have the same epoch.
"""

from __future__ import annotations

from tidegate_protocol import RoomPosition

REMEMBERED = 10_000
"""Rooms of which it is known when their history was forgotten. Of older ones it is assumed that it was just now."""


class Epochs:
    """Of the histories of one engine. `prefix` is new for each run of an engine."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._forgotten: dict[int, int] = {}
        """By the hash of a room's name: how many histories had been forgotten when its own was, itself included."""
        self._count = 0
        self._floor = 0
        self.current = f"{prefix}.0"
        """The epoch of a history that begins now."""

    def forgot(self, room: str) -> None:
        """A history of `room` was forgotten."""
        self._count += 1
        self.current = f"{self._prefix}.{self._count}"
        key = hash(room)
        self._forgotten.pop(key, None)
        self._forgotten[key] = self._count
        if len(self._forgotten) > REMEMBERED:
            self._floor = self._forgotten.pop(next(iter(self._forgotten)))

    def nothing_lost(self, room: str, since: RoomPosition) -> bool:
        """Whether `since` is before the first message of `room`, and no message of the room was forgotten later."""
        prefix, _, count = since.epoch.rpartition(".")
        if since.offset or prefix != self._prefix or not count.isdecimal():
            return False
        return max(self._floor, self._forgotten.get(hash(room), 0)) <= int(count) <= self._count
