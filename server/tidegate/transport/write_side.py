"""The sending half of a connection, and its end: what goes out, how much may wait, which client is too slow.

The outbox gathers frames in `frames` and calls `flush`, which writes them. While the client does not read, they wait in
a `Backlog`, and nothing is read from the client, so that it cannot ask for more. It does not know what is received.
Invariant: frames reach the TCP connection in the order in which they were pushed, and no message follows a close frame.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Protocol

from websockets.protocol import SEND_EOF
from websockets.protocol import State as WebSocketState
from websockets.server import ServerProtocol

from tidegate.transport.backlog import Backlog
from tidegate.transport.context import ConnectionContext
from tidegate.transport.state import CLOSING, CONNECTING, ENDING, ESTABLISHED, LOST, NEXT, OPEN, State
from tidegate.transport.taking import Taking, unconfirmed

log = logging.getLogger("tidegate.connection")

BY_APPLICATION, BY_RATE, BY_BACKLOG = 1, 2, 4
"""Why nothing is read from a client."""
TAKEN_BYTES = 65536
"""How much of what waits is written at a time. The rest can still be dropped."""


class Reader(Protocol):
    """The part of a connection that reads."""

    def reading_resumed(self) -> None:
        """Data may arrive again, and what has arrived may be handled."""


class WriteSide:
    """What an application sends to, and closes, one client with. The outbox calls it a sink."""

    __slots__ = (
        "_backlog", "_context", "_drain_waiters", "_paused_since", "_reader", "_releasing", "_taking", "_transport",
        "_ws", "deadline", "frames", "id", "may_miss", "paused_by", "state",
    )  # fmt: skip

    def __init__(
        self,
        connection_id: str,
        context: ConnectionContext,
        transport: asyncio.Transport,
        ws: ServerProtocol,
        reader: Reader,
    ) -> None:
        self.id = connection_id
        self.frames: list[bytes] = []
        """Pushed, and not yet flushed."""
        self.state: State = CONNECTING
        self.deadline = context.now() + context.settings.handshake_timeout
        """When the connection is cut off if it is in CONNECTING, CLOSING or CLOSED; without meaning in OPEN."""
        self.paused_by = 0
        """The sum of the reasons why nothing is read from the client."""
        self._context = context
        self._transport = transport
        self._ws = ws
        self._reader = reader
        self.may_miss = False
        """Frames that the client may miss were pushed since it last read everything."""
        self._backlog: Backlog | None = None
        """Flushed while the client does not read; None for nothing."""
        self._taking: Taking | None = None
        self._paused_since: float | None = None
        """Since when the client has left its receive buffer full."""
        self._drain_waiters: deque[asyncio.Future[None]] | None = None
        self._releasing = False

    # -- sending ----------------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Write the frames, or hold them while the client does not read."""
        frames = self.frames
        if not frames:
            return
        if self._paused_since is not None:
            if self.state is OPEN:
                self._hold(frames)
            frames.clear()
            return
        data = frames[0] if len(frames) == 1 else b"".join(frames)
        frames.clear()
        if self.state is OPEN:
            self._transport.write(data)

    def write_out(self) -> None:
        """Send what the library has to say: replies to control frames, close frames, the end.

        What was pushed before goes first, for no message may follow a close frame (RFC 6455, section 5.5.1).
        """
        writes = self._ws.data_to_send()
        if writes:
            self.flush()
        for data in writes:
            if data is SEND_EOF or not data:
                self._end()
                self._transport.close()
            elif self._paused_since is None:
                self._transport.write(data)
            else:
                self._hold([data])

    @property
    def unsent(self) -> int:
        """Bytes that were pushed and are not with the operating system."""
        return sum(map(len, self.frames)) + self._held_bytes + self._transport.get_write_buffer_size()

    @property
    def unconfirmed(self) -> int:
        """Bytes that were written, and that the client's side has not confirmed."""
        return unconfirmed(self._transport)

    @property
    def _held_bytes(self) -> int:
        return 0 if self._backlog is None else self._backlog.size

    # -- the life of the connection ---------------------------------------------------------------------------------

    def established(self) -> None:
        """The opening handshake succeeded: send its response."""
        self.write_out()
        self.state = NEXT[self.state][ESTABLISHED]

    def answer(self, response: bytes) -> None:
        """End the connection with a plain HTTP response in place of a WebSocket."""
        self._end()
        self._transport.write(response)
        self._transport.close()

    def close(self, code: int, reason: str) -> None:
        """Close with `code`; what was pushed before is still sent. The client has a deadline to agree."""
        if self.state is not OPEN:
            return
        self.flush()
        if self.state is OPEN:
            self._begin_close(code, reason)
            self.write_out()

    def fail(self, code: int, reason: str) -> None:
        """Fail the connection (RFC 6455, section 7.1.7): as `close`, but the client's agreement is not awaited."""
        if self.state is not OPEN:
            return
        self.flush()
        self._ws.fail(code, reason)
        self.write_out()

    def abort(self) -> None:
        """Cut the connection off, whatever is still unsent; nothing more is received from it."""
        self._end()
        self._transport.abort()

    def lost(self) -> bool:
        """The TCP connection has ended. Returns whether there was a WebSocket until now."""
        was_open = self.state is OPEN or self.state is CLOSING
        self.state = NEXT[self.state][LOST]
        self.frames.clear()
        waiters, self._drain_waiters = self._drain_waiters, None
        for waiter in waiters or ():
            if not waiter.done():
                waiter.set_result(None)
        return was_open

    @property
    def finished(self) -> bool:
        """The TCP connection is being closed: nothing more is read from it."""
        return self._transport.is_closing()

    def _end(self) -> None:
        if self.state is OPEN:
            self.deadline = self._context.now() + self._context.settings.close_timeout
        self.state = NEXT[self.state][ENDING]

    def _begin_close(self, code: int, reason: str) -> None:
        self._end()
        # The client's own close frame has to be read.
        self.resume_reading(self.paused_by)
        if self._ws.state is WebSocketState.OPEN:
            self._ws.send_close(code, reason)

    # -- flow control -----------------------------------------------------------------------------------------------

    def pause_reading(self, reason: int = BY_APPLICATION) -> None:
        if self.state is not OPEN:
            return
        if not self.paused_by:
            self._transport.pause_reading()
        self.paused_by |= reason

    def resume_reading(self, reason: int = BY_APPLICATION) -> None:
        """Read again, unless there is another reason to pause."""
        if not self.paused_by & reason:
            return
        self.paused_by &= ~reason
        if not self.paused_by and not self._transport.is_closing():
            self._transport.resume_reading()
            self._reader.reading_resumed()

    def pause_writing(self) -> None:
        """The operating system takes no more: the client does not read."""
        self._paused_since = now = self._context.now()
        self._taking = Taking(self.unconfirmed, now)
        self.pause_reading(BY_BACKLOG)

    def resume_writing(self) -> None:
        """The client reads again."""
        self._paused_since = None
        while self._backlog and self._paused_since is None:
            self._transport.write(self._backlog.take(TAKEN_BYTES))
        if self._paused_since is None:
            self._backlog, backlog = None, self._backlog
            self.may_miss = False
            if backlog is not None and backlog.dropped:
                log.info("slow reader missed messages", extra={"connection": self.id, "dropped": backlog.dropped})
            self.resume_reading(BY_BACKLOG)
            self._release_soon()

    def too_slow(self, now: float) -> float:
        """Seconds in which the client has taken too little of what waits, where that is so; 0.0 otherwise."""
        if self._paused_since is None or self._taking is None:
            return 0.0
        return self._taking.too_slow(self._context.settings, self.unconfirmed, now, may_miss=self.may_miss)

    def give_up(self, **measured: float) -> None:
        """Close for a slow consumer: what waits is dropped, and what the client still reads ends with the reason."""
        log.info("slow consumer", extra={"connection": self.id, **measured})
        self.frames.clear()
        self._backlog = None
        if self.state is not OPEN:
            self.abort()
            return
        self._begin_close(*self._context.settings.slow_consumer)
        self._transport.write(b"".join(self._ws.data_to_send()))

    def _hold(self, frames: list[bytes]) -> None:
        limit = self._context.settings.max_backlog
        if self._backlog is None:
            self._backlog = Backlog(limit)
        self._backlog.add(frames)
        written = self._transport.get_write_buffer_size()
        if self._backlog.size + written > limit and self._backlog.shrink() + written > limit:
            self.give_up(backlog=self._backlog.size + written)

    # -- waiting until frames are sent ------------------------------------------------------------------------------

    async def drained(self) -> None:
        """Wait until what was pushed is with the operating system, or the connection is not open any more.

        Of several callers that wait, each goes on when what the caller before it pushed is written.
        """
        await asyncio.sleep(0)
        if self.state is OPEN and (self._paused_since is not None or self.frames or self._drain_waiters):
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            if self._drain_waiters is None:
                self._drain_waiters = deque()
            self._drain_waiters.append(waiter)
            self._release_soon()
            await waiter

    def _release_soon(self) -> None:
        """Release the next waiter after the one that goes on now, and after the flush of what that one pushes."""
        if self._drain_waiters and not self._releasing:
            self._releasing = True
            asyncio.get_running_loop().call_soon(self._release_next)

    def _release_next(self) -> None:
        """Let the first waiter go on if nothing is unsent. While the client does not read, `resume_writing` will."""
        self._releasing = False
        if self._drain_waiters and self._paused_since is None:
            if not self.frames:
                waiter = self._drain_waiters.popleft()
                if not waiter.done():
                    waiter.set_result(None)
            self._release_soon()
