"""A close frame that is plainly right is answered without the library, and as the library answers it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.protocol import State

from tests.fuzz.frames import Wire
from tests.transport.quiet import QuietHandler
from tests.transport.raw import CLOSE, CONT, PING, TEXT, close_payload, frame, upgrade
from tests.transport.test_opening import NoLoop
from tidegate.transport import Connection, ConnectionContext, Outbox, Routes, TransportSettings

CODES = (0, 999, 1000, 1001, 1002, 1004, 1005, 1006, 1011, 1014, 1015, 1016, 2999, 3000, 4999, 5000, 65535)
REASONS = (b"bye", "κόσμε".encode(), b"\xff", b"caf\xe9", b"x" * 123, b"x" * 124)
PLAIN = [frame(CLOSE), *(frame(CLOSE, close_payload(code)) for code in (1000, 1001, 3000, 4999))]
ODD = [
    b"\x88\x7e\x00\x01", b"\x88\xfe\x00\x02\x00\x00\x03\xea\x0f\x41",
    b"\x88\xfe\x00\x7c" + bytes(4) + b"\x03\xe8" + b"x" * 122, b"\x88\x82\0\0\0\0\x03",
    frame(CLOSE, b"\x03"), frame(CLOSE, masked=False), frame(CLOSE, close_payload(1000), masked=False),
    frame(CLOSE, close_payload(1000), fin=False), frame(CLOSE, close_payload(1000), reserved=4),
    frame(CLOSE) + frame(CLOSE), frame(CLOSE) + frame(TEXT, b"late"),
    frame(TEXT, b"x") + frame(CLOSE, close_payload(1000)), frame(PING, b"p") + frame(CLOSE, close_payload(1000)),
    frame(TEXT, b"x", fin=False) + frame(CLOSE), frame(CONT, b"x") + frame(CLOSE),
]  # fmt: skip


class Closed(QuietHandler):
    """Notes what it learns of an end."""

    def __init__(self) -> None:
        self.learned: list[Any] = []

    def received(self, connection: Connection, payload: bytes) -> None:
        self.learned.append(payload)

    def disconnected(self, connection: Connection, code: int | None) -> None:
        self.learned.append((code, connection.closed_by_client))


def opened() -> tuple[Connection, Wire, Closed]:
    settings, outbox = TransportSettings(origins=("*",)), Outbox(NoLoop())  # type: ignore[arg-type]
    # The clock stands still, so that two frames are handled in one turn however busy the machine is.
    context = ConnectionContext(settings, Routes(), outbox, now=lambda: 0.0)
    handler = Closed()
    connection, wire = Connection(context, handler, "c"), Wire()
    connection.connection_made(wire)
    arrives(connection, upgrade())
    wire.written.clear()
    return connection, wire, handler


def arrives(connection: Connection, data: bytes) -> None:
    connection.get_buffer(-1)[: len(data)] = data
    connection.buffer_updated(len(data))


def outcome(segments: list[bytes], *, library: bool) -> tuple[object, ...]:
    """What is written, told and counted where these segments arrive. `library`: it has begun before."""
    connection, wire, handler = opened()
    if library:
        assert connection.write_side._ws.state is State.OPEN
    for segment in segments:
        arrives(connection, segment)
    left = connection.write_side.state, wire.ended
    connection.connection_lost(None)
    closes = connection._context.counts.closes
    return bytes(wire.written), left, handler.learned, dict(closes), connection.write_side.state


def frames() -> Iterator[bytes]:
    yield from PLAIN
    yield from ODD
    yield from (frame(CLOSE, close_payload(code)) for code in CODES)
    yield from (frame(CLOSE, close_payload(1000, reason)) for reason in REASONS)
    chance = random.Random(1)
    for _ in range(500):
        changed = bytearray(chance.choice([*PLAIN, *ODD]))
        for _ in range(chance.randint(1, 2)):
            changed[chance.randrange(min(8, len(changed)))] = chance.choice((0, 1, 0x7E, 0x80, 0x82, 0x88, 0xFD, 0xFE))
        yield bytes(changed)


async def test_close_frames_end_a_connection_as_the_library_ends_it() -> None:
    for data in frames():
        assert outcome([data], library=False) == outcome([data], library=True), data
    for data in (PLAIN[0], frame(CLOSE, close_payload(1000, b"bye"))):
        for cut in range(1, len(data)):
            segments = [data[:cut], data[cut:]]
            assert outcome(segments, library=False) == outcome(segments, library=True), segments


@pytest.mark.parametrize("data", PLAIN)
async def test_a_plain_close_frame_does_not_begin_the_library(data: bytes) -> None:
    connection, wire, _ = opened()
    arrives(connection, data)
    ws = connection.write_side._ws
    assert wire.written[:1] == b"\x88"
    assert wire.ended
    assert connection.closed_by_client
    written = bytes(wire.written)
    # Nothing that comes then is read, and nothing more is sent.
    ws.receive_data(frame(PING))
    connection.eof_received()
    connection.write_side.write_out()
    assert wire.written == written
    assert "_state" not in vars(ws)
    assert ws.state is State.CLOSED
    assert ws.close_rcvd is not None
    assert connection.closed_by_client
    connection.connection_lost(None)
