"""The reply to one HTTP request as text: taken out of its frame and freed from its `ref`.

Invariant: `ref` of the reply is never seen by the client, who gave none.
"""

from __future__ import annotations

import secrets

import msgspec

from tidegate.transport import payload_start

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


def without_ref(frame: bytes) -> bytes | None:
    """The text of the reply in `frame`; None where it is no reply."""
    text = frame[payload_start(frame) :]
    if _LAST in text:
        return text.replace(_LAST, b"", 1)
    return text.replace(_FIRST, b"", 1) if _FIRST in text else None


def is_part(reply: bytes) -> bool:
    return reply.startswith(_PART)


def is_error(reply: bytes) -> bool:
    return reply.startswith(_ERROR)


read_error = msgspec.json.Decoder(ErrorReply).decode
