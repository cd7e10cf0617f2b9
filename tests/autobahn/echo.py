"""A server that sends every message back, made of the gateway's transport: what a conformance suite talks to.

The gateway itself refuses binary messages, and its transport drops their content. The suite has cases with binary
messages, so this server reads their content where the transport passes it on.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from msgspec.structs import replace
from websockets.frames import Frame, Opcode

from tests.transport.quiet import QuietHandler
from tidegate.transport import (
    CloseReason,
    Connection,
    ConnectionContext,
    Listener,
    Outbox,
    Routes,
    Tickers,
    TransportSettings,
    text_frame,
)
from tidegate.transport.compressed_sides import InflatingReadSide
from tidegate.transport.deflate import Deflater, Inflater, deflated
from tidegate.transport.frames import payload_start
from tidegate.transport.read_side import ReadSide

LARGEST = 16 << 20
"""Bytes of the suite's largest messages."""
SETTINGS = TransportSettings(max_size=LARGEST, max_backlog=4 * LARGEST, origins=("*",), sweep=0.1)


class BinaryReadSide(ReadSide):
    """Keeps the content of the binary message that is passed on."""

    binary: bytes

    def _accept(self, frame: Frame) -> None:
        if frame.opcode is Opcode.CONT and self._fragments is not None and frame.fin:
            self.binary = bytes(self._fragments[1:]) + frame.data
        elif frame.opcode is Opcode.BINARY and frame.fin:
            self.binary = bytes(frame.data)
        super()._accept(frame)


class InflatingBinaryReadSide(BinaryReadSide, InflatingReadSide):
    """The same of a connection that compresses."""


class Always(Deflater):
    """Compresses each message, also where that is not worth it: kosoku fails at those that leave as they are."""

    def frame(self, frame: bytes, bits: int) -> bytes:
        if frame[0] & 0x40:
            return frame
        payload = frame[payload_start(frame) :]
        return bytes((frame[0] | 0x40,)) + text_frame(deflated(payload, bits))[1:]


class Echo(QuietHandler):
    """Sends each message back."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    def connected(self, connection: Connection) -> None:
        inflater = next(iter(connection._ws.extensions), None)
        made = BinaryReadSide if inflater is None else InflatingBinaryReadSide
        side = made(LARGEST, connection._ws, connection.write_side, connection, connection._context.now)
        if isinstance(side, InflatingBinaryReadSide):
            assert isinstance(inflater, Inflater)
            side.inflater = inflater
        connection.read_side = side

    def received(self, connection: Connection, payload: bytes) -> None:
        self._outbox.push(connection.write_side, text_frame(payload))

    def received_binary(self, connection: Connection) -> None:
        assert isinstance(connection.read_side, BinaryReadSide)
        frame = bytearray(text_frame(connection.read_side.binary))
        frame[0] = 0x80 | Opcode.BINARY
        self._outbox.push(connection.write_side, bytes(frame))


@contextlib.asynccontextmanager
async def echoing(*, compression: bool = True) -> AsyncIterator[str]:
    """The URL of a server in this loop."""
    loop = asyncio.get_running_loop()
    tickers, outbox = Tickers(loop), Outbox(loop)
    context = ConnectionContext(replace(SETTINGS, compression=int(compression)), Routes(), outbox)
    if compression:
        context.deflater = Always(1, context.counts.compressed)
    listener = await Listener.open(context, Echo(outbox), tickers, "127.0.0.1", 0)
    try:
        yield f"ws://127.0.0.1:{listener.port}/ws"
    finally:
        await listener.stop(0.0, CloseReason(1001, "the suite is over"))
        tickers.close()
