"""One WebSocket connection: an asyncio.Protocol around websockets' Sans-I/O `ServerProtocol`.

Complete, masked, unfragmented text frames are cut here, without objects; every other frame goes whole to the library,
which answers by RFC 6455. No task, queue or future a connection. It knows nothing of what the messages mean.
Invariant: `disconnected` is told exactly once for every `connected`, and nothing is received in between or after.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Protocol

from websockets.frames import Frame, Opcode
from websockets.protocol import SEND_EOF, State
from websockets.server import ServerProtocol

from tidegate.net.frames import TEXT, apply_mask, frame_size
from tidegate.net.handshake import Upgrade, answer

if TYPE_CHECKING:
    from tidegate.net.listener import Listener

log = logging.getLogger("tidegate.connection")

PROTOCOL_ERROR, INVALID_TEXT, INTERNAL_ERROR, SLOW_CONSUMER = 1002, 1007, 1011, 4101
BY_APPLICATION, BY_RATE, BY_BACKLOG = 1, 2, 4
"""Why nothing is read from a client."""
GATHERED_FRAMES, GATHERED_BYTES = 64, 65536
"""Answers to one segment are written before there are more, or a larger one, than this: who floods must feel it."""
MAX_HEAD = 16 * 1024
"""Bytes in the head of a request, at most."""


class Application(Protocol):
    """What connections talk to."""

    def connected(self, connection: Connection) -> None: ...

    def received(self, connection: Connection, payload: bytes) -> None: ...

    def received_binary(self, connection: Connection) -> None: ...

    async def settled(self) -> None:
        """Return when what is under way now has been answered."""

    def disconnected(self, connection: Connection, code: int | None) -> None:
        """`code`: what the client closed with; None when the line broke."""


class Connection(asyncio.BufferedProtocol):
    """A client's line. `session` belongs to the application.

    All connections read into one buffer of the listener's: an event loop asks for it, fills it and hands it back within
    one call, and nothing here keeps a reference into it.
    """

    __slots__ = (
        "_allowance",
        "_buffer",
        "_close_by",
        "_drain_waiters",
        "_fragments",
        "_handed_over",
        "_heard",
        "_held",
        "_held_bytes",
        "_listener",
        "_open",
        "_paused_by",
        "_paused_since",
        "_pinged",
        "_transport",
        "_unfinished_since",
        "_ws",
        "closing",
        "frames",
        "id",
        "session",
        "token",
    )

    def __init__(self, listener: Listener, connection_id: str) -> None:
        self.id = connection_id
        self.session: Any = None
        self.token: str | None = None
        """What the handshake carried to prove who it is; not checked here."""
        self.frames: list[bytes] = []
        self.closing = False
        self._listener = listener
        self._ws: ServerProtocol
        self._transport: asyncio.Transport
        self._open = False
        self._buffer = bytearray()
        self._fragments: bytearray | None = None
        self._handed_over = False
        """The library gets everything from here on: it is failing or closing the connection."""
        self._heard = 0.0
        self._pinged = False
        self._unfinished_since: float | None = None
        self._close_by: float | None = None
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._paused_since: float | None = None
        self._drain_waiters: list[asyncio.Future[None]] | None = None
        self._paused_by = 0
        """The sum of the reasons why nothing is read from the client. What it already said waits in `_buffer`."""
        self._allowance = listener.settings.rate

    # -- what the application may do --------------------------------------------------------------------------------

    def push(self, frame: bytes) -> None:
        """Send `frame`, gathered with whatever else goes out in this loop turn."""
        self._listener.outbox.push(self, frame)

    def close(self, code: int, reason: str) -> None:
        """Close with `code`; what was pushed before is still sent. The other side has a deadline to agree."""
        if self.closing or not self._open:
            return
        self.flush()
        if not self.closing:
            self._begin_close(code, reason)
            self._write_out()

    def _begin_close(self, code: int, reason: str) -> None:
        self.closing = self._handed_over = True
        self._close_by = self._listener.now() + self._listener.settings.close_timeout
        # The client's own close frame has to be heard.
        self.resume_reading(self._paused_by)
        if self._ws.state is State.OPEN:
            self._ws.send_close(code, reason)

    def abort(self) -> None:
        """End the line now, whatever is still unsent; nothing more is heard of it."""
        self.closing = self._handed_over = True
        self._transport.abort()

    def pause_reading(self, reason: int = BY_APPLICATION) -> None:
        if not self._paused_by and not self._transport.is_closing():
            self._transport.pause_reading()
        self._paused_by |= reason

    def resume_reading(self, reason: int = BY_APPLICATION) -> None:
        """Read again, unless there is another reason not to."""
        if not self._paused_by & reason:
            return
        self._paused_by &= ~reason
        if not self._paused_by and not self._transport.is_closing():
            # What the client could not say meanwhile is not held against it.
            self._heard = self._listener.now()
            if self._unfinished_since is not None:
                self._unfinished_since = self._heard
            self._transport.resume_reading()
            if self._buffer:
                asyncio.get_running_loop().call_soon(self._received, b"")

    async def drained(self) -> None:
        """Wait until what was pushed is with the operating system, or the connection is closing."""
        await asyncio.sleep(0)
        while self._paused_since is not None and not self.closing:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._drain_waiters = [*(self._drain_waiters or ()), waiter]
            await waiter

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

    def eof_received(self) -> bool:
        if self._ws.state is not State.CLOSED:
            self._ws.receive_eof()
            self._write_out()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.closing = True
        self.frames.clear()
        self._release_waiters()
        self._listener.closed(self)
        if self._ws.state is not State.CLOSED:
            self._ws.receive_eof()
        if self._open:
            self._open = False
            received = self._ws.close_rcvd
            self._guarded(self._listener.application.disconnected, received.code if received else None)

    def pause_writing(self) -> None:
        self._paused_since = self._listener.now()
        if not self.closing:
            self.pause_reading(BY_BACKLOG)

    def resume_writing(self) -> None:
        self._paused_since = None
        held, self._held, self._held_bytes = self._held, [], 0
        if held:
            self._transport.write(b"".join(held))
        if self._paused_since is None:
            self.resume_reading(BY_BACKLOG)
            self._release_waiters()

    # -- sending ----------------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Write what was gathered, or hold it while the client does not read."""
        frames = self.frames
        if not frames:
            return
        data = frames[0] if len(frames) == 1 else b"".join(frames)
        frames.clear()
        if self.closing:
            return
        if self._paused_since is None:
            self._transport.write(data)
        else:
            self._held.append(data)
            self._held_bytes += len(data)
            self._check_backlog()

    def _write_out(self) -> None:
        """Send what the library has to say: replies to control frames, close frames, the end.

        What was pushed before goes first: after a close frame nothing may follow (RFC 6455, section 5.5.1).
        """
        writes = self._ws.data_to_send()
        if writes:
            self.flush()
        for data in writes:
            if data is SEND_EOF or not data:
                self.closing = self._handed_over = True
                if self._close_by is None:
                    self._close_by = self._listener.now() + self._listener.settings.close_timeout
                self._transport.close()
            elif self._paused_since is None:
                self._transport.write(data)
            else:
                self._held.append(data)
                self._held_bytes += len(data)
                self._check_backlog()

    def _check_backlog(self) -> None:
        backlog = self._held_bytes + self._transport.get_write_buffer_size()
        if backlog > self._listener.settings.max_backlog:
            self._too_slow(backlog=backlog)

    def _too_slow(self, **measured: float) -> None:
        """Give the client up: what is held back is dropped, and whatever it still reads ends with the reason."""
        log.info("slow consumer", extra={"connection": self.id, **measured})
        self.frames.clear()
        self._held, self._held_bytes = [], 0
        if self.closing:
            self.abort()
            return
        self._begin_close(SLOW_CONSUMER, "what was sent is not read fast enough; resume")
        self._transport.write(b"".join(self._ws.data_to_send()))

    def _release_waiters(self) -> None:
        waiters, self._drain_waiters = self._drain_waiters, None
        for waiter in waiters or ():
            if not waiter.done():
                waiter.set_result(None)

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
