"""What no history of rooms may show, worked out from what clients said and heard.

A position means one message, for ever. What was acknowledged has a position, and is in the history unless its epoch has
ended. One idempotency key stands for one message in an epoch. It knows neither gateways nor the engine.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any, NamedTuple

from tidegate.gateway.lifecycle import Happened

KEPT = 1000
"""As the schema says of the rooms whose histories are checked."""
Said = tuple[str, str]
"""Who spoke, and what: no two messages of a history are alike."""


class Place(NamedTuple):
    room: str
    epoch: str
    offset: int


class RoomJudge:
    def __init__(self) -> None:
        self.violations: list[tuple[str, str]] = []
        self.heard = 0
        self.acknowledged: dict[Place, tuple[str, Said, str | None]] = {}
        """Which client was told that its message, sent with a key, stands there."""
        self._at: dict[Place, Said] = {}
        self._keys: dict[tuple[str, str, str, str], int] = {}
        self._occupied: dict[str, list[bool]] = defaultdict(list)
        """What the gateways told, by room: occupied, or vacated."""

    def wrong(self, whose: str, what: str) -> None:
        self.violations.append((whose, what))

    def saw(self, whose: str, place: Place, said: Said) -> None:
        """A client got a message, live, in a replay or in a page of history."""
        self.heard += 1
        if self._at.setdefault(place, said) != said:
            self.wrong(whose, f"{place} is {said}, and was {self._at[place]}")

    def sent(self, whose: str, place: Place, said: Said, key: str | None) -> None:
        """A client was told where its message stands."""
        self.saw(whose, place, said)
        self.acknowledged[place] = (whose, said, key)
        if key is not None:
            offset = self._keys.setdefault((place.room, place.epoch, said[0], key), place.offset)
            if offset != place.offset:
                self.wrong(whose, f"{key} stands at {offset} and at {place.offset} of {place.room}")

    def happened(self, happened: Happened) -> None:
        """A gateway told its application."""
        if happened.room is not None and happened.kind in {"occupied", "vacated"}:
            self._occupied[happened.room].append(happened.kind == "occupied")

    def check_occupied(self, whose: str, rooms: set[str]) -> None:
        """`rooms`: those with users. The last that was told is so.

        Two gateways may tell two changes of one moment in the other order: then both were told.
        """
        for room in rooms | self._occupied.keys():
            told, occupied = self._occupied[room], room in rooms
            both = bool(told) and told.count(True) - told.count(False) == occupied
            if told[-1:] != [occupied] and not both:
                self.wrong(whose, f"{room} has users: {occupied}, and is told to be occupied: {told}")

    def check_epochs(self, whose: str) -> None:
        """The server lost nothing, so that no room that keeps its messages may have begun again."""
        epochs: dict[str, set[str]] = defaultdict(set)
        for place in self._at:
            if place.room.startswith("kept"):
                epochs[place.room].add(place.epoch)
        for room, found in epochs.items():
            if len(found) > 1:
                self.wrong(whose, f"{room} began again: {sorted(found)}")

    def check_history(self, whose: str, room: str, epoch: str, head: int, texts: list[tuple[int, Said]]) -> None:
        """Everything that `room`, which keeps KEPT messages, still has at the end."""
        offsets, first = [offset for offset, _ in texts], max(1, head - KEPT + 1)
        if offsets != list(range(first, head + 1)):
            self.wrong(whose, f"the history of {room} has {offsets}, its head is {head}")
        there = dict(texts)
        for place, (_, said, _) in self.acknowledged.items():
            there_still = place.room == room and place.epoch == epoch and place.offset >= first
            if there_still and there.get(place.offset) != said:
                self.wrong(whose, f"{said} was acknowledged at {place}, where {there.get(place.offset)} is")
        counted: dict[Said, int] = defaultdict(int)
        for _, said in texts:
            counted[said] += 1
        for said, count in counted.items():
            if count > 1:
                self.wrong(whose, f"{said} is {count} times in {room}")


def said_in(message: dict[str, Any]) -> Said:
    return message["from"], message["data"]["said"]
