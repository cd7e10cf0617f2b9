"""The bytes around a text message, written and read without objects (RFC 6455, section 5.2).

Only complete, masked, unfragmented text frames are read here; the websockets library reads every other frame.
Invariant: any WebSocket client can read what `text_frame` returns.
"""

from __future__ import annotations

from struct import Struct

from websockets.utils import apply_mask as pure_apply_mask

try:
    from websockets.speedups import apply_mask
except ImportError:  # no compiled extension for this platform
    apply_mask = pure_apply_mask

__all__ = [
    "CLOSE", "MASKED", "TEXT", "apply_mask", "client_frame", "frame_size", "lone_text", "payload_start", "text_frame",
]  # fmt: skip

TEXT, CLOSE = 0x81, 0x88
"""FIN and the opcode of a frame."""
MASKED = 0x80
GATHERED_FRAMES, GATHERED_BYTES = 64, 65536
"""When the answers to one segment are more, or larger, they are written before the next message is handled: a client
that floods the gateway must be slowed down by its own answers."""

_SHORT = [bytes((TEXT, size)) for size in range(126)]
"""The header of a server's text frame by the size of its payload."""
_medium = Struct("!HH").pack


def text_frame(payload: bytes) -> bytes:
    """A server's text frame: unmasked, unfragmented."""
    size = len(payload)
    if size < 126:
        return _SHORT[size] + payload
    if size < 65536:
        return _medium(0x817E, size) + payload
    return b"\x81\x7f" + size.to_bytes(8) + payload


def payload_start(frame: bytes) -> int:
    """Where the payload of a server's frame begins."""
    size = frame[1]
    return 2 if size < 126 else 4 if size == 126 else 10


def client_frame(payload: bytes) -> bytes:
    """A client's text frame. Its mask is zero: it comes from no network."""
    size = len(payload)
    if size < 126:
        return bytes((TEXT, 0x80 | size, 0, 0, 0, 0)) + payload
    if size < 65536:
        return b"\x81\xfe" + size.to_bytes(2) + bytes(4) + payload
    return b"\x81\xff" + size.to_bytes(8) + bytes(4) + payload


def frame_size(buffer: bytes | bytearray, at: int) -> tuple[int, int] | None:
    """(bytes of the header with its mask, bytes of the payload) of the client's frame at `at`; None if cut off."""
    available = len(buffer) - at
    if available < 2:
        return None
    size = buffer[at + 1] & 0x7F
    if size < 126:
        return 6, size
    if size == 126:
        return None if available < 4 else (8, int.from_bytes(buffer[at + 2 : at + 4]))
    return None if available < 10 else (14, int.from_bytes(buffer[at + 2 : at + 10]))


def lone_text(buffer: bytearray, size: int) -> bytes | None:
    """The payload of the client's text frame that is the first `size` bytes of `buffer`, from its first to its last.

    None where they are anything else: less than a frame, several, of another kind, or with a payload of 64 KiB or more.
    What is in `buffer` after them is of earlier data.
    """
    length = buffer[1] - MASKED
    if buffer[0] != TEXT or size < 6:
        return None
    if length == size - 6 < 126:
        return apply_mask(buffer[6:size], buffer[2:6])
    if length == 126 and size >= 8 and (buffer[2] << 8) + buffer[3] == size - 8:
        return apply_mask(buffer[8:size], buffer[4:8])
    return None
