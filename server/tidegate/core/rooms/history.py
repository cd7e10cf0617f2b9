"""The latest messages of one room: a ring of encoded texts, each with its offset.

It knows positions, ages and sizes, not who may read them. The epoch comes from outside and is new for each history, so
that an offset of an earlier history is never taken for one of this. Each message and key is held by the account that
sent it, the ring itself by that of the first message.
Invariant: it holds the last `len(history)` offsets without a gap, ending at `offset`, and no account has less reserved
in the ledger than its messages here take.
"""

from __future__ import annotations

import sys
from collections import deque
from itertools import islice

from tidegate.core.budgets.ledger import Ledger
from tidegate.core.errors import Refused
from tidegate_protocol import RoomPosition

RECENT_KEYS = 256
"""Idempotency keys that a room remembers: a message that is sent again within that many is not published twice."""
PAGE_BYTES = 262_144
"""Bytes of messages in a page, at most; a page has one message at least. A client asks for the rest."""
# Measured by tests/core/rooms/test_object_sizes.py, with CPython 3.11 to 3.13.
HISTORY_BYTES = 1600
"""A history without messages, its epoch and its place in the engine."""
MESSAGE_BYTES = 150
"""A message beside its text."""
KEY_BYTES = 350
"""An idempotency key beside its text, with the digest of its message."""
BLOCK_BYTES = 1024
"""What is reserved in the ledger at a time, at least. To ask it for each message would cost more than the message."""
GROWTH, LARGEST_BLOCK = 4, 8192
"""An account that holds much here reserves a block of what it holds divided by GROWTH: LARGEST_BLOCK at most."""


class Share:
    """What one account holds of a history."""

    __slots__ = ("account", "reserved", "spare", "used")

    def __init__(self, account: str) -> None:
        self.account = account
        self.used = 0
        """Bytes of its messages."""
        self.reserved = 0
        """Bytes that the ledger counts."""
        self.spare = 2 * BLOCK_BYTES
        """When this many of them are not used, they are given back."""


class History:
    """The ring of one room. `size` 0 keeps nothing, but still counts offsets."""

    __slots__ = ("_kept", "_ledger", "_payer", "_recent", "_size", "_ttl", "epoch", "held", "offset", "touched")

    def __init__(self, ledger: Ledger, account: str, epoch: str, rules: tuple[int, float], now: float) -> None:
        """For the first message, which is sent by `account`. `rules`: how many messages it keeps, and for how long.

        Raises Refused(limit_reached) where the ledger has no room.
        """
        self._ledger = ledger
        self._payer = account
        self.epoch = epoch
        self.offset = 0
        self.touched = now
        """When the last message came or the room was left, in seconds: its ttl counts from there."""
        size, self._ttl = rules
        self._size = size if self._ttl > 0 else 0
        self._kept: deque[tuple[float, bytes, Share]] = deque()
        """When each message was published, in seconds, the message, and who holds it."""
        self._recent: dict[tuple[str, str], tuple[int, bytes, str]] = {}
        self.held: dict[str, Share] = {}
        """By account: those who hold messages here."""
        ledger.take(account, "rooms", HISTORY_BYTES)

    @property
    def head(self) -> RoomPosition:
        return RoomPosition(epoch=self.epoch, offset=self.offset)

    def next_position(self) -> RoomPosition:
        """The position the next message gets."""
        return RoomPosition(epoch=self.epoch, offset=self.offset + 1)

    def __len__(self) -> int:
        return len(self._kept)

    def append(self, message: bytes, now: float, account: str) -> None:
        """Add `message`, which has the next position. Raises Refused(limit_reached) where the ledger has no room."""
        if self._size:
            size = len(message) + MESSAGE_BYTES
            share = self.held.get(account)
            if share is None or share.used + size > share.reserved:
                share = self._reserve(share or Share(account), size)
            share.used += size
            self._kept.append((now, message, share))
            if len(self._kept) > self._size:
                self._drop_oldest()
        self.offset += 1
        self.touched = now

    def drop(self, count: int = 1) -> None:
        """Forget the oldest messages; a client that missed them is told that they cannot be recovered."""
        for _ in range(min(count, len(self._kept))):
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        _, message, share = self._kept.popleft()
        share.used = used = share.used - len(message) - MESSAGE_BYTES
        if not used or share.reserved - used >= share.spare:
            self._give_back(share)

    def _reserve(self, share: Share, size: int) -> Share:
        """Reserve what `size` more bytes need. Where others give way for it, this history may, too."""
        block = _block(share.used)
        reserved = max(block, share.used + size - share.reserved)
        self._ledger.take(share.account, "histories", reserved)
        share.spare = 2 * block
        share.reserved += reserved
        self.held[share.account] = share
        return share

    def _give_back(self, share: Share) -> None:
        """Give back what is not used, but for one block."""
        block = _block(share.used)
        spare = share.reserved - share.used - (block if share.used else 0)
        share.spare = 2 * block
        share.reserved -= spare
        self._ledger.give(share.account, "histories", spare)
        if not share.used:
            del self.held[share.account]

    def close(self) -> None:
        """Give back everything: the history is no more."""
        self.drop(len(self._kept))
        while self._recent:
            self._forget_key()
        self._ledger.give(self._payer, "rooms", HISTORY_BYTES)

    def published(self, user: str, key: str, digest: bytes) -> RoomPosition | None:
        """The position of the message that `user` published with this idempotency key; None for a new one.

        `digest` is of the message's data. Raises Refused(conflict) where the earlier message had other data.
        """
        offset, earlier, _ = self._recent.get((user, key), (None, digest, ""))
        if earlier != digest:
            raise Refused("conflict", "this idempotency key was already used for a different message", pointer="/key")
        return None if offset is None else RoomPosition(epoch=self.epoch, offset=offset)

    def remember(self, user: str, key: str, digest: bytes, account: str) -> None:
        """Keep the key of the message that was just appended."""
        self._ledger.add(account, "keys", _key_bytes(user, key))
        self._recent[user, key] = (self.offset, digest, sys.intern(account))
        if len(self._recent) > RECENT_KEYS:
            self._forget_key()

    def after(self, since: RoomPosition, now: float) -> list[bytes] | None:
        """The messages after `since`; None where some are gone or the position is not of this history."""
        missed = self.offset - since.offset
        if since.epoch != self.epoch or missed < 0:
            return None
        self._expire(now)
        if missed > len(self._kept):
            return None
        return [message for _, message, _ in islice(self._kept, len(self._kept) - missed, None)]

    def page(self, before: int | None, limit: int, now: float) -> tuple[list[bytes], bool]:
        """The last messages with an offset below `before`, oldest first, and whether older ones are kept.

        At most `limit`, and at most `PAGE_BYTES` together unless it is one.
        """
        self._expire(now)
        first = self.offset - len(self._kept) + 1
        end = len(self._kept) if before is None else max(0, min(len(self._kept), before - first))
        newest_first = islice(reversed(self._kept), len(self._kept) - end, len(self._kept) - max(0, end - limit))
        page: list[bytes] = []
        size = 0
        for _, message, _ in newest_first:
            size += len(message)
            if page and size > PAGE_BYTES:
                break
            page.append(message)
        page.reverse()
        return page, end - len(page) > 0

    def expired(self, now: float) -> bool:
        return now - self.touched > self._ttl

    def _forget_key(self) -> None:
        (user, key), (_, _, account) = oldest = next(iter(self._recent.items()))
        del self._recent[oldest[0]]
        self._ledger.give(account, "keys", _key_bytes(user, key))

    def _expire(self, now: float) -> None:
        while self._kept and self._kept[0][0] < now - self._ttl:
            self.drop()


def _key_bytes(user: str, key: str) -> int:
    return KEY_BYTES + len(user) + len(key)


def _block(used: int) -> int:
    """How much is reserved at a time for an account that holds `used` bytes."""
    return min(max(BLOCK_BYTES, used // GROWTH), LARGEST_BLOCK)
