"""A load generator that costs little: raw WebSocket clients that count frames instead of reading them.

The figures are the SERVER's processor time, as the operating system reports it, so that the client's cost does not
matter. Frames from a server are unmasked (RFC 6455, section 5.1); a client's are masked with the zero key, which is
valid and costs nothing.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import psutil

HANDSHAKE = (
    "GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
)

AN_ADDRESS = 5_000
"""Clients of one source address, where there are more."""


def text_frame(payload: bytes) -> bytes:
    """A client's text frame, masked with the zero key."""
    size = len(payload)
    if size < 126:
        return struct.pack("!BBI", 0x81, 0x80 | size, 0) + payload
    return struct.pack("!BBHI", 0x81, 0xFE, size, 0) + payload


class Client(asyncio.Protocol):
    """One connection. `frames` counts the frames that came since the handshake."""

    __slots__ = ("_buffer", "_opened", "_waiter", "_wanted", "frames", "heard", "last", "opened", "transport")

    def __init__(self) -> None:
        self.frames = 0
        self.last = b""
        self.heard: Callable[[bytes], object] | None = None
        """Called with each frame's payload, where a measure needs more than their number."""
        self._buffer = b""
        self._opened = False
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._wanted = 0
        self._waiter: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's has another class
        self.transport.write(HANDSHAKE.format(key=base64.b64encode(os.urandom(16)).decode()).encode())

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        if not self._opened:
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                self._buffer = buffer
                return
            if b" 101 " not in buffer[:end]:
                raise ConnectionError(buffer[:end].decode("latin-1"))
            self._opened = True
            self.opened.set_result(None)
            buffer = buffer[end + 4 :]
        self._buffer = self._count(buffer)
        if self._waiter is not None and self.frames >= self._wanted:
            waiter, self._waiter = self._waiter, None
            if not waiter.done():
                waiter.set_result(None)

    def _count(self, buffer: bytes) -> bytes:
        at, end = 0, len(buffer)
        while end - at >= 2:
            size, head = buffer[at + 1], 2
            if size == 126:
                if end - at < 4:
                    break
                size, head = int.from_bytes(buffer[at + 2 : at + 4]), 4
            elif size == 127:
                if end - at < 10:
                    break
                size, head = int.from_bytes(buffer[at + 2 : at + 10]), 10
            if end - at < head + size:
                break
            self.frames += 1
            self.last = buffer[at + head : at + head + size]
            if self.heard is not None:
                self.heard(self.last)
            at += head + size
        return buffer[at:]

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(exc or ConnectionResetError("the server closed the connection"))

    def send(self, message: dict[str, Any]) -> None:
        self.transport.write(text_frame(json.dumps(message).encode()))

    def until(self, frames: int) -> asyncio.Future[None]:
        """Resolves once `frames` frames came in all."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.frames >= frames:
            future.set_result(None)
        else:
            self._wanted, self._waiter = frames, future
        return future


async def connect(port: int, source: str | None = None) -> Client:
    """`source`: the address that the client has, of 127.0.0.0/8."""
    local = None if source is None else (source, 0)
    _, client = await asyncio.get_running_loop().create_connection(Client, "127.0.0.1", port, local_addr=local)
    await client.opened
    return client


async def connect_many(port: int, count: int, at_a_time: int = 100) -> list[Client]:
    """Each address has some 28,000 ports, some of them in use: many clients come from several addresses."""
    clients: list[Client] = []
    while len(clients) < count:
        batch = min(at_a_time, count - len(clients))
        source = f"127.0.0.{2 + len(clients) // AN_ADDRESS}" if count > AN_ADDRESS else None
        clients += await asyncio.gather(*(connect(port, source) for _ in range(batch)))
    return clients


class Meter:
    """Processor time and memory of one process, as the operating system accounts for them."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)

    def cpu_us(self) -> float:
        """Microseconds on a processor so far: nanosecond accounting of all threads on Linux, clock ticks elsewhere."""
        try:
            threads = Path(f"/proc/{self._process.pid}/task").iterdir()
            return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1000
        except OSError:
            times = self._process.cpu_times()
            return (times.user + times.system) * 1e6

    def rss(self) -> int:
        """Bytes resident."""
        return int(self._process.memory_info().rss)
