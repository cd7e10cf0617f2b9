"""The change feed: a thread that reads the log on from where it is and hands batches to the loop.

It learns of other programs' commits from `PRAGMA data_version`, of ours from the writer. It never runs ahead of the
loop by more than one batch. While nobody listens it sleeps, and then jumps to the head.
Invariant: every change that is committed while somebody listens is delivered exactly once, in order of `seq`; where the
log was pruned before it could be read, a reset of every resource is.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import apsw

from tidegate.core.errors import Refused
from tidegate.core.ports import Change
from tidegate.store.attention import Attention
from tidegate.store.batches import Batches
from tidegate.store.changelog import LOG, META
from tidegate.store.database import connect
from tidegate.store.reader import COLUMNS, Reader, head, one_value

log = logging.getLogger("tidegate.feed")

POLL_S, LIVELY_POLL_S, LIVELY_S = 0.04, 0.003, 1.0
"""Seconds between looks for other programs' commits; while one came lately, they are looked for more often."""

PRUNED_TO = f"SELECT value FROM {META} WHERE name = 'pruned_to'"

UNAVAILABLE = "the change log cannot be read at the moment; try again"

Deliver = Callable[[Sequence[Change], int], None]


class Feed:
    """Owns its thread and its connection from `start` to `close`."""

    def __init__(self, path: Path, reader: Reader, loop: asyncio.AbstractEventLoop) -> None:
        self.healthy = True
        """Whether the log could be read when it was last tried."""
        self._trouble = ""
        self._path = path
        self._reader = reader
        self._loop = loop
        self._wake = threading.Event()
        self.attention = Attention(loop, self._wake.set)
        self._taken = threading.Event()
        self._batches = Batches()
        self._ended = False
        self._at = 0
        self._deliver: Deliver
        self._thread = threading.Thread(target=self._run, name="tidegate-feed")

    def start(self, after: int, deliver: Deliver) -> None:
        """Deliver what comes after `after`."""
        self._at, self._deliver = after, deliver
        self._thread.start()

    def wake(self) -> None:
        """Something was committed; may be called in any thread."""
        if not self.attention.resting:
            self._wake.set()

    def close(self) -> None:
        """End the thread. Blocks for at most one batch."""
        self._ended = True
        self._wake.set()
        self._taken.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        connection = connect(self._path)
        version = None
        lively_until = 0.0
        try:
            while not self._ended:
                lively = time.monotonic() < lively_until
                woken = self._wake.wait(None if self.attention.resting else LIVELY_POLL_S if lively else POLL_S)
                self._wake.clear()
                if self.attention.resting:
                    continue
                try:
                    if self.attention.jump_due:
                        self._at = head(connection)
                        self.attention.jumped(self._at)
                    seen = connection.pragma("data_version")
                    if seen != version:
                        lively_until = time.monotonic() + LIVELY_S
                    if woken or seen != version:
                        self._catch_up(connection)
                        version = seen
                    self.healthy, self._trouble = True, ""
                except Exception as error:  # the boundary of the thread, without which nobody would hear of changes
                    self._failed(error)
        finally:
            connection.close()

    def _failed(self, error: Exception) -> None:
        self.healthy = False
        self.attention.failed(Refused("unavailable", UNAVAILABLE, retry_after=1.0))
        if str(error) != self._trouble:  # not at each look
            self._trouble = str(error)
            log.error("the change log could not be read; it will be tried again", exc_info=error)

    def _catch_up(self, connection: apsw.Connection) -> None:
        while not self._ended:
            with connection:
                newest, pruned_to = head(connection), one_value(connection, PRUNED_TO)
                found: list[tuple[Any, ...]] = connection.execute(
                    f"SELECT {COLUMNS} FROM {LOG} WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?",
                    (self._at, newest, batch := self._batches.size),
                ).fetchall()
            if newest <= self._at:
                return
            if pruned_to > self._at:  # what is gone cannot be told: whoever listens reads anew
                self._hand_over(self._reader.resets(pruned_to), pruned_to)
                self._at = pruned_to
                continue
            upto = found[-1][0] if len(found) == batch else newest
            self._hand_over(self._reader.decoded(found), upto)
            self._at = upto

    def _hand_over(self, changes: Sequence[Change], upto: int) -> None:
        """Give the loop a batch and wait until it took it."""
        self._taken.clear()
        self._loop.call_soon_threadsafe(self._take, changes, upto)
        while not self._taken.wait(1.0) and not self._ended:
            pass

    def _take(self, changes: Sequence[Change], upto: int) -> None:
        began = time.perf_counter()
        try:
            if not self._ended:
                self._deliver(changes, upto)
        finally:
            self._batches.took(time.perf_counter() - began)
            self._taken.set()
