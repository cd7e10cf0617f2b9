"""The listening socket and the connections that came through it.

It accepts, counts, sweeps deadlines once a second in slices, and takes everything down in order. It knows no messages.
Invariant: after `stop` no connection is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Callable

import msgspec
from websockets.server import ServerProtocol

from tidegate.transport.connection import Connection, ConnectionHandler
from tidegate.transport.handshake import select_subprotocol
from tidegate.transport.http import Routes
from tidegate.transport.outbox import Outbox
from tidegate.transport.tickers import Tickers

SWEEP_SLICES = 20
BACKLOG = 1024
RECEIVE_BUFFER = 65536
"""Bytes taken from one connection at a time, so that a loud one lets the others have their turn."""
RESTART = 4201

# The library's own log speaks of every connection; ours says what an operator needs.
websocket_log = logging.getLogger("tidegate.websocket")
websocket_log.setLevel(logging.ERROR)


class TransportSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of connections. Times in seconds, sizes in bytes."""

    max_size: int = 65536
    max_connections: int = 50_000
    max_backlog: int = 1 << 20
    """Unsent bytes of one connection, above which it is cut off."""
    max_pause: float = 3.0
    """How long a client may leave its receive buffer full."""
    handshake_timeout: float = 5.0
    message_timeout: float = 10.0
    close_timeout: float = 3.0
    ping_interval: float = 15.0
    ping_timeout: float = 10.0
    rate: float = 0.0
    """Messages a second and connection; 0 is no limit."""
    origins: tuple[str, ...] = ()
    loopback_origins: bool = False
    sweep: float = 1.0


class Listener:
    """The open door of one gateway."""

    def __init__(
        self,
        application: ConnectionHandler,
        settings: TransportSettings,
        routes: Routes,
        outbox: Outbox,
        wheel: Tickers,
        now: Callable[[], float] | None = None,
    ) -> None:
        self.application = application
        self.settings = settings
        self.routes = routes
        self.outbox = outbox
        self.receive_buffer = memoryview(bytearray(RECEIVE_BUFFER))
        """Where each connection's bytes arrive, one connection at a time."""
        self.now = now or time.monotonic
        self._wheel = wheel
        self._server: asyncio.Server | None = None
        self._slices: list[dict[Connection, None]] = [{} for _ in range(SWEEP_SLICES)]
        self._slice_of: dict[Connection, int] = {}
        self._turn = 0
        self._emptied: asyncio.Event | None = None

    @property
    def port(self) -> int:
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def full(self) -> bool:
        return len(self._slice_of) > self.settings.max_connections

    async def start(self, host: str, port: int) -> None:
        """Listen. Raises OSError where that is not possible."""
        self._server = await asyncio.get_running_loop().create_server(
            lambda: Connection(self, secrets.token_urlsafe(9)), host, port, backlog=BACKLOG
        )
        self._wheel.every(self.settings.sweep / SWEEP_SLICES, self._sweep)

    async def stop(self, deadline: float, code: int = RESTART, reason: str = "the gateway restarts") -> None:
        """Accept nobody any more, close every connection, and cut off those that are still there after `deadline`.

        What is under way has half of that time to be answered, so that clients know what became of their writes.
        """
        if self._server is not None:
            self._server.close()
        self._emptied = asyncio.Event()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(deadline / 2):
                await self.application.settled()
        for connection in list(self._slice_of):
            connection.close(code, reason)
            if not connection.closing:
                connection.abort()
        if self._slice_of:
            try:
                async with asyncio.timeout(deadline):
                    await self._emptied.wait()
            except TimeoutError:
                for connection in list(self._slice_of):
                    connection.abort()
                await asyncio.sleep(0)

    # -- what connections ask and tell ------------------------------------------------------------------------------

    def new_protocol(self) -> ServerProtocol:
        return ServerProtocol(
            max_size=self.settings.max_size,
            select_subprotocol=select_subprotocol,  # type: ignore[arg-type]  # the library types it as a method
            logger=websocket_log,
        )

    def opened(self, connection: Connection) -> None:
        slice_number = len(self._slice_of) % SWEEP_SLICES
        self._slice_of[connection] = slice_number
        self._slices[slice_number][connection] = None
        if self._emptied is not None:
            # It was accepted just before the door closed.
            connection.abort()

    def closed(self, connection: Connection) -> None:
        self._slices[self._slice_of.pop(connection)].pop(connection)
        if not self._slice_of and self._emptied is not None:
            self._emptied.set()

    def _sweep(self) -> None:
        self._turn = (self._turn + 1) % SWEEP_SLICES
        now = self.now()
        for connection in list(self._slices[self._turn]):
            connection.sweep(now)
