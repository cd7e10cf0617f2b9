"""Changes of a room's presence that the followers of the full list have not been told yet.

They become one list a moment later or, where the room has grown too large for lists meanwhile, one difference. It knows
neither time nor clients.
Invariant: the list that was told last, with `difference` applied, is the list of the members now.
"""

from __future__ import annotations

from tidegate.core.rooms.presence import Difference, Presence
from tidegate_protocol import Member


class Gathering:
    """Of one room. True while a change is not told."""

    __slots__ = ("_before",)

    def __init__(self) -> None:
        self._before: dict[str, Member | None] = {}
        """Each user that changed, with a member if the last list had the user; None if not."""

    def __bool__(self) -> bool:
        return bool(self._before)

    def add(self, difference: Difference) -> None:
        for member in difference.joined:
            self._before.setdefault(member.id, None)
        for member in (*difference.left, *difference.changed):
            self._before.setdefault(member.id, member)

    def told(self) -> None:
        """The followers got the whole list."""
        self._before.clear()

    def difference(self, presence: Presence) -> Difference:
        """What the followers lack; it counts as told."""
        joined: list[Member] = []
        left: list[Member] = []
        changed: list[Member] = []
        for user, before in self._before.items():
            after = presence.member(user)
            if after is not None:
                (joined if before is None else changed).append(after)
            elif before is not None:
                left.append(before)
        self._before.clear()
        return Difference(tuple(joined), tuple(left), tuple(changed))
