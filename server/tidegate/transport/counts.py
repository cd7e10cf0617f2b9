"""What connections have cost so far: frames, bytes and time, of each connection and of one listener.

Plain numbers, raised where things happen; a reader adds them up. It decides nothing, and knows no meaning of a frame.
Invariant: what an ended connection has cost is in `Counts.ended`, so that sums never shrink.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Protocol

from websockets.server import ServerProtocol

ABNORMAL = 1006
"""The code of a WebSocket that ended without a close frame (RFC 6455, section 7.4.1)."""
FIRST_PRIVATE = 3000
"""Codes from here on mean what an application says."""
OTHER = 0
"""Stands for all private codes of clients, which could send a thousand different ones."""


class Tap(Protocol):
    """Sees the frames of one connection. It must not raise."""

    def received(self, payload: bytes) -> None:
        """A text message arrived."""

    def sent(self, frames: list[bytes]) -> None:
        """Frames with their heads are on their way to the client."""

    def closed(self, code: int) -> None:
        """The connection has ended."""


class Tally:
    """What one connection has cost. A request over HTTP counts as a frame that arrived."""

    __slots__ = ("began", "bytes_in", "bytes_out", "frames_in", "frames_out", "seconds", "tap")

    def __init__(self, began: float) -> None:
        """`began`: on the clock of the listener."""
        self.began = began
        self.frames_in = self.bytes_in = self.frames_out = self.bytes_out = 0
        self.seconds = 0.0
        """Time that the event loop took for what arrived."""
        self.tap: Tap | None = None
        """None while nothing looks at the connection's frames, as mostly."""

    def leave_out(self, size: int) -> None:
        """What is counted as a frame of `size` bytes when it is sent is none."""
        self.frames_out -= 1
        self.bytes_out -= size

    def add(self, other: Tally) -> None:
        self.frames_in += other.frames_in
        self.bytes_in += other.bytes_in
        self.frames_out += other.frames_out
        self.bytes_out += other.bytes_out
        self.seconds += other.seconds


class Counted(Protocol):
    """A connection."""

    @property
    def tally(self) -> Tally:
        """What it has cost so far."""


class Compressed:
    """What compression has made of frames: how many there were, and their bytes `before` and `after`."""

    def __init__(self) -> None:
        self.frames = self.before = self.after = 0


class Counts:
    """What the connections of one listener have cost."""

    def __init__(self) -> None:
        self.accepted = 0
        """TCP connections."""
        self.late = 0
        """Those that were cut off because what had to come did not come in time."""
        self.opened = 0
        """WebSockets."""
        self.closes: Counter[int] = Counter()
        """WebSockets that ended, by code."""
        self.responses: Counter[int] = Counter()
        """Responses over HTTP, by status."""
        self.slowed = 0
        """How often a client was not read from because it sent too much."""
        self.compressed = Compressed()
        """Each frame once, to however many clients it went."""
        self.ended = Tally(0.0)
        """The sum of the connections that have ended."""
        self.on_end: Callable[[Any, int], None] | None = None
        """Called with each WebSocket that has ended, and its close code."""

    def closed(self, connection: Counted, ws: ServerProtocol) -> None:
        """A WebSocket has ended. The code of the close frame that was sent first counts."""
        by_client = ws.close_rcvd is not None and (ws.close_rcvd_then_sent or ws.close_sent is None)
        first = ws.close_rcvd if by_client else ws.close_sent
        code = ABNORMAL if first is None else first.code
        self.closes[OTHER if by_client and code >= FIRST_PRIVATE else code] += 1
        if connection.tally.tap is not None:
            connection.tally.tap.closed(code)
        if self.on_end is not None:
            self.on_end(connection, code)
