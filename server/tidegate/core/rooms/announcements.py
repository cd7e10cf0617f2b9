"""Announces changed presence: to the followers in a room here and, through the engine, to other gateways.

It knows in which rooms a full list is due later; who follows a room, and how, the room knows.
Invariant: a room whose list is due is looked at by `due`, until the list went out or the room is forgotten.
"""

from __future__ import annotations

from typing import Any

from tidegate.core.effects import Effect
from tidegate.core.optional import given
from tidegate.core.rooms.effects import SharePresence
from tidegate.core.rooms.ports import PresenceEntry
from tidegate.core.rooms.presence import Difference
from tidegate.core.rooms.room import Room
from tidegate.core.session import Session


class Announcements:
    """Of all rooms of this gateway."""

    def __init__(self) -> None:
        self._gathering: dict[Room, None] = {}
        """Rooms whose full presence is due later."""

    def announce(self, room: Room, difference: Difference, now: float, but: Session | None = None) -> list[Effect]:
        """Announce a difference. `but`: the session that caused it, which gets the list as an answer."""
        if not difference:
            return []
        effects = room.announce(difference, now, but)
        if room.push_due is not None:
            self._gathering[room] = None
        for member in difference.joined or difference.changed:
            info: Any = given(member.info)  # encoded already
            entry = PresenceEntry(member.name, member.connections, member.status, member.since, info)
            effects.append(SharePresence(room.name, member.id, entry))
        for member in difference.left:
            effects.append(SharePresence(room.name, member.id, None))
        return effects

    def due(self, now: float) -> list[Effect]:
        """The presence that was gathered long enough."""
        effects: list[Effect] = []
        for room in [room for room in self._gathering if room.push_due is not None and room.push_due <= now]:
            del self._gathering[room]
            effects += room.gathered()
        return effects

    def shift(self, seconds: float) -> None:
        """As `Ghosts.shift`."""
        for room in self._gathering:
            room.push_due = room.push_due and room.push_due + seconds

    def forget(self, room: Room) -> None:
        """The room is no more."""
        self._gathering.pop(room, None)
