"""A line between a client and the gateway: the real `Connection` on one side, bytes that travel in virtual time.

The transport behaves as asyncio's: it tells the protocol to pause above its high mark and to resume below a quarter of
it. What the client has not been handed when it is cut off is lost; what it sent may be. The handshake is left out.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import msgspec
from websockets.protocol import State

from tests.simulate.loop import SimulatedLoop
from tidegate.transport import Connection

Message = dict[str, Any]
TEXT, CLOSE, PING, PONG = 0x81, 0x88, 0x89, 0x8A


class Pace(msgspec.Struct):
    """How a client's line is."""

    delay: float
    """Seconds that something takes to travel, on average."""
    portion: int
    """Bytes that the client takes at a time, at most; 0 for all there are."""
    high: int
    """Bytes that may wait before the gateway is told to pause."""


class Wire(asyncio.Transport):
    """The gateway's transport; `heard` and `closed` are the client's ends of it."""

    def __init__(
        self,
        loop: SimulatedLoop,
        connection: Connection,
        chance: random.Random,
        pace: Pace,
        heard: Callable[[Message], None],
        closed: Callable[[int | None], None],
    ) -> None:
        super().__init__()
        self.connection = connection
        self.cut_off = False
        """The client is gone."""
        self.lost = False
        """The gateway knows."""
        self._loop = loop
        self._chance = chance
        self._pace = pace
        self._heard = heard
        self._closed = closed
        self._outgoing = bytearray()
        self._unread = bytearray()
        self._incoming: list[bytes] = []
        self._draining = self._arriving = False
        self._writing_paused = self._reading_paused = False
        self._is_closing = self._opened = False

    def open(self, token: str | None) -> None:
        """The handshake has succeeded; called as a callback of the loop."""
        if self.lost:
            return
        self._opened = True
        self.connection.connection_made(self)
        self.connection._ws.state = State.OPEN
        self.connection.establish(token)

    # -- the client's side ------------------------------------------------------------------------------------------

    def say(self, *messages: Message) -> None:
        """Send `messages` in one segment."""
        self._incoming.append(b"".join(map(_masked, messages)))
        self._arrive_later()

    def hurry(self) -> None:
        """From here on the client reads as fast as it can."""
        self._pace = Pace(delay=min(self._pace.delay, 1e-3), portion=0, high=self._pace.high)

    def cut(self) -> None:
        """The client is gone; the gateway notices later."""
        self.cut_off = True
        self._loop.at_socket(self._later() + self._pace.delay, self._end, ConnectionResetError())

    def perish(self) -> None:
        """The gateway's process was killed; the client notices later."""
        if not self.lost:
            self.lost = self._is_closing = True
            self._loop.at_socket(self._later() + self._pace.delay, self._ended, None)

    # -- the gateway's side: asyncio.Transport ----------------------------------------------------------------------

    def write(self, data: Any) -> None:
        if self._is_closing or self.lost:
            return
        self._outgoing += data
        if len(self._outgoing) > self._pace.high and not self._writing_paused:
            self._writing_paused = True
            self.connection.pause_writing()
        if not self._draining and not self.cut_off:
            self._draining = True
            self._loop.at_socket(self._later(), self._drain)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """The pace of the line says when the client is too slow."""

    def get_write_buffer_size(self) -> int:
        return len(self._outgoing)

    def is_closing(self) -> bool:
        return self._is_closing

    def pause_reading(self) -> None:
        self._reading_paused = True

    def resume_reading(self) -> None:
        self._reading_paused = False
        self._arrive_later()

    def close(self) -> None:
        self._is_closing = True
        if not self._outgoing:
            self._loop.call_soon(self._end, None)

    def abort(self) -> None:
        self._is_closing = True
        self._outgoing.clear()
        self._loop.call_soon(self._end, None)

    # -- between ----------------------------------------------------------------------------------------------------

    def _later(self) -> float:
        return self._loop.time() + self._pace.delay * self._chance.expovariate(1.0)

    def _drain(self) -> None:
        """The socket takes more; the client knows at once."""
        self._draining = False
        if self.lost or self.cut_off:
            return
        outgoing, portion = self._outgoing, self._pace.portion
        count = min(len(outgoing), 1 + int(portion * self._chance.random())) if portion else len(outgoing)
        self._unread += outgoing[:count]
        del outgoing[:count]
        self._read()
        if outgoing and not self.cut_off:
            self._draining = True
            self._loop.at_socket(self._later(), self._drain)
        if self._writing_paused and len(outgoing) <= self._pace.high // 4:
            self._writing_paused = False
            self.connection.resume_writing()
        if not outgoing and self._is_closing:
            self._end(None)

    def _read(self) -> None:
        """The client reads the whole frames among what it got."""
        unread = self._unread
        at = 0
        while len(unread) - at >= 2 and not self.cut_off:
            size, head = unread[at + 1], 2
            if size == 126:
                size, head = int.from_bytes(unread[at + 2 : at + 4]), 4
            elif size == 127:
                size, head = int.from_bytes(unread[at + 2 : at + 10]), 10
            if len(unread) - at < head + size:
                break
            kind, payload = unread[at], bytes(unread[at + head : at + head + size])
            at += head + size
            if kind == TEXT:
                self._heard(msgspec.json.decode(payload))
            elif kind == CLOSE:
                self._ended(int.from_bytes(payload[:2]))
            elif kind == PING:
                self._incoming.append(bytes((PONG, 0x80 | size)) + b"\0\0\0\0" + payload)
                self._arrive_later()
        del unread[:at]

    def _arrive_later(self) -> None:
        if self._incoming and not self._arriving:
            self._arriving = True
            self._loop.at_socket(self._later(), self._arrive)

    def _arrive(self) -> None:
        """Some of what the client sent is there to be read."""
        self._arriving = False
        if self.lost or self._is_closing or self._reading_paused or not self._incoming:
            return
        count = 1 + int(len(self._incoming) * self._chance.random())
        data = b"".join(self._incoming[:count])
        del self._incoming[:count]
        if self._chance.random() < 0.1:  # segments end where they like
            cut = int(len(data) * self._chance.random())
            self._incoming.insert(0, data[cut:])
            data = data[:cut]
        self._arrive_later()
        self.connection.get_buffer(len(data))[: len(data)] = data
        self.connection.buffer_updated(len(data))

    def _end(self, error: Exception | None) -> None:
        if not self.lost:
            self.lost = self._is_closing = True
            if self._opened:
                self.connection.connection_lost(error)
            self._ended(None)

    def _ended(self, code: int | None) -> None:
        """The client learns that the line has ended; it answers a close frame by being gone."""
        if not self.cut_off:
            self.cut()
            self._closed(code)


def _masked(message: Message) -> bytes:
    payload = msgspec.json.encode(message)
    size = len(payload)
    head = bytes((TEXT, 0x80 | size)) if size < 126 else bytes((TEXT, 0xFE)) + size.to_bytes(2)
    return head + b"\0\0\0\0" + payload
