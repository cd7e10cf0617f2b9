"""Frames of every opcode, as many as the line takes: small ones cost the gateway more than their sender."""

from __future__ import annotations

import zlib

from tests.attacks.plan import ATTACKER, Attack, Plan, always, from_loopback
from tests.attacks.wire import BINARY, CLOSE, PING, PONG, TEXT, frame, frame_head, head, request, text

CHUNK = 1 << 16
"""Bytes that a flood hands to its socket at a time."""
TURNS, WRITING, LOG = ("turns of the event loop",), ("turns of writing",), ("counted log lines",)
NO_RATE = {"rate": "0", "rate_bytes": "0", "address_connects": "0"}


def flood(data: bytes, lines: int = 10, *, reads: bool = True, **more: object) -> Plan:
    """The same frame over and over again, and back as soon as the gateway ends the connection."""
    chunk = always(data * max(1, CHUNK // len(data)))
    return Plan(lines, say=chunk, reads=reads, again=True, **more)  # type: ignore[arg-type]  # fields by name


WIDE = '{"type":"message","room":"chat-1","data":{' + ",".join(f'"{n:x}":{{}}' for n in range(6000)) + "}}"
DEEP = '{"type":"message","room":"a","data":' + "[" * 20_000 + "]" * 20_000 + "}"
WRONG_ROW = '{"type":"create","resource":"tasks","data":{' + ",".join(f'"p{n}":{n}' for n in range(4500)) + "}}"
WRONG_FILTER = '{"type":"list","resource":"tasks","filters":{"or":[' + ",".join(['{"x":{"y":1}}'] * 3000) + "]}}"
ESCAPES = '{"type":"ping","ref":"' + "\\u0041" * 10_000 + '"}'

COMPRESSION = {"compression": "512"}


def with_compression(_: int) -> bytes:
    return head(address=ATTACKER, more=("Sec-WebSocket-Extensions: permessage-deflate",))


def squeezed(data: bytes, lines: int) -> Plan:
    """Compressed text, of lines that have agreed on compression."""
    return flood(frame(TEXT, data, reserved=4), lines, head=with_compression)


def zeros(size: int) -> bytes:
    """`size` bytes of 0, compressed."""
    encoder = zlib.compressobj(wbits=-15)
    return encoder.compress(bytes(size)) + encoder.flush(zlib.Z_SYNC_FLUSH)[:-4]


BOMB, SMALL_BOMB = zeros(50_000_000), zeros(65_000)

FRAMES = (
    Attack("empty-binary-frames", (flood(frame(BINARY)),), without=NO_RATE, patch=TURNS),
    Attack(
        "empty-binary-frames-from-loopback", (flood(frame(BINARY), head=from_loopback),), without=NO_RATE, patch=TURNS
    ),
    Attack("stop-in-a-flood", (flood(frame(BINARY), 50),), without=NO_RATE, patch=TURNS, stopped=True),
    Attack("pings", (flood(frame(PING)),), without=NO_RATE, patch=TURNS),
    Attack("pings-unread", (flood(frame(PING, b"x" * 100), 50, reads=False),), without=NO_RATE, patch=TURNS),
    Attack("pongs", (flood(frame(PONG)),), without=NO_RATE, patch=TURNS),
    Attack("empty-texts", (flood(frame(TEXT)),), without=NO_RATE, patch=TURNS),
    Attack("text-that-is-no-json", (flood(text("{")),), without=NO_RATE, patch=TURNS),
    Attack("text-that-is-no-json-unread", (flood(text("{"), 50, reads=False),), without=NO_RATE, patch=TURNS),
    Attack("ping-requests", (flood(request("ping"), 50),), without=NO_RATE, patch=TURNS),
    Attack("ping-requests-unread", (flood(request("ping"), 50, reads=False),), without=NO_RATE, patch=TURNS),
    Attack(
        "large-binary-frames",
        (flood(frame(BINARY, b"x" * 60_000), 10),),
        always="a binary frame is dropped without a look at it",
    ),
    Attack("wide-json", (flood(text(WIDE), 10),), without=NO_RATE, patch=TURNS),
    Attack("deep-json", (flood(text(DEEP), 10),), always="the decoder refuses it within 0.1 ms"),
    Attack("wrong-properties", (flood(text(WRONG_ROW), 10),), without=NO_RATE, patch=TURNS),
    Attack("wrong-filters", (flood(text(WRONG_FILTER), 10),), without=NO_RATE, patch=TURNS),
    Attack("escapes", (flood(text(ESCAPES), 10),), always="the decoder reads it within 0.1 ms"),
    Attack("frames-above-the-limit", (flood(frame_head(TEXT, 1 << 62), 20),), without=NO_RATE, patch=LOG),
    Attack("compressed-frames", (flood(frame(TEXT, b"\x00" * 1000, reserved=4), 20),), patch=LOG),
    Attack("compression-bombs", (squeezed(BOMB, 20),), patch=LOG, settings=COMPRESSION),
    Attack(
        "many-small-compression-bombs", (squeezed(SMALL_BOMB, 20),), without=NO_RATE, patch=TURNS, settings=COMPRESSION
    ),
    Attack("compressed-garbage", (squeezed(b"\xff" * 1000, 20),), patch=LOG, settings=COMPRESSION),
    Attack("bytes-that-are-not-utf-8", (flood(frame(TEXT, b"\xff\xfe"), 20),), patch=LOG),
    Attack("close-and-come-back", (flood(frame(CLOSE, b"\x03\xe8"), 20),), patch=LOG),
)
