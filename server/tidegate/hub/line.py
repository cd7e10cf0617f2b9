"""One end of a connection between a worker and the hub: whole payloads in, whole payloads out, one write a loop turn.

What the other end does not read waits here, `backlog` bytes at most: then the line is ended, and the other end asks for
what it missed. Answers do not count, for the other end has asked for them and so has room.
Invariant: payloads are handed over in the order in which they were sent, and none after `lost`.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Protocol, cast

from tidegate.hub.frames import BrokenFrameError, Frames, frame

log = logging.getLogger("tidegate.hub")

PING = frame(b"")
BACKLOG = 64 << 20
"""Bytes of news that the other end may leave unread."""


class Receiver(Protocol):
    """What one end does with what it hears."""

    def received(self, payload: bytes) -> None:
        """A payload came. An exception ends the line, and is logged."""

    def lost(self) -> None:
        """The line ended. Nothing comes any more, and what is sent is dropped."""


class Line(asyncio.Protocol):
    """One end. Made for each connection."""

    def __init__(self, begun: Callable[[Line], Receiver], *, answers_pings: bool = False) -> None:
        """`begun`: is told that the connection is there, and returns who hears what comes."""
        self.backlog = BACKLOG
        self.heard = False
        """Whether anything came since this was last set to false."""
        self._begun = begun
        self._answers_pings = answers_pings
        self._frames = Frames()
        self._out: list[bytes] = []
        self._answers = 0
        """Bytes of answers among those that wait, at most."""
        self._ending = False
        """Nothing is handed over any more."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._transport: asyncio.Transport | None = None
        self._receiver: Receiver | None = None

    @property
    def peer(self) -> socket.socket:
        """While the connection is there."""
        assert self._transport is not None
        found: socket.socket = self._transport.get_extra_info("socket")
        return found

    @property
    def unread(self) -> int:
        """Bytes that the other end has not taken, without those of this turn of the loop."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def send(self, payload: bytes) -> None:
        """Send what the other end did not ask for."""
        self.send_frame(frame(payload))

    def answer(self, payload: bytes) -> None:
        """Send what the other end asked for."""
        self._answers += len(payload)
        self.send_frame(frame(payload))

    def send_frame(self, framed: bytes) -> None:
        """As `send`, with a frame that several lines share."""
        if self._transport is None:
            return
        if not self._out:
            assert self._loop is not None
            self._loop.call_soon(self._flush)
        self._out.append(framed)

    def ping(self) -> None:
        self.send_frame(PING)

    def close(self) -> None:
        """Send what waits, then end the connection."""
        self._ending = True
        self._flush()
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """End the connection now."""
        self._ending = True
        if self._transport is not None:
            self._transport.abort()

    def _flush(self) -> None:
        out, self._out = self._out, []
        transport = self._transport
        if transport is None or not out:
            return
        transport.write(out[0] if len(out) == 1 else b"".join(out))
        unread = transport.get_write_buffer_size()
        if not unread:
            self._answers = 0
        elif unread - self._answers > self.backlog:
            log.warning("a line is ended: its other end has left %d bytes unread; it comes back", unread)
            self.abort()

    # -- asyncio.Protocol -------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=0)
        self._loop = asyncio.get_running_loop()
        self._receiver = self._begun(self)

    def resume_writing(self) -> None:
        """Everything was read."""
        self._answers = 0

    def data_received(self, data: bytes) -> None:
        self.heard = True
        receiver = self._receiver
        assert receiver is not None
        try:
            for payload in self._frames.feed(data):
                if payload:
                    receiver.received(payload)
                elif self._answers_pings:
                    self.ping()
                if self._ending:
                    return
        except BrokenFrameError as error:
            log.error("a line between a worker and the hub is broken: %s", error)
            self.abort()
        except Exception:  # the boundary: one worker's mistake ends its own line alone
            log.exception("a line between a worker and the hub is ended")
            self.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self._ending = True
        self._transport = None
        self._out.clear()
        if self._receiver is not None:
            receiver, self._receiver = self._receiver, None
            receiver.lost()
