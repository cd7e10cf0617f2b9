"""What may still arrive of a client after a close frame was sent to it: its own close frame, and a few pings.

All else is left out, as RFC 6455 (section 5.5.1) has it, and a client that goes on sending is cut off.
Invariant: no message is passed on.
"""

from __future__ import annotations

from collections.abc import Callable

from tidegate.transport.frames import CLOSE, MASKED, frame_size
from tidegate.transport.write_side import WriteSide

PING = 0x89
MAX_BYTES, MAX_PINGS = 1 << 20, 16
"""Bytes that may arrive, and pings that are answered."""


class AfterClose:
    """Of one connection. `max_size`: bytes of a message, at most."""

    __slots__ = ("_arrived", "_max_size", "_pings", "_write_side")

    def __init__(self, max_size: int, write_side: WriteSide) -> None:
        self._max_size, self._write_side = max_size, write_side
        self._arrived = self._pings = 0

    def take(self, buffer: bytearray, hand_over: Callable[[bytes], None]) -> None:
        """Remove the whole frames at the start of `buffer`, or everything once the connection has finished.

        `hand_over` gives whole frames, or an unacceptable header, to the library.
        """
        write_side, at = self._write_side, 0
        while at < len(buffer) and not write_side.finished and (size := frame_size(buffer, at)) is not None:
            head, payload = size
            stop = at + head + payload
            if not buffer[at + 1] & MASKED or payload > self._max_size:
                stop = len(buffer)
                hand_over(bytes(buffer[at:]))
            elif stop > len(buffer):
                break
            elif buffer[at] == CLOSE or (buffer[at] == PING and self._pings < MAX_PINGS):
                self._pings += 1
                hand_over(bytes(buffer[at:stop]))
            at = stop
        self._arrived += at
        if self._arrived > MAX_BYTES and not write_side.finished:
            write_side.abort()
        del buffer[: len(buffer) if write_side.finished else at]
