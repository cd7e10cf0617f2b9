"""Frames of a line: four bytes with the length, then the payload. Pure, and fed however the bytes are split.

It does not know what a payload says. An empty payload is a question whether the other end lives, and its answer.
Invariant: what was put into `frame` comes out of `Frames.feed` whole, once and in order, however the bytes arrive; at
most one unfinished frame and the last read are kept.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from tidegate.core.errors import TidegateError

_LENGTH = struct.Struct(">I")
HEAD = _LENGTH.size
LONGEST = 1 << 28
"""Bytes of one payload, at most: a row of the database with its former content may be large."""


class BrokenFrameError(TidegateError):
    """The other end sends what is no frame."""


def frame(payload: bytes) -> bytes:
    """Raises ValueError for a payload that is too long."""
    if len(payload) > LONGEST:
        raise ValueError(f"a frame of {len(payload)} bytes is too long")
    return _LENGTH.pack(len(payload)) + payload


class Frames:
    """The payloads in a stream of bytes."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        """What has come of a frame that is not whole."""
        self._size = 0
        self._needed = HEAD
        """Bytes until something can be done; a long frame is joined once, and not at each read."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The payloads that `data` completes. Raises BrokenFrameError."""
        if self._size:
            self._parts.append(data)
            self._size += len(data)
            if self._size < self._needed:
                return
            data = b"".join(self._parts)
            self._parts.clear()
            self._size = 0
        at, end = 0, len(data)
        self._needed = HEAD
        while end - at >= HEAD:
            (length,) = _LENGTH.unpack_from(data, at)
            if length > LONGEST:
                raise BrokenFrameError(f"a frame of {length} bytes is too long")
            upto = at + HEAD + length
            if upto > end:
                self._needed = HEAD + length
                break
            yield data[at + HEAD : upto]
            at = upto
        if at < end:
            rest = data[at:]
            self._parts.append(rest)
            self._size = len(rest)
