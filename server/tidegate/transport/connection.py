"""One WebSocket connection: an asyncio protocol around websockets' Sans-I/O `ServerProtocol`.

Complete, masked, unfragmented text frames are cut here, without objects; every other frame goes whole to the library,
which answers by RFC 6455. No task, queue or future a connection. It knows nothing of what the messages mean.
Invariant: `disconnected` is told exactly once for every `connected`, and nothing is received in between or after.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Protocol

from websockets.frames import Frame, Opcode
from websockets.protocol import State

from tidegate.transport.frames import TEXT, apply_mask, frame_size
from tidegate.transport.handshake import Upgrade, answer
from tidegate.transport.write_side import BY_RATE, WriteSide

if TYPE_CHECKING:
    from tidegate.transport.listener import Listener

log = logging.getLogger("tidegate.connection")

PROTOCOL_ERROR, INVALID_TEXT, INTERNAL_ERROR = 1002, 1007, 1011
GATHERED_FRAMES, GATHERED_BYTES = 64, 65536
"""Answers to one segment are written before there are more, or a larger one, than this: who floods must feel it."""
MAX_HEAD = 16 * 1024
"""Bytes in the head of a request, at most."""


class ConnectionHandler(Protocol):
    """What connections talk to."""

    def connected(self, connection: Connection) -> None: ...

    def received(self, connection: Connection, payload: bytes) -> None: ...

    def received_binary(self, connection: Connection) -> None: ...

    async def settled(self) -> None:
        """Return when what is under way now has been answered."""

    def disconnected(self, connection: Connection, code: int | None) -> None:
        """`code`: what the client closed with; None when the line broke."""


class Connection(WriteSide):
    """A client's line. `session` belongs to the application.

    All connections read into one buffer of the listener's: an event loop asks for it, fills it and hands it back within
    one call, and nothing here keeps a reference into it.
    """

    __slots__ = (
        "_allowance",
        "_buffer",
        "_fragments",
        "_heard",
        "_pinged",
        "_unfinished_since",
        "session",
        "token",
    )

    def __init__(self, listener: Listener, connection_id: str) -> None:
        super().__init__(listener, connection_id)
        self.session: Any = None
        self.token: str | None = None
        """What the handshake carried to prove who it is; not checked here."""
        self._buffer = bytearray()
        """What came and is not handled: half a frame, or, while reading is paused, whole ones."""
        self._fragments: bytearray | None = None
        self._heard = 0.0
        self._pinged = False
        self._unfinished_since: float | None = None
        self._allowance = listener.settings.rate

    # -- asyncio.BufferedProtocol -----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._heard = self._listener.now()
        self._close_by = self._heard + self._listener.settings.handshake_timeout
        self._ws = self._listener.new_protocol()
        self._listener.opened(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._listener.receive_buffer

    def buffer_updated(self, nbytes: int) -> None:
        listener = self._listener
        self._heard = listener.now()
        self._pinged = False
        held = listener.outbox.hold()
        try:
            self._received(bytes(listener.receive_buffer[:nbytes]))
        finally:
            if held:
                listener.outbox.release(self)

    def _received(self, data: bytes) -> None:
        taken = 0
        if not self._open:
            self._handshake(data)
        elif self._buffer:
            self._buffer += data
            taken = self._cut(self._buffer)
            del self._buffer[:taken]
        else:
            taken = self._cut(data)
            if taken < len(data):
                self._buffer += data[taken:]
        if self._handed_over and self._buffer:
            rest = bytes(self._buffer)
            self._buffer.clear()
            self._hand(rest)
        if self._fragments is None and (taken or not self._buffer):
            self._unfinished_since = None
        if self._unfinished_since is None and (self._buffer or self._fragments is not None):
            self._unfinished_since = self._heard

    def _resumed(self) -> None:
        # What the client could not say meanwhile is not held against it.
        self._heard = self._listener.now()
        if self._unfinished_since is not None:
            self._unfinished_since = self._heard
        if self._buffer:
            asyncio.get_running_loop().call_soon(self._received, b"")

    def eof_received(self) -> bool:
        if self._ws.state is not State.CLOSED:
            self._ws.receive_eof()
            self._write_out()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.closing = True
        self.frames.clear()
        self._release_all()
        self._listener.closed(self)
        if self._ws.state is not State.CLOSED:
            self._ws.receive_eof()
        if self._open:
            self._open = False
            received = self._ws.close_rcvd
            self._guarded(self._listener.application.disconnected, received.code if received else None)

    # -- receiving --------------------------------------------------------------------------------------------------

    def _handshake(self, data: bytes) -> None:
        """Bytes of the opening handshake, or of a plain HTTP request; the library is given whole heads only."""
        if self.closing:
            return
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n", 0, MAX_HEAD) + 4
        if end < 4 and len(self._buffer) < MAX_HEAD:
            return
        head, rest = bytes(self._buffer[: end if end >= 4 else MAX_HEAD]), bytes(self._buffer[end:])
        self._buffer.clear()
        outcome = answer(self._ws, head, self._listener)
        if isinstance(outcome, Upgrade):
            self._open_for(outcome)
            if rest:
                self._received(rest)
        else:
            self.closing = True
            self._transport.write(outcome)
            self._transport.close()

    def _open_for(self, outcome: Upgrade) -> None:
        self.token = outcome.token
        self._write_out()
        self._open = True
        self._close_by = None
        self._guarded(self._listener.application.connected)

    def _cut(self, data: bytes | bytearray) -> int:
        """Handle the whole frames at the start of `data`; returns how many bytes they took.

        It stops where the connection is paused. Once it is closing or failing, what is left is the library's.
        """
        at, end = 0, len(data)
        limit = self._listener.settings.max_size
        while at < end and not self._handed_over and not self._paused_by:
            size = frame_size(data, at)
            if size is None:
                return at
            head, payload = size
            first, second = data[at], data[at + 1]
            ordinary = second & 0x80 and payload <= limit and not first & 0x70
            if not ordinary:
                # Unmasked, oversized or with reserved bits: the library fails the connection as the RFC demands.
                self._handed_over = True
                break
            stop = at + head + payload
            if stop > end:
                return at
            if first == TEXT and self._fragments is None:
                mask = at + head - 4
                self._text(apply_mask(bytes(data[mask + 4 : stop]), bytes(data[mask : mask + 4])))
            else:
                self._hand(bytes(data[at:stop]))
            at = stop
        return at

    def _hand(self, data: bytes) -> None:
        """Give whole frames to the library and do what follows from them."""
        if self._ws.state is State.CLOSED or self._transport.is_closing():
            return
        self._ws.receive_data(data)
        for event in self._ws.events_received():
            if isinstance(event, Frame) and not self.closing:
                self._event(event)
        self._write_out()
        if self._ws.close_expected():
            self.closing = self._handed_over = True
            if self._close_by is None:
                self._close_by = self._listener.now() + self._listener.settings.close_timeout

    def _event(self, frame: Frame) -> None:
        if frame.opcode is Opcode.BINARY and frame.fin:
            self._guarded(self._listener.application.received_binary)
        elif frame.opcode is Opcode.TEXT or frame.opcode is Opcode.BINARY:
            # The first byte says which kind it is; a message may come in many pieces.
            self._fragments = bytearray((frame.opcode,)) + frame.data
        elif frame.opcode is Opcode.CONT and self._fragments is not None:
            self._fragments += frame.data
            if frame.fin:
                fragments, self._fragments = self._fragments, None
                self._unfinished_since = None
                if fragments[0] == Opcode.TEXT:
                    self._text(bytes(fragments[1:]))
                else:
                    self._guarded(self._listener.application.received_binary)

    def _text(self, payload: bytes) -> None:
        """A whole text message."""
        if not payload.isascii():
            try:
                payload.decode()
            except UnicodeDecodeError:
                self._fail(INVALID_TEXT, "a text message must be UTF-8")
                return
        rate = self._listener.settings.rate
        if rate:
            self._allowance -= 1
            if self._allowance < 0:
                self.pause_reading(BY_RATE)
        try:
            self._listener.application.received(self, payload)
        except Exception:  # the boundary: a bug in one message must not take the server down
            self._failed()
        frames = self.frames
        if frames and (len(frames) > GATHERED_FRAMES or len(frames[-1]) > GATHERED_BYTES):
            self.flush()

    def _guarded(self, tell: Any, *arguments: Any) -> None:
        try:
            tell(self, *arguments)
        except Exception:  # the boundary: as above
            self._failed()

    def _failed(self) -> None:
        log.exception("the application failed", extra={"connection": self.id})
        self.close(INTERNAL_ERROR, "the gateway failed at this connection")

    def _fail(self, code: int, reason: str) -> None:
        """Fail the connection (RFC 6455, section 7.1.7)."""
        self.flush()
        self._ws.fail(code, reason)
        self._handed_over = True
        self._write_out()

    # -- time -------------------------------------------------------------------------------------------------------

    def sweep(self, now: float) -> None:
        """Deadlines of this connection; called about once a second."""
        settings = self._listener.settings
        if self._close_by is not None:
            if now > self._close_by:
                self.abort()
            return
        if self._paused_since is not None and now - self._paused_since > settings.max_pause:
            self._too_slow(paused=round(now - self._paused_since, 1))
            return
        unfinished = 0.0 if self._unfinished_since is None or self._paused_by else now - self._unfinished_since
        if unfinished > settings.message_timeout:
            self._fail(PROTOCOL_ERROR, "a message was not finished in time")
            return
        if settings.rate:
            self._grant(settings.rate)
        # A grant may just have resumed it, which renews `_heard` to a moment after `now`.
        silent = now - self._heard
        if silent > settings.ping_interval + settings.ping_timeout and not self._paused_by:
            self.abort()
        elif silent > settings.ping_interval and not self._pinged:
            self._pinged = True
            self._ws.send_ping(b"")
            self._write_out()

    def _grant(self, messages: float) -> None:
        """The rate limit's share of a second; resumes reading once there is allowance again."""
        self._allowance = min(messages, self._allowance + messages)
        if self._allowance >= 0:
            self.resume_reading(BY_RATE)
