"""The sending half of a connection, and its end: what goes out, how much may wait, who is too slow, how it closes.

Frames are gathered by the outbox and written here, or held while the client does not read; then nothing is read from it
either, so that it cannot ask for more. It does not know what is received.
Invariant: frames reach the transport in the order in which they were pushed, and nothing follows a close frame.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING

from websockets.protocol import SEND_EOF, State
from websockets.server import ServerProtocol

if TYPE_CHECKING:
    from tidegate.transport.listener import Listener

log = logging.getLogger("tidegate.connection")

SLOW_CONSUMER = 4101
BY_APPLICATION, BY_RATE, BY_BACKLOG = 1, 2, 4
"""Why nothing is read from a client."""


class WriteSide(asyncio.BufferedProtocol):
    """What a connection is apart from what it receives."""

    __slots__ = (
        "_close_by",
        "_drain_waiters",
        "_handed_over",
        "_held",
        "_held_bytes",
        "_listener",
        "_open",
        "_paused_by",
        "_paused_since",
        "_releasing",
        "_transport",
        "_ws",
        "closing",
        "frames",
        "id",
    )

    def __init__(self, listener: Listener, connection_id: str) -> None:
        self.id = connection_id
        self.frames: list[bytes] = []
        self.closing = False
        self._listener = listener
        self._ws: ServerProtocol
        self._transport: asyncio.Transport
        self._open = False
        self._handed_over = False
        """The library gets everything from here on: it is failing or closing the connection."""
        self._close_by: float | None = None
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._paused_since: float | None = None
        self._drain_waiters: deque[asyncio.Future[None]] | None = None
        self._releasing = False
        self._paused_by = 0
        """The sum of the reasons why nothing is read from the client."""

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
            self._transport.resume_reading()
            self._resumed()

    @property
    def unsent(self) -> int:
        """Bytes that were pushed and are not with the operating system."""
        return sum(map(len, self.frames)) + self._held_bytes + self._transport.get_write_buffer_size()

    async def drained(self) -> None:
        """Wait until what was pushed is with the operating system, or the connection is closing.

        Several who wait go on one after another, each when what the one before pushed is written.
        """
        await asyncio.sleep(0)
        if not self.closing and (self._paused_since is not None or self.frames or self._drain_waiters):
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            if self._drain_waiters is None:
                self._drain_waiters = deque()
            self._drain_waiters.append(waiter)
            self._release_soon()
            await waiter

    def _resumed(self) -> None:
        """Reading goes on."""

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
            self._release_soon()

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

    def _release_soon(self) -> None:
        """Behind the one that goes on now, and behind the flush of what it pushes."""
        if self._drain_waiters and not self._releasing:
            self._releasing = True
            asyncio.get_running_loop().call_soon(self._release_next)

    def _release_next(self) -> None:
        """Let the first who waits go on if nothing is unsent; while the client does not read, `resume_writing` will."""
        self._releasing = False
        if self._drain_waiters and self._paused_since is None:
            if not self.frames:
                waiter = self._drain_waiters.popleft()
                if not waiter.done():
                    waiter.set_result(None)
            self._release_soon()

    def _release_all(self) -> None:
        """The connection ends: nobody waits any more."""
        waiters, self._drain_waiters = self._drain_waiters, None
        for waiter in waiters or ():
            if not waiter.done():
                waiter.set_result(None)
