"""A stream of events (SSE) in the place of a WebSocket: the fallback where WebSockets are blocked.

It is a connection like any other, with the same read side, write side, deadlines and handler. Only two things differ:
frames leave as events, and the client's messages come with other requests (`deliver`), from where they go on as if they
had arrived here as frames. It knows no request and no message.
Invariant: of what a client says, no more waits here than would on a socket that is not read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Literal

from tidegate.transport.connection import Connection
from tidegate.transport.context import ConnectionContext
from tidegate.transport.event_protocol import COMMENT, DroppableEvent, Event, EventProtocol, Farewell, event
from tidegate.transport.frames import client_frame
from tidegate.transport.handler import ConnectionHandler
from tidegate.transport.read_side import ReadSide
from tidegate.transport.state import OPEN
from tidegate.transport.write_side import WriteSide

AHEAD_BYTES = 65536
"""What a client may send while its messages are not read; one message may always wait."""
UNREAD_BYTES = 1 << 20
"""What may arrive on the connection of a stream, where nothing is expected, before it is cut off."""
CLOSE = b"\x88\x80" + bytes(4)
"""A client's close frame."""

Delivered = Literal["taken", "full", "ended"]
"""Of a client's messages: they were taken, they must be sent again later, or the stream has ended."""


class EventWriteSide(WriteSide):
    """The sending half of a stream."""

    __slots__ = ("farewell",)

    farewell: Farewell
    _ws: EventProtocol

    def flush(self) -> None:
        frames, tap = self.frames, self.tally.tap
        if tap is not None:  # it reads frames, not events
            tap.sent([frame for frame in frames if not isinstance(frame, Event | DroppableEvent)])
        self.tally.tap = None
        for frame in frames:
            self._ws.more = self.farewell(frame) or self._ws.more
        # What was too much for an earlier turn is still here, as events.
        frames[:] = map(event, frames)
        super().flush()
        self.tally.tap = tap

    @property
    def taken(self) -> int:
        """Bytes that the client's side has confirmed, and those of events that were dropped."""
        return self.tally.bytes_out - (0 if self._backlog is None else self._backlog.size) - self.unconfirmed


class EventStream(Connection):
    """`identifier`: told with the first event."""

    __slots__ = ("_farewell", "_pinged_at", "_taken", "_unread", "identifier")

    write_side: EventWriteSide
    _ws: EventProtocol

    def __init__(
        self,
        context: ConnectionContext,
        handler: ConnectionHandler[Connection],
        connection_id: str,
        identifier: str,
        farewell: Farewell = lambda frame: None,
    ) -> None:
        super().__init__(context, handler, connection_id)
        self.identifier = identifier
        self._farewell = farewell
        self._unread = self._taken = 0
        self._pinged_at: float | None = None
        """When the client's side was asked whether it is there; None where it has confirmed since."""

    def begin(self, transport: asyncio.Transport) -> None:
        context, self._transport = self._context, transport
        self.heard = self.used = context.now()
        # The first event takes the identifier with it: an event ends with an empty line.
        self._ws = EventProtocol(f"id: {self.identifier}\n".encode())
        self.write_side = EventWriteSide(self.id, context, transport, self._ws, self)
        self.write_side.farewell = self._farewell
        self.tally = self.write_side.tally
        self.read_side = ReadSide(context.settings.max_size, self._ws, self.write_side, self, context.now)

    def deliver(self, messages: Sequence[bytes]) -> Delivered:
        """Messages of the client, in UTF-8, none larger than a message may be."""
        return self._said(b"".join(map(client_frame, messages)))

    def leave(self) -> Delivered:
        """The client ends the stream, after what it said before."""
        return self._said(CLOSE)

    def _said(self, data: bytes) -> Delivered:
        if self.write_side.state is not OPEN:
            return "ended"
        context = self._context
        waiting = self.read_side.waiting
        if waiting and waiting + len(data) > AHEAD_BYTES:
            return "full"
        self.heard = now = context.now()
        held = context.outbox.hold()
        try:
            self._arrived(data, now)
        finally:
            if held:
                context.outbox.release(self.write_side)
        return "taken"

    # -- asyncio.BufferedProtocol -----------------------------------------------------------------------------------

    def buffer_updated(self, nbytes: int) -> None:
        """A client sends nothing after its request."""
        self._unread += nbytes
        if self._unread > UNREAD_BYTES:
            self.abort()

    def eof_received(self) -> bool:
        """The client is gone. What waits for it would keep the connection, and count as if it were taken."""
        self.abort()
        return False

    # -- time -------------------------------------------------------------------------------------------------------

    def ping(self, now: float) -> None:
        """Send a comment, and cut the stream off where the client's side does not confirm it.

        A client answers no comment. Its system, or its proxy, confirms what arrives, and a proxy finds out itself
        whether its client is there.
        """
        write_side = self.write_side
        if self._pinged_at is None:
            self._pinged_at, self._taken = now, write_side.taken
            self._ws.send_ping(b"")
            self.tally.bytes_out += len(COMMENT)
            write_side.write_out()
        elif write_side.taken > self._taken:  # at least the comment
            self.heard, self._pinged_at = now, None
        elif not write_side.paused_by and now - self._pinged_at > self._context.settings.ping_timeout:
            self.abort()

    def stood_still(self, seconds: float, now: float) -> None:
        super().stood_still(seconds, now)
        self._pinged_at = None
