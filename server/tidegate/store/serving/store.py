"""What the stores of both databases do alike: a few threads read, others write, one follows the change log.

Invariant: `close` returns only when every order that was accepted is committed or refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from tidegate.core.rows.ports import Change, EncodePage, Mutation, Pages, ReadQuery, ReadResult, WriteResult
from tidegate.store.serving.feed import Deliver, Feed
from tidegate.store.serving.feed_gate import Skipped
from tidegate.store.serving.snapshots import Snapshots, Spool


class Reader(Protocol):
    """Reads one database, in any thread but the loop's."""

    def read(self, query: ReadQuery) -> ReadResult: ...

    def snapshot(self, query: ReadQuery, spool: Spool) -> None: ...

    def changes(self, after: int, upto: int, limit: int) -> Sequence[Change]: ...

    def close(self) -> None:
        """To be called when no thread reads any more."""


class Writer(Protocol):
    """Writes to one database, in threads of its own."""

    def start(self) -> None: ...

    def submit(self, order: Mutation) -> asyncio.Future[WriteResult]: ...

    def close(self) -> None: ...


class Part(Protocol):
    @property
    def healthy(self) -> bool: ...


class ThreadedStore:
    """Implements core.ports.Store. Every method belongs to the loop's thread."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        epoch: str,
        identity_secret: str,
        head: int,
        reader: Reader,
        readers: int,
        writer: Writer,
        feed: Feed,
        parts: Iterable[Part],
    ) -> None:
        """`head` is the log's, now; `readers` how many threads read; `parts` what has to be healthy beside the feed."""
        self.epoch = epoch
        self.identity_secret = identity_secret
        """What the identity tokens of anonymous clients are signed with."""
        self._loop = loop
        self._opened_at = head
        self._reader = reader
        self._writer = writer
        self._feed = feed
        self._parts = (feed, *parts)
        self._snapshots = Snapshots(reader.snapshot, loop)
        self._threads = ThreadPoolExecutor(readers, thread_name_prefix="tidegate-reader")
        self._timers: dict[Callable[[], object], asyncio.TimerHandle] = {}
        writer.start()

    @property
    def healthy(self) -> bool:
        return all(part.healthy for part in self._parts)

    async def head(self) -> int:
        """The head when the store was opened: where `follow` begins."""
        return self._opened_at

    async def read(self, query: ReadQuery) -> ReadResult:
        return await self._loop.run_in_executor(self._threads, self._reader.read, query)

    def snapshot(self, query: ReadQuery, encode: EncodePage) -> Pages:
        return self._snapshots.open(query, encode)

    async def write(self, mutation: Mutation) -> WriteResult:
        await self._feed.attention.settled()
        return await self._writer.submit(mutation)

    async def changes(self, after: int, upto: int, limit: int) -> Sequence[Change]:
        return await self._loop.run_in_executor(self._threads, self._reader.changes, after, upto, limit)

    def follow(self, deliver: Deliver, on_skip: Skipped = lambda head: None) -> None:
        self._feed.attention.skipped = on_skip
        self._feed.start(self._opened_at, deliver)

    def pause(self) -> None:
        self._feed.attention.rest()

    @property
    def following(self) -> bool:
        return self._feed.attention.attending

    async def resume(self) -> None:
        await self._feed.attention.attend()

    async def close(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        for close in (self._writer.close, self._feed.close, self._snapshots.close, self._threads.shutdown):
            await self._loop.run_in_executor(None, close)
        self._reader.close()

    def _every(self, seconds: float, work: Callable[[], object]) -> None:
        """Have a reading thread do `work` again and again, which raises nothing, until the store is closed."""

        def due() -> None:
            self._threads.submit(work)
            self._every(seconds, work)

        self._timers[work] = self._loop.call_later(seconds, due)
