"""The two sides of connections where messages may be compressed: what differs from those where none is.

They are used where the setting `compression` asks for them, so that the others have no work with it. What waits for a
client waits as it was pushed, and is counted like that; it is compressed when it leaves.
Invariant: a frame leaves compressed only where client and gateway agreed to that in the opening handshake.
"""

from __future__ import annotations

import asyncio

from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol

from tidegate.transport.backlog import taken_from
from tidegate.transport.context import ConnectionContext
from tidegate.transport.deflate import Inflater
from tidegate.transport.late_protocol import LateProtocol
from tidegate.transport.pausing import Reader
from tidegate.transport.read_side import ReadSide
from tidegate.transport.receiver import MessageReceiver
from tidegate.transport.state import OPEN
from tidegate.transport.write_side import WriteSide


class DeflatingWriteSide(WriteSide):
    """Compresses what leaves, once the client has agreed."""

    __slots__ = ("_saved", "bits")

    def __init__(
        self,
        connection_id: str,
        context: ConnectionContext,
        transport: asyncio.Transport,
        ws: ServerProtocol,
        reader: Reader,
    ) -> None:
        super().__init__(connection_id, context, transport, ws, reader)
        self.bits = 0
        """The client's window has 2**`bits` bytes; 0: nothing is compressed."""
        self._saved = 0
        """Bytes that were counted as sent, and did not have to be."""

    def flush(self) -> None:
        frames, tally = self.frames, self.tally
        if not self.bits or not frames or self.state is not OPEN or self._paused_since is not None:
            super().flush()
            return
        taken, _ = taken_from(frames)
        rest, frames[:] = frames[:], [self._deflated(frame) for frame in taken]
        tap, before = tally.tap, tally.bytes_out
        if tap is not None:
            tap.sent(taken)
        tally.tap = None
        try:
            super().flush()
        finally:
            tally.tap = tap
            frames += rest
        saved = min(self._saved, tally.bytes_out - before)
        self._saved -= saved
        tally.bytes_out -= saved

    def _leaving(self, frame: bytes) -> bytes:
        """A frame that has waited leaves; it was counted as sent as it is."""
        if not self.bits:
            return frame
        sent = self._deflated(frame)
        self._saved += len(frame) - len(sent)
        return sent

    def _deflated(self, frame: bytes) -> bytes:
        deflater = self._context.deflater
        return frame if deflater is None else deflater.frame(frame, self.bits)


class InflatingReadSide(ReadSide):
    """Pays for what messages become, and counts what is held of those that are not whole."""

    __slots__ = ("inflater",)

    inflater: Inflater

    def _count(self) -> None:
        if self.inflater.parts is None:
            super()._count()
        else:
            self._hold(len(self._buffer) + len(self.inflater.parts))

    def _accept(self, frame: Frame) -> None:
        grown, self.inflater.grown = self.inflater.grown, 0
        if grown > 0:
            self.traffic.bytes -= grown
            self._pay(self._clock())
        if frame.opcode is Opcode.TEXT and frame.fin:
            message, frame.data = bytes(frame.data), b""  # as the base does: the library keeps its last frame
            self._receiver.text(message)
        else:
            super()._accept(frame)

    def _drop(self) -> None:
        self.inflater.parts = None
        super()._drop()


def write_side(
    connection_id: str, context: ConnectionContext, transport: asyncio.Transport, ws: ServerProtocol, reader: Reader
) -> WriteSide:
    """Of a connection whose opening handshake is yet to come."""
    made = WriteSide if context.deflater is None else DeflatingWriteSide
    return made(connection_id, context, transport, ws, reader)


def agreed(
    before: ReadSide, ws: ServerProtocol, write_side: WriteSide, receiver: MessageReceiver, context: ConnectionContext
) -> ReadSide:
    """The side that reads after the opening handshake: `before`, or another one where they agreed to compress."""
    if (isinstance(ws, LateProtocol) and not ws.begun) or not ws.extensions:
        return before
    inflater = ws.extensions[0]
    assert isinstance(inflater, Inflater)
    assert isinstance(write_side, DeflatingWriteSide)
    write_side.bits = inflater.bits
    made = InflatingReadSide(context.settings.max_size, ws, write_side, receiver, context.now)
    made.inflater = inflater
    return made
