"""The memory in which the workers of a machine count together what one address or account does.

Tables of a fixed size in a file without a name. A key, the keyed hash of a text, belongs to one set of rows. A row of
`Buckets` is the time at which a bucket is full again, and is free from then on. A row of `Connections` has a number for
each worker process and is free while all are 0; only the process writes its number, and the supervisor clears it for
the next one. There are no locks: where two workers write to a row in the same moment, one of them is not counted.
Invariant: no key waits for another process, whatever happens to that process.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import secrets
import struct
from typing import Literal

from tidegate.core.budgets.rates import ENDLESS, Bucket, Rate

Kind = Literal["connects", "tokens", "rooms"]
KINDS: tuple[Kind, ...] = ("connects", "tokens", "rooms")
ROWS = 8
"""Rows of a set."""
BUCKET_SETS, CONNECTION_SETS = 8192, 4096
SECRET_BYTES = 16
HEAD = 64
_KEY, _TIME, _NUMBER = struct.Struct("=8s"), struct.Struct("=d"), struct.Struct("=I")
_SET = struct.Struct("=" + "8sd" * ROWS)
_ROW = _KEY.size + _TIME.size
_BUCKETS = BUCKET_SETS * _SET.size


class Counts:
    """The whole memory. `descriptor`: its file."""

    def __init__(self, descriptor: int, columns: int) -> None:
        """`columns`: how many worker processes there can be at a time."""
        self.descriptor = descriptor
        self._columns = columns
        self._memory = mmap.mmap(descriptor, _size(columns))
        self._secret = self._memory[:SECRET_BYTES]

    @classmethod
    def make(cls, columns: int) -> Counts:
        descriptor = os.memfd_create("tidegate-counts")
        os.truncate(descriptor, _size(columns))
        os.pwrite(descriptor, secrets.token_bytes(SECRET_BYTES), 0)
        return cls(descriptor, columns)

    def of_worker(self, column: int) -> WorkerCounts:
        """What the process that has `column` counts together with the others."""
        return WorkerCounts({kind: self.buckets(kind) for kind in KINDS}, self.connections(column))

    def buckets(self, kind: Kind) -> Buckets:
        return Buckets(self._memory, HEAD + KINDS.index(kind) * _BUCKETS, self._secret)

    def connections(self, column: int) -> Connections:
        """The connections of each address, for the process that has `column`."""
        return Connections(self._memory, HEAD + len(KINDS) * _BUCKETS, self._secret, (column, self._columns))

    def clear(self, column: int) -> None:
        """The process that had `column` has ended."""
        self.connections(column).clear()


class Buckets:
    """The buckets of one kind."""

    def __init__(self, memory: mmap.mmap, start: int, secret: bytes) -> None:
        self._memory = memory
        self._start = start
        self._secret = secret

    def bucket(self, name: str, rate: Rate) -> Bucket:
        """The bucket of `name`, which all workers take from."""
        return SharedBucket(rate, self, _key(name, self._secret))

    def read(self, key: bytes) -> float:
        """When the bucket of `key` is full again."""
        found = _SET.unpack_from(self._memory, self._place(key))
        for row in range(0, 2 * ROWS, 2):
            if found[row] == key:
                full_at: float = found[row + 1]
                return full_at
        return -ENDLESS

    def write(self, key: bytes, full_at: float) -> None:
        """Into its row, or the one whose bucket is full first."""
        place = self._place(key)
        found = _SET.unpack_from(self._memory, place)
        keys, times = found[::2], found[1::2]
        row = keys.index(key) if key in keys else times.index(min(times))
        _TIME.pack_into(self._memory, place + row * _ROW + _KEY.size, full_at)
        _KEY.pack_into(self._memory, place + row * _ROW, key)

    def _place(self, key: bytes) -> int:
        return self._start + int.from_bytes(key, "little") % BUCKET_SETS * _SET.size


class SharedBucket(Bucket):
    """A bucket whose one number is in the memory of all workers."""

    __slots__ = ("_key", "_table")

    def __init__(self, rate: Rate, table: Buckets, key: bytes) -> None:
        super().__init__(rate)
        self._table = table
        self._key = key

    def level(self, now: float) -> float:
        self._full_at = self._table.read(self._key)
        return super().level(now)

    def full(self, now: float) -> bool:
        self._full_at = self._table.read(self._key)
        return super().full(now)

    def wait(self, now: float, amount: float = 1.0) -> float:
        self._full_at = self._table.read(self._key)
        return super().wait(now, amount)

    def owe(self, now: float, amount: float = 1.0) -> None:
        self._full_at = self._table.read(self._key)
        super().owe(now, amount)
        self._table.write(self._key, self._full_at)


class Connections:
    """How many connections each address has. Where its set is full, an address is counted in each worker alone."""

    def __init__(self, memory: mmap.mmap, start: int, secret: bytes, column: tuple[int, int]) -> None:
        """`column`: the number of this process's column, and how many there are."""
        self._memory = memory
        self._start = start
        self._secret = secret
        self._own = _KEY.size + column[0] * _NUMBER.size
        self._row = struct.Struct(f"=8s{column[1]}I")

    def elsewhere(self, name: str) -> int:
        """The connections of `name` to other processes."""
        key = _key(name, self._secret)
        for place in self._places(key):
            found, *numbers = self._row.unpack_from(self._memory, place)
            if found == key:
                own: int = _NUMBER.unpack_from(self._memory, place + self._own)[0]
                return int(sum(numbers)) - own
        return 0

    def here(self, name: str, connections: int) -> None:
        """`name` has this many `connections` to this process."""
        key, free = _key(name, self._secret), None
        for place in self._places(key):
            found, *numbers = self._row.unpack_from(self._memory, place)
            if found == key:
                _NUMBER.pack_into(self._memory, place + self._own, connections)
                return
            if free is None and not any(numbers):
                free = place
        if free is not None and connections:
            _KEY.pack_into(self._memory, free, key)
            _NUMBER.pack_into(self._memory, free + self._own, connections)

    def clear(self) -> None:
        """This process has no connection."""
        for row in range(CONNECTION_SETS * ROWS):
            _NUMBER.pack_into(self._memory, self._start + row * self._row.size + self._own, 0)

    def _places(self, key: bytes) -> range:
        size = self._row.size
        first = self._start + int.from_bytes(key, "little") % CONNECTION_SETS * ROWS * size
        return range(first, first + ROWS * size, size)


class WorkerCounts:
    """What one worker counts together with the others. Implements `core.budgets.addresses.SharedCounts`."""

    def __init__(self, buckets: dict[Kind, Buckets], connections: Connections) -> None:
        self._buckets = buckets
        self.elsewhere = connections.elsewhere
        self.here = connections.here

    def bucket(self, kind: Kind, name: str, rate: Rate) -> Bucket:
        return self._buckets[kind].bucket(name, rate)


def _size(columns: int) -> int:
    return HEAD + len(KINDS) * _BUCKETS + CONNECTION_SETS * ROWS * (_KEY.size + columns * _NUMBER.size)


def _key(name: str, secret: bytes) -> bytes:
    return hashlib.blake2b(name.encode(), digest_size=_KEY.size, key=secret).digest()


def most_workers(slots: int) -> int:
    """Processes of workers at a time: one for each slot, its successor, and one that is leaving."""
    return 2 * slots + 2
