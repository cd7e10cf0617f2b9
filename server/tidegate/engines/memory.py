"""The engine of a single gateway: a message is delivered before `publish` returns, and every answer is ready.

It gives each message its position and keeps each room's history for its ttl. It does not know who is in a room beyond
what it is told by `present`, `open` and `close`.
Invariant: a room's epoch is new for each of its histories, so that a position of an earlier one never fits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator
from typing import Any, Generic, TypeVar

import msgspec

from tidegate.core.rooms.history import History
from tidegate.core.rooms.ports import Answer, EngineListener, HistoryPage, Occupancy, Opened, PresenceEntry
from tidegate.core.rooms.room import RoomRules
from tidegate_protocol import RoomMessage, RoomPosition, Sender

LIMIT = 64 << 20
"""Bytes that all histories together may hold, so that no client can fill the memory."""
SWEEP_S = 10.0
"""Seconds between two calls of `sweep`."""
DIGEST_BYTES = 16

Value = TypeVar("Value")


class Ready(msgspec.Struct, Generic[Value], frozen=True, gc=False):
    """An answer that is there already: cheaper than an asyncio.Future, and bound to no loop."""

    value: Value

    def done(self) -> bool:
        return True

    def result(self) -> Value:
        return self.value

    def __await__(self) -> Generator[Any, None, Value]:
        yield from ()
        return self.value


NOTHING_CHANGED: Ready[Occupancy] = Ready(None)


class MemoryEngine:
    """Room histories in this process's memory. Implements `core.rooms.ports.Engine`."""

    def __init__(
        self, encode: Callable[[RoomMessage], bytes], new_epoch: Callable[[], str], limit: int = LIMIT
    ) -> None:
        """`encode`: a message as JSON. `limit`: bytes of all histories together."""
        self._encode = encode
        self._new_epoch = new_epoch
        self._limit = limit
        self._bytes = 0
        self._histories: dict[str, History] = {}
        self._open: set[str] = set()
        self._present: dict[str, set[str]] = {}
        """The users who are present in each room."""
        self._listener: EngineListener | None = None

    @property
    def healthy(self) -> bool:
        return True

    def listen(self, listener: EngineListener) -> None:
        self._listener = listener

    def publish(
        self, room: str, rules: RoomRules, sender: Sender, data: Any, key: str | None, now: float
    ) -> Answer[RoomPosition]:
        history = self._history(room, rules, now)
        digest = b"" if key is None else hashlib.blake2b(msgspec.json.encode(data), digest_size=DIGEST_BYTES).digest()
        if key is not None and (earlier := history.published(sender.id, key, digest)) is not None:
            return Ready(earlier)
        position = history.next_position()
        text = self._encode(
            RoomMessage(room=room, from_=sender.id, sender=sender, data=data, position=position, time=int(now * 1000))
        )
        bytes_before = history.bytes
        history.append(text, now)
        self._bytes += history.bytes - bytes_before
        if key is not None:
            history.remember(sender.id, key, digest)
        if self._listener is not None:
            self._listener.delivered(room, position.offset, text)
        if self._bytes > self._limit:
            self._make_room()
        return Ready(position)

    def open(self, room: str, rules: RoomRules, since: RoomPosition | None, now: float) -> Answer[Opened]:
        self._open.add(room)
        history = self._history(room, rules, now)
        return Ready(Opened(head=history.head, missed=None if since is None else history.after(since, now)))

    def history(self, room: str, rules: RoomRules, before: int | None, limit: int, now: float) -> Answer[HistoryPage]:
        return Ready(HistoryPage(*self._history(room, rules, now).page(before, limit, now)))

    def close(self, room: str, now: float) -> None:
        self._open.discard(room)
        history = self._histories.get(room)
        if history is not None:
            history.touched = now

    def present(self, room: str, user: str, entry: PresenceEntry | None) -> Answer[Occupancy]:
        users = self._present.get(room)
        if entry is not None:
            if users is None:
                self._present[room] = {user}
                return Ready("occupied")
            users.add(user)
        elif users is not None:
            users.discard(user)
            if not users:
                del self._present[room]
                return Ready("vacated")
        return NOTHING_CHANGED

    def tell(self, node: str | None, kind: str, text: str) -> None:
        """There is one gateway: it is told, whatever `node` says."""
        if self._listener is not None:
            self._listener.told(kind, text)

    def user(self, user: str, text: bytes) -> None:
        if self._listener is not None:
            self._listener.told_user(user, text)

    def forget(self, room: str) -> Answer[None]:
        history = self._histories.pop(room, None)
        if history is not None:
            self._bytes -= history.bytes
        return Ready(None)

    async def aclose(self) -> None:
        self._listener = None

    def sweep(self, now: float) -> None:
        """Forget the histories whose ttl is over. It counts from the last message or from when the room was closed."""
        for room, history in list(self._histories.items()):
            if room in self._open:
                history.touched = now
            elif history.expired(now):
                del self._histories[room]
        self._bytes = sum(history.bytes for history in self._histories.values())

    def _history(self, room: str, rules: RoomRules, now: float) -> History:
        """The history of `room`, begun if there is none."""
        history = self._histories.get(room)
        if history is None:
            history = History(self._new_epoch(), rules.history_size, rules.history_ttl, now)
            self._histories[room] = history
        return history

    def _make_room(self) -> None:
        """Empty the histories of the rooms that were silent longest, until a tenth of the limit is free.

        A client that comes back to such a room is told that its messages cannot be recovered.
        """
        for history in sorted(self._histories.values(), key=lambda history: history.touched):
            self._bytes -= history.bytes
            history.drop(len(history))
            if self._bytes <= self._limit * 0.9:
                return
