"""Sending, gathered: frames are appended to connections, and each loop turn writes each of them once.

It knows neither messages nor backpressure; a connection decides itself what a flush means for it.
Invariant: frames leave a connection in the order in which they were pushed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Protocol


class Line(Protocol):
    """What the outbox needs of a connection: its list of frames to send, and the way to write them."""

    frames: list[bytes]

    def flush(self) -> None: ...


class Outbox:
    """The connections with something to send in this loop turn."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._dirty: list[Line] = []

    def push(self, line: Line, frame: bytes) -> None:
        frames = line.frames
        if not frames:
            self._mark(line)
        frames.append(frame)

    def push_many(self, lines: Iterable[Line], frame: bytes) -> None:
        """One frame to many lines. The hot loop of every fan-out: nothing in it that need not be."""
        dirty = self._dirty
        if not dirty:
            self._loop.call_soon(self._flush)
        for line in lines:
            frames = line.frames
            if not frames:
                dirty.append(line)
            frames.append(frame)

    def _mark(self, line: Line) -> None:
        if not self._dirty:
            self._loop.call_soon(self._flush)
        self._dirty.append(line)

    def _flush(self) -> None:
        dirty, self._dirty = self._dirty, []
        for line in dirty:
            line.flush()
