"""Sending, gathered: frames are appended to sinks, and each loop turn writes the frames of each sink once.

The answers to what a client sent are written at once when they go to that client alone, which saves a loop turn.
It knows neither messages nor backpressure; what a flush does is the sink's decision.
Invariant: frames leave a sink in the order in which they were pushed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Protocol

from tidegate.transport.backlog import Droppable

log = logging.getLogger("tidegate.outbox")


class Sink(Protocol):
    """Where frames to one client go: the list of those to send, and the way to write them."""

    frames: list[bytes]
    may_miss: bool

    def flush(self) -> None: ...


class Outbox:
    """The sinks with frames to send in this loop turn."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._dirty: list[Sink] = []
        self._scheduled = False
        """A flush is due in this loop turn, or `release` will see to it."""

    def push(self, sink: Sink, frame: bytes) -> None:
        """Send `frame`, together with what is pushed later in this loop turn."""
        frames = sink.frames
        if not frames:
            self._dirty.append(sink)
            if not self._scheduled:
                self._schedule()
        frames.append(frame)

    def push_many(self, sinks: Iterable[Sink], frame: bytes) -> None:
        """Send one frame to many sinks. The hot loop of every fan-out: it does nothing that it can leave out."""
        dirty = self._dirty
        for sink in sinks:
            frames = sink.frames
            if not frames:
                dirty.append(sink)
            frames.append(frame)
        if dirty and not self._scheduled:
            self._schedule()

    def push_droppable(self, sinks: Iterable[Sink], frame: Droppable) -> None:
        """Send one frame to many sinks; a client that reads too slowly may miss it."""
        sinks = list(sinks)
        for sink in sinks:
            sink.may_miss = True
        self.push_many(sinks, frame)

    def hold(self) -> bool:
        """A connection begins to handle what it received. Returns whether `release` has to follow."""
        if self._scheduled:
            return False
        self._scheduled = True
        return True

    def release(self, sink: Sink) -> None:
        """The connection that called `hold` has handled everything: write if all of it is for `sink`, its own."""
        self._scheduled = False
        dirty = self._dirty
        if len(dirty) == 1 and dirty[0] is sink:
            dirty.clear()
            sink.flush()
        elif dirty:
            self._schedule()

    def _schedule(self) -> None:
        self._scheduled = True
        self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._scheduled = False
        dirty, self._dirty = self._dirty, []
        for sink in dirty:
            try:
                sink.flush()
            except Exception:  # the boundary: a sink that cannot be written to must not silence the others
                log.exception("frames could not be written to a sink")
