"""A worker's change feed: what the hub sends of the log, and what it did not send, read by the worker itself.

    PAUSED --resume--> ASKING --following--> LIVE --lost--> AWAY --back--> ASKING
      ^                                       |               (as long as the gateway follows)
      +----------------pause------------------+

The hub answers `Follow` with a head. A feed that was paused goes on there; one that was cut off first reads what is
between its position and that head. Meanwhile it keeps what the hub sends, or asks the hub again where that is too much.
Invariant: while the gateway follows, it is told every change once and in order; where some were pruned, that every
resource was reset. What is committed after `resume` returned is delivered.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from enum import Enum, auto
from functools import partial

from tidegate.core.errors import Refused
from tidegate.core.rows.ports import Change, LogPruned
from tidegate.counted import Counted
from tidegate.store.hub.messages import Record
from tidegate.store.serving.batch_size import LARGEST, AdaptiveBatchSize
from tidegate.store.serving.change_feed import Deliver, tell_failure
from tidegate.store.serving.feed_gate import OnSkip

log = logging.getLogger("tidegate.feed")
UNREADABLE = Counted(
    log, logging.WARNING, "the change log could not be read; it will be tried again: %s", name="change_log_unreadable"
)

KEPT = 50_000
"""Records that are kept while the feed reads the log, at most."""
PAUSE_S = 0.2
"""Between two attempts to read the log."""

Batch = tuple[Sequence[Record], int]


class FeedState(Enum):
    PAUSED = auto()
    AWAY = auto()
    """The gateway follows, and the hub is away."""
    ASKING = auto()
    READING = auto()
    """What the hub did not send is read from the log."""
    LIVE = auto()


class HubFeed:
    """Belongs to the loop's thread."""

    def __init__(
        self,
        resources: Iterable[str],
        ask: Callable[[], bool],
        tell_paused: Callable[[], None],
        read: Callable[[int, int], Awaitable[Sequence[Change]]],
        decoded: Callable[[Sequence[Record]], Sequence[Change]],
    ) -> None:
        """`ask` sends `Follow`; false where the hub is away. `tell_paused` sends `Pause`. `read`: the changes after one
        seq up to another. `decoded`: records as changes.
        """
        self.position = 0
        """Up to here everything was delivered."""
        self._resources = tuple(resources)
        self._ask = ask
        self._tell_paused = tell_paused
        self._read = read
        self._decoded = decoded
        self._state = FeedState.PAUSED
        self._begun = False
        """Whether the gateway follows since before the question, so that nothing may be skipped."""
        self._deliver: Deliver = lambda changes, head: None
        self._on_skip: OnSkip = lambda head: None
        self._waiting: list[asyncio.Future[None]] = []
        self._batches: deque[Batch] = deque()
        self._kept = 0
        self._delivering = False
        """The gateway has not taken all of a batch yet."""
        self._overflowed = False
        self._size = AdaptiveBatchSize()
        self._well_at = time.monotonic()
        self._step: asyncio.Handle | None = None
        self._reading: asyncio.Task[None] | None = None

    # -- the gateway ------------------------------------------------------------------------------------------------

    def start(self, after: int, deliver: Deliver, on_skip: OnSkip) -> None:
        """Deliver the changes after `after`."""
        self.position, self._deliver, self._on_skip = after, deliver, on_skip
        self._go_on()

    def lag(self, well: bool) -> float:
        """See core.rows.ports.Store; to be asked regularly. `well`: the hub answers, and says that it reads the log."""
        if well and self._state in {FeedState.PAUSED, FeedState.LIVE}:
            self._well_at = time.monotonic()
        return time.monotonic() - self._well_at

    @property
    def following(self) -> bool:
        return self._state is not FeedState.PAUSED and not self._waiting

    def pause(self) -> None:
        """There is no subscriber."""
        if self._state is not FeedState.PAUSED and not self._waiting:
            self._state = FeedState.PAUSED
            self._forget()
            self._tell_paused()

    async def resume(self, refused: Callable[[], Refused]) -> None:
        """Deliver what is committed from now on; returns when that holds. `refused`: for a hub that is away."""
        if self.following:
            return
        if not self._waiting:
            if not self._ask():
                raise refused()
            self._state, self._begun = FeedState.ASKING, False
        # A future for each caller, so that all go on in the order in which they came.
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        await future

    @property
    def jumps(self) -> bool:
        """Whether a `resume` waits for the hub."""
        return bool(self._waiting)

    async def resumed(self) -> None:
        """Returns once no `resume` waits: the hub has answered, or is away, and then they are refused."""
        if self._waiting:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            with suppress(Refused):
                await future

    def close(self) -> None:
        self._state = FeedState.PAUSED
        self._forget()
        self._deliver, self._on_skip = lambda changes, head: None, lambda head: None

    # -- the hub ----------------------------------------------------------------------------------------------------

    def back(self) -> None:
        """The hub is there again."""
        if self._state is FeedState.AWAY:
            self._go_on()

    def lost(self, refused: Refused) -> None:
        """The line ended."""
        if self._state is FeedState.PAUSED:
            return
        self._forget()
        self._state = FeedState.PAUSED if self._waiting else FeedState.AWAY
        self.refuse(refused)

    def refuse(self, refused: Refused) -> None:
        """The hub cannot follow the log: who waits has to ask again. A feed that was cut off asks again by itself."""
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_exception(refused)
        if self._state is FeedState.ASKING:
            self._state = FeedState.AWAY if self._begun else FeedState.PAUSED
            if self._begun:
                asyncio.get_running_loop().call_later(PAUSE_S, self.back)

    def follows(self, head: int) -> None:
        """The hub sends what comes after `head`."""
        if self._state is not FeedState.ASKING:
            return
        if not self._begun:
            self.position, self._state = head, FeedState.LIVE
            self._on_skip(head)
            waiting, self._waiting = self._waiting, []
            for future in waiting:
                if not future.done():
                    future.set_result(None)
        elif head <= self.position:
            self._state = FeedState.LIVE
        else:
            self._state = FeedState.READING
            self._reading = asyncio.create_task(self._read_up_to(head))

    def changed(self, records: Sequence[Record], head: int) -> None:
        """The hub sent a batch."""
        if self._state not in {FeedState.LIVE, FeedState.READING} or self._overflowed:
            return
        self._batches.append((records, head))
        self._kept += len(records)
        if self._state is FeedState.LIVE and self._step is None:
            self._next()
        elif self._kept > KEPT:
            self._overflow()

    # -- within -----------------------------------------------------------------------------------------------------

    def _go_on(self) -> None:
        """Ask for what comes after `position`."""
        self._state, self._begun = (FeedState.ASKING if self._ask() else FeedState.AWAY), True

    def _overflow(self) -> None:
        """Too much is kept: it is read from the log, after what is being read."""
        self._batches.clear()
        self._kept, self._overflowed = 0, True
        if self._state is FeedState.LIVE:
            self._forget()
            self._go_on()

    def _next(self) -> None:
        """Deliver as much as the loop takes at once; the rest waits for the next turn."""
        self._step = None
        if not self._batches or self._state is not FeedState.LIVE or self._delivering:
            return
        records, head = self._batches.popleft()
        self._kept -= len(records)
        if len(records) > self._size.size:
            rest, records = records[self._size.size :], records[: self._size.size]
            self._batches.appendleft((rest, head))
            self._kept += len(rest)
            head = records[-1][0]
        if (done := self._hand_over(self._decoded(records), head)) is not None:
            done.add_done_callback(lambda _: self._next())
        elif self._batches and self._step is None:
            self._step = asyncio.get_running_loop().call_soon(self._next)

    def _hand_over(self, changes: Sequence[Change], head: int) -> asyncio.Future[None] | None:
        """Returns what is done when the gateway has taken them, if it takes longer than this turn of the loop."""
        if head <= self.position:
            return None
        self.position = head
        began, under_way = time.perf_counter(), None
        try:
            under_way = self._deliver(changes, head)
        except Exception:  # the boundary: a bug costs this batch, and not the line to the hub
            log.exception("changes could not be delivered")
        if under_way is None:
            self._size.took(time.perf_counter() - began)
        else:
            self._delivering = True
            under_way.add_done_callback(partial(self._taken, began))
        return under_way

    def _taken(self, began: float, done: asyncio.Future[None]) -> None:
        self._delivering = False
        self._size.took(time.perf_counter() - began)
        tell_failure(done)

    async def _read_up_to(self, head: int) -> None:
        """Deliver what the hub did not send."""
        while self.position < head:
            after, upto = self.position, min(self.position + LARGEST, head)
            try:
                changes = await self._read(after, upto)
            except LogPruned as pruned:
                # No further than what is gone: a client that was ahead of it gets the changes from its position on.
                upto, now = min(pruned.upto, head), int(time.time() * 1000)
                changes = [Change(upto, now, name, {}, "reset", None, None) for name in self._resources]
            except Refused as refused:
                UNREADABLE(refused.message)
                await asyncio.sleep(PAUSE_S)
                continue
            if (done := self._hand_over(changes, upto)) is not None:
                await asyncio.wait([done])
        self._reading = None
        if self._overflowed:
            self._overflowed = False
            self._go_on()
            return
        self._state = FeedState.LIVE
        self._next()

    def _forget(self) -> None:
        """What came or was asked for does not count any more."""
        self._batches.clear()
        self._kept, self._overflowed = 0, False
        if self._step is not None:
            self._step.cancel()
            self._step = None
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None
