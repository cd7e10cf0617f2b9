"""What other gateways say of the users of this gateway's rooms, by gateway, and the memory that this takes.

Each entry is held by its user's account. A user whose account has no memory left is not shown, as far as that gateway
goes. It does not know who follows a room.
Invariant: the ledger's `presence` has each entry here once, and every entry is that of a room that is open.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

from tidegate.core.budgets.ledger import Ledger
from tidegate.core.errors import Refused
from tidegate.core.rooms.entries import PresenceEntry, RemoteMember
from tidegate.core.rooms.ports import Standing
from tidegate.core.rooms.presence import NOTHING, Difference, together
from tidegate.core.rooms.room import INFO_COPIES, Room

ENTRY_BYTES = 1400
"""An entry beside its texts, with its member. Measured by tests/core/rooms/test_elsewhere.py."""


class Elsewhere:
    """Of all rooms of this gateway."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._held: dict[str, dict[Room, dict[str, int]]] = {}
        """By gateway and room: the users, each with the bytes that its entry is counted with."""
        self.leaving: set[str] = set()
        """The gateways that are leaving."""

    def told(self, room: Room, member: RemoteMember, without: Iterable[Hashable] = ()) -> Difference:
        """A gateway says of a user that it is present; the connections `without` stand for the user no longer."""
        entry: PresenceEntry | None = member.entry
        if not self._hold(room, member):
            entry = None
        return room.presence.told(member.node, member.user, entry, without)

    def ended(self, room: Room, node: str, user: str) -> Difference:
        """A gateway says of a user that it is not present any more."""
        held = self._held.get(node, {}).get(room)
        if held is None or user not in held:
            return NOTHING
        self._ledger.give(_account(user), "presence", held.pop(user))
        if not held:
            self._forget(room, node)
        return room.presence.told(node, user, None)

    def others(self, room: Room, members: Sequence[RemoteMember]) -> list[tuple[str, str]]:
        """The gateways and users whose entries are none of `members`."""
        named = {(member.node, member.user) for member in members}
        return [
            (node, user)
            for node, rooms in self._held.items()
            for user in rooms.get(room, ())
            if (node, user) not in named
        ]

    def stands(self, node: str, standing: Standing) -> list[tuple[Room, Difference]]:
        """What differs in which rooms, now that `standing` is that of gateway `node`."""
        rooms = self._held.get(node, {})
        if standing == "gone":
            found = [
                (room, together([self.ended(room, node, user) for user in list(users)]))
                for room, users in list(rooms.items())
            ]
            self.leaving.discard(node)
            return found
        if (standing == "leaving") == (node in self.leaving):
            return []

        # Each room is compared with itself before: the set that all rooms look at changes back and forth.
        def change() -> None:
            (self.leaving.add if standing == "leaving" else self.leaving.discard)(node)

        def change_back() -> None:
            (self.leaving.discard if standing == "leaving" else self.leaving.add)(node)

        found = []
        for room, users in rooms.items():
            found.append((room, room.presence.differing(users, change)))
            change_back()
        change()
        return found

    def closed(self, room: Room) -> None:
        """The room is no more."""
        for node in [node for node, rooms in self._held.items() if room in rooms]:
            for user, size in self._held[node][room].items():
                self._ledger.give(_account(user), "presence", size)
            self._forget(room, node)

    def _hold(self, room: Room, member: RemoteMember) -> bool:
        """Count an entry in the ledger, in the place of an earlier one; False where there is no memory for it."""
        info = b"" if member.entry.info is None else bytes(member.entry.info)
        size = ENTRY_BYTES + 4 * (len(member.user) + len(member.entry.name)) + INFO_COPIES * len(info)
        users = self._held.setdefault(member.node, {}).setdefault(room, {})
        before = users.pop(member.user, 0)
        try:
            if size > before:
                self._ledger.take(_account(member.user), "presence", size - before)
            else:
                self._ledger.give(_account(member.user), "presence", before - size)
        except Refused:
            self._ledger.give(_account(member.user), "presence", before)
            if not users:
                self._forget(room, member.node)
            return False
        users[member.user] = size
        return True

    def _forget(self, room: Room, node: str) -> None:
        rooms = self._held[node]
        del rooms[room]
        if not rooms:
            del self._held[node]


def _account(user: str) -> str:
    return f"user {user}"
