"""Which rooms were told to be occupied, compared with those that have users; the hub's side.

What a worker was answered is kept until it is known to have it, so that the worker can ask again where the answer was
lost with its line. A hub that was started again learns from the workers which rooms are told to be occupied.
Invariant: of one room, `occupied` and `vacated` take turns. While workers come back to a new hub, no room is told to be
vacated.
"""

from __future__ import annotations

from collections.abc import Iterable

from tidegate.core.rooms.ports import Occupancy

GONE = 64
"""Nodes that are gone, and may come back and ask what they were answered. Of more, the first is forgotten."""


class OccupancyOfRooms:
    """Of all rooms of one machine."""

    def __init__(self) -> None:
        self._told: set[str] = set()
        """Rooms that are occupied, for those who were told."""
        self._vacant: dict[str, None] = {}
        """Those of them that have no user any more, which no worker was told yet."""
        self._answers: dict[str, dict[int, tuple[str, Occupancy]]] = {}
        """By node and number: the rooms and changes that it was answered, and perhaps does not have."""
        self._last: dict[str, str] = {}
        """By room of these: the node that was told the room's last change."""
        self._gone: dict[str, None] = {}
        self._waits = False
        """Workers come back to this hub, which is new."""

    def earlier(self, rooms: Iterable[str], has_users: Iterable[str]) -> None:
        """A worker that comes back to a new hub knows that `rooms` are told to be occupied."""
        self._waits = True
        self._told.update(rooms)
        self._vacant.update(dict.fromkeys(room for room in rooms if room not in has_users))

    def all_back(self) -> None:
        """Every worker is back, or gone."""
        self._waits = False

    def changed(self, room: str, *, users: bool, asked: bool) -> Occupancy:
        """What is new, now that `room` has users or none. `asked`: a worker gets it as its answer."""
        if users:
            self._vacant.pop(room, None)
            if room in self._told:
                return None
            self._told.add(room)
            self._last.pop(room, None)
            return "occupied"
        if room not in self._told or room in self._vacant:
            return None
        if asked and not self._waits:
            self._told.discard(room)
            self._last.pop(room, None)
            return "vacated"
        self._vacant[room] = None
        return None

    def vacated(self) -> list[str]:
        """The rooms that one worker has to be told, each once. To be asked where there is a worker."""
        if self._waits or not self._vacant:
            return []
        rooms, self._vacant = list(self._vacant), {}
        for room in rooms:
            self._told.discard(room)
            self._last.pop(room, None)
        return rooms

    # -- lost answers -----------------------------------------------------------------------------------------------

    def answered(self, node: str, number: int, room: str, change: Occupancy, has: int) -> None:
        """`node` is answered its request `number`; it has the answers up to `has`."""
        self._gone.pop(node, None)
        answers = self._answers.setdefault(node, {})
        while answers and (first := next(iter(answers))) <= has:
            self._drop(node, first)
        if change is not None:
            answers[number] = room, change
            self._last[room] = node
        elif not answers:
            del self._answers[node]

    def again(self, node: str, number: int) -> Occupancy:
        """What the request `number` of `node` changed; None where another node was told a later change of the room."""
        room, change = self._answers.get(node, {}).get(number, ("", None))
        return change if self._last.get(room) == node else None

    def gone(self, node: str) -> None:
        """`node` is gone, perhaps for ever."""
        if node in self._answers:
            self._gone[node] = None
        if len(self._gone) > GONE:
            first = next(iter(self._gone))
            del self._gone[first]
            for number in list(self._answers[first]):
                self._drop(first, number)
            del self._answers[first]

    def _drop(self, node: str, number: int) -> None:
        room, _ = self._answers[node].pop(number)
        if self._last.get(room) == node and all(room != each for each, _ in self._answers[node].values()):
            del self._last[room]
