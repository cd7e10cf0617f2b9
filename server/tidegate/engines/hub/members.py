"""Who is present in which room through which worker, and which workers are leaving or gone.

A worker whose line ended, or that says that it ends, is `leaving` for the grace; then it is gone, and with it what it
said of its users. One that comes back says everything again, and what it does not say again has ended.
Invariant: whether a user is present in a room is decided here alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from tidegate.core.rooms.ghosts import GRACE_S
from tidegate.core.rooms.ports import Occupancy, Standing
from tidegate.engines.hub import messages as say
from tidegate.engines.hub.occupancy import OccupancyOfRooms


class Tells(Protocol):
    """How workers are told."""

    @property
    def has_workers(self) -> bool: ...

    def to_room(self, room: str, message: msgspec.Struct, but: str | None = None) -> None: ...

    def to_all(self, message: msgspec.Struct, but: str | None = None) -> None: ...

    def to_one(self, message: msgspec.Struct) -> None: ...


class MembersOfRooms:
    """Of all rooms of one machine."""

    def __init__(self, tells: Tells, grace: float = GRACE_S) -> None:
        self._tells = tells
        self._grace = grace
        self._rooms: dict[str, dict[str, dict[str, say.Entry]]] = {}
        """By room, user and node."""
        self._of_node: dict[str, set[tuple[str, str]]] = {}
        """By node: the rooms and users that it said something of."""
        self._unsaid: dict[str, set[tuple[str, str]]] = {}
        """By node that came back: what it has not said again."""
        self._leaving: dict[str, float | None] = {}
        """By node that leaves: until when its users stay; None until the next tick sets it."""
        self._back_at: float | None = None
        """When every worker of an earlier hub is back at this one; None until the first tick sets it."""
        self._all_back = False
        self._met: set[str] = set()
        """Until then: the nodes that have said all."""
        self.occupancy = OccupancyOfRooms()

    def of(self, room: str, but: str) -> list[say.Member]:
        """Who is present in `room` through other nodes than `but`."""
        users = self._rooms.get(room, {})
        return [
            say.Member(node, user, entry)
            for user, entries in users.items()
            for node, entry in entries.items()
            if node != but
        ]

    def standings(self) -> dict[str, Standing]:
        """The nodes that are not simply present."""
        return dict.fromkeys(self._leaving, "leaving")

    def present(self, node: str, room: str, user: str, entry: say.Entry | None, *, asked: bool = True) -> Occupancy:
        """Whether and how `user` is present through `node`. `asked`: the node says so, and gets what is new."""
        users = self._rooms.setdefault(room, {})
        entries = users.setdefault(user, {})
        former = entries.get(node)
        if entry is None:
            entries.pop(node, None)
            self._of_node.get(node, set()).discard((room, user))
        else:
            entries[node] = entry
            self._of_node.setdefault(node, set()).add((room, user))
        if (unsaid := self._unsaid.get(node)) is not None:
            unsaid.discard((room, user))
        if not entries:
            del users[user]
        if not users:
            del self._rooms[room]
        if former != entry:
            self._tells.to_room(room, say.PresentElsewhere(room, node, user, entry), but=node)
        return self.occupancy.changed(room, users=bool(users), asked=asked)

    def earlier(self, node: str, rooms: Sequence[str]) -> None:
        """`node` says which rooms are told to be occupied: news for a hub that has not had this node before."""
        if not self._all_back and node not in self._met:
            self.occupancy.earlier(rooms, self._rooms)

    def back(self, node: str) -> None:
        """The node is there: again, where it has said something before.

        The others are told in any case: a hub that is gone may have told one of them that the node leaves.
        """
        self._unsaid[node] = set(self._of_node.get(node, ()))
        self._leaving.pop(node, None)
        self._tells.to_all(say.NodeStands(node, "present"), but=node)

    def said_all(self, node: str) -> None:
        """The node has said again who is present through it."""
        if not self._all_back:
            self._met.add(node)
        for room, user in self._unsaid.pop(node, ()):
            self.present(node, room, user, None, asked=False)
        self._tell_vacated()

    def leaving(self, node: str) -> None:
        if node not in self._leaving:
            self._leaving[node] = None
            self._tells.to_all(say.NodeStands(node, "leaving"), but=node)

    def tick(self, now: float) -> None:
        """End what nodes said that have left for longer than the grace."""
        if self._back_at is None:
            self._back_at = now + self._grace
        elif now >= self._back_at and not self._all_back:
            self._all_back = True
            self._met.clear()
            self.occupancy.all_back()
        for node, until in list(self._leaving.items()):
            if until is None:
                self._leaving[node] = now + self._grace
            elif now >= until:
                self._bury(node)
        self._tell_vacated()

    def _bury(self, node: str) -> None:
        del self._leaving[node]
        self._unsaid.pop(node, None)
        self._tells.to_all(say.NodeStands(node, "gone"), but=node)
        self.occupancy.gone(node)
        for room, user in list(self._of_node.pop(node, ())):
            self.present(node, room, user, None, asked=False)

    def _tell_vacated(self) -> None:
        """Tell a worker, once there is one, of rooms whose last user ended otherwise than at a worker's word."""
        if self._tells.has_workers and not self._unsaid:
            for room in self.occupancy.vacated():
                self._tells.to_one(say.Vacated(room))
