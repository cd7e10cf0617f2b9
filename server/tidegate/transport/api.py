"""What HTTP requests talk to, as the transport asks: a port, and one request with its answer.

The transport decides how bytes become requests; what a request means, and who may ask, is decided behind this port. It
knows no path but that requests for `/api` and `/sse` come here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Protocol

from tidegate.transport.door import Visitor
from tidegate.transport.http import Response
from tidegate.transport.http_head import Head
from tidegate.transport.outbox import Sink
from tidegate.transport.peers import Peer


class Successor(Visitor, Protocol):
    """The protocol of a connection that is no HTTP from now on."""

    def begin(self, transport: asyncio.Transport) -> None:
        """It has the TCP connection."""

    def establish(self, token: str | None) -> None:
        """The head of the response was sent."""


Make = Callable[[Any], Successor]
"""Gets the `ConnectionContext`, which knows this module."""


class Exchange(Protocol):
    """One request, which gets exactly one response."""

    id: str
    """Of the connection, for logs. Requests of one connection share it."""
    head: Head
    peer: Peer
    """Who asks. Behind a trusted proxy it may be another client with each request of one connection."""
    state: Any
    """Belongs to the handler until the response is complete."""
    sink: Sink | None
    """Where the handler's answer is pushed to, if it is: it is flushed in the loop turn of the request."""
    owner: object
    """Belongs to the handler: who pays for what waits for the client."""
    kept: dict[str, Any]
    """Belongs to the handler, as long as the connection."""
    repeats: bool
    """The request before of this connection had the same head, byte for byte, and was let in."""

    def respond(self, response: Response) -> None:
        """Send the response. Another call, or one after the client is gone, does nothing."""

    def begin(self, response: Response) -> None:
        """Send the head of a response whose body follows in parts; `response.body` is not sent."""

    def send(self, part: bytes) -> None:
        """Send a part of the body, which is not empty."""

    def end(self) -> None:
        """The body is whole."""

    def hand_over(self, response: Response, token: str | None, make: Make) -> Response | None:
        """Send the head of a response that is as long as the connection, and give the connection to another protocol.

        `token`: what the client sent to prove its identity. `make` is called unless the client may not have a
        connection of this kind now: then the refusal is returned, which is yet to be sent.
        """

    @property
    def unsent(self) -> int:
        """Bytes of the response that wait for the client."""

    async def drained(self) -> None:
        """Wait until the client has read most of them, or is gone."""


class ApiHandler(Protocol):
    """Answers requests for `/api` and `/sse`."""

    def begin(self, exchange: Exchange) -> Response | None:
        """The head of a request is here. A response refuses the request before its body is read."""

    def received(self, exchange: Exchange, body: bytes) -> None:
        """The request is whole: respond now or later."""

    def gone(self, exchange: Exchange) -> None:
        """The client is gone before it was answered."""

    def methods(self, path: str) -> str:
        """The methods that `path` takes, for a preflight: `GET, POST`. Empty for a path that is none."""

    def refusal(self, status: HTTPStatus, text: str, headers: dict[str, str]) -> Response:
        """The response to a request that the transport refuses."""
