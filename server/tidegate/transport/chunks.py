"""A request's body in chunks (RFC 9112, section 7.1), put together strictly.

No chunk extensions and no trailers: no client of an API needs them, and proxies disagree about them.
Invariant: no more than `limit` bytes of a body are kept, and nothing behind its end is touched.
"""

from __future__ import annotations

from http import HTTPStatus

from tidegate.transport.http_head import BadRequest

HEX = frozenset(b"0123456789abcdefABCDEF")
LONGEST_SIZE = 8
"""Digits in the size of a chunk."""


class Chunks:
    """One body."""

    __slots__ = ("_left", "_limit", "body")

    def __init__(self, limit: int) -> None:
        """`limit`: bytes of the body, at most."""
        self.body = bytearray()
        self._limit = limit
        self._left = 0
        """Bytes of the current chunk and its line end that are to come; 0 before the size of a chunk."""

    def take(self, data: bytearray) -> bool:
        """Take what belongs to the body off the start of `data`. Returns whether it is whole. Raises BadRequest."""
        while data:
            if not self._left:
                size = self._size(data)
                if size is None:
                    return False
                if size == 0:
                    return self._end(data)
                del data[: data.index(b"\n") + 1]
                self._left = size + 2
            if self._left > 2:
                part = data[: self._left - 2]
                self.body += part
                self._left -= len(part)
                del data[: len(part)]
            elif len(data) < self._left:
                return False
            elif data[:2] != b"\r\n":
                raise _malformed()
            else:
                del data[:2]
                self._left = 0
        return False

    def _size(self, data: bytearray) -> int | None:
        """The size at the start of `data`; None if its line is not complete."""
        end = data.find(b"\n", 0, LONGEST_SIZE + 2)
        digits = bytes(data[: end - 1] if end > 0 else data[: LONGEST_SIZE + 1].removesuffix(b"\r"))
        if (
            len(digits) > LONGEST_SIZE
            or not HEX.issuperset(digits)
            or (end >= 0 and (not digits or data[end - 1] != 13))
        ):
            raise _malformed()
        if end < 0:
            return None
        size = int(digits, 16)
        if len(self.body) + size > self._limit:
            raise BadRequest(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is too large (limit: {self._limit} bytes)")
        return size

    @staticmethod
    def _end(data: bytearray) -> bool:
        """After the last chunk, whose size is at the start of `data`, comes an empty line."""
        rest = data[data.index(b"\n") + 1 :]
        if rest[:2] == b"\r\n":
            del data[: len(data) - len(rest) + 2]
            return True
        if bytes(rest) not in {b"", b"\r"}:
            raise _malformed()
        return False


def _malformed() -> BadRequest:
    return BadRequest(HTTPStatus.BAD_REQUEST, "the body has a malformed chunk")
