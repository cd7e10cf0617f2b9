"""What waits for one client that does not read: a queue of frames, some of which the client may miss.

A frame that may be missed says which newer one replaces it, or that it may go when it is among the oldest. In the
place of dropped frames the client gets a notice. The work is put off until much waits or the client reads on: then one
pass over the queue drops what may be dropped.
A large frame leaves in parts, so that a client that stops reading in its midst does not fill the operating system's
buffers and the transport's.
Invariant: the frames and notices of one stream leave in the order in which the frames came, and nothing leaves within
another frame.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from itertools import accumulate

PART_BYTES = 65536
"""A larger frame leaves in parts of this size."""
TURN_BYTES = 1 << 18
"""Written to one client before others have their turn, which takes about a millisecond; or one larger frame."""
NOTICE_BYTES = 160
"""What a notice counts for before it is made."""


def unchanged(frame: bytes) -> bytes:
    """What is sent for a frame, where nothing is compressed."""
    return frame


def taken_from(frames: list[bytes]) -> tuple[list[bytes], int]:
    """Remove as many of the first frames as have `TURN_BYTES` together, or the first alone; returns also their size."""
    sizes = list(accumulate(map(len, frames)))
    count = bisect_right(sizes, TURN_BYTES) or 1
    taken, frames[:count] = frames[:count], []
    return taken, sizes[count - 1]


class Droppable(bytes):
    """A frame that a client may miss if it reads too slowly."""

    stream: Hashable
    """Dropped frames of one stream share a notice."""
    conflated: bool
    """A newer frame may replace it; otherwise it may go when it is among the oldest."""

    @property
    def replaces(self) -> Hashable | None:
        """Of the conflated frames of a stream with an equal value, the newest stays. With None, all stay."""
        raise NotImplementedError

    def notice(self, dropped: int) -> bytes:
        """The frame in the place of `dropped` frames, of which this is the newest."""
        raise NotImplementedError


class Dropped:
    """Frames of one stream that were dropped, and between which none stayed."""

    __slots__ = ("count", "newest")

    def __init__(self, newest: Droppable, count: int) -> None:
        self.newest = newest
        self.count = count


Entry = bytes | Dropped


class Backlog:
    """`limit`: bytes that may wait. Half of it for frames that go when they are the oldest."""

    __slots__ = ("_begun", "_conflated", "_entries", "_leaving", "_limit", "_oldest", "dropped", "size")

    def __init__(self, limit: int, leaving: Callable[[bytes], bytes] = unchanged) -> None:
        """`leaving` makes of a frame what is sent, which is not larger."""
        self._limit = limit
        self._leaving = leaving
        self._entries: deque[Entry] = deque()
        self._begun = memoryview(b"")
        """The rest of a large frame, of which a part has left."""
        self.size = 0
        """Bytes that wait."""
        self.dropped = 0
        """Frames that were dropped."""
        self._oldest = 0
        """Bytes of frames that may be dropped when they are the oldest."""
        self._conflated = 0
        """Bytes of frames that may be replaced, and that came since the last pass over the queue."""

    def __bool__(self) -> bool:
        return bool(self._entries or self._begun)

    @property
    def queued(self) -> int:
        """Bytes that wait behind the frame that has begun to leave."""
        return self.size - len(self._begun)

    @property
    def memory(self) -> int:
        """Bytes that are kept for what waits: a large frame stays whole until half of it has left."""
        return self.queued + (memoryview(self._begun.obj).nbytes if self._begun else 0)

    def only_begun(self) -> bool:
        """Drop all but the rest of a frame of which a part has left. Returns whether there is one."""
        self._entries.clear()
        self._oldest = self._conflated = 0
        self.size = len(self._begun)
        return bool(self._begun)

    def add(self, frames: Iterable[bytes]) -> None:
        for frame in frames:
            self._entries.append(frame)
            self.size += len(frame)
            if isinstance(frame, Droppable):
                if frame.conflated:
                    self._conflated += len(frame)
                else:
                    self._oldest += len(frame)
        if self._oldest > self._limit // 2 or self._conflated > self._limit // 4:
            self.shrink()

    def shrink(self) -> int:
        """Drop what may be dropped. Returns how many bytes are still `queued`."""
        stays = self._newest()
        spare = self._oldest - self._limit // 4 if self._oldest > self._limit // 2 or self.size > self._limit else 0
        entries: deque[Entry] = deque()
        gaps: dict[Hashable, Dropped] = {}
        """The last entry of each stream, where it is a gap."""
        for entry in self._entries:
            if isinstance(entry, Dropped):
                self._gap(entry, entries, gaps)
            elif not isinstance(entry, Droppable):
                entries.append(entry)
            elif (entry.conflated and id(entry) not in stays) or (not entry.conflated and spare > 0):
                spare -= 0 if entry.conflated else len(entry)
                self.dropped += 1
                self._gap(Dropped(entry, 1), entries, gaps)
            else:
                gaps.pop(entry.stream, None)
                entries.append(entry)
        self._entries = entries
        self.size = len(self._begun) + sum(
            NOTICE_BYTES if isinstance(entry, Dropped) else len(entry) for entry in entries
        )
        self._oldest = sum(len(entry) for entry in entries if isinstance(entry, Droppable) and not entry.conflated)
        self._conflated = 0
        return self.queued

    def take(self, most: int = PART_BYTES) -> bytes | memoryview:
        """Remove what waits longest: about `most` bytes, at least one frame or a part of a large one."""
        if self._begun:
            return self._part()
        if self._conflated:
            self.shrink()
        taken: list[bytes] = []
        size = 0
        while self._entries and size < most:
            entry = self._entries.popleft()
            self.size -= NOTICE_BYTES if isinstance(entry, Dropped) else len(entry)
            if isinstance(entry, Droppable) and not entry.conflated:
                self._oldest -= len(entry)
            frame = entry.newest.notice(entry.count) if isinstance(entry, Dropped) else entry
            data = self._leaving(frame)
            if len(data) > PART_BYTES:
                self._begun = memoryview(data)
                self.size += len(data)
                break
            taken.append(data)
            size += len(frame)
        return b"".join(taken) if taken else self._part()

    def _part(self) -> memoryview:
        part, self._begun = self._begun[:PART_BYTES], self._begun[PART_BYTES:]
        self.size -= len(part)
        if 2 * len(self._begun) < memoryview(self._begun.obj).nbytes:
            self._begun = memoryview(bytes(self._begun))  # the whole frame must not stay for the sake of its end
        return part

    def _newest(self) -> set[int]:
        """The conflated frames that stay."""
        stays: set[int] = set()
        seen: set[tuple[Hashable, Hashable]] = set()
        for entry in reversed(self._entries):
            if isinstance(entry, Droppable) and entry.conflated:
                value = entry.replaces
                if value is None or (entry.stream, value) not in seen:
                    stays.add(id(entry))
                    seen.add((entry.stream, value))
        return stays

    @staticmethod
    def _gap(gap: Dropped, entries: deque[Entry], gaps: dict[Hashable, Dropped]) -> None:
        """Put a gap at the end of `entries`, or into the one before it."""
        before = gaps.get(gap.newest.stream)
        if before is None:
            gaps[gap.newest.stream] = gap
            entries.append(gap)
        else:
            before.count += gap.count
            before.newest = gap.newest
