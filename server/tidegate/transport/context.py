"""What the connections of one listener share: settings, the clock, the outbox, the HTTP routes, a receive buffer.

A connection is given this and nothing more of the listener. It holds no rule and knows no connection's state.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import msgspec

from tidegate.transport.api import ApiHandler
from tidegate.transport.close_codes import TRY_AGAIN_LATER, CloseReason
from tidegate.transport.counts import Counts
from tidegate.transport.deflate import Deflater
from tidegate.transport.door import Door
from tidegate.transport.http import Routes
from tidegate.transport.http_head import for_api
from tidegate.transport.outbox import Outbox
from tidegate.transport.turns import Turns
from tidegate.transport.waiting_requests import WaitingRequests

UNCOUNTED_BYTES = 16384
"""Bytes that may wait for a client before it counts as one that does not read. They are in no budget."""
RECEIVE_BUFFER = 65536
"""Bytes taken from one connection at a time, so that a busy client leaves the other clients their turn."""


class TransportSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of connections. Times in seconds, sizes in bytes."""

    max_size: int = 65536
    """Bytes in a message from a client, at most."""
    compression: int = 0
    """Bytes of a message that is compressed, at least, for a client that takes it; 0: nothing is compressed."""
    max_backlog: int = 1 << 20
    """Unsent bytes of one connection, above which it is closed as a slow consumer."""
    slow_rate: int = 32768
    """Bytes that a client has to take in `slow_window` while data waits for it, or it is closed as a slow consumer; 0
    is no limit."""
    slow_window: float = 10.0
    max_stall: float = 30.0
    """How long a client that may miss what waits for it may read nothing at all."""
    slow_consumer: CloseReason = CloseReason(TRY_AGAIN_LATER, "the client reads too slowly")
    """What the close frame to a slow consumer says."""
    handshake_timeout: float = 5.0
    message_timeout: float = 10.0
    """How long the rest of a message may take after its first byte."""
    close_timeout: float = 3.0
    ping_interval: float = 15.0
    """How long a client may be silent before it is sent a ping."""
    ping_timeout: float = 10.0
    rate_limited: CloseReason = CloseReason(TRY_AGAIN_LATER, "the client sends too much")
    """What the close frame says to a client that keeps sending more than it may."""
    origins: tuple[str, ...] = ()
    loopback_origins: bool = False
    """Web pages of this machine may connect."""
    hosts: tuple[str, ...] = ()
    """The names of the gateway, besides localhost and its addresses."""
    http_idle: float = 75.0
    """How long a connection without a request stays open. Proxies keep theirs for 60 s, and must be the first."""
    sweep: float = 1.0
    """How often the deadlines of a connection are checked."""


class Waiting(Protocol):
    """One half of a connection, as far as what waits there is concerned: for its client, or to be handled."""

    @property
    def owner(self) -> object:
        """What `ConnectionHandler.connected` left there; None before."""

    def give_up(self, **measured: float) -> None:
        """Drop what waits, and close the connection."""


class Memory(Protocol):
    """What counts the bytes that wait: for clients that do not read, and in messages that are not finished."""

    def waits(self, line: Waiting, size: int) -> None:
        """`size` bytes wait for the client of `line` now. It may give up this connection or others."""

    def arrives(self, line: Waiting, size: int) -> None:
        """Of what the client of `line` sent, `size` bytes are not handled yet. It may give up connections, too."""


class Uncounted:
    """A memory without limit."""

    def waits(self, line: Waiting, size: int) -> None:
        """Nothing is counted."""

    def arrives(self, line: Waiting, size: int) -> None:
        """As `waits`."""


class ConnectionContext:
    """`now` is a clock that only ever goes forward."""

    def __init__(
        self,
        settings: TransportSettings,
        routes: Routes,
        outbox: Outbox,
        now: Callable[[], float] = time.monotonic,
        memory: Memory | None = None,
        door: Door | None = None,
        api: ApiHandler | None = None,
    ) -> None:
        """`door`: by default one that lets all clients in. `api` answers requests for /api; None for no such path."""
        self.settings = settings
        self.routes = routes
        self.outbox = outbox
        self.now = now
        self.memory = memory or Uncounted()
        self.turns = Turns(now, lambda: outbox.behind)
        self.counts = Counts()
        self.deflater = Deflater(settings.compression, self.counts.compressed, now) if settings.compression else None
        self.door = door or Door(1 << 30)
        self.api = api
        self.for_api = for_api
        """Whether the head of a request is one that `api` answers."""
        self.waiting = WaitingRequests(lambda: self.door.nearly_full)
        self.connections = self.door.connections
        self.receive_buffer = bytearray(RECEIVE_BUFFER)
        """Where each connection's bytes arrive. The event loop asks a connection for it, fills it and hands it back
        within one call, so that all connections can share it."""
        self.receive_view = memoryview(self.receive_buffer)
        """What the event loop is given: a part of it is no copy."""
