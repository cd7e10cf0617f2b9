"""Compression of messages (RFC 7692, permessage-deflate), where the setting `compression` asks for it.

Each message is compressed by itself: neither side refers to earlier messages. So a message to many clients is
compressed once for all with equal windows, a connection holds no memory for it, and what a message reveals by its size
is about that message alone. It knows no connection.
Invariants: no message inflates to more than is allowed, and compression takes at most `SHARE` of the time.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Sequence

from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.extensions import Extension, ServerExtensionFactory
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.frames import CTRL_OPCODES, Frame, Opcode
from websockets.typing import ExtensionParameter

from tidegate.transport.counts import Compressed
from tidegate.transport.frames import TEXT, payload_start, text_frame

TAIL = b"\x00\x00\xff\xff"
"""What ends each compressed message, and is not sent (RFC 7692, section 7.2.1)."""
LEVEL = 1
"""Level 6 of zlib makes large messages smaller by a third, for five times the work, and small ones not at all."""
LARGEST = 1 << 18
"""Larger frames go as they are: to compress one takes longer than a turn of the event loop should."""
KEPT_BYTES = 1 << 21
"""Of frames and what they were compressed to, for the clients that get the same later."""
SHARE, BURST_S = 0.5, 0.02
"""Of the time, and seconds at once, that compression may take. Above that frames go as they are."""


def inflated(data: bytes | bytearray, limit: int) -> bytes:
    """The message that was compressed to `data`.

    Raises PayloadTooBig where it has more than `limit` bytes, of which no more than that were made, and ProtocolError
    where `data` is not compressed.
    """
    decoder = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    try:
        message = decoder.decompress(data + TAIL, limit + 1)
    except zlib.error:
        raise ProtocolError("decompression failed") from None
    if len(message) > limit:
        raise PayloadTooBig(None, limit)
    # A last block of DEFLATE may end the data, and an empty block may follow it (RFC 7692, section 7.2.3.4).
    if decoder.eof and decoder.unused_data not in {TAIL, b"\x00" + TAIL}:
        raise ProtocolError("data after the end of a compressed message")
    return message


def deflated(payload: bytes | memoryview, bits: int) -> bytes:
    """`payload`, compressed for a window of 2**`bits` bytes."""
    # A window that is larger than the message takes time to clear, and finds nothing more.
    bits = max(9, min(bits, len(payload).bit_length()))
    encoder = zlib.compressobj(LEVEL, zlib.DEFLATED, -bits, max(1, bits - 7))
    return (encoder.compress(payload) + encoder.flush(zlib.Z_SYNC_FLUSH))[: -len(TAIL)]


class Deflater:
    """Compresses frames, each once for all connections with equal windows. `least`: bytes of a message that is."""

    def __init__(
        self,
        least: int,
        counts: Compressed,
        now: Callable[[], float] = time.monotonic,
        spent: Callable[[], float] = time.thread_time,
    ) -> None:
        """`spent`: seconds for which this thread has run."""
        self._least = len(text_frame(bytes(least)))
        self._now, self._spent = now, spent
        self._known: dict[tuple[int, int], tuple[bytes, bytes]] = {}
        """(a frame, what is sent) by the frame's identity and the window. The frame is kept so that its identity is
        that of no other one."""
        self._kept = 0
        self._credit, self._credit_at = BURST_S, now()
        self._counts = counts

    def frame(self, frame: bytes, bits: int) -> bytes:
        """What is sent for `frame` to a client with a window of 2**`bits` bytes: `frame` itself where that is best."""
        if not self._least <= len(frame) <= LARGEST or frame[0] != TEXT:
            return frame
        key = (id(frame), bits)
        known = self._known.get(key)
        if known is not None:
            return known[1]
        if not self._may():
            return frame
        began = self._spent()
        payload = memoryview(frame)[payload_start(frame) :]
        head_and_data = text_frame(deflated(payload, bits))
        self._credit -= self._spent() - began
        sent = frame if len(head_and_data) >= len(frame) else b"\xc1" + head_and_data[1:]
        self._counts.frames += 1
        self._counts.before += len(frame)
        self._counts.after += len(sent)
        self._keep(key, frame, sent)
        return sent

    def _may(self) -> bool:
        """Whether there is time for one more frame."""
        now = self._now()
        self._credit = min(BURST_S, self._credit + SHARE * (now - self._credit_at))
        self._credit_at = now
        return self._credit > 0

    def _keep(self, key: tuple[int, int], frame: bytes, sent: bytes) -> None:
        self._known[key] = (frame, sent)
        self._kept += len(frame) + len(sent)
        while self._kept > KEPT_BYTES:
            oldest, gone = self._known.pop(next(iter(self._known)))
            self._kept -= len(oldest) + len(gone)


class Inflater(Extension):
    """The part of one connection that reads: the library calls `decode` with each frame. `bits`: of what is sent.

    The parts of a message wait as they arrived, and are inflated together: only then does inflating need memory.
    """

    name = ServerPerMessageDeflateFactory.name

    def __init__(self, bits: int) -> None:
        self.bits = bits
        self.parts: bytearray | None = None
        """Of a compressed message that is not whole."""
        self.grown = 0
        """Bytes that messages became larger by, since it was set to 0."""

    def decode(self, frame: Frame, *, max_size: int | None = None) -> Frame:
        """Raises PayloadTooBig and ProtocolError. The library refuses what is left of reserved bits."""
        limit = LARGEST if max_size is None else max_size
        if frame.opcode in CTRL_OPCODES:
            return frame
        if frame.opcode is Opcode.CONT:
            if self.parts is None:
                return frame
            self.parts += frame.data
        elif not frame.rsv1:
            return frame
        elif frame.fin:
            return self._whole(frame, bytes(frame.data), limit)
        else:
            self.parts = bytearray(frame.data)
        if len(self.parts) > limit:
            raise PayloadTooBig(None, limit)
        if not frame.fin:
            return _with(frame, b"")
        data, self.parts = self.parts, None
        return self._whole(frame, data, limit)

    def _whole(self, frame: Frame, data: bytes | bytearray, limit: int) -> Frame:
        message = inflated(data, limit)
        self.grown += len(message) - len(frame.data)
        return _with(frame, message)

    def encode(self, frame: Frame) -> Frame:
        """Frames that the library sends are control frames, which are never compressed."""
        return frame


def _with(frame: Frame, data: bytes) -> Frame:
    """`frame` with other data, and as one that is not compressed; a continuation must not say that it is."""
    rsv1 = frame.rsv1 and frame.opcode is Opcode.CONT
    return Frame(frame.opcode, data, frame.fin, rsv1, frame.rsv2, frame.rsv3)


class Negotiation(ServerExtensionFactory):
    """What the gateway agrees to of what a client offers."""

    name = ServerPerMessageDeflateFactory.name

    def __init__(self) -> None:
        self._library = ServerPerMessageDeflateFactory(server_no_context_takeover=True, client_no_context_takeover=True)

    def process_request_params(
        self, params: Sequence[ExtensionParameter], accepted_extensions: Sequence[Extension]
    ) -> tuple[list[ExtensionParameter], Extension]:
        """The parameters of the response. Raises NegotiationError where an offer can't be taken."""
        said, agreed = self._library.process_request_params(params, accepted_extensions)
        return said, Inflater(agreed.local_max_window_bits)


NEGOTIATION = Negotiation()
