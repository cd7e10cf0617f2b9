"""One HTTP request and its response, as the handler of requests sees them. Implements `api.Exchange`.

Invariant: the request gets one response, whole or in parts; what comes after that, or after the client is gone, is
dropped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from tidegate.transport.api import ApiHandler, Make
from tidegate.transport.http import Response
from tidegate.transport.http_head import Head
from tidegate.transport.http_output import HttpOutput
from tidegate.transport.outbox import Sink
from tidegate.transport.peers import Peer


class RequestConnection(Protocol):
    """The connection over which a request came."""

    id: str
    kept: dict[str, Any]

    def hand_over(self, exchange: OpenExchange, response: Response, token: str | None, make: Make) -> Response | None:
        """See `api.Exchange.hand_over`."""


class OpenExchange:
    """`answered` is called once, when the response is complete."""

    __slots__ = (
        "_answered", "_begun", "_connection", "_done", "_output", "head", "id", "kept", "owner", "peer", "repeats",
        "sink", "state",
    )  # fmt: skip

    def __init__(
        self, connection: RequestConnection, head: Head, peer: Peer, output: HttpOutput, answered: Callable[[], None]
    ) -> None:
        self._connection = connection
        self.id = connection.id
        self.head = head
        self.peer = peer
        self.kept = connection.kept
        self.repeats = False
        self.state: Any = None
        self.sink: Sink | None = None
        self.owner: object = None
        self._output = output
        self._answered = answered
        self._done = self._begun = False

    def respond(self, response: Response) -> None:
        if self._done:
            return
        self._done = True
        self._output.respond(response)
        self._complete()

    def begin(self, response: Response) -> None:
        if not self._done and not self._begun:
            self._begun = True
            self._output.start(response)

    def send(self, part: bytes) -> None:
        if not self._done and part:
            self._output.part(part)

    def end(self) -> None:
        if self._done:
            return
        self._done = True
        self._output.complete()
        self._complete()

    def hand_over(self, response: Response, token: str | None, make: Make) -> Response | None:
        refused = self._connection.hand_over(self, response, token, make)
        self._done = refused is None
        return refused

    def allow_origin(self, origin: str | None) -> None:
        """Let the page that asks read the response; None for a program."""
        self._output.origin = origin

    def lost(self, handler: ApiHandler) -> None:
        """The client is gone."""
        self._done = True
        handler.gone(self)
        self._let_go()

    def _let_go(self) -> None:
        """Nothing asks for the request any more: what refers to it in turn is freed without a garbage collection."""
        self.state = self.sink = self.owner = None

    def _complete(self) -> None:
        self._let_go()
        self._answered()

    @property
    def done(self) -> bool:
        return self._done

    @property
    def unsent(self) -> int:
        return self._output.unsent

    async def drained(self) -> None:
        await self._output.drained()
