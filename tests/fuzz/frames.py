"""The frames of a client, cut into segments in every way, read by the transport and by websockets.

The first bytes of an input say how long the segments are; the rest is what the client sends after the handshake.
What must hold: the messages, the pongs and the close code are those of websockets' own parser, which is given the same
bytes one by one. The transport may wait for the rest of a frame whose header is wrong already.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol

from tests.fuzz.target import Run, Target
from tests.transport.quiet import QuietHandler
from tests.transport.raw import BINARY, CLOSE, CONT, PING, PONG, TEXT, close_payload, frame, upgrade
from tidegate.transport import Connection, ConnectionContext, Outbox, Routes, TransportSettings

MAX_SIZE = 300
SEGMENTS = b"\x00\x00"
Event = tuple[str, bytes]
SEEDS = [
    SEGMENTS + each
    for each in (
        frame(TEXT, b'{"type":"ping"}'),
        frame(TEXT, "é€😀".encode()),
        frame(TEXT, b"a", fin=False) + frame(PING, b"p") + frame(CONT, b"b"),
        frame(BINARY, b"\0" * 130),
        frame(BINARY, b"x", fin=False) + frame(CONT, b"") + frame(CONT, b"y"),
        frame(PING) * 3 + frame(PONG, b"late"),
        frame(TEXT, b"x" * 126) + frame(TEXT, b"x" * 301),
        frame(CLOSE, close_payload(1000, b"bye")) + frame(TEXT, b"late"),
        frame(CLOSE, b"\x03"),
        frame(TEXT, b"\xff"),
        frame(TEXT, b"plain", masked=False),
        frame(TEXT, b"reserved", reserved=4),
        frame(3, b"no such opcode"),
    )
]
WORDS = [
    frame(TEXT, b"{}"),
    frame(PING),
    frame(CONT, b"c"),
    frame(CLOSE),
    b"\x81\xfe",
    b"\x81\xff",
    b"\x80\x80",
    b"\xed\xa0\x80",
]


class Wire(asyncio.Transport):
    """A TCP connection whose other end reads everything."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 50000)})
        self.written = bytearray()
        self.ended = False

    def write(self, data: Any) -> None:
        self.written += data

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self.ended

    def close(self) -> None:
        self.ended = True

    abort = close

    def pause_reading(self) -> None:
        pass

    resume_reading = pause_reading


class Heard(QuietHandler):
    """Notes what it receives."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def received(self, connection: Connection, payload: bytes) -> None:
        self.events.append(("text", payload))

    def received_binary(self, connection: Connection) -> None:
        self.events.append(("binary", b""))


@contextmanager
def make() -> Iterator[Run]:
    runner = asyncio.Runner()

    def run(data: bytes) -> str:
        if len(data) < len(SEGMENTS):
            return "too short"
        heard, sent, waiting = runner.run(_ours(data[len(SEGMENTS) :], data[: len(SEGMENTS)]))
        expected, answers = _library(data[len(SEGMENTS) :])
        if waiting and len(answers) == len(sent) + 1:
            answers.pop()
        assert heard == expected, f"received {heard}, and websockets {expected}"
        assert sent == answers, f"sent {sent}, and websockets {answers}"
        return " ".join([*(name for name, _ in heard[:3]), "/", *(name for name, _ in sent[-2:])])

    with runner:
        yield run


async def _ours(data: bytes, segments: bytes) -> tuple[list[Event], list[Event], bool]:
    """What was received and sent, and whether the transport waits for the rest of a frame."""
    settings = TransportSettings(max_size=MAX_SIZE, origins=("*",))
    context, heard, wire = ConnectionContext(settings, Routes(), Outbox(asyncio.get_running_loop())), Heard(), Wire()
    connection = Connection(context, heard, "fuzz")
    connection.connection_made(wire)
    _arrive(connection, upgrade())
    handshake = len(wire.written)
    assert wire.written.startswith(b"HTTP/1.1 101 ")
    at, turn = 0, 0
    while at < len(data) and not wire.ended:
        size = segments[turn % len(segments)] or len(data)
        _arrive(connection, data[at : at + size])
        at, turn = at + size, turn + 1
        await _quiet(connection)
    waiting = not wire.ended and bool(connection.read_side._buffer)
    connection.connection_lost(None)
    return heard.events, _frames(bytes(wire.written[handshake:])), waiting


def _arrive(connection: Connection, data: bytes) -> None:
    connection.get_buffer(-1)[: len(data)] = data
    connection.buffer_updated(len(data))


async def _quiet(connection: Connection) -> None:
    """Let the loop turn until what has arrived is handled."""
    await asyncio.sleep(0)
    for _ in range(100):
        if not connection.write_side.paused_by:
            return
        await asyncio.sleep(0)


def _library(data: bytes) -> tuple[list[Event], list[Event]]:
    ws = ServerProtocol(max_size=MAX_SIZE)
    ws.receive_data(upgrade())
    (request,) = ws.events_received()
    ws.send_response(ws.accept(request))  # type: ignore[arg-type]  # it is the request
    ws.data_to_send()
    events: list[Event] = []
    sent = bytearray()
    fragments: bytearray | None = None
    text = False
    for byte in data:
        ws.receive_data(bytes((byte,)))
        for event in ws.events_received():
            assert isinstance(event, Frame)
            if event.opcode in {Opcode.TEXT, Opcode.BINARY}:
                fragments, text = bytearray(), event.opcode is Opcode.TEXT
            if event.opcode not in {Opcode.TEXT, Opcode.BINARY, Opcode.CONT}:
                continue
            assert fragments is not None
            fragments += event.data
            if event.fin and not _told(events, bytes(fragments), text):
                ws.fail(1007, "")
        writes = ws.data_to_send()
        sent += b"".join(writes)
        if b"" in writes:
            break
    return events, _frames(bytes(sent))


def _told(events: list[Event], payload: bytes, text: bool) -> bool:
    """Note a whole message. False if it is text and no UTF-8."""
    if not text:
        events.append(("binary", b""))
        return True
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    events.append(("text", payload))
    return True


def _frames(data: bytes) -> list[Event]:
    """The server's frames: pongs with their payload, a close with its code."""
    found: list[Event] = []
    while data:
        opcode, size = data[0] & 15, data[1]
        payload = data[2 : 2 + size]
        found.append((f"close {int.from_bytes(payload[:2])}", b"") if opcode == CLOSE else (f"frame {opcode}", payload))
        data = data[2 + size :]
    return found


TARGET = Target("frames", make, SEEDS, WORDS)
