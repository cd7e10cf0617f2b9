"""What each room was told to be, occupied or vacated, compared with whether it has users; the hub's side.

A change is given to one worker, and kept until that worker says that it has it. A worker that comes back gets again
what it lacks. A hub that was started again learns from the workers what was told before: which changes they remember,
and up to which number each of them has what it was given.
Invariant: of one room, `occupied` and `vacated` take turns. While workers come back to a new hub, no change is told: a
worker that is not back yet may know that a room was told to be occupied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from tidegate.core.rooms.ports import Occupancy
from tidegate.engines.hub.messages import Change, Changed

GONE = 64
"""Nodes that are gone, and may come back and get what they lack. Of more, the first is forgotten."""
VACATED = 16_384
"""Rooms that a hub after another one told to be vacated, and knows it. Of more, the first is forgotten."""
Numbers = list[tuple[int, int]]
"""As in `messages.Earlier.has`."""


class OccupancyOfRooms:
    """Of all rooms of one machine."""

    def __init__(self, began: int, has_users: Callable[[str], bool], *, waits: bool) -> None:
        """`began`: changes have higher numbers, those of earlier hubs have lower ones. `waits`: until `all_back`."""
        self._began = self._number = began
        self._has_users = has_users
        self._told: dict[str, Change] = {}
        """By room that was told to be occupied: its last change."""
        self._due: dict[str, None] = {}
        """Rooms whose users came or went otherwise than at a worker's word: to be compared with what was told."""
        self._given: dict[str, dict[int, tuple[str, Change]]] = {}
        """By node and number: what it was given, and perhaps does not have."""
        self._last: dict[str, Change] = {}
        """By room of these: its last change."""
        self._gone: dict[str, None] = {}
        self._vacated: dict[str, None] | None = {} if waits else None
        """Rooms that this hub told to be vacated last; None where there was no hub before it. Workers that were away
        meanwhile may say that an earlier hub told them to be occupied."""
        self._waits = waits
        """Workers come back to this hub, which is new to them."""
        self._claims: dict[str, set[Change]] = {}
        """By room: the changes by earlier hubs that workers remember."""
        self._numbers: dict[str, Numbers] = {}
        """By node: what it has of the changes by earlier hubs."""

    def last(self, room: str) -> Change | None:
        """The change by which `room` was told to be occupied, as far as is known; None if it was not."""
        return self._told.get(room) or self._claimed(room)

    def changed(self, room: str, node: str | None) -> tuple[Occupancy, Change | None]:
        """Users of `room` came or went. What is new, and the last change, for the worker `node` that said so.

        Where no worker said so, and where a new hub does not know enough, `due` has it later.
        """
        users, told = self._has_users(room), self.last(room)
        if node is None or self._waits:
            self._due[room] = None
        elif users != (told is not None):
            return ("occupied" if users else "vacated"), self.give(room, node, occupied=users)
        return None, told

    def due(self) -> Iterator[tuple[str, bool]]:
        """Rooms for which one worker has to be given a change, and whether they are occupied."""
        if not self._waits:
            due, self._due = self._due, {}
            for room in due:
                users = self._has_users(room)
                if users != (room in self._told):
                    yield room, users

    def give(self, room: str, node: str, *, occupied: bool) -> Change:
        """`node` is given the change of `room`."""
        self._number = number = self._number + 1
        change = Change(number, node, occupied)
        if occupied:
            self._told[room] = change
        else:
            self._told.pop(room, None)
        if self._vacated is not None:
            self._vacated.pop(room, None)
            if not occupied:
                self._vacated[room] = None
            if len(self._vacated) > VACATED:
                del self._vacated[next(iter(self._vacated))]
        self._given.setdefault(node, {})[number] = room, change
        self._last[room] = change
        return change

    # -- what nodes have ---------------------------------------------------------------------------------------------

    def has(self, node: str, number: int) -> None:
        """`node` has what it was given, up to `number`."""
        given = self._given.get(node, {})
        while given and (first := next(iter(given))) <= number:
            self._drop(*given.pop(first))
        if not given:
            self._given.pop(node, None)

    def back(self, node: str, number: int) -> list[Changed]:
        """What `node` lacks, without changes that another node was given a later one after."""
        self._gone.pop(node, None)
        self.has(node, number)
        lacks = [Changed(room, change) for room, change in self._given.get(node, {}).values()]
        return [each for each in lacks if (last := self._last.get(each.room)) is not None and last.node == node]

    def gone(self, node: str) -> None:
        """`node` is gone, perhaps for ever."""
        if node in self._given:
            self._gone[node] = None
        if len(self._gone) > GONE:
            first = next(iter(self._gone))
            del self._gone[first]
            for room, change in self._given.pop(first).values():
                self._drop(room, change)

    def _drop(self, room: str, change: Change) -> None:
        if self._last.get(room) == change:
            del self._last[room]

    # -- a new hub ---------------------------------------------------------------------------------------------------

    def earlier(self, node: str, numbers: Numbers, changes: Iterable[tuple[str, Change]]) -> None:
        """What `node` remembers from earlier hubs. The node may come late: then what it knows is waited for again."""
        self._numbers[node] = numbers
        for room, change in changes:
            if change.number <= self._began and room not in (self._vacated or ()):  # it knows its own
                self._claims.setdefault(room, set()).add(change)
                self._waits = True

    def all_back(self) -> None:
        """The workers that come back have said what they remember. Rooms that are otherwise become due."""
        self._waits = False
        for room in self._claims:
            claimed = self._claimed(room)
            if claimed is not None:
                self._told.setdefault(room, claimed)
            self._due[room] = None
        self._claims.clear()
        self._numbers.clear()

    def _claimed(self, room: str) -> Change | None:
        """The last change of `room` that was told, if that is `occupied`."""
        last = max(filter(self._was_told, self._claims.get(room, ())), default=None)
        return last if last is not None and last.occupied else None

    def _was_told(self, change: Change) -> bool:
        """Whether its node has it. Of a node that is gone, this is not known."""
        numbers = self._numbers.get(change.node)
        if not numbers or change.number <= numbers[0][0]:
            return True
        return any(began < change.number <= last for began, last in numbers)
