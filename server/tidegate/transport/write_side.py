"""The sending half of a connection, and its end: what goes out, how much may wait, which client is too slow.

The outbox gathers frames in `frames` and calls `flush`, which writes them. While the client does not read, they wait in
a `Backlog`, and nothing is read from the client, so that it cannot ask for more. It does not know what is received.
Invariant: frames reach the TCP connection in the order in which they were pushed, and no message follows a close frame.
"""

from __future__ import annotations

import asyncio

from websockets.protocol import SEND_EOF
from websockets.protocol import State as WebSocketState
from websockets.server import ServerProtocol

from tidegate.transport.backlog import PART_BYTES, Backlog, taken_from, unchanged
from tidegate.transport.context import UNCOUNTED_BYTES, ConnectionContext
from tidegate.transport.counts import Tally
from tidegate.transport.draining import Drains
from tidegate.transport.notices import MISSED, SLOW_CONSUMER
from tidegate.transport.pausing import BY_APPLICATION, BY_BACKLOG, BY_RATE, ENDED_READER, Reader
from tidegate.transport.state import CLOSING, CONNECTING, ENDING, ESTABLISHED, LOST, NEXT, OPEN, State
from tidegate.transport.straight import StraightWriter
from tidegate.transport.taking import Taking, going_on


class WriteSide(StraightWriter):
    """What an application sends to, and closes, one client with. The outbox calls it a sink."""

    __slots__ = (
        "_backlog", "_context", "_drains", "_paused_since", "_reader", "_taking", "_ws",
        "deadline", "frames", "id", "may_miss", "memory", "owner", "paused_by", "state", "tally",
    )  # fmt: skip
    _leaving = staticmethod(unchanged)

    def __init__(
        self,
        connection_id: str,
        context: ConnectionContext,
        transport: asyncio.Transport,
        ws: ServerProtocol,
        reader: Reader,
    ) -> None:
        super().__init__(transport)
        self.frames: list[bytes] = []  # pushed, and not yet flushed
        self.state: State = CONNECTING
        self.deadline = context.now() + context.settings.handshake_timeout
        """When the connection is cut off if it is in CONNECTING, CLOSING or CLOSED; without meaning in OPEN."""
        self.paused_by = 0
        """The sum of the reasons why nothing is read from the client."""
        self._context, self.memory = context, context.memory
        self.id, self._ws, self.tally = connection_id, ws, Tally(context.now())
        self._reader: Reader = reader
        self.may_miss = False
        """Frames that the client may miss were pushed since it read everything."""
        self._backlog: Backlog | None = None
        """Flushed while the client does not read; None for nothing."""
        self._taking: Taking | None = None
        self._paused_since: float | None = None
        """Since when the client has left its receive buffer full."""
        self._drains: Drains | None = None  # made for the first caller that waits
        self.owner: object = None
        """Belongs to the handler: who pays for what waits here."""
        transport.set_write_buffer_limits(UNCOUNTED_BYTES)

    def flush(self) -> None:
        """Write the frames, or hold them while the client does not read. Of more than `TURN_BYTES`, the rest stays."""
        if not (frames := self.frames):
            return
        tally = self.tally
        size = len(frames[0]) if len(frames) == 1 else sum(map(len, frames))
        if size > PART_BYTES and self._paused_since is None:
            frames, size = taken_from(frames)
        tally.frames_out += len(frames)
        if tally.tap is not None:
            tally.tap.sent(frames)
        if self.state is OPEN:
            tally.bytes_out += size
            if self._paused_since is not None:
                self._hold(frames)
            elif size > PART_BYTES:
                self._backlog = Backlog(self._context.settings.max_backlog, self._leaving)
                self._backlog.add(frames)
                self._write_backlog()
            else:
                self._write(frames[0] if len(frames) == 1 else b"".join(frames))
        frames.clear()
        if self._drains is not None:
            self._drains.flushed()

    def flush_all(self) -> None:
        """As `flush`, and nothing stays."""
        while self.frames:
            self.flush()

    def _write_backlog(self) -> None:
        """Write what waits, as long as the client reads and the connection is not given up meanwhile."""
        while self._paused_since is None and self._backlog and not self._transport.is_closing():
            self._write(self._backlog.take())
        if self._paused_since is not None:
            self._count()
            return
        self._backlog, backlog = None, self._backlog
        if backlog is not None and backlog.dropped:
            MISSED(self.id, backlog.dropped)

    def write_out(self) -> None:
        """Send what the library has to say: replies to control frames, close frames, the end.

        What was pushed before goes first, for no message may follow a close frame (RFC 6455, section 5.5.1).
        """
        writes = self._ws.data_to_send()
        if writes:
            self.flush_all()
        for data in writes:
            if data is SEND_EOF or not data:
                self._end()
                self._transport.close()
            elif self._transport.is_closing():
                return  # the line is broken
            elif self._paused_since is None:
                self._write(data)
            else:
                self._hold([data])

    @property
    def unsent(self) -> int:
        """Bytes that were pushed and are not with the operating system."""
        held = self._backlog.size if self._backlog else 0
        return sum(map(len, self.frames)) + held + self._transport.get_write_buffer_size()

    # -- the life of the connection ---------------------------------------------------------------------------------

    def established(self, response: bytes) -> None:
        """The opening handshake succeeded: `response` is sent with the next flush."""
        self.write_out()
        self.state = NEXT[self.state][ESTABLISHED]
        if response:
            self.frames.append(response)
            self.tally.leave_out(len(response))

    def answer(self, response: bytes) -> None:
        """End the connection with a plain HTTP response in place of a WebSocket."""
        self._context.counts.responses[int(response[9:12])] += 1
        self._end()
        self._transport.write(response)
        self._transport.close()

    def close(self, code: int, reason: str) -> None:
        """Close with `code`; what was pushed before is still sent. The client has a deadline to agree."""
        if self.state is not OPEN:
            return
        self.flush_all()
        if self.state is OPEN:
            self._begin_close(code, reason)
            self.write_out()

    def fail(self, code: int, reason: str) -> None:
        """Fail the connection (RFC 6455, section 7.1.7): as `close`, but the client's agreement is not awaited."""
        if self.state is not OPEN:
            return
        self.flush_all()
        self._ws.fail(code, reason)
        self.write_out()

    def abort(self) -> None:
        """Cut the connection off, whatever is still unsent; nothing more is received from it."""
        self._end()
        self._backlog = None
        self._transport.abort()
        self.memory.waits(self, 0)

    def lost(self) -> bool:
        """The TCP connection has ended. Returns whether there was a WebSocket until now."""
        was_open = self.state is OPEN or self.state is CLOSING
        self.state = NEXT[self.state][LOST]
        self.frames.clear()
        self._backlog, self._reader = None, ENDED_READER
        self.memory.waits(self, 0)
        if self._drains is not None:
            self._drains.end()
        return was_open

    @property
    def finished(self) -> bool:
        """The TCP connection is being closed: nothing more is read from it."""
        return self._transport.is_closing()

    def _end(self) -> None:
        if self.state is OPEN:
            self.deadline = self._context.now() + self._context.settings.close_timeout
        self.state = NEXT[self.state][ENDING]
        if self._drains is not None:
            self._drains.end()

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
        self._context.counts.slowed += reason == BY_RATE

    def resume_reading(self, reason: int = BY_APPLICATION) -> None:
        """Read again, unless there is another reason to pause."""
        if not self.paused_by & reason:
            return
        self.paused_by &= ~reason
        if not self.paused_by and not self._transport.is_closing():
            self._transport.resume_reading()
            self._reader.reading_resumed(reason)

    def pause_writing(self) -> None:
        """The operating system takes no more: the client does not read."""
        self._paused_since = now = self._context.now()
        self._taking = going_on(self._taking, self._context.settings, self.unconfirmed, now)
        if self._drains is not None:
            self._drains.paused = True
        self.pause_reading(BY_BACKLOG)
        self._count()

    def resume_writing(self) -> None:
        """The client reads again."""
        if self._paused_since is not None and self._taking is not None:
            self._taking.rests(self.unconfirmed, self._context.now())
        self._paused_since = None
        self._write_backlog()
        if self._paused_since is None:
            self.may_miss = False
            self.memory.waits(self, 0)
            self.resume_reading(BY_BACKLOG)
            if self._drains is not None:
                self._drains.resumed()

    def too_slow(self, now: float) -> float:
        """Seconds in which the client has taken too little of what waits, where that is so; 0.0 otherwise."""
        if self._paused_since is None or self._taking is None:
            return 0.0
        return self._taking.too_slow(self._context.settings, self.unconfirmed, now, may_miss=self.may_miss)

    def stood_still(self, seconds: float, now: float) -> None:
        """This process did not run for so long: no deadline passes with that."""
        self.deadline = min(self.deadline + seconds, now + self._context.settings.handshake_timeout)
        if self._taking is not None:
            self._taking.stood_still(seconds, now)

    def give_up(self, **measured: float) -> None:
        """Close for a slow consumer: what waits is dropped, and what the client still reads ends with the reason."""
        SLOW_CONSUMER(self.id, measured)
        self.frames.clear()
        if self.state is not OPEN:
            self.abort()
            return
        self._begin_close(*self._context.settings.slow_consumer)
        farewell = b"".join(self._ws.data_to_send())
        if self._backlog is not None and self._backlog.only_begun():
            self._backlog.add([farewell])
        else:
            self._backlog = None
            self._write(farewell)
        self._count()

    def _hold(self, frames: list[bytes]) -> None:
        limit = self._context.settings.max_backlog
        if self._backlog is None:
            self._backlog = Backlog(limit, self._leaving)
        self._backlog.add(frames)
        written = self._transport.get_write_buffer_size()
        if self._backlog.queued + written > limit and self._backlog.shrink() + written > limit:
            self.give_up(backlog=self._backlog.size + written)
        else:
            self._count()

    def _count(self) -> None:
        """Tell what waits. Nothing is told while a client keeps up, so that this costs nothing where it matters."""
        held = self._backlog.memory if self._backlog else 0
        self.memory.waits(self, held + self._transport.get_write_buffer_size())

    async def drained(self) -> None:
        """Wait until what was pushed is with the operating system, or the connection is not open any more.

        Of several callers that wait, each goes on when what the caller before it pushed is written.
        """
        await asyncio.sleep(0)
        if self.state is OPEN and (self._paused_since is not None or self.frames or self._drains):
            if self._drains is None:
                self._drains = Drains(lambda: bool(self.frames), paused=self._paused_since is not None)
            await self._drains.wait()
