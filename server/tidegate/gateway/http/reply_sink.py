"""What a session of one HTTP request is sent: its reply becomes the response.

The core and the effects answer such a session as any other. Its sink is this. Whatever is not the reply, such as a
message that a handler sends to the connection, has no receiver here and is dropped.
Invariant: the request has one response; parts of an answer are sent before its reply.
"""

from __future__ import annotations

from tidegate.gateway.application.gate import Gate
from tidegate.gateway.http import responses
from tidegate.gateway.http.operations import Operation
from tidegate.gateway.http.replies import is_part, without_ref
from tidegate.transport import Exchange


class ReplySink:
    """Implements `transport.Sink`, and what else is asked of a session's sink."""

    __slots__ = ("_exchange", "_gate", "_operation", "_streams", "frames", "may_miss")

    def __init__(self, exchange: Exchange, operation: Operation, gate: Gate) -> None:
        self.frames: list[bytes] = []
        self.may_miss = False
        self._exchange = exchange
        self._operation = operation
        self._gate = gate
        self._streams = False
        """Parts of the answer were sent."""

    def flush(self) -> None:
        frames, self.frames = self.frames, []
        for frame in frames:
            reply = without_ref(frame)
            if reply is None:
                continue
            if is_part(reply):
                self._part(reply)
            else:
                self._whole(reply)

    def _part(self, part: bytes) -> None:
        if not self._streams:
            self._streams = True
            self._exchange.begin(responses.STREAM)
        self._exchange.send(part + b"\n")

    def _whole(self, reply: bytes) -> None:
        exchange = self._exchange
        if self._gate.asks and exchange.state is not None:
            self._gate.forget(exchange.state.session)
        if self._streams:
            exchange.send(reply + b"\n")
            exchange.end()
        else:
            exchange.respond(self._operation.response(exchange.head, reply))

    @property
    def unsent(self) -> int:
        return self._exchange.unsent

    async def drained(self) -> None:
        await self._exchange.drained()

    def pause_reading(self, reason: int = 0) -> None:
        """A session of one request sends no other."""

    def resume_reading(self, reason: int = 0) -> None:
        """As `pause_reading`."""

    def close(self, code: int, reason: str) -> None:
        """There is no connection to close: the request is answered, or it was."""
