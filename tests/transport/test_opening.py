"""The quick way through an opening handshake: what it reads, the library reads and answers alike."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable, Iterator

import pytest

from tests.support.waiting import until
from tests.transport.raw import PING, PONG, TEXT, Echo, Frame, frame, listening, push, upgrade
from tidegate.transport import Connection, ConnectionContext, Outbox, Routes, TransportSettings, text_frame
from tidegate.transport.handshake import Upgrade, _answer, answer, server_protocol
from tidegate.transport.late_answers import Late
from tidegate.transport.late_protocol import LateProtocol
from tidegate.transport.opening import plain_opening
from tidegate.transport.peers import UNKNOWN

DATE = re.compile(rb"Date: [^\r]*")
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
NAMES = [
    "Host", "Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version", "Sec-WebSocket-Protocol", "Origin",
    "Authorization", "X-Forwarded-For", "User-Agent", "Content-Length", "Transfer-Encoding", "Expect", "X y", "",
    "Sec-WebSocket-Extensions",
]  # fmt: skip
VALUES = [
    "127.0.0.1:8000", "websocket", "WebSocket", "h2c, websocket", "Upgrade", "upgrade", "keep-alive, Upgrade", "close",
    KEY, KEY[:-1], KEY[:-2], "AAAA", "13", "12", "8, 13", "tidegate.v1", "tidegate.v1, bearer.a.b.c", "bearer.a.b.c",
    "tidegate.v1,bearer.a.b.c", "other", "a b", "http://127.0.0.1:8000", "https://elsewhere.example", "null",
    "http://[", "Bearer abc", "bearer  abc ", "Bearer", "Basic abc", "192.0.2.1", "5", "chunked", "\x7f", "é", "a\tb",
    " padded ", "", "permessage-deflate; client_max_window_bits", "100-continue", "tidegate.v1, bearer.\x01",
]  # fmt: skip
COLONS = [*[": "] * 6, ":", " : ", ":  ", ":\t", ""]
VERSIONS = [*[" HTTP/1.1"] * 40, " HTTP/1.0", "", "  HTTP/1.1"]
ENDS = [*["\r\n"] * 60, "\n", "\r\n ", "\r"]
STARTS = ["GET /ws", "GET /ws?", "GET /ws?token=abc", "GET /w", "get /ws", "POST /ws", "HEAD /ws", "GET http://[/ws"]


class Guest:
    """A visitor of the door."""

    peer = UNKNOWN
    counted = False
    refused = None
    used = 0.0


class NoLoop:
    """An event loop that calls nothing."""

    def call_soon(self, *arguments: object) -> None:
        pass


def heads(count: int, seed: int) -> Iterator[bytes]:
    """Handshakes of which up to three lines are changed, repeated, left out or written in another way."""
    chance = random.Random(seed)
    plain = ["Host: 127.0.0.1:8000", "Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Key: {KEY}",
             "Sec-WebSocket-Version: 13"]  # fmt: skip
    for _ in range(count):
        lines = [*plain, *chance.sample(plain, chance.random() < 0.1)]
        for _ in range(chance.randrange(4)):
            name, value = chance.choice(NAMES), chance.choice(VALUES)
            line = name + chance.choice(COLONS) + value
            if chance.random() < 0.5:
                lines[chance.randrange(len(lines))] = line
            else:
                lines.insert(chance.randrange(len(lines) + 1), chance.choice([line, line.upper(), line.lower()]))
        start = chance.choice(["GET /ws"] * 40 + STARTS) + chance.choice(VERSIONS)
        end = chance.choice(ENDS)
        yield (end.join([start, *lines]) + "\r\n\r\n").encode("latin-1")


def outcome(way: Callable[..., Upgrade | bytes | Late], head: bytes, asked: ConnectionContext) -> object:
    """What the client is sent, and the token and the extensions of the connection."""
    ws = server_protocol(asked.settings)
    answered = way(ws, head, asked, Guest())
    if isinstance(answered, Upgrade):
        response = answered.response or b"".join(ws.data_to_send())
        return answered.token, len(ws.extensions), DATE.sub(b"", response)
    assert not isinstance(answered, Late)
    return DATE.sub(b"", answered)


def context(**settings: object) -> ConnectionContext:
    return ConnectionContext(TransportSettings(**settings), Routes(), Outbox(NoLoop()))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "settings", [{}, {"origins": ("*",)}, {"hosts": ("gateway.example",), "compression": 1}], ids=str
)
def test_every_handshake_is_answered_as_the_library_alone_does(settings: dict[str, object]) -> None:
    asked, quick = context(**settings), 0
    for head in heads(3000, seed=7):
        assert outcome(answer, head, asked) == outcome(_answer, head, asked), head
        quick += plain_opening(head) is not None
    assert 500 < quick < 2500


async def test_the_library_is_not_begun_before_it_is_needed_and_answers_then() -> None:
    echo = Echo()
    async with listening(echo) as door, door.open() as raw:
        raw.send(frame(TEXT, b"first"))
        assert await raw.texts(1) == [b"first"]
        ws = echo.connections[0]._ws
        assert isinstance(ws, LateProtocol)
        assert not ws.begun
        raw.send(frame(PING, b"there?"))
        assert await raw.frame() == Frame(PONG, b"there?")
        assert ws.begun
        raw.send(frame(TEXT, b"second"))
        assert await raw.texts(1) == [b"second"]


async def test_connection_without_a_close_frame_ends_as_one() -> None:
    echo = Echo()
    async with listening(echo) as door:
        async with door.open():
            pass
        await until(lambda: echo.ended == [None])
        counts = door.listener.context.counts
        assert dict(counts.closes) == {1006: 1}
        assert (counts.ended.frames_out, counts.ended.bytes_out) == (0, 0)


@pytest.mark.parametrize("count", [50, 60, 120, 130, 400])
def test_handshake_with_many_headers_is_answered_as_the_library_alone_does(count: int) -> None:
    head = upgrade("/ws", *(f"x-{number}: y" for number in range(count)))
    assert outcome(answer, head, context()) == outcome(_answer, head, context())


def test_response_and_greeting_leave_in_one_write() -> None:
    class Greeting(Echo):
        def connected(self, connection: Connection) -> None:
            super().connected(connection)
            push(connection, text_frame(b"welcome"))

    connection, wire = Connection(context(), Greeting(), "c"), Wire()
    connection.connection_made(wire)
    head = upgrade()
    connection.get_buffer(-1)[: len(head)] = head
    connection.buffer_updated(len(head))
    (written,) = wire.written
    assert written.startswith(b"HTTP/1.1 101 ")
    assert written.endswith(b"\r\n\r\n" + text_frame(b"welcome"))
    assert (connection.tally.frames_out, connection.tally.bytes_out) == (1, len(text_frame(b"welcome")))


class Wire(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass
