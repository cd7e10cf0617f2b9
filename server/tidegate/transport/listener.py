"""The listening sockets: it accepts connections, checks their deadlines about once a second, and stops in order.

It knows no messages and no frames.
Invariant: after `stop` no connection is left.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import ssl
from typing import Any

from tidegate.transport.accepting import Acceptor, listen
from tidegate.transport.close_codes import CloseReason
from tidegate.transport.connection import Connection
from tidegate.transport.context import ConnectionContext
from tidegate.transport.handler import ConnectionHandler
from tidegate.transport.http_connection import HttpConnection
from tidegate.transport.open_connections import SLICES
from tidegate.transport.state import CONNECTING
from tidegate.transport.tickers import Tickers


class Listener:
    """Listening sockets and the connections that came through them. `open` and `over` make one."""

    def __init__(self, server: Acceptor, context: ConnectionContext, handler: ConnectionHandler[Connection]) -> None:
        self.context = context
        self._server = server
        self._handler = handler

    @classmethod
    async def open(
        cls,
        context: ConnectionContext,
        handler: ConnectionHandler[Connection],
        tickers: Tickers,
        host: str,
        port: int,
        *,
        tls: ssl.SSLContext | None = None,
    ) -> Listener:
        """Listen; port 0 takes a free one. Raises OSError where that is not possible."""
        return cls.over(context, handler, tickers, await listen(host, port), tls=tls)

    @classmethod
    def over(
        cls,
        context: ConnectionContext,
        handler: ConnectionHandler[Connection],
        tickers: Tickers,
        sockets: list[socket.socket],
        *,
        tls: ssl.SSLContext | None = None,
    ) -> Listener:
        """Accept from sockets that listen already. `tls`: None for plain connections."""
        door = context.door

        def idle(each: Any) -> bool:
            """Whether the client of a connection has little to lose by its end."""
            return isinstance(each, HttpConnection) or handler.anonymous(each)

        def made() -> Connection:
            context.counts.accepted += 1
            return Connection(context, handler, secrets.token_urlsafe(9))

        server = Acceptor(
            sockets,
            made,
            door.has_room,
            tls,
        )
        tickers.every(context.settings.sweep / SLICES, lambda: door.sweep(context.now(), idle))
        return cls(server, context, handler)

    @property
    def port(self) -> int:
        return self._server.port

    def accept_no_more(self) -> None:
        """Leave new connections to other processes that accept from the same sockets. Those that were accepted stay."""
        self._server.close()

    def accept_also(self, sockets: list[socket.socket]) -> None:
        """Accept from these as well; `leave` ends it."""
        self._server.accept_also(sockets)

    def leave(self, sockets: list[socket.socket]) -> None:
        """Accept from these no more."""
        self._server.leave(sockets)

    @property
    def shaking_hands(self) -> bool:
        """Whether there is a connection whose client may still become one: its handshake is not complete."""
        connections = (each for each in self.context.connections if isinstance(each, Connection))
        return any(each.write_side.state is CONNECTING for each in connections)

    def refuse_clients(self) -> None:
        """Refuse new WebSockets from here on; plain HTTP, and with it `/readyz`, is still answered."""
        self.context.connections.closed_to_new = True

    async def stop(self, deadline: float, reason: CloseReason) -> None:
        """Accept no more connections, close those that are open, and cut off what is left `deadline` seconds from now.

        The work under way has half of that time to be answered, so that clients learn the results of their writes.
        """
        connections = self.context.connections
        end = asyncio.get_running_loop().time() + deadline
        self._server.close()
        connections.refuse_more()
        await self._handler.settled(deadline / 2)
        for connection in connections:
            connection.close(*reason)
        try:
            async with asyncio.timeout_at(end):
                await connections.emptied()
        except TimeoutError:
            for connection in connections:
                connection.abort()
            await asyncio.sleep(0)
