"""The change feed of either database: a thread that reads the change log from its position on.

The thread hands batches to the loop and is never more than one batch ahead of it. A database's own feed says how the
log is read and what wakes the thread; `feed_gate` says when the feed is paused.
Invariant: every change that is committed while the feed follows the log is delivered exactly once, in order of `seq`.
Where the log was pruned before the feed could read it, the feed delivers a reset of every resource.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from functools import partial

from tidegate.core.errors import Refused
from tidegate.core.rows.ports import Change
from tidegate.store.serving.batch_size import AdaptiveBatchSize
from tidegate.store.serving.change_feed import Deliver, tell_failure
from tidegate.store.serving.feed_gate import FeedGate, OnSkip

log = logging.getLogger("tidegate.feed")

UNAVAILABLE = "the change log cannot be read at the moment; try again"


class Feed(ABC):
    """Owns its thread from `start` to `close`."""

    def __init__(self, resources: Iterable[str], loop: asyncio.AbstractEventLoop) -> None:
        self.healthy = True
        """Whether the log could be read at the last attempt."""
        self.gate = FeedGate(loop, self._ring)
        self.problem = ""
        """What `/readyz` says while the feed is not healthy."""
        self.read_at = time.monotonic()
        """When the log was last read, or a part of it delivered."""
        self._failure = ""
        self._resources = tuple(resources)
        self._loop = loop
        self._taken = threading.Event()
        self._batch = AdaptiveBatchSize()
        self._ended = False
        self._position = 0
        """Up to here everything was delivered."""
        self._deliver: Deliver = lambda changes, upto: None
        self._thread = threading.Thread(target=self._run, name="tidegate-feed")

    def start(self, after: int, deliver: Deliver, on_skip: OnSkip) -> None:
        """Deliver the changes after `after`."""
        self._position, self._deliver, self.gate.on_skip = after, deliver, on_skip
        self._thread.start()

    @property
    def lag(self) -> float:
        """See core.rows.ports.Store."""
        return time.monotonic() - max(self.read_at, self.gate.jumped_at) if self.gate.following else 0.0

    def close(self) -> None:
        """End the thread. Blocks for at most one batch."""
        self._ended = True
        self._ring()
        self._taken.set()
        if self._thread.is_alive():
            self._thread.join()

    @abstractmethod
    def wake(self) -> None:
        """The gateway's writer committed something; may be called in any thread."""

    @abstractmethod
    def _ring(self) -> None:
        """Make the thread look, whatever it waits for; may be called in any thread."""

    # -- in the feed's thread ---------------------------------------------------------------------------------------

    @abstractmethod
    def _run(self) -> None:
        """Read and hand over until `_ended`. Raises nothing."""

    def _succeeded(self) -> None:
        self.healthy, self._failure, self.read_at = True, "", time.monotonic()

    def _failed(self, error: Exception) -> None:
        """The log could not be read; the thread will try again."""
        self.problem, self.healthy = self._why(error), False
        self.gate.failed(Refused("unavailable", UNAVAILABLE, retry_after=1.0))
        if str(error) != self._failure:  # not at each attempt
            self._failure = str(error)
            self._complain(error)

    def _why(self, error: Exception) -> str:  # a database's feed can tell more
        return "the change log cannot be read; the gateway's log says why"

    def _complain(self, error: Exception) -> None:
        log.error("the change log could not be read; it will be tried again", exc_info=error)

    def _reset(self, pruned_to: int) -> None:
        """The pruned changes are lost: every subscriber has to read its rows again."""
        now = int(time.time() * 1000)
        resets = [Change(pruned_to, now, name, {}, "reset", None, None) for name in self._resources]
        self._hand_over(resets, pruned_to)

    def _hand_over(self, changes: Sequence[Change], upto: int) -> None:
        """Give the loop a batch and wait until it took it."""
        self._taken.clear()
        self._loop.call_soon_threadsafe(self._take, changes, upto)
        while not self._taken.wait(1.0) and not self._ended:
            pass
        self._position, self.read_at = upto, time.monotonic()

    def _take(self, changes: Sequence[Change], upto: int) -> None:
        """In the loop's thread."""
        began, under_way = time.perf_counter(), None
        try:
            if not self._ended:
                under_way = self._deliver(changes, upto)
        finally:
            if under_way is None:
                self._has_taken(began)
            else:
                under_way.add_done_callback(partial(self._has_taken, began))

    def _has_taken(self, began: float, done: asyncio.Future[None] | None = None) -> None:
        self._batch.took(time.perf_counter() - began)
        self._taken.set()
        if done is not None:
            tell_failure(done)
