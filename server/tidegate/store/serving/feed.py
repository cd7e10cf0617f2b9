"""The change feed, whichever the database: a thread that reads the log on from where it is.

It hands batches to the loop and never runs ahead of it by more than one. While nobody listens it rests, and then jumps
to the log's head. A database's own feed says how the log is read and what wakes it.
Invariant: every change that is committed while somebody listens is delivered exactly once, in order of `seq`; where the
log was pruned before it could be read, a reset of every resource is.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence

from tidegate.core.errors import Refused
from tidegate.core.rows.ports import Change
from tidegate.store.serving.batch_size import AdaptiveBatchSize
from tidegate.store.serving.feed_gate import FeedGate

log = logging.getLogger("tidegate.feed")

UNAVAILABLE = "the change log cannot be read at the moment; try again"

Deliver = Callable[[Sequence[Change], int], None]


class Feed(ABC):
    """Owns its thread from `start` to `close`."""

    def __init__(self, resources: Iterable[str], loop: asyncio.AbstractEventLoop) -> None:
        self.healthy = True
        """Whether the log could be read when it was last tried."""
        self.attention = FeedGate(loop, self._ring)
        self._trouble = ""
        self._resources = tuple(resources)
        self._loop = loop
        self._taken = threading.Event()
        self._batches = AdaptiveBatchSize()
        self._ended = False
        self._at = 0
        """Up to here everything was delivered."""
        self._deliver: Deliver
        self._thread = threading.Thread(target=self._run, name="tidegate-feed")

    def start(self, after: int, deliver: Deliver) -> None:
        """Deliver what comes after `after`."""
        self._at, self._deliver = after, deliver
        self._thread.start()

    def close(self) -> None:
        """End the thread. Blocks for at most one batch."""
        self._ended = True
        self._ring()
        self._taken.set()
        if self._thread.is_alive():
            self._thread.join()

    @abstractmethod
    def wake(self) -> None:
        """One of our writers committed something; may be called in any thread."""

    @abstractmethod
    def _ring(self) -> None:
        """Have the thread look, whatever it waits for; may be called in any thread."""

    # -- in the feed's thread ---------------------------------------------------------------------------------------

    @abstractmethod
    def _run(self) -> None:
        """Read and hand over until `_ended`. Raises nothing."""

    def _worked(self) -> None:
        self.healthy, self._trouble = True, ""

    def _failed(self, error: Exception) -> None:
        """The log could not be read; it will be tried again."""
        self.healthy = False
        self.attention.failed(Refused("unavailable", UNAVAILABLE, retry_after=1.0))
        if str(error) != self._trouble:  # not at each look
            self._trouble = str(error)
            self._complain(error)

    def _complain(self, error: Exception) -> None:
        log.error("the change log could not be read; it will be tried again", exc_info=error)

    def _reset(self, pruned_to: int) -> None:
        """What is gone cannot be told: whoever listens reads anew."""
        now = int(time.time() * 1000)
        self._hand_over([Change(pruned_to, now, name, {}, "reset", None, None) for name in self._resources], pruned_to)

    def _hand_over(self, changes: Sequence[Change], upto: int) -> None:
        """Give the loop a batch and wait until it took it."""
        self._taken.clear()
        self._loop.call_soon_threadsafe(self._take, changes, upto)
        while not self._taken.wait(1.0) and not self._ended:
            pass
        self._at = upto

    def _take(self, changes: Sequence[Change], upto: int) -> None:
        """In the loop's thread."""
        began = time.perf_counter()
        try:
            if not self._ended:
                self._deliver(changes, upto)
        finally:
            self._batches.took(time.perf_counter() - began)
            self._taken.set()
