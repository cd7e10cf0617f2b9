"""The heads of HTTP requests.

What must hold: each gets one answer that HTTP allows, and a foreign page gets no upgrade.
"""

from __future__ import annotations

import asyncio
import http.client
import io
from collections.abc import Iterator
from contextlib import contextmanager

from tests.fuzz.frames import Heard, Wire, _arrive
from tests.fuzz.target import Run, Target
from tests.transport.raw import upgrade
from tidegate.transport import Connection, ConnectionContext, Outbox, Response, Routes, TransportSettings

SEEDS = [
    upgrade(),
    upgrade("/ws", "Origin: http://gateway.example"),
    upgrade("/ws", "Origin: http://foreign.example"),
    upgrade("/ws", "Authorization: Bearer a.b.c", "Sec-WebSocket-Protocol: tidegate.v1, bearer.a.b.c"),
    upgrade("/ws", "X-Forwarded-For: 203.0.113.7, 127.0.0.1"),
    b"GET /healthz HTTP/1.1\r\nHost: gateway.example\r\n\r\n",
    b"HEAD / HTTP/1.1\r\nHost: gateway.example\r\n\r\n",
    b"POST /ws HTTP/1.1\r\nHost: gateway.example\r\nContent-Length: 3\r\n\r\nabc",
    b"PROXY TCP4 203.0.113.7 127.0.0.1 50000 8787\r\nGET /healthz HTTP/1.1\r\nHost: g\r\n\r\n",
]
WORDS = [
    b"\r\n", b"\n", b"\r\n\r\n", b": ", b"GET ", b" HTTP/1.1", b" HTTP/1.0", b"http://[", b"\x00", b"\xff", b"%00",
    b"Host: gateway.example\r\n", b"Upgrade: websocket\r\n", b"Connection: Upgrade\r\n", b"Origin: null\r\n",
    b"Origin: http://foreign.example\r\n", b"Content-Length: 4\r\n", b"Transfer-Encoding: chunked\r\n",
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n", b"\x0d\x0a\x0d\x0a\x00\x0d\x0aQUIT\x0a",
]  # fmt: skip
FOREIGN = b"foreign.example"


@contextmanager
def make() -> Iterator[Run]:
    runner = asyncio.Runner()

    def run(data: bytes) -> str:
        return runner.run(_answered(data))

    with runner:
        yield run


async def _answered(data: bytes) -> str:
    routes = Routes()
    routes.add("/healthz", lambda _: Response.text(200, "ok\n"))
    settings = TransportSettings(max_size=300)
    context = ConnectionContext(settings, routes, Outbox(asyncio.get_running_loop()))
    wire = Wire()
    connection = Connection(context, Heard(), "fuzz")
    connection.connection_made(wire)
    _arrive(connection, data)
    connection.connection_lost(None)
    written = bytes(wire.written)
    if not written:
        return "closed" if wire.ended else "unfinished"
    status, fields = _head(written)
    if status != 101:
        assert wire.ended, "an answer that is no upgrade ends the connection"
        assert b"content-length" in fields or b"transfer-encoding" not in fields
        return str(status)
    head = data.partition(b"\r\n\r\n")[0].lower()
    page = next((line for line in head.split(b"\r\n") if line.startswith(b"origin:")), b"")
    assert FOREIGN not in page or FOREIGN in next(
        (line for line in head.split(b"\r\n") if line.startswith(b"host:")), b""
    ), "a page of another host was let in"
    return f"101 {'with' if b'sec-websocket-protocol' in fields else 'without'} subprotocol"


def _head(written: bytes) -> tuple[int, set[bytes]]:
    """The status and the names of the fields of a response, whose form is checked."""
    head, end, _ = written.partition(b"\r\n\r\n")
    assert end, "the head of the response has an end"
    first, *lines = head.split(b"\r\n")
    assert first.startswith(b"HTTP/1.1 "), first
    assert all(b"\n" not in line and b"\r" not in line and b"\0" not in line for line in [first, *lines])
    http.client.parse_headers(io.BytesIO(b"\r\n".join(lines) + b"\r\n\r\n"))
    return int(first[9:12]), {line.partition(b":")[0].lower() for line in lines}


TARGET = Target("heads", make, SEEDS, WORDS)
