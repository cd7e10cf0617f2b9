"""The latest messages of one room: a ring of encoded texts, each with its offset.

It knows positions, ages and sizes, not who may read them. The epoch comes from outside and is new for each history, so
that an offset of an earlier history is never taken for one of this.
Invariant: it holds the last `len(history)` offsets without a gap, ending at `offset`, and `bytes` is their size.
"""

from __future__ import annotations

from collections import deque
from itertools import islice

from tidegate.core.errors import Refused
from tidegate_protocol import RoomPosition

RECENT_KEYS = 256
"""Idempotency keys that a room remembers: a message that is sent again within that many is not published twice."""


class History:
    """The ring of one room. `size` 0 keeps nothing, but still counts offsets."""

    __slots__ = ("_kept", "_recent", "_size", "_ttl", "bytes", "epoch", "offset", "touched")

    def __init__(self, epoch: str, size: int, ttl: float, now: float) -> None:
        self.epoch = epoch
        self.offset = 0
        self.touched = now
        """When the last message came or the room was left, in seconds: its ttl counts from there."""
        self._size = size
        self._ttl = ttl
        self._kept: deque[tuple[float, bytes]] = deque()
        """When each message was published, in seconds, and the message."""
        self.bytes = 0
        self._recent: dict[tuple[str, str], tuple[int, bytes]] = {}

    @property
    def head(self) -> RoomPosition:
        return RoomPosition(epoch=self.epoch, offset=self.offset)

    def next_position(self) -> RoomPosition:
        """The position the next message gets."""
        return RoomPosition(epoch=self.epoch, offset=self.offset + 1)

    def __len__(self) -> int:
        return len(self._kept)

    def append(self, message: bytes, now: float) -> None:
        """Add `message`, which has the next position."""
        self.offset += 1
        self.touched = now
        if self._size:
            self._kept.append((now, message))
            self.bytes += len(message)
            if len(self._kept) > self._size:
                self.drop()

    def drop(self, count: int = 1) -> None:
        """Forget the oldest messages; a client that missed them is told that they cannot be recovered."""
        for _ in range(min(count, len(self._kept))):
            self.bytes -= len(self._kept.popleft()[1])

    def published(self, user: str, key: str, digest: bytes) -> RoomPosition | None:
        """The position of the message that `user` published with this idempotency key; None for a new one.

        `digest` is of the message's data. Raises Refused(conflict) where the earlier message had other data.
        """
        offset, earlier = self._recent.get((user, key), (None, digest))
        if earlier != digest:
            raise Refused("conflict", "this idempotency key was already used for a different message", pointer="/key")
        return None if offset is None else RoomPosition(epoch=self.epoch, offset=offset)

    def remember(self, user: str, key: str, digest: bytes) -> None:
        """Keep the key of the message that was just appended."""
        self._recent[user, key] = (self.offset, digest)
        if len(self._recent) > RECENT_KEYS:
            del self._recent[next(iter(self._recent))]

    def after(self, since: RoomPosition, now: float) -> list[bytes] | None:
        """The messages after `since`; None where some are gone or the position is not of this history."""
        missed = self.offset - since.offset
        if since.epoch != self.epoch or missed < 0:
            return None
        self._expire(now)
        if missed > len(self._kept):
            return None
        return [message for _, message in islice(self._kept, len(self._kept) - missed, None)]

    def page(self, before: int | None, limit: int, now: float) -> tuple[list[bytes], bool]:
        """The last `limit` messages with an offset below `before`, oldest first, and whether older ones are kept."""
        self._expire(now)
        first = self.offset - len(self._kept) + 1
        end = len(self._kept) if before is None else max(0, min(len(self._kept), before - first))
        start = max(0, end - limit)
        return [message for _, message in islice(self._kept, start, end)], start > 0

    def expired(self, now: float) -> bool:
        return now - self.touched > self._ttl

    def _expire(self, now: float) -> None:
        while self._kept and self._kept[0][0] < now - self._ttl:
            self.drop()
