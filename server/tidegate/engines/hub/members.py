"""Who is present in which room through which worker, and which workers are leaving or gone.

A worker whose line ended, or that says that it ends, is `leaving` for the grace; then it is gone, and with it what it
said of its users. One that comes back says everything again, and what it does not say again has ended.
Invariant: whether a user is present in a room is decided here alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import msgspec

from tidegate.core.rooms.ghosts import GRACE_S
from tidegate.core.rooms.ports import Standing
from tidegate.engines.hub import messages as say
from tidegate.engines.hub.occupancy import OccupancyOfRooms


class Tells(Protocol):
    """How workers are told."""

    def nodes(self) -> Iterable[str]:
        """Of the workers that are there."""

    def to_room(self, room: str, message: msgspec.Struct, but: str | None = None) -> None: ...

    def to_all(self, message: msgspec.Struct, but: str | None = None) -> None: ...

    def to_node(self, node: str, message: msgspec.Struct) -> None: ...


class MembersOfRooms:
    """Of all rooms of one machine."""

    def __init__(self, tells: Tells, began: int, grace: float = GRACE_S, *, again: bool = True) -> None:
        """`began`: as in `messages.Welcome`. `again`: there was a hub before, whose workers may come back."""
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
        self._all_back = not again
        self._met: set[str] = set()
        """The nodes that have said all to this hub, and are not gone."""
        self.occupancy = OccupancyOfRooms(began, self._rooms.__contains__, waits=again)

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

    def present(self, node: str, room: str, user: str, entry: say.Entry | None) -> None:
        """Whether and how `user` is present through `node`."""
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

    def earlier(self, node: str, said: say.Earlier) -> None:
        """What `node` says first: of this hub, or of earlier ones where this hub has not had the node before."""
        if node not in self._met:
            self.occupancy.earlier(node, said.has, said.changes)
        for changed in self.occupancy.back(node, said.has[-1][1] if said.has else 0):
            self._tells.to_node(node, changed)

    def back(self, node: str) -> None:
        """The node is there: again, where it has said something before.

        The others are told in any case: a hub that is gone may have told one of them that the node leaves.
        """
        self._unsaid[node] = set(self._of_node.get(node, ()))
        self._leaving.pop(node, None)
        self._tells.to_all(say.NodeStands(node, "present"), but=node)

    def said_all(self, node: str) -> None:
        """The node has said again who is present through it."""
        self._met.add(node)
        self._end(node, self._unsaid.pop(node, ()))
        self._tell_changes()

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
        for node, until in list(self._leaving.items()):
            if until is None:
                self._leaving[node] = now + self._grace
            elif now >= until:
                self._bury(node)
        self._tell_changes()

    def _bury(self, node: str) -> None:
        del self._leaving[node]
        self._unsaid.pop(node, None)
        self._met.discard(node)
        self._tells.to_all(say.NodeStands(node, "gone"), but=node)
        self.occupancy.gone(node)
        self._end(node, self._of_node.pop(node, ()))

    def _end(self, node: str, said: Iterable[tuple[str, str]]) -> None:
        """These rooms and users of `node` are no more."""
        for room, user in list(said):
            self.present(node, room, user, None)
            self.occupancy.changed(room, None)

    def _tell_changes(self) -> None:
        """Give changes that no answer brings to one worker each, once there is one that has said all and stays."""
        nodes = dict.fromkeys(node for node in self._tells.nodes() if node not in self._leaving)
        if not nodes or self._unsaid:
            return
        if self._all_back:
            self.occupancy.all_back()
        for room, occupied in self.occupancy.due():
            with_users = (node for entries in self._rooms.get(room, {}).values() for node in entries if node in nodes)
            node = next(with_users, next(iter(nodes)))
            changed = say.Changed(room, self.occupancy.give(room, node, occupied=occupied))
            self._tells.to_all(changed, but=node)
            self._tells.to_node(node, changed)
