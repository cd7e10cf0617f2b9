"""A TCP connection changes hands: from the handshake of WebSockets to HTTP, and back.

Invariant: it has one place at the door all the time, and the bytes that have arrived go with it. What it was before is
freed at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from tidegate.transport.context import ConnectionContext
from tidegate.transport.door import Visitor
from tidegate.transport.http_connection import HttpConnection
from tidegate.transport.read_side import ReadSide
from tidegate.transport.write_side import WriteSide


class Opening(Visitor, Protocol):
    """A connection whose handshake is not complete."""

    id: str
    read_side: ReadSide
    write_side: WriteSide

    def begin(self, transport: asyncio.Transport) -> None:
        """It has the TCP connection."""

    def handshake(self, data: bytes) -> None:
        """These bytes have arrived."""


def to_http(
    opening: Opening,
    another: Callable[[], Opening],
    context: ConnectionContext,
    transport: asyncio.Transport,
    received: bytes,
) -> None:
    """The first request is for the API. `another` makes one of the kind of `opening`, which nothing keeps any more."""
    assert context.api is not None

    def back(http: HttpConnection, rest: bytes) -> None:
        """A later request is not for the API."""
        opening = another()
        opening.begin(transport)
        context.door.replaced(http, opening, context.now())
        transport.set_protocol(opening)  # type: ignore[arg-type]  # an asyncio protocol as well
        opening.handshake(rest)

    http = HttpConnection(opening.id, context, context.api, transport, back)
    context.door.replaced(opening, http, context.now())
    transport.set_protocol(http)
    # Its sides and `opening` name each other, and would be freed by the garbage collector alone.
    opening.write_side.lost()
    opening.read_side.ended()
    http.began(received)
