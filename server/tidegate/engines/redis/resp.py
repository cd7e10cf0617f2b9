"""RESP3, the protocol of Redis and Valkey, as bytes: commands are packed, replies are parsed. It knows no socket.

The specification: https://redis.io/docs/latest/develop/reference/protocol-spec/
Invariant: what `Parser.feed` returns does not depend on how the bytes were split, and no byte is looked at more often
than a constant number of times: parts of a reply that are complete are kept parsed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

LINE_BYTES = 65_536
"""The longest line that is not a string with a length: an error, a number, a length."""
DEPTH = 32
"""How deep arrays may be in arrays."""
INNER_LIMIT = 1 << 24
"""The values of one array, at most."""
BULK_LIMIT = 512 << 20
"""Bytes of one string, at most: the same limit as Redis has."""


class ProtocolError(Exception):
    """The peer speaks no RESP3. The connection is of no further use."""


class ReplyError(Exception):
    """An error that the server replied, as a value. `code` is its first word: NOSCRIPT, READONLY, WRONGPASS."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.code = text.partition(" ")[0]
        if self.code == "ERR" and (inner := _IN_SCRIPT.search(text)):
            self.code = inner[1]


_IN_SCRIPT = re.compile(r"running script .*? -([A-Z]{3,}) ", re.DOTALL)
"""Redis 6.2 puts the error of a command in a script into a text: "ERR Error running script (...): -READONLY You..."."""


class Push(list[Any]):
    """What the server says without being asked: its kind, then its values."""


class _Part:
    """An array whose values are not all there."""

    __slots__ = ("finish", "left", "values")

    def __init__(self, left: int, finish: Callable[[list[Any]], Any]) -> None:
        self.values: list[Any] = []
        self.left = left
        self.finish = finish


_ATTRIBUTE = object()
"""Stands for what the server says of the next value; it is dropped."""


def pack(arguments: Sequence[bytes]) -> bytes:
    """A command as bytes."""
    return b"*%d\r\n" % len(arguments) + pack_part(arguments)


def pack_part(arguments: Sequence[bytes]) -> bytes:
    """Some arguments of a command, to be put together with others and the line that says how many there are."""
    return b"".join([b"$%d\r\n%b\r\n" % (len(argument), argument) for argument in arguments])


class Parser:
    """The replies of one connection. Strings are `bytes`, maps `dict`, sets `list`, errors `ReplyError`."""

    def __init__(self) -> None:
        self._rest = bytearray()
        """Bytes that are not parsed: the beginning of a value."""
        self._needed = 0
        """While `_rest` has fewer bytes, there is nothing to parse."""
        self._open: list[_Part] = []

    @property
    def unparsed(self) -> int:
        """Bytes that are kept for a value that is not complete."""
        return len(self._rest)

    def feed(self, data: bytes) -> list[Any]:
        """The replies and pushes that are complete with `data`. Raises ProtocolError."""
        if self._rest:
            self._rest += data
            if len(self._rest) < self._needed:
                return []
            data = bytes(self._rest)
            self._rest.clear()
        try:
            return self._parse(data)
        except (ValueError, TypeError) as error:  # a length that is no number, a map's key that is a list
            raise ProtocolError(f"cannot be parsed as RESP3: {error}") from error

    def _parse(self, data: bytes) -> list[Any]:  # noqa: PLR0912  # calls would cost more than the work
        complete: list[Any] = []
        opened = self._open
        find, have = data.find, len(data)
        at = 0
        while (end := find(b"\r\n", at)) >= 0:
            if data.startswith(_MESSAGE, at) and not opened and (message := _message(data, at)) is not None:
                push, at = message
                complete.append(push)
                continue
            kind = data[at]
            if kind in _BULKS:  # $ ! =
                size = _length(data[at + 1 : end], BULK_LIMIT)
                if size < 0:
                    value: Any = None
                    at = end + 2
                else:
                    stop = end + 2 + size
                    if have < stop + 2:
                        self._needed = stop + 2 - at
                        self._keep(data, at)
                        return complete
                    if data[stop] != _CR or data[stop + 1] != _LF:
                        raise ProtocolError("a string does not end where its length says")
                    value = data[end + 2 : stop]
                    at = stop + 2
                    if kind != _BULK:
                        value = value[4:] if kind == _VERBATIM else ReplyError(value.decode("utf-8", "replace"))
            elif kind in _AGGREGATES:
                part = self._begin(kind, data[at + 1 : end])
                at = end + 2
                if part is not None and part.left:
                    opened.append(part)
                    continue
                value = None if part is None else part.finish([])
            else:
                value = _line(kind, data[at + 1 : end])
                at = end + 2
            if not opened:
                if value is not _ATTRIBUTE:
                    complete.append(value)
            elif (part := opened[-1]).left > 1 and value is not _ATTRIBUTE:
                part.left -= 1
                part.values.append(value)
            else:
                self._put(value, complete)
        if have - at > LINE_BYTES:
            raise ProtocolError("a line is too long")
        self._needed = 0
        self._keep(data, at)
        return complete

    def _put(self, value: Any, complete: list[Any]) -> None:
        """Put a complete value where it belongs: that may complete what it is part of."""
        opened = self._open
        while value is not _ATTRIBUTE:
            if not opened:
                complete.append(value)
                return
            part = opened[-1]
            part.values.append(value)
            part.left -= 1
            if part.left:
                return
            opened.pop()
            value = part.finish(part.values)

    def _begin(self, kind: int, length: bytes) -> _Part | None:
        """An array of any kind begins. None for one that is absent."""
        count = _length(length, INNER_LIMIT)
        if count < 0:
            return None
        if len(self._open) >= DEPTH:
            raise ProtocolError("arrays are too deep in each other")
        if kind == _PUSH and self._open:
            raise ProtocolError("a push within a reply")
        return _Part(count * 2 if kind in _PAIRS else count, _AGGREGATES[kind])

    def _keep(self, data: bytes, at: int) -> None:
        if at < len(data):
            self._rest += memoryview(data)[at:]


def _message(data: bytes, at: int) -> tuple[Push, int] | None:
    """The message of a channel that begins at `at`, and where it ends; None where the general way has to tell.

    Most of what a server says are messages, and this takes half as long.
    """
    at += len(_MESSAGE)
    end = data.find(b"\r\n", at)
    length = _SHORT.get(data[at:end], -1) if end >= 0 else -1
    begin = end + 2
    stop = begin + length
    if length < 0 or data[stop : stop + 3] != b"\r\n$":
        return None
    channel = data[begin:stop]
    end = data.find(b"\r\n", stop + 3)
    if end < 0:
        return None
    begin = end + 2
    stop = begin + _length(data[stop + 3 : end], BULK_LIMIT)
    if stop < begin or data[stop : stop + 2] != b"\r\n":
        return None
    return Push((b"message", channel, data[begin:stop])), stop + 2


def _length(text: bytes, most: int) -> int:
    """A length; -1 for the absent value of RESP2. A bool of `isdigit` refuses what `int` allows, such as `1_0`."""
    length = _SHORT.get(text)
    if length is not None:
        return length
    if not text.isdigit():
        raise ProtocolError(f"not a length: {text[:20]!r}")
    length = int(text)
    if length > most:
        raise ProtocolError(f"too long: {length}")
    return length


def _map(values: list[Any]) -> dict[Any, Any]:
    return dict(zip(values[::2], values[1::2], strict=True))


def _line(kind: int, text: bytes) -> Any:
    """A value that takes one line."""
    match kind:
        case 43:  # +
            return text
        case 58 | 40:  # : (
            return int(text)
        case 45:  # -
            return ReplyError(text.decode("utf-8", "replace"))
        case 95:  # _
            return None
        case 44:  # ,
            return float(text)
        case 35 if text in {b"t", b"f"}:  # #
            return text == b"t"
        case _:
            raise ProtocolError(f"no value of RESP3 begins with {bytes([kind])!r}")


_BULK, _VERBATIM, _PUSH = b"$=>"
_CR, _LF = b"\r\n"
_MESSAGE = b">3\r\n$7\r\nmessage\r\n$"
"""How a push begins that brings a message of a channel."""
_SHORT = {b"%d" % length: length for length in range(-1, 1024)}
"""To look a length up costs a third of reading it."""
_BULKS = frozenset(b"$!=")
_PAIRS = frozenset(b"%|")
_AGGREGATES: dict[int, Callable[[list[Any]], Any]] = {
    ord("*"): list,
    ord("~"): list,
    ord(">"): Push,
    ord("%"): _map,
    ord("|"): lambda values: _ATTRIBUTE,
}
