"""One client's connection: an asyncio protocol around websockets' Sans-I/O `ServerProtocol`.

It reads the opening handshake, then joins a read side (bytes to messages) with a write side (frames to bytes). It keeps
the deadlines. It has no task, queue or future, and knows no meaning of a message.
Invariant: the handler's `disconnected` is called exactly once for every `connected`, and nothing is received before
`connected` or after `disconnected`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from websockets.server import ServerProtocol

from tidegate.transport import late_answers, proxy_protocol
from tidegate.transport.close_codes import INTERNAL_ERROR, INVALID_TEXT, PROTOCOL_ERROR
from tidegate.transport.compressed_sides import agreed, write_side
from tidegate.transport.context import ConnectionContext
from tidegate.transport.counts import Tally
from tidegate.transport.frames import GATHERED_BYTES, GATHERED_FRAMES
from tidegate.transport.handler import ConnectionHandler
from tidegate.transport.handshake import MAX_HEAD, Upgrade, answer, server_protocol
from tidegate.transport.http import Response
from tidegate.transport.late_protocol import let_go
from tidegate.transport.notices import BREACHES, BROKEN, NO_HEADER, TOO_FAST
from tidegate.transport.pausing import BY_RATE, BY_TURN
from tidegate.transport.peers import UNKNOWN
from tidegate.transport.read_side import ReadSide
from tidegate.transport.state import CONNECTING, OPEN
from tidegate.transport.switching import to_http
from tidegate.transport.taking import Taking
from tidegate.transport.write_side import WriteSide

log = logging.getLogger("tidegate.connection")


class Connection(asyncio.BufferedProtocol):
    """Made for each TCP connection; asyncio calls `connection_made` first. `session` belongs to the handler."""

    __slots__ = (
        "_context", "_handler", "_head", "_transport", "_ws", "counted", "heard", "id", "peer", "pinged", "read_side",
        "refused", "session", "tally", "token", "used", "write_side",
    )  # fmt: skip

    write_side: WriteSide
    read_side: ReadSide
    tally: Tally
    _ws: ServerProtocol
    _transport: asyncio.Transport

    def __init__(self, context: ConnectionContext, handler: ConnectionHandler[Connection], connection_id: str) -> None:
        self.id = connection_id
        self.session: Any = None
        self.peer, self.counted = UNKNOWN, False
        self.refused: Response | None = None
        self.token: str | None = None
        """What the handshake carried to prove the client's identity; not checked here."""
        self._context, self._handler = context, handler
        self._head = b""  # the part of the HTTP request that has arrived
        self.heard = self.used = 0.0
        """When the last bytes arrived, and the last that the handler found to be a request."""
        self.pinged: Taking | None = None
        """The time since the ping that is not answered."""

    def close(self, code: int, reason: str) -> None:
        """Close with `code`; a connection whose opening handshake is not complete is cut off."""
        if self.write_side.state is CONNECTING:
            self.write_side.abort()
        self.write_side.close(code, reason)  # does nothing with a connection that was cut off

    def abort(self) -> None:
        self.write_side.abort()

    @property
    def closed_by_client(self) -> bool:
        """Whether the client sent its close frame before this side did."""
        return self._ws.close_rcvd_then_sent is True

    # -- asyncio.BufferedProtocol -----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.begin(cast(asyncio.Transport, transport))  # uvloop's has another class
        self._context.door.arrived(self, transport.get_extra_info("peername"), self.heard)

    def begin(self, transport: asyncio.Transport) -> None:
        context, self._transport = self._context, transport
        self.heard = self.used = context.now()
        self._ws = server_protocol(context.settings)
        self.write_side = write_side(self.id, context, transport, self._ws, self)
        self.tally = self.write_side.tally
        self.read_side = ReadSide(context.settings.max_size, self._ws, self.write_side, self, context.now)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._context.receive_view

    def buffer_updated(self, nbytes: int) -> None:
        context, self.pinged = self._context, None
        self.heard = now = context.now()
        held = context.outbox.hold()
        try:
            if not self.read_side.take_lone(context.receive_buffer, nbytes, now):
                self._arrived(bytes(context.receive_view[:nbytes]), now)
        finally:
            if held:
                context.outbox.release(self.write_side)

    def _arrived(self, data: bytes, now: float) -> None:
        if self.write_side.state is CONNECTING:
            self.handshake(data)
        elif self._context.turns.full and self.write_side.state is OPEN and self.read_side.large(len(data)):
            self.read_side.keep(data, now)
        else:
            self.read_side.received(data, now)

    def eof_received(self) -> bool:
        self._ws.receive_eof()
        self.write_side.write_out()
        return False

    def pause_writing(self) -> None:
        self.write_side.pause_writing()

    def resume_writing(self) -> None:
        self.write_side.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        was_open = self.write_side.lost()
        context, received = self._context, self._ws.close_rcvd
        self.read_side.ended()
        context.counts.ended.add(self.tally)
        context.turns.leave(self)
        context.door.left(self)
        if self._ws.close_sent is not None and self._ws.close_sent.code in BREACHES:
            BROKEN(self.peer.logged, self._ws.close_sent.code)
        if was_open:
            context.counts.closed(self, self._ws)
            self._tell(self._handler.disconnected, received.code if received else None)
        let_go(self._ws)

    # -- the opening handshake --------------------------------------------------------------------------------------

    def handshake(self, data: bytes) -> None:
        """Bytes of the opening handshake, or of a plain HTTP request; the library is given whole heads only."""
        received = self._head + data
        if self.peer.trusted:
            try:
                rest = proxy_protocol.without_header(received, self, self._context.door.proxied, self.heard)
            except ValueError:
                NO_HEADER(self.peer.address)
                self.write_side.abort()
                return
            if rest is None:
                self._head = received
                return
            received = rest
        end = received.find(b"\r\n\r\n", 0, MAX_HEAD) + 4
        if end < 4:
            if len(received) < MAX_HEAD:
                self._head = received
                return
            end = MAX_HEAD
        self._head = b""
        if self._context.api is not None and self._context.for_api(received[:end]):
            let_go(self._ws)
            another = partial(Connection, self._context, self._handler, self.id)
            to_http(self, another, self._context, self._transport, received)
            return
        outcome = answer(self._ws, received[:end], self._context, self)
        if not isinstance(outcome, Upgrade):
            late_answers.send(outcome, self.write_side, self._transport)
            return
        self.establish(outcome.token, outcome.response)
        if end < len(received):
            self.read_side.received(received[end:], self.heard)

    def establish(self, token: str | None, response: bytes = b"") -> None:
        """The opening handshake has succeeded. `response`: what is to be sent, where the library has not read it."""
        self.token = token
        self.read_side = agreed(self.read_side, self._ws, self.write_side, self, self._context)
        self.read_side.traffic = self._context.door.traffic(self, self.heard)
        self._context.counts.opened += 1
        self.write_side.established(response)
        self._tell(self._handler.connected)
        self.write_side.flush()

    # -- what the two sides tell ------------------------------------------------------------------------------------

    def text(self, payload: bytes) -> None:
        """A whole text message was received."""
        if self.tally.tap is not None:
            self.tally.tap.received(payload)
        if not payload.isascii():
            try:
                payload.decode()
            except UnicodeDecodeError:
                self.write_side.fail(INVALID_TEXT, "a text message must be UTF-8")
                return
        try:
            self._handler.received(self, payload)
        except Exception:  # the boundary: an error in the handling of one message must not stop the server
            self._handler_failed()
        frames = self.write_side.frames
        if frames and (len(frames) > GATHERED_FRAMES or len(frames[-1]) > GATHERED_BYTES):
            self.write_side.flush()

    def binary(self) -> None:
        self._tell(self._handler.received_binary)

    def reading_resumed(self, reason: int) -> None:
        """The time of the pause, if it was one, does not count as the client's silence."""
        if reason != BY_TURN:  # otherwise `take_turn` goes on
            self.heard, self.pinged = self._context.now(), None
            self.read_side.resumed(self.heard)

    # -- turns ------------------------------------------------------------------------------------------------------

    def wait_for_turn(self) -> None:
        """More has arrived than one turn may handle."""
        self._context.turns.wait(self, self.peer.address if self.counted else self.id)

    def took(self, seconds: float) -> None:
        self._context.turns.spent(seconds)

    def take_turn(self, *, others: bool) -> bool:
        """Handle a turn of what has arrived. See `turns`."""
        context, write_side, self.pinged = self._context, self.write_side, None
        self.heard = now = context.now()
        held = context.outbox.hold()
        try:
            write_side.resume_reading(BY_TURN)
            busy = not write_side.paused_by and self.read_side.go_on(now)
        finally:
            if held:
                context.outbox.release(write_side)
        if busy and others and not write_side.paused_by and write_side.state is OPEN:
            write_side.pause_reading(BY_TURN)
            self.wait_for_turn()
        return busy

    def _tell(self, call: Callable[..., None], *arguments: int | None) -> None:
        try:
            call(self, *arguments)
        except Exception:  # the boundary: as in `text`
            self._handler_failed()

    def _handler_failed(self) -> None:
        log.exception("the handler of connections raised an exception", extra={"connection": self.id})
        self.write_side.close(INTERNAL_ERROR, "the gateway failed at this connection")

    # -- time -------------------------------------------------------------------------------------------------------

    def sweep(self, now: float) -> None:
        """Check the deadlines of this connection; called about once a second."""
        settings, write_side = self._context.settings, self.write_side
        if write_side.state is not OPEN:
            if now > write_side.deadline:
                self._context.counts.late += 1
                write_side.abort()
            return
        if paused := write_side.too_slow(now):
            write_side.give_up(paused=round(paused, 1))
            return
        if not write_side.paused_by and self.read_side.unfinished_for(now) > settings.message_timeout:
            write_side.fail(PROTOCOL_ERROR, "a message was not finished in time")
            return
        if self.read_side.traffic.over:
            self._slow_down(now)
        # A grant may just have resumed reading, which sets `_heard` to a moment after `now`.
        if now - self.heard > settings.ping_interval:
            self.ping(now)

    def stood_still(self, seconds: float, now: float) -> None:
        """This process stood still for `seconds`: no deadline of the client passes with that."""
        self.heard, self.used, self.pinged = now, min(self.used + seconds, now), None
        self.write_side.stood_still(seconds, now)
        self.read_side.stood_still(seconds, now)

    def ping(self, now: float) -> None:
        """The client is silent: ask it whether it is there, and cut it off when it had time to answer."""
        waiting = self.write_side.unconfirmed
        if self.pinged is None:
            self.pinged = Taking(waiting, now)
            self._ws.send_ping(b"")
            self.write_side.write_out()
        elif not self.write_side.paused_by and self.pinged.silent(self._context.settings, waiting, now):
            self.write_side.abort()

    def _slow_down(self, now: float) -> None:
        """The client sent more than it may: read on once it may send again; close it if it does not stop."""
        verdict = self.read_side.traffic.look(now, waits=bool(self.write_side.paused_by & BY_RATE))
        if verdict == "read":
            self.write_side.resume_reading(BY_RATE)
        elif verdict == "close":
            TOO_FAST(self.peer.logged)
            self.write_side.close(*self._context.settings.rate_limited)
