"""What was said in one room lately: a ring of messages, each with its offset.

It knows positions and ages, not who may read or how a message travels. A room's epoch is given from outside and is new
for each incarnation of the history, so that an offset is never mistaken after a restart.
Invariant: `messages` holds the last `len(messages)` offsets without a gap, ending at `offset`.
"""

from __future__ import annotations

from collections import deque

from tidegate.core.errors import Refused
from tidegate_protocol import RoomMessage, RoomPosition

RECENT_KEYS = 256
"""Idempotency keys remembered for each room: a resent message within that many keyed ones is not said twice."""


class History:
    """The ring of one room. `size` 0 keeps nothing, but still counts offsets."""

    __slots__ = ("_recent", "_size", "_ttl", "epoch", "messages", "offset", "touched")

    def __init__(self, epoch: str, size: int, ttl: float, now: float) -> None:
        self.epoch = epoch
        self.offset = 0
        self.touched = now
        """When the room was last spoken in or left, in seconds: what its ttl counts from."""
        self._size = size
        self._ttl = ttl
        self.messages: deque[RoomMessage] = deque(maxlen=size)
        self._recent: dict[tuple[str, str], tuple[int, bytes]] = {}

    @property
    def head(self) -> RoomPosition:
        return RoomPosition(epoch=self.epoch, offset=self.offset)

    def next_position(self) -> RoomPosition:
        """The position the next message gets."""
        return RoomPosition(epoch=self.epoch, offset=self.offset + 1)

    def append(self, message: RoomMessage, now: float) -> None:
        self.offset += 1
        self.touched = now
        if self._size:
            self.messages.append(message)

    def said_before(self, user: str, key: str, digest: bytes) -> RoomPosition | None:
        """Where `user` already said the message with this idempotency key, if that was lately.

        Raises Refused(conflict) if it was another message: `digest` is of what is said.
        """
        offset, said = self._recent.get((user, key), (None, digest))
        if said != digest:
            raise Refused("conflict", "another message was said with this key", pointer="/key")
        return None if offset is None else RoomPosition(epoch=self.epoch, offset=offset)

    def remember(self, user: str, key: str, digest: bytes) -> None:
        """Keep the key of the message just appended."""
        self._recent[user, key] = (self.offset, digest)
        if len(self._recent) > RECENT_KEYS:
            del self._recent[next(iter(self._recent))]

    def after(self, since: RoomPosition, now: float) -> list[RoomMessage] | None:
        """The messages said after `since`; None where some are gone or the position is not of this history."""
        missed = self.offset - since.offset
        if since.epoch != self.epoch or missed < 0:
            return None
        self._expire(now)
        if missed > len(self.messages):
            return None
        return list(self.messages)[len(self.messages) - missed :]

    def page(self, before: int | None, limit: int, now: float) -> tuple[list[RoomMessage], bool]:
        """The last `limit` messages with an offset below `before`, oldest first, and whether older ones are kept."""
        self._expire(now)
        kept = [m for m in self.messages if before is None or m.position.offset < before]
        return kept[-limit:], len(kept) > limit

    def expired(self, now: float) -> bool:
        return now - self.touched > self._ttl

    def _expire(self, now: float) -> None:
        oldest = (now - self._ttl) * 1000
        while self.messages and self.messages[0].time < oldest:
            self.messages.popleft()
