"""Bytes go straight to the operating system, and none overtakes those that the event loop's transport holds."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from random import Random

import pytest

from tests.support import chosen_loop
from tests.support.waiting import until
from tidegate.transport.straight import StraightWriter, socket_of

RESET = b"\x01\x00\x00\x00\x00\x00\x00\x00"
"""SO_LINGER with 0 seconds: the peer is sent a reset."""


class Line(asyncio.Protocol):
    """Notes the end of its connection."""

    ended = False

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = True


class Writer(StraightWriter):
    def write(self, data: bytes) -> None:
        self._write(data)

    @property
    def buffered(self) -> bool:
        return self._buffered


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[asyncio.Transport, Line, socket.socket]]:
    """A transport, and the other end of its connection, whose buffers are small."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        theirs = socket.create_connection(server.getsockname())
        ours, _ = server.accept()
    with theirs:
        ours.setblocking(False)
        theirs.setblocking(False)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        transport, line = await asyncio.get_running_loop().create_connection(Line, sock=ours)
        try:
            yield transport, line, theirs
        finally:
            transport.abort()
            await until(lambda: line.ended)


async def test_no_bytes_overtake_those_that_wait_in_the_transport() -> None:
    random, written, read = Random(5), bytearray(), bytearray()
    async with connected() as (transport, _, theirs):
        writer = Writer(transport)
        states = set()
        for number in range(300):
            data = b"%d," % number * random.choice((1, 1, 1, 3_000))
            writer.write(data)
            written += data
            states.add(writer.buffered)
            if random.random() < 0.2:
                await asyncio.sleep(0)
                with suppress(BlockingIOError):
                    read += theirs.recv(random.choice((100, 1 << 19)))
        while len(read) < len(written):
            read += await asyncio.get_running_loop().sock_recv(theirs, 1 << 16)
        assert read == written
        writer.write(b"end")
        assert await asyncio.get_running_loop().sock_recv(theirs, 9) == b"end"
        if chosen_loop.name() == "asyncio":
            assert states == {False, True}
            assert not writer.buffered, "the transport holds nothing any more"


@pytest.mark.filterwarnings("error")
async def test_a_broken_connection_is_ended_by_its_transport() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        ours, _ = server.accept()
    ours.setblocking(False)
    transport, line = await asyncio.get_running_loop().create_connection(Line, sock=ours)
    writer = Writer(transport)
    transport.pause_reading()  # so that writing is what finds the end
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    client.close()
    writer.write(b"to a connection that was reset")
    writer.write(b"again")
    await until(lambda: line.ended)


async def test_only_asyncios_own_transports_without_tls_are_passed_by() -> None:
    async with connected() as (transport, _, _):
        passed_by = chosen_loop.name() == "asyncio"
        assert (socket_of(transport) is not None) == passed_by

        class Encrypted(asyncio.Transport):
            def get_extra_info(self, name: str, default: object = None) -> object:
                return ssl.create_default_context() if name == "sslcontext" else transport.get_extra_info(name)

        assert socket_of(Encrypted()) is None
        assert socket_of(asyncio.Transport()) is None
