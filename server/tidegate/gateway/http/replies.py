"""What a session of one HTTP request is sent: its reply, taken out of the frame and freed from its `ref`.

The core and the effects answer such a session as any other. Its sink is this. Whatever is not the reply, such as a
message that a handler sends to the connection, has no receiver here and is dropped.
Invariant: `ref` of the reply is never seen by the client, who gave none.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

import msgspec

from tidegate.transport import Exchange

REF = f"http-{secrets.token_hex(8)}"
"""The `ref` of every message that a request over HTTP becomes: each has a session for itself."""
_LAST, _FIRST = f',"ref":"{REF}"'.encode(), f'"ref":"{REF}",'.encode()
_ERROR, _PART = b'{"type":"error"', b'{"type":"part"'


class ErrorReply(msgspec.Struct):
    """What the status of an error depends on."""

    code: str
    message: str
    pointer: str | None = None
    retry_after: float | None = None


class ReplySink:
    """Implements `transport.Sink`, and what else is asked of a session's sink."""

    __slots__ = ("_exchange", "_take", "frames", "may_miss")

    def __init__(self, exchange: Exchange, take: Callable[[bytes], None]) -> None:
        """`take` gets the reply as JSON text, without its `ref`."""
        self.frames: list[bytes] = []
        self.may_miss = False
        self._exchange = exchange
        self._take = take

    def flush(self) -> None:
        frames, self.frames = self.frames, []
        for frame in frames:
            text = payload(frame)
            if _LAST in text:
                self._take(text.replace(_LAST, b"", 1))
            elif _FIRST in text:
                self._take(text.replace(_FIRST, b"", 1))

    @property
    def unsent(self) -> int:
        return self._exchange.unsent

    async def drained(self) -> None:
        await self._exchange.drained()

    def pause_reading(self, reason: int = 0) -> None:
        """A session of one request sends no other."""

    def resume_reading(self, reason: int = 0) -> None:
        """As `pause_reading`."""

    def close(self, code: int, reason: str) -> None:
        """There is no connection to close: the request is answered, or it was."""


def payload(frame: bytes) -> bytes:
    """The text of a frame that a server made (RFC 6455, section 5.2)."""
    size = frame[1]
    return frame[2 if size < 126 else 4 if size == 126 else 10 :]


def is_part(reply: bytes) -> bool:
    return reply.startswith(_PART)


def is_error(reply: bytes) -> bool:
    return reply.startswith(_ERROR)


read_error = msgspec.json.Decoder(ErrorReply).decode
