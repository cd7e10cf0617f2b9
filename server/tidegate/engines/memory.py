"""The broker of a single gateway: what is said in a room is delivered in the same loop turn.

It gives every message its position and keeps each room's history for its ttl, whether anybody is in the room or not.
It does not know who is in a room.
Invariant: a room's epoch is new for each incarnation of its history, so positions are never mistaken for older ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import msgspec

from tidegate.core.rooms.history import History
from tidegate.core.rooms.room import RoomRules
from tidegate_protocol import RoomMessage, RoomPosition, Sender

LIMIT = 64 << 20
"""Bytes that all histories together may hold: rooms cost their visitors nothing, so nobody may fill the memory."""
SWEEP_S = 10.0
"""How often histories are looked at for their ttl."""


class MemoryBroker:
    """Room histories in this process's memory."""

    def __init__(
        self,
        encode: Callable[[RoomMessage], bytes],
        deliver: Callable[[str, bytes], None],
        new_epoch: Callable[[], str],
        limit: int = LIMIT,
    ) -> None:
        """`deliver` is told the room and the encoded message; `limit`: bytes of all histories together."""
        self._encode = encode
        self._deliver = deliver
        self._new_epoch = new_epoch
        self._limit = limit
        self._bytes = 0
        self._histories: dict[str, History] = {}
        self._swept = 0.0

    def publish(
        self, room: str, rules: RoomRules, sender: Sender, data: Any, key: str | None, now: float
    ) -> RoomPosition:
        """Say `data` in `room`; it is delivered before this returns. A `key` said before is not said again.

        Raises Refused(conflict) where something else was said with that `key`.
        """
        history = self.history(room, rules, now)
        digest = b"" if key is None else hashlib.blake2b(msgspec.json.encode(data), digest_size=16).digest()
        if key is not None and (before := history.said_before(sender.id, key, digest)) is not None:
            return before
        position = history.next_position()
        message = self._encode(
            RoomMessage(room=room, from_=sender.id, sender=sender, data=data, position=position, time=int(now * 1000))
        )
        before_it = history.bytes
        history.append(message, now)
        self._bytes += history.bytes - before_it
        if key is not None:
            history.remember(sender.id, key, digest)
        self._deliver(room, message)
        if self._bytes > self._limit:
            self._make_room()
        return position

    def history(self, room: str, rules: RoomRules, now: float) -> History:
        """The history of `room`, begun if there is none."""
        history = self._histories.get(room)
        if history is None:
            history = History(self._new_epoch(), rules.history_size, rules.history_ttl, now)
            self._histories[room] = history
        return history

    def sweep(self, now: float, occupied: Callable[[str], bool]) -> None:
        """Forget the histories whose ttl is over, counted from when their room was last seen with somebody in it.

        Cheap to call often.
        """
        if now - self._swept < SWEEP_S:
            return
        self._swept = now
        for room, history in list(self._histories.items()):
            if occupied(room):
                history.touched = now
            elif history.expired(now):
                del self._histories[room]
        self._bytes = sum(history.bytes for history in self._histories.values())

    def _make_room(self) -> None:
        """Empty the histories of the rooms that were silent longest, until a tenth of the limit is free.

        Whoever comes back to such a room hears that its messages cannot be recovered.
        """
        for history in sorted(self._histories.values(), key=lambda history: history.touched):
            self._bytes -= history.bytes
            history.drop(len(history))
            if self._bytes <= self._limit * 0.9:
                return
