"""Sending, gathered: frames are appended to sinks, and each loop turn writes the frames of each sink once.

The answers to what a client sent are written at once, which saves a loop turn. What rooms and subscriptions deliver is
written at the end of the turn, even where one client gets it: many writes in a row wake a reader on this machine less
often than writes with requests between them.
Where many sinks have much to write, one loop turn writes to some of them, and the next ones to the others. These turns
are short, so that a message that arrives meanwhile leaves in one write with the message before it, at most of the
sinks. What was pushed to one sink alone, such as the answer to a read, goes before what was pushed to many: it does not
stand behind a message to thousands of clients.
It knows neither messages nor backpressure; what a flush does is the sink's decision.
Invariants: frames leave a sink in the order in which they were pushed; a loop turn flushes for no longer than `SLICE_S`
and a sink, and at least for half of that what was pushed to many.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection
from typing import Protocol

from tidegate.transport.backlog import Droppable
from tidegate.transport.crowds import CROWD, STEP_S, Crowds

log = logging.getLogger("tidegate.outbox")

SLICE_S = 0.004
"""Seconds of each loop turn for flushes, at most."""
LEAST_S = 0.0005
"""Seconds of each loop turn for what was pushed to many, where the loop has little else to do; elsewhere as much as the
rest took."""


class Sink(Protocol):
    """Where frames to one client go: the list of those to send, and the way to write them."""

    frames: list[bytes]
    may_miss: bool

    def flush(self) -> None:
        """Write the frames; what stays in `frames` is for a later turn."""


class Outbox:
    """The sinks with frames to send in this loop turn."""

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Callable[[], float] = time.monotonic) -> None:
        self._loop = loop
        self._clock = clock
        self._dirty: list[Sink] = []
        """Those to which frames were pushed together with others."""
        self._alone: list[Sink] = []
        """Those to which frames were pushed alone. Some are in both lists."""
        self._scheduled = False
        """A flush is due in this loop turn, or `release` will see to it."""
        self.behind = False
        """What is to be flushed waits: it is more than fits into one loop turn, or more is likely to come."""
        self._written_at: float | None = None
        """When the last loop turn ended that wrote to some of `_dirty`; None where it wrote to all."""
        self._crowds = Crowds()

    def push(self, sink: Sink, frame: bytes) -> None:
        """Send `frame`, together with what is pushed later in this loop turn."""
        frames = sink.frames
        if not frames or self._dirty:
            self._alone.append(sink)
            if not self._scheduled:
                self._schedule()
        frames.append(frame)

    def push_many(self, sinks: Collection[Sink], frame: bytes) -> None:
        """Send one frame to many sinks. The hot loop of every fan-out: it does nothing that it can leave out."""
        dirty = self._dirty
        if len(sinks) >= CROWD:
            self._crowds.pushed += 1
        for sink in sinks:
            frames = sink.frames
            if not frames:
                dirty.append(sink)
            frames.append(frame)
        if dirty and not self._scheduled:
            self._schedule()

    def push_droppable(self, sinks: Collection[Sink], frame: Droppable) -> None:
        """Send one frame to many sinks; a client that reads too slowly may miss it."""
        for sink in sinks:
            sink.may_miss = True
        self.push_many(sinks, frame)

    def hold(self) -> bool:
        """A connection begins to handle what it received. Returns whether `release` has to follow."""
        if self._scheduled:
            return self.behind
        self._scheduled = True
        return True

    def release(self, sink: Sink) -> None:
        """The connection that called `hold` has handled everything: write if it is for `sink` alone."""
        if self.behind:
            sink.flush()  # it does not wait for all the others; its place among them is for what comes later
            return
        self._scheduled = False
        alone = self._alone
        if self._dirty or len(alone) > 1 or (alone and alone[0] is not sink):
            self._schedule()
        elif alone:
            alone.clear()
            sink.flush()
            if sink.frames:
                alone.append(sink)
                self._schedule()

    def _schedule(self) -> None:
        self._scheduled = True
        self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._scheduled = self.behind = False
        alone, self._alone = self._alone, []
        now = self._clock()
        self._alone = [*self._flushed(alone, now + SLICE_S / 2), *self._alone]
        if self._waits() and not self._scheduled:
            self._scheduled = self.behind = True
            self._loop.call_later(STEP_S, self._flush)
            return
        self._flush_some(now)
        self.behind = bool(self._alone or self._dirty)
        if self.behind and not self._scheduled:
            self._schedule()

    def _waits(self) -> bool:
        """Whether what was pushed to many sinks waits for more."""
        if self._written_at is not None:
            self._crowds.partly_written()
            return False
        return len(self._dirty) >= CROWD and self._crowds.waits(len(self._dirty))

    def _flush_some(self, began: float) -> None:
        """Flush what was pushed to many sinks, or a part of it. This turn's flushes began at `began`."""
        dirty, self._dirty = self._dirty, []
        now = self._clock()
        elsewhere = now - (began if self._written_at is None else self._written_at)
        rest = self._flushed(dirty, min(began + SLICE_S, now + max(LEAST_S, elsewhere)))
        self._written_at = self._clock() if rest else None
        self._dirty = [*rest, *self._dirty]

    def _flushed(self, sinks: list[Sink], until: float) -> list[Sink]:
        """Flush `sinks`, at least the first; returns those for which there was no time, and those with a rest."""
        clock, more = self._clock, []
        for number, sink in enumerate(sinks, 1):
            try:
                sink.flush()
            except Exception:  # the boundary: a sink that cannot be written to must not silence the others
                log.exception("frames could not be written to a sink")
            else:
                if sink.frames:
                    more.append(sink)
            if clock() > until:
                return [*sinks[number:], *more]
        return more
