"""What was said in one room lately: a ring of encoded messages, each with its offset.

It knows positions, ages and sizes, not who may read or how a message travels. A room's epoch is given from outside and
is new for each incarnation of the history, so that an offset is never mistaken after a restart.
Invariant: it holds the last `len(history)` offsets without a gap, ending at `offset`, and `bytes` is their size.
"""

from __future__ import annotations

from collections import deque
from itertools import islice

from tidegate.core.errors import Refused
from tidegate_protocol import RoomPosition

RECENT_KEYS = 256
"""Idempotency keys remembered for each room: a resent message within that many keyed ones is not said twice."""


class History:
    """The ring of one room. `size` 0 keeps nothing, but still counts offsets."""

    __slots__ = ("_kept", "_recent", "_size", "_ttl", "bytes", "epoch", "offset", "touched")

    def __init__(self, epoch: str, size: int, ttl: float, now: float) -> None:
        self.epoch = epoch
        self.offset = 0
        self.touched = now
        """When the room was last spoken in or left, in seconds: what its ttl counts from."""
        self._size = size
        self._ttl = ttl
        self._kept: deque[tuple[float, bytes]] = deque()
        """When each message was said, in seconds, and the message."""
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
        """`message` was said: it has the next position."""
        self.offset += 1
        self.touched = now
        if self._size:
            self._kept.append((now, message))
            self.bytes += len(message)
            if len(self._kept) > self._size:
                self.drop()

    def drop(self, count: int = 1) -> None:
        """Forget the oldest messages; whoever missed them is told that they cannot be recovered."""
        for _ in range(min(count, len(self._kept))):
            self.bytes -= len(self._kept.popleft()[1])

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

    def after(self, since: RoomPosition, now: float) -> list[bytes] | None:
        """The messages said after `since`; None where some are gone or the position is not of this history."""
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
