"""What the stores of both databases do alike: a few threads read, others write, and one follows the change log.

Invariant: a mutation that `close` leaves behind has no answer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeVar

from tidegate.core.budgets.ledger import Ledger
from tidegate.core.budgets.payer import GATEWAY, Payer
from tidegate.core.errors import Refused
from tidegate.core.rooms.room_log import Changed, ForgetRoom, Kept, NewMessage, RoomLog
from tidegate.core.rows.ports import Change, EncodePage, EncodeRows, Mutation, Pages, ReadQuery, ReadResult, WriteResult
from tidegate.store.serving import refusals
from tidegate.store.serving.change_feed import ChangeFeed, Deliver
from tidegate.store.serving.closing import Closing
from tidegate.store.serving.feed_gate import OnSkip
from tidegate.store.serving.guard import Guard
from tidegate.store.serving.reads import Reads
from tidegate.store.serving.write_queue import Job, OnOutcome, nothing, size_of

log = logging.getLogger("tidegate.store")

T = TypeVar("T")

OUTDATED = "the database was changed under the gateway, which has to be restarted"
RETRY_S = 5.0
PATIENCE_S = 10.0
"""How long `close` waits for what is queued, by default."""
GIVEN_UP_S = 0.5
"""How long `close` waits for threads that were interrupted."""
READS_S = 1.0
"""A feed that has not read the log for longer does not read it. It looks several times a second."""
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

    def submit(self, job: Job, size: int = 0, on_outcome: OnOutcome = nothing) -> asyncio.Future[Any]:
        """The result, once it is committed. `size`: its bytes, about. `on_outcome` is called before that is told. In
        the loop's thread.
        """

    def give_up(self) -> None:
        """Refuse what is queued and interrupt what runs, but for a commit that is under way. In the loop's thread."""

    def close(self) -> None:
        """Write what is queued, then end the threads. Blocks."""


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
        feed: ChangeFeed,
        guard: Guard,
    ) -> None:
        self.epoch = log.epoch
        self.identity_secret = log.identity_secret
        self._loop = loop
        self._opened_at = log.head
        self._reads = reads
        self.spent = reads.spent
        self._writer = writer
        self._feed = feed
        self._guard = guard
        self._house = ThreadPoolExecutor(HOUSE_THREADS, thread_name_prefix="tidegate-house")
        """Does what is due regularly. No client's read is in its way."""
        self.ledger = Ledger()
        """Counts the writes that wait; the composition root sets the one that everything shares."""
        self.rooms: RoomLog | None = None
        """The log of durable rooms, where the application has any."""
        self._closed = False
        self._stopping = False
        self._closing = Closing(loop)
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

    async def answer(self, query: ReadQuery, encode: EncodeRows, payer: Payer) -> bytes | None:
        self._check()
        return await self._reads.answer(query, encode, payer)

    def snapshot(self, query: ReadQuery, encode: EncodePage) -> Pages:
        return self._reads.snapshot(query, encode)

    def write(self, mutation: Mutation) -> asyncio.Future[WriteResult]:
        size, on_outcome = self._taken(mutation)
        if not self._feed.gate.jumps:
            return self._writer.submit(mutation, size, on_outcome)
        future = asyncio.ensure_future(self._write_after_jump(mutation, size))
        future.add_done_callback(lambda _: on_outcome())
        return future

    async def _write_after_jump(self, mutation: Mutation, size: int) -> WriteResult:
        await self._feed.gate.resumed()
        written: WriteResult = await self._writer.submit(mutation, size)
        return written

    def keep(self, work: NewMessage | ForgetRoom) -> asyncio.Future[Kept]:
        """As `write`, for durable rooms. No feed tells it."""
        return self._writer.submit(work, *self._taken(work))

    def _taken(self, job: Job) -> tuple[int, OnOutcome]:
        """Take memory for a write. Returns its bytes, and what gives them back. Raises Refused."""
        self._check_writable()
        size, account = size_of(job), job.payer.account
        self.ledger.take(account, "writes", size)
        return size, partial(self.ledger.give, account, "writes", size)

    async def look(self, work: Callable[[], T], payer: Payer) -> T:
        """Have a thread do `work`, which reads by key."""
        self._check()
        return await self._reads.by_key(work, payer)

    async def changes(self, after: int, upto: int, limit: int, payer: Payer = GATEWAY) -> Sequence[Change]:
        return await self._reads.changes(after, upto, limit, payer)

    def follow(self, deliver: Deliver, on_skip: OnSkip = lambda head: None) -> None:
        self._feed.start(self._opened_at, deliver, on_skip)

    def pause(self) -> None:
        self._feed.gate.pause()

    @property
    def following(self) -> bool:
        return self._feed.gate.following and not self.outdated

    @property
    def lag(self) -> float:
        return self._feed.lag

    async def resume(self) -> None:
        self._check()
        await self._feed.gate.resume()

    @property
    def reads_log(self) -> bool:
        """Whether the change feed reads the log, whatever is wrong with writes. A feed that is paused has no lag."""
        return self._feed.healthy and self._feed.lag < READS_S

    # -- other processes of this gateway, whose store this one is ----------------------------------------------------

    def committed(self) -> None:
        """Another process committed something: look at the log."""
        self._feed.wake()

    def noticed(self, what: str) -> None:
        """Another process that reads the database found that it is damaged. No process finds that of a server."""

    def rooms_appended(self, rooms: Sequence[str]) -> None:
        """Another process wrote to these durable rooms. No gateway has to be told where there is no other one."""

    def watch_rooms(self, changed: Changed) -> None:
        """Call `changed` when another gateway wrote to durable rooms, where there may be one."""

    # -- the end ------------------------------------------------------------------------------------------------------

    def give_up(self) -> None:
        if self._stopping:
            return
        self._stopping = True
        self._reads.give_up()
        self._writer.give_up()

    async def close(self, patience: float = PATIENCE_S) -> None:
        """Write what is queued, and end the threads. What is not written after `patience` seconds is refused.

        A thread that the database holds up is left behind, with a line in the log.
        """
        self._closed = True
        for timer in self._timers.values():
            timer.cancel()
        self._reads.give_up()
        self._closing.begin("writing", self._writer.close)
        if not await self._closing.ended(patience):
            self._writer.give_up()
            await self._closing.ended(GIVEN_UP_S)
        self._closing.begin("reading", self._reads.close)
        self._closing.begin("the change feed", self._feed.close)
        self._closing.begin("housekeeping", self._house.shutdown)
        if not await self._closing.ended(GIVEN_UP_S):
            log.error(
                "the database holds up the end of: %s; their threads are left behind", ", ".join(self.unfinished())
            )

    def unfinished(self) -> list[str]:
        """What the store still waits for while it is closed. May be called in any thread."""
        return self._closing.left

    def _check(self) -> None:
        """Raises Refused for every request of rows once the gateway stops, or once the database is another one than the
        one that was opened.
        """
        if self._stopping:
            raise refusals.stopping()
        if self.outdated:
            raise Refused("unavailable", OUTDATED, retry_after=RETRY_S)

    def _check_writable(self) -> None:
        self._check()
        if self._guard.damage is not None:
            raise refusals.lost()

    def _every(self, seconds: float, work: Callable[[], object]) -> None:
        """Have a thread do `work`, which raises nothing, until the store is closed: `seconds` after it did it last."""

        def due() -> None:
            self._loop.run_in_executor(self._house, work).add_done_callback(wait)

        def wait(_: object = None) -> None:
            if not self._closed:
                self._timers[work] = self._loop.call_later(seconds, due)

        wait()
