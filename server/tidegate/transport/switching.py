"""A TCP connection changes hands: from the handshake of WebSockets to HTTP, and back.

Invariant: it has one place at the door all the time, and the bytes that have arrived go with it.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from tidegate.transport.context import ConnectionContext
from tidegate.transport.door import Visitor
from tidegate.transport.http_connection import HttpConnection


class Opening(Visitor, Protocol):
    """A connection whose handshake is not complete."""

    id: str

    def begin(self, transport: asyncio.Transport) -> None:
        """It has the TCP connection."""

    def handshake(self, data: bytes) -> None:
        """These bytes have arrived."""

    def another(self) -> Opening:
        """One of the same kind, and with the same handler."""


def to_http(line: Opening, context: ConnectionContext, transport: asyncio.Transport, received: bytes) -> None:
    """The first request is for the API."""
    assert context.api is not None

    def back(http: HttpConnection, rest: bytes) -> None:
        """A later request is not for the API."""
        opening = line.another()
        opening.begin(transport)
        context.door.replaced(http, opening, context.now())
        transport.set_protocol(opening)  # type: ignore[arg-type]  # an asyncio protocol as well
        opening.handshake(rest)

    http = HttpConnection(line.id, context, context.api, transport, back)
    context.door.replaced(line, http, context.now())
    transport.set_protocol(http)
    http.began(received)
