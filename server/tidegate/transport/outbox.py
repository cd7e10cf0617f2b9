"""Sending, gathered: frames are appended to connections, and each loop turn writes each of them once.

What a client's own bytes lead to for itself alone is written at once, which saves the loop a turn.
It knows neither messages nor backpressure; a connection decides itself what a flush means for it.
Invariant: frames leave a connection in the order in which they were pushed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Protocol

log = logging.getLogger("tidegate.outbox")


class WriteSide(Protocol):
    """What the outbox needs of a connection: its list of frames to send, and the way to write them."""

    frames: list[bytes]

    def flush(self) -> None: ...


class Outbox:
    """The connections with something to send in this loop turn."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._dirty: list[WriteSide] = []
        self._scheduled = False
        """A flush is due in this loop turn, or `release` will see to it."""

    def push(self, line: WriteSide, frame: bytes) -> None:
        frames = line.frames
        if not frames:
            self._dirty.append(line)
            if not self._scheduled:
                self._schedule()
        frames.append(frame)

    def push_many(self, lines: Iterable[WriteSide], frame: bytes) -> None:
        """One frame to many lines. The hot loop of every fan-out: nothing in it that need not be."""
        dirty = self._dirty
        for line in lines:
            frames = line.frames
            if not frames:
                dirty.append(line)
            frames.append(frame)
        if dirty and not self._scheduled:
            self._schedule()

    def hold(self) -> bool:
        """A connection begins to handle what it received. Returns whether `release` has to follow."""
        if self._scheduled:
            return False
        self._scheduled = True
        return True

    def release(self, line: WriteSide) -> None:
        """The connection that called `hold` has handled everything: write if all of it is for that one alone."""
        self._scheduled = False
        dirty = self._dirty
        if len(dirty) == 1 and dirty[0] is line:
            dirty.clear()
            line.flush()
        elif dirty:
            self._schedule()

    def _schedule(self) -> None:
        self._scheduled = True
        self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._scheduled = False
        dirty, self._dirty = self._dirty, []
        for line in dirty:
            try:
                line.flush()
            except Exception:  # the boundary: who cannot be written to must not silence the others
                log.exception("a line could not be written to")
