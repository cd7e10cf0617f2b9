"""What the stores of both databases do alike: a few threads read, others write, and one follows the change log.

Invariant: `close` returns only when every mutation that was accepted is committed or refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Protocol

from tidegate.core.budgets.payer import GATEWAY, Payer
from tidegate.core.errors import Refused
from tidegate.core.rows.ports import Change, EncodePage, Mutation, Pages, ReadQuery, ReadResult, WriteResult
from tidegate.store.serving.feed import Deliver, Feed
from tidegate.store.serving.feed_gate import OnSkip
from tidegate.store.serving.guard import Guard
from tidegate.store.serving.reads import Reads

OUTDATED = "the database was changed under the gateway, which has to be restarted"
RETRY_S = 5.0
HOUSE_THREADS = 2
"""As many as there are works of one store that are due regularly."""


class Writer(Protocol):
    """Writes to one database, in threads that it owns."""

    @property
    def healthy(self) -> bool: ...

    @property
    def problem(self) -> str:
        """What `/readyz` says while it is not healthy."""

    def start(self) -> None: ...

    def submit(self, mutation: Mutation) -> asyncio.Future[WriteResult]: ...

    def close(self) -> None: ...


class OpenedLog(NamedTuple):
    """What the database said when it was opened."""

    epoch: str
    identity_secret: str
    """Signs the identity tokens of anonymous clients."""
    head: int
    """The newest seq of the change log."""


class ThreadedStore:
    """Implements core.rows.ports.Store. Every method belongs to the loop's thread."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        log: OpenedLog,
        reads: Reads,
        writer: Writer,
        feed: Feed,
        guard: Guard,
    ) -> None:
        self.epoch = log.epoch
        self.identity_secret = log.identity_secret
        self._loop = loop
        self._opened_at = log.head
        self._reads = reads
        self._writer = writer
        self._feed = feed
        self._guard = guard
        self._house = ThreadPoolExecutor(HOUSE_THREADS, thread_name_prefix="tidegate-house")
        """Does what is due regularly. No client's read is in its way."""
        self._closed = False
        self._timers: dict[Callable[[], object], asyncio.TimerHandle] = {}
        writer.start()

    @property
    def healthy(self) -> bool:
        return self.problem is None

    @property
    def problem(self) -> str | None:
        if (found := self._guard.problem) is not None:
            return found
        return next((part.problem for part in (self._feed, self._writer) if not part.healthy), None)

    @property
    def outdated(self) -> bool:
        return self._guard.outdated

    @property
    def incomplete(self) -> Collection[str]:
        return self._guard.incomplete

    async def head(self) -> int:
        """The head when the store was opened: where `follow` begins."""
        return self._opened_at

    async def read(self, query: ReadQuery, payer: Payer = GATEWAY) -> ReadResult:
        self._check()
        return await self._reads.read(query, payer)

    def snapshot(self, query: ReadQuery, encode: EncodePage) -> Pages:
        return self._reads.snapshot(query, encode)

    async def write(self, mutation: Mutation) -> WriteResult:
        self._check()
        await self._feed.gate.resumed()
        return await self._writer.submit(mutation)

    async def changes(self, after: int, upto: int, limit: int, payer: Payer = GATEWAY) -> Sequence[Change]:
        return await self._reads.changes(after, upto, limit, payer)

    def follow(self, deliver: Deliver, on_skip: OnSkip = lambda head: None) -> None:
        self._feed.start(self._opened_at, deliver, on_skip)

    def pause(self) -> None:
        self._feed.gate.pause()

    @property
    def following(self) -> bool:
        return self._feed.gate.following and not self.outdated

    async def resume(self) -> None:
        self._check()
        await self._feed.gate.resume()

    async def close(self) -> None:
        self._closed = True
        for timer in self._timers.values():
            timer.cancel()
        self._reads.give_up()
        for close in (self._writer.close, self._feed.close, self._house.shutdown, self._reads.close):
            await self._loop.run_in_executor(None, close)

    def _check(self) -> None:
        """Raises Refused for every request of rows once the database is another one than the one that was opened."""
        if self.outdated:
            raise Refused("unavailable", OUTDATED, retry_after=RETRY_S)

    def _every(self, seconds: float, work: Callable[[], object]) -> None:
        """Have a thread do `work`, which raises nothing, until the store is closed: `seconds` after it did it last."""

        def due() -> None:
            self._loop.run_in_executor(self._house, work).add_done_callback(wait)

        def wait(_: object = None) -> None:
            if not self._closed:
                self._timers[work] = self._loop.call_later(seconds, due)

        wait()
