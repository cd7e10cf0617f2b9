"""What has arrived of HTTP requests and is not handled: cut into heads and bodies, and never more than is asked for.

Most clients repeat the head of their last request byte for byte: what was read of it is known then, and not read again.
Invariant: bytes that belong to no request that was asked for stay where they are, in their order.
"""

from __future__ import annotations

from http import HTTPStatus

from tidegate.transport.chunks import Chunks
from tidegate.transport.http_head import BadRequest, Head

MAX_HEAD = 16 * 1024
AHEAD_BYTES = 65536
"""What a client may send ahead of the answer to its request."""
KNOWN_BYTES = 2048
"""A head that is larger is not remembered: thousands of idle connections would hold theirs."""


class Incoming:
    """Of one connection. `limit`: bytes of a body, at most."""

    __slots__ = ("_buffer", "_chunks", "_known_bytes", "_limit", "known")

    def __init__(self, limit: int) -> None:
        self._buffer = bytearray()
        self._chunks: Chunks | None = None
        self._limit = limit
        self._known_bytes = b""
        self.known: Head | None = None
        """What the bytes mean that `head` has returned, where the request before had the same."""

    def __len__(self) -> int:
        """Bytes that are not handled."""
        return len(self._buffer)

    @property
    def held(self) -> int:
        """Bytes in memory: those, and the chunks of a body that is not whole."""
        return len(self._buffer) + (0 if self._chunks is None else len(self._chunks.body))

    def add(self, data: bytes) -> None:
        self._buffer += data

    def head(self) -> bytes | None:
        """The head of the next request, once it is whole; it stays here until `take`. Raises BadRequest."""
        if self.known is not None:
            if self._buffer.startswith(self._known_bytes):  # which end with the only empty line in them
                return self._known_bytes
            self.known = None
        end = self._buffer.find(b"\r\n\r\n", 0, MAX_HEAD) + 4
        if end >= 4:
            return bytes(self._buffer[:end])
        if len(self._buffer) >= MAX_HEAD:
            text = f"the head of the request is too large (limit: {MAX_HEAD} bytes)"
            raise BadRequest(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, text)
        return None

    def take(self, data: bytes, head: Head) -> None:
        """`data`, which `head()` has returned, is handled, and means `head`."""
        del self._buffer[: len(data)]
        if len(data) <= KNOWN_BYTES:
            self._known_bytes, self.known = data, head

    def body(self, head: Head) -> bytes | None:
        """The body of the request whose head was taken, once it is whole. Raises BadRequest."""
        if not head.chunked:
            if len(self._buffer) < head.length:
                return None
            if len(self._buffer) == head.length:
                body = bytes(self._buffer)
                self._buffer.clear()
            else:
                body = bytes(self._buffer[: head.length])
                del self._buffer[: head.length]
            return body
        if self._chunks is None:
            self._chunks = Chunks(self._limit)
        if not self._chunks.take(self._buffer):
            return None
        chunks, self._chunks = self._chunks, None
        return bytes(chunks.body)

    def leave_out(self, head: Head) -> bool:
        """Drop the body of a request that is refused. False where that is not here, or its end is not known."""
        if not 0 <= head.length <= len(self._buffer):
            return False
        del self._buffer[: head.length]
        return True

    def clear(self) -> bytes:
        """Keep nothing. Returns what was not handled."""
        left, self._buffer, self._chunks = bytes(self._buffer), bytearray(), None
        return left
