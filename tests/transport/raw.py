"""What the tests of the transport share: a handler that echoes, a listener around it, and a client of bare bytes.

The client builds and reads frames by hand (RFC 6455, section 5.2), so that it can send what no library sends. Listener
and client are in one process and one loop, over a real socket of 127.0.0.1.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import ssl
import time
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

from tests.support.deadlines import DEADLINE_S
from tests.transport.quiet import QuietHandler
from tidegate.transport import (
    ApiHandler,
    CloseReason,
    Connection,
    ConnectionContext,
    Listener,
    Memory,
    Outbox,
    Response,
    Routes,
    Tickers,
    TransportSettings,
    text_frame,
)
from tidegate.transport import Door as TransportDoor

PATIENCE = DEADLINE_S
"""Seconds after which a test that waits for something fails."""
CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
SLOW_CONSUMER = CloseReason(4101, "the application's code for a client that reads too slowly")
MASK = b"\x37\xfa\x21\x3d"


class Frame(NamedTuple):
    """A frame that the server sent."""

    opcode: int
    payload: bytes
    fin: bool = True


def push(connection: Connection, frame: bytes) -> None:
    """Send `frame` to the client, through the outbox of the listener."""
    connection._context.outbox.push(connection.write_side, frame)


class Echo(QuietHandler):
    """A handler that sends every message back and records its calls. `on_received` replaces the echo."""

    def __init__(self, on_received: Callable[[Connection, bytes], None] | None = None) -> None:
        self.connections: list[Connection] = []
        self.heard: list[bytes] = []
        self.binaries = 0
        self.ended: list[int | None] = []
        self._on_received = on_received

    def connected(self, connection: Connection) -> None:
        self.connections.append(connection)

    def received(self, connection: Connection, payload: bytes) -> None:
        self.heard.append(payload)
        if self._on_received is None:
            push(connection, text_frame(payload))
        else:
            self._on_received(connection, payload)

    def received_binary(self, connection: Connection) -> None:
        self.binaries += 1
        push(connection, text_frame(b"binary"))

    def disconnected(self, connection: Connection, code: int | None) -> None:
        self.ended.append(code)


def mask(payload: bytes, key: bytes = MASK) -> bytes:
    """Byte by byte, as the RFC writes it."""
    return bytes(byte ^ key[index % 4] for index, byte in enumerate(payload))


def frame(
    opcode: int, payload: bytes = b"", *, fin: bool = True, reserved: int = 0, masked: bool = True, key: bytes = MASK
) -> bytes:
    """A client's frame, right or wrong."""
    size = len(payload)
    flag = 0x80 if masked else 0
    head = bytes(((0x80 if fin else 0) | reserved << 4 | opcode,))
    if size < 126:
        head += bytes((flag | size,))
    elif size < 65536:
        head += bytes((flag | 126,)) + size.to_bytes(2)
    else:
        head += bytes((flag | 127,)) + size.to_bytes(8)
    return head + (key + mask(payload, key) if masked else payload)


def close_payload(code: int, reason: bytes = b"") -> bytes:
    return code.to_bytes(2) + reason


def upgrade(path: str = "/ws", *lines: str, version: str = "13") -> bytes:
    """The head of a handshake, with `lines` as further headers."""
    key = base64.b64encode(os.urandom(16)).decode()
    head = [
        f"GET {path} HTTP/1.1",
        "Host: gateway.example",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        f"Sec-WebSocket-Version: {version}",
        *lines,
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n"


class Raw:
    """One TCP connection to the listener."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, *pieces: bytes) -> None:
        self.writer.write(b"".join(pieces))

    async def send_apart(self, *pieces: bytes) -> None:
        """Each piece arrives alone: the server's loop turns between them."""
        for piece in pieces:
            self.writer.write(piece)
            for _ in range(3):
                await asyncio.sleep(0)

    async def head(self) -> str:
        """The head of an HTTP response."""
        async with asyncio.timeout(PATIENCE):
            return (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")

    async def frame(self) -> Frame:
        async with asyncio.timeout(PATIENCE):
            first, second = await self.reader.readexactly(2)
            assert not second & 0x80, "a server does not mask"
            assert not first & 0x70, "no reserved bits were agreed on"
            size = second & 0x7F
            if size >= 126:
                size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8))
            return Frame(first & 0x0F, await self.reader.readexactly(size), bool(first & 0x80))

    async def texts(self, count: int) -> list[bytes]:
        frames = [await self.frame() for _ in range(count)]
        assert all(each.opcode == TEXT for each in frames), frames
        return [each.payload for each in frames]

    async def closed(self) -> int:
        """The code of the close frame that comes next; then the server ends the line."""
        last = await self.frame()
        assert last.opcode == CLOSE, last
        async with asyncio.timeout(PATIENCE):
            assert await self.reader.read() == b"", "nothing follows a close frame"
        return int.from_bytes(last.payload[:2]) if last.payload else 1005

    async def ended(self) -> bytes:
        """Everything until the server ends the line, broken or not."""
        got = b""
        async with asyncio.timeout(PATIENCE):
            with contextlib.suppress(ConnectionError):
                while piece := await self.reader.read(65536):
                    got += piece
        return got


class Door:
    """A listener in this loop and the way in. `echo` is what it talks to, where the test has no gateway."""

    def __init__(self, listener: Listener, echo: Echo | None = None) -> None:
        self.listener = listener
        self.echo = echo or Echo()
        self.trust: ssl.SSLContext | None = None
        """For TLS: whose certificates a client trusts."""

    @contextlib.asynccontextmanager
    async def tcp(self) -> AsyncIterator[Raw]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.listener.port, ssl=self.trust)
        try:
            yield Raw(reader, writer)
        finally:
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    @contextlib.asynccontextmanager
    async def open(self, *lines: str) -> AsyncIterator[Raw]:
        """A WebSocket, its handshake done."""
        async with self.tcp() as raw:
            raw.send(upgrade("/ws", *lines))
            assert (await raw.head()).startswith("HTTP/1.1 101 ")
            yield raw


@contextlib.asynccontextmanager
async def listening(
    echo: Echo | None = None,
    now: Callable[[], float] | None = None,
    memory: Memory | None = None,
    limits: TransportDoor | None = None,
    api: ApiHandler | None = None,
    tls: ssl.SSLContext | None = None,
    **settings: object,
) -> AsyncIterator[Door]:
    """A listener with these `TransportSettings`; it checks deadlines 50 times a second."""
    loop = asyncio.get_running_loop()
    handler, tickers, routes = echo or Echo(), Tickers(loop), Routes()
    routes.add("/healthz", lambda _: Response.text(200, "ok\n"), always=True)
    chosen = TransportSettings(
        **{"sweep": 0.02, "slow_consumer": SLOW_CONSUMER, "hosts": ("gateway.example",), **settings}  # type: ignore[arg-type]  # fields by name
    )
    context = ConnectionContext(chosen, routes, Outbox(loop), now or time.monotonic, memory, limits, api)
    listener = await Listener.open(context, handler, tickers, "127.0.0.1", 0, tls=tls)
    try:
        yield Door(listener, handler)
    finally:
        await listener.stop(0.0, CloseReason(1001, "the test is over"))
        tickers.close()
