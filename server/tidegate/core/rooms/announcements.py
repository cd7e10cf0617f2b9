"""Announces changed presence: to the followers in a room here and, through the engine, to other gateways.

Other gateways are told what this one says of a user, not what all of them say together.
It knows in which rooms a full list is due later; who follows a room, and how, the room knows.
Invariant: a room whose list is due is looked at by `due`, until the list went out or the room is forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.core.effects import Effect
from tidegate.core.rooms.effects import SharePresence
from tidegate.core.rooms.presence import Difference
from tidegate.core.rooms.room import Room
from tidegate.core.session import Session

PART = 100
"""Members of a kind in one message about a difference, at most."""


class Announcements:
    """Of all rooms of this gateway."""

    def __init__(self) -> None:
        self._gathering: dict[Room, None] = {}
        """Rooms whose full presence is due later."""

    def announce(self, room: Room, difference: Difference, now: float, but: Session | None = None) -> list[Effect]:
        """Announce a difference. `but`: the session that caused it, which gets the list as an answer."""
        effects: list[Effect] = []
        for part in _parts(difference) if difference else ():
            effects += room.announce(part, now, but)
        if room.push_due is not None:
            self._gathering[room] = None
        effects += [SharePresence(room.name, user, room.presence.entry(user)) for user in difference.here]
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


def _parts(difference: Difference) -> Iterator[Difference]:
    """`difference` in messages of a size that clients take. Most are one already."""
    joined, left, changed = difference.joined, difference.left, difference.changed
    if len(joined) + len(left) + len(changed) <= PART:
        yield difference
        return
    for at in range(0, max(len(joined), len(left), len(changed)), PART):
        yield Difference(joined[at : at + PART], left[at : at + PART], changed[at : at + PART])
