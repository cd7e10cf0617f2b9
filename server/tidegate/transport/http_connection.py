"""A connection that speaks HTTP: requests for the API, one after the other, over a connection that stays open.

It takes the TCP connection over from a `Connection` whose first request is no handshake, and hands it back when a later
one is: a proxy may use an idle connection for either. It reads one request at a time; what a client sends ahead waits,
and is not read from the socket beyond `AHEAD_BYTES`. It has no task and no future while it is idle.
Invariant: requests are answered in the order in which they arrived, each once, and no byte that follows a request that
was refused as malformed is read as another one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from tidegate.transport.api import ApiHandler, Make
from tidegate.transport.callers import Callers
from tidegate.transport.context import ConnectionContext, TransportSettings
from tidegate.transport.exchange import OpenExchange
from tidegate.transport.gatekeeper import TOO_MUCH, Gatekeeper
from tidegate.transport.http import Response
from tidegate.transport.http_head import BadRequest, read_head
from tidegate.transport.http_output import HttpOutput
from tidegate.transport.http_phase import BUSY, HttpPhase
from tidegate.transport.incoming import AHEAD_BYTES, Incoming
from tidegate.transport.peers import UNKNOWN
from tidegate.transport.succession import take_over
from tidegate.transport.traffic import LONG_S
from tidegate.transport.turns import SMALL_BYTES


class HttpConnection(asyncio.BufferedProtocol):
    """`began` puts it in the place of the connection that it takes over."""

    __slots__ = (
        "_api", "_callers", "_context", "_exchange", "_gate", "_hand_back", "_incoming", "_let_in", "_output", "_phase",
        "_since", "counted", "id", "kept", "peer", "refused", "tally", "used",
    )  # fmt: skip

    def __init__(
        self,
        connection_id: str,
        context: ConnectionContext,
        api: ApiHandler,
        transport: asyncio.Transport,
        hand_back: Callable[[HttpConnection, bytes], None],
    ) -> None:
        """`hand_back` makes a `Connection` of it again, for the bytes of a request that is not for the API."""
        self.id = connection_id
        self.peer, self.counted = UNKNOWN, False
        self.refused: Response | None = None
        self.used = now = context.now()
        self.kept: dict[str, Any] = {}
        self._context, self._api, self._hand_back = context, api, hand_back
        self._output = HttpOutput(context, transport)
        self.tally = self._output.tally
        self._gate, self._phase = Gatekeeper(context, api), HttpPhase.IDLE
        self._incoming = Incoming(context.settings.max_size)
        self._exchange: OpenExchange | None = None  # the request whose body arrives, or that is not answered yet
        self._let_in: TransportSettings | None = None  # the settings by which the last request was let in
        self._since = now  # when the request began, or the last response was sent

    def began(self, received: bytes) -> None:
        """It has its place at the door, and these bytes have arrived."""
        now = self._context.now()
        self._callers = Callers(self._context, self, now)
        self._received(received, now)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._context.receive_view

    def buffer_updated(self, nbytes: int) -> None:
        if self._phase is HttpPhase.LINGERING:
            self._output.drop(nbytes)
        else:
            self._received(bytes(self._context.receive_view[:nbytes]), self._context.now())

    def _received(self, data: bytes, now: float) -> None:
        self.tally.bytes_in += len(data)
        self._incoming.add(data)
        if not self._callers.receive(len(data), now):
            self._output.slow_down()
        elif self._phase is HttpPhase.ANSWERING:
            if len(self._incoming) > AHEAD_BYTES:
                self._output.pause_reading()
        elif len(data) > SMALL_BYTES and self._context.turns.full:
            self._next()
        else:
            self._handle(now)
        self._count()

    def eof_received(self) -> bool:
        """The client is gone: one that only ends its side of the connection cannot be told from one that left."""
        return False

    def pause_writing(self) -> None:
        self._output.pause_writing()
        self._output.pause_reading()
        self._count()

    def resume_writing(self) -> None:
        self._output.resume_writing()
        self._count()
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()
        self._incoming.clear()
        self._context.door.left(self)
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.lost(self._api)
        self._output.ended()
        self.kept.clear()

    def _leave(self) -> None:
        """Nothing more is done here."""
        self._phase = HttpPhase.ENDED
        self._context.counts.ended.add(self.tally)
        self._context.turns.leave(self)
        self._context.memory.waits(self, 0)
        self._callers.ended()

    def take_turn(self, *, others: bool) -> bool:
        """Handle one request of what has arrived. See `turns`."""
        if self._phase in BUSY or self._callers.rate.exceeded or self._output.paused:
            return False
        before = len(self._incoming)
        self._output.resume_reading()
        if before:
            self._handle(self._context.now())
        busy = len(self._incoming) < before
        if not self._incoming:
            self._callers.rate.caught_up()
            if busy and others:
                self._next(wait=True)
        self._count()
        return busy

    def _handle(self, now: float) -> None:
        """Handle one request, if it is whole, and send what is answered at once."""
        context = self._context
        held, exchange = context.outbox.hold(), None
        try:
            exchange = self._read(now)
        except BadRequest as bad:
            self._refuse(bad)
        finally:
            if held:
                context.outbox.release(self._output if exchange is None or exchange.sink is None else exchange.sink)
        took = context.now() - now
        self.tally.seconds += took
        if took > LONG_S:
            self._callers.rate.took(took, now)
            context.turns.spent(took)

    def _read(self, now: float) -> OpenExchange | None:
        """Returns the request that was handed over, if one was. Raises BadRequest."""
        if self._phase is HttpPhase.IDLE:
            self._phase, self._since = HttpPhase.HEAD, now
        if self._phase is HttpPhase.HEAD and (data := self._incoming.head()) is not None:
            self._read_head(data, now)
        exchange = self._exchange
        if self._phase is not HttpPhase.BODY or exchange is None:
            return None
        before, body = len(self._incoming), self._incoming.body(exchange.head)
        if exchange.head.chunked:
            self._callers.took_chunks(before - len(self._incoming))
        if body is None:
            return None
        self._phase = HttpPhase.ANSWERING
        try:
            self._api.received(exchange, body)
        except Exception:  # the boundary: an error in the handling of one request must not stop the server
            exchange.respond(self._gate.failed(self.id))
        return exchange

    def _read_head(self, data: bytes, now: float) -> None:
        """Read a head, and ask whether the request may go on. Raises BadRequest."""
        known, settings = self._incoming.known, self._context.settings
        if known is None and not self._context.for_api(data):
            self._leave()
            self._hand_back(self, self._incoming.clear())
            return
        head = read_head(data) if known is None else known
        when = self._callers.asks(head, len(data), now)
        if when == "later":
            self._output.slow_down()
            return
        self._incoming.take(data, head)
        self.used = now
        self.tally.frames_in += 1
        self._output.begin(head)
        self._exchange = exchange = OpenExchange(self, head, self._callers.peer, self._output, self._answered)
        self._phase = HttpPhase.BODY
        exchange.repeats = known is not None and self._let_in is settings
        refused = self._gate.refused(self, exchange, now, in_time=when == "now")
        self._let_in = settings if refused is None else None
        if refused is not None:
            if not self._incoming.leave_out(head):
                self._output.end_early()
            self._phase = HttpPhase.ANSWERING
            exchange.respond(refused)
        elif head.expects and not self._incoming:
            self._output.go_on()

    def hand_over(self, exchange: OpenExchange, response: Response, token: str | None, make: Make) -> Response | None:
        """The connection becomes another protocol with this response. See `api.Exchange`."""
        refused = self._gate.connection_refused(self, exchange, token, self._context.now())
        if refused is None:
            self._output.start(response, endless=True)
            self._exchange = None
            self._leave()
            take_over(self, make(self._context), self._context, self._output.transport, token)
        return refused

    def _refuse(self, bad: BadRequest) -> None:
        """Nothing that follows is read. A client that waits for an answer gets that instead of the refusal."""
        self._output.end_early()
        if self._phase is HttpPhase.ANSWERING:
            return
        self._phase = HttpPhase.ANSWERING
        response = self._api.refusal(bad.status, bad.text, {})
        if self._exchange is not None:
            self._exchange.respond(response)
            return
        self._output.begin(None)
        self._output.respond(response)
        self._answered()

    def _answered(self) -> None:
        """The request has its whole response."""
        self._exchange = None
        self._since = self._context.now()
        if self._output.last:
            self._phase = HttpPhase.LINGERING
            self._incoming.clear()
            self._output.finish()
        else:
            self._phase = HttpPhase.IDLE
            self._next()

    def _next(self, *, wait: bool = False) -> None:
        """Go on in a later turn with what was sent ahead or (`wait`) to read; or read on, to see a client leave."""
        if self._output.paused or self._callers.rate.exceeded:
            return
        if (self._incoming or wait) and self._phase not in BUSY:
            self._output.pause_reading()
            self._context.turns.wait(self, self.peer.address if self.counted else self.id)
        elif len(self._incoming) <= AHEAD_BYTES:
            self._output.resume_reading()

    def sweep(self, now: float) -> None:
        """Check the deadlines of this connection; called about once a second."""
        settings, phase, passed = self._context.settings, self._phase, now - self._since
        verdict = "idle" if phase is HttpPhase.LINGERING else self._callers.look(now)
        if self._output.too_slow(now):
            self.abort()
        elif verdict == "close":
            self._refuse(BadRequest(HTTPStatus.TOO_MANY_REQUESTS, TOO_MUCH))
        elif verdict != "idle":
            self._since = now
            self._next()
        elif phase is HttpPhase.IDLE and passed > settings.http_idle:
            self._output.transport.close()
        elif phase is HttpPhase.LINGERING and self._output.unsent:
            self._since = now
        elif phase is HttpPhase.LINGERING and passed > settings.close_timeout:
            self.abort()
        elif phase in {HttpPhase.HEAD, HttpPhase.BODY} and passed > settings.message_timeout:
            self._refuse(BadRequest(HTTPStatus.REQUEST_TIMEOUT, "the request was not finished in time"))

    def stood_still(self, seconds: float, now: float) -> None:
        """This process stood still for `seconds`: no deadline of the client passes with that."""
        self._since, self.used = min(self._since + seconds, now), min(self.used + seconds, now)
        self._output.stood_still(seconds, now)
        self._callers.stood_still(seconds, now)

    def close(self, code: int, reason: str) -> None:
        """End the connection: at once while it is idle, or after the answer to its request."""
        if self._phase is HttpPhase.ANSWERING:
            self._output.last = True
        elif self._phase is not HttpPhase.LINGERING:
            self._output.transport.close()

    def abort(self) -> None:
        self._output.transport.abort()

    @property
    def owner(self) -> object:
        return None if self._exchange is None else self._exchange.owner

    def give_up(self, **measured: float) -> None:
        self.abort()

    def _count(self) -> None:
        if self._phase is not HttpPhase.ENDED:
            self._output.count(self, self._incoming.held)
