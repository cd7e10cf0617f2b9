"""Snapshots: the rows of a query, read in one transaction by a thread, encoded there, and kept until they are sent.

A spool holds the encoded pages of one snapshot: the first in memory, the rest in an unnamed temporary file, so that
neither the rows nor the pages of a large table are ever all in memory, and the transaction waits for no client. It
knows no SQL; the reader of a database fills it.
Invariants: a spool's rows are of one moment, which is not before the last `join` that succeeded; its file is deleted
once the last sharer has left and the thread has stopped.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BufferedRandom
from itertools import islice

from tidegate.core.rows.ports import EncodePage, ReadQuery, Row
from tidegate.store.errors import StoreError

THREADS = 2
KEPT = 64
"""Large snapshots that are being read or sent at a time; others wait for their turn."""
MEMORY_BYTES = 1 << 20
"""Of one snapshot in memory; a finished snapshot that is smaller does not count as kept."""
PAGE_ROWS = 200
PAGE_BYTES = 1 << 17
"""The largest page that is aimed at: the gateway writes it to a client within a fraction of a millisecond."""
TURN_S, PAUSE_S = 0.0005, 0.0001
"""How long a thread makes rows, and then pauses for the loop. Without the pause the loop waits 5 ms each time."""

StoredPage = bytes | tuple[int, int]
"""A page in memory, or where it begins in the file and how long it is."""


def spool_folder() -> str:
    """The folder of the temporary files: TMPDIR, or the system's. Raises StoreError where none can be written to."""
    try:
        return tempfile.gettempdir()
    except FileNotFoundError:
        raise StoreError(
            "no folder for temporary files can be written to, and large snapshots need one: set TMPDIR to one that can"
        ) from None


class Spool:
    """The pages of one snapshot. Implements core.rows.ports.Pages; `begin` and `fill` are for the thread that reads."""

    def __init__(self, encode: EncodePage, loop: asyncio.AbstractEventLoop, left: Callable[[Spool], None]) -> None:
        self.begun = False
        """The thread has started: what it reads may be older than a request from now on."""
        self.done = False
        """The thread has stopped."""
        self.size = 0
        self._encode = encode
        self._loop = loop
        self._left = left
        self._sharers = 0
        self._read_at = 0
        """`_seq` in the thread that reads."""
        self._seq: int | None = None
        self._pages: list[StoredPage] = []
        self._failure: Exception | None = None
        self._progress = asyncio.Event()
        self._file: BufferedRandom | None = None

    # -- in the loop's thread ---------------------------------------------------------------------------------------

    @property
    def abandoned(self) -> bool:
        return not self._sharers

    def join(self) -> bool:
        # The thread sets `begun` before its transaction begins: seen unset, all that was committed so far will be read.
        if self.begun:
            return False
        self._sharers += 1
        return True

    def leave(self) -> None:
        self._sharers -= 1
        if not self._sharers:
            self._discard()
            self._left(self)

    async def seq(self) -> int:
        while self._seq is None:
            await self._wait()
        return self._seq

    async def page(self, number: int) -> bytes | None:
        while number >= len(self._pages):
            if self.done and self._failure is None:
                return None
            await self._wait()
        stored = self._pages[number]
        if isinstance(stored, bytes):
            return stored
        assert self._file is not None
        start, length = stored
        return await self._loop.run_in_executor(None, os.pread, self._file.fileno(), length, start)

    async def _wait(self) -> None:
        if self._failure is not None:
            raise self._failure
        await self._progress.wait()

    def stopped(self, failure: Exception | None) -> None:
        """The thread has stopped; its calls before this one are done."""
        self.done, self._failure = True, failure
        self._signal()
        self._discard()

    def _add(self, pages: list[StoredPage]) -> None:
        self._pages += pages
        self._signal()

    def _signal(self) -> None:
        self._progress.set()
        self._progress.clear()

    def _discard(self) -> None:
        if self.abandoned and self.done and self._file is not None:
            self._file.close()

    # -- in a reader's thread ---------------------------------------------------------------------------------------

    def begin(self, seq: int) -> None:
        """The transaction sees the log up to `seq`."""
        self._read_at = seq
        self._loop.call_soon_threadsafe(self._set_seq, seq)

    def _set_seq(self, seq: int) -> None:
        self._seq = seq
        self._signal()

    def fill(self, rows: Iterator[Row]) -> None:
        """Encode and keep `rows`, page by page; stops early when every sharer has left."""
        rows = _paced(rows)
        count, first = PAGE_ROWS, True
        page = list(islice(rows, count))
        while not self.abandoned:
            ahead = list(islice(rows, 1))
            frames = self._encode(page, first, None if ahead else self._read_at)
            self._keep(frames)
            if not ahead:
                return
            size = sum(map(len, frames)) // max(1, len(page))
            count, first = max(1, min(PAGE_ROWS, PAGE_BYTES // max(1, size))), False
            page = ahead + list(islice(rows, count - 1))

    def _keep(self, frames: list[bytes]) -> None:
        pages: list[StoredPage] = []
        for frame in frames:
            if self.size + len(frame) <= MEMORY_BYTES and self._file is None:
                pages.append(frame)
            else:
                if self._file is None:
                    self._file = tempfile.TemporaryFile(prefix="tidegate-snapshot-")  # noqa: SIM115  # `_discard` does
                pages.append((self._file.tell(), len(frame)))
                self._file.write(frame)
            self.size += len(frame)
        if self._file is not None:
            self._file.flush()
        self._loop.call_soon_threadsafe(self._add, pages)


class Snapshots:
    """All spools of one database, and the threads that fill them. Belongs to the loop's thread."""

    def __init__(self, read: Callable[[ReadQuery, Spool], None], loop: asyncio.AbstractEventLoop) -> None:
        """`read` is called in a thread: it fills the spool."""
        self._read = read
        self._loop = loop
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="tidegate-snapshot")
        self._waiting: dict[Spool, ReadQuery] = {}
        self._kept: set[Spool] = set()
        self._closing = threading.Event()

    def open(self, query: ReadQuery, encode: EncodePage) -> Spool:
        """A snapshot that a thread reads when its turn comes, if it has a sharer by then."""
        spool = Spool(encode, self._loop, self._left)
        self._waiting[spool] = query
        self._loop.call_soon(self._next)
        return spool

    def close(self) -> None:
        """End the reading. Blocks for at most a page. To be called when no sharer waits for a page any more."""
        self._waiting.clear()
        self._closing.set()
        self._threads.shutdown(wait=True)

    def _next(self) -> None:
        while self._waiting and len(self._kept) < KEPT:
            spool = next(iter(self._waiting))
            self._kept.add(spool)
            self._threads.submit(self._fill, self._waiting.pop(spool), spool)

    def _fill(self, query: ReadQuery, spool: Spool) -> None:
        spool.begun = True
        failure: Exception | None = None
        try:
            if not spool.abandoned and not self._closing.is_set():
                self._read(query, spool)
        except Exception as error:  # the boundary of the thread: it fails the sharers that wait
            failure = error
        self._loop.call_soon_threadsafe(self._stopped, spool, failure)

    def _stopped(self, spool: Spool, failure: Exception | None) -> None:
        spool.stopped(failure)
        if spool.abandoned or spool.size <= MEMORY_BYTES:
            self._release(spool)

    def _left(self, spool: Spool) -> None:
        if self._waiting.pop(spool, None) is None and spool.done:
            self._release(spool)

    def _release(self, spool: Spool) -> None:
        self._kept.discard(spool)
        self._next()


def _paced(rows: Iterator[Row]) -> Iterator[Row]:
    """`rows`, with pauses in which other threads run."""
    until = time.perf_counter() + TURN_S
    for row in rows:
        yield row
        if time.perf_counter() > until:
            time.sleep(PAUSE_S)
            until = time.perf_counter() + TURN_S
