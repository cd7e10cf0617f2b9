"""Answers requests for `/sse`: one opens a stream of events, the others carry what its client says, or end it.

It decides who asks and what the request is; what is said goes to the stream as messages of a WebSocket would.
Invariant: no request names a token but in its header `Authorization`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Literal, NamedTuple

from tidegate.core.errors import Refused
from tidegate.gateway.http import media_types, responses
from tidegate.gateway.http.forwarding import Forwarding
from tidegate.gateway.http.operations import JSON
from tidegate.gateway.http.proofs import Proofs
from tidegate.gateway.http.streams import StreamOutcome, Streams, messages_in
from tidegate.gateway.token_checks import TokenChecks
from tidegate.transport import Exchange, Response

STREAMS = "/sse"
IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,64}\.[0-9a-f]{32}")
ACCEPTED = Response(202)
EVENT_TYPES = frozenset({"*/*", "text/*", "text/event-stream"})
_OPEN, _SAY = ("GET",), ("POST", "DELETE")

_plain = responses.plain_refusal
REFUSALS: Mapping[StreamOutcome | Literal["unavailable"], Response] = {
    "ended": _plain(HTTPStatus.NOT_FOUND, "unknown session: it has ended, open another one"),
    "foreign": _plain(HTTPStatus.FORBIDDEN, "the session belongs to another user"),
    "full": _plain(
        HTTPStatus.TOO_MANY_REQUESTS,
        "what the session sent before waits still: it sends too much, or reads too slowly",
        {"Retry-After": "1"},
    ),
    "unavailable": _plain(
        HTTPStatus.SERVICE_UNAVAILABLE, "the gateway of this session cannot be reached now", {"Retry-After": "1"}
    ),
}


class _Said(NamedTuple):
    """A request for a stream."""

    identifier: str
    user: str


class StreamRequests:
    """Implements `transport.ApiHandler` for `/sse`. `clock`: seconds since the Unix epoch."""

    def __init__(
        self, streams: Streams, forwarding: Forwarding, tokens: TokenChecks, clock: Callable[[], float]
    ) -> None:
        self._streams = streams
        self._forwarding = forwarding
        self._proofs = Proofs(tokens, "session", clock)

    def begin(self, exchange: Exchange) -> Response | None:
        head = exchange.head
        if head.path != STREAMS and IDENTIFIER.fullmatch(head.path.removeprefix(f"{STREAMS}/")) is None:
            return REFUSALS["ended"]
        if head.method not in _methods(head.path):
            allowed = self.methods(head.path)
            return _plain(HTTPStatus.METHOD_NOT_ALLOWED, f"this path takes {allowed}", {"Allow": allowed})
        if head.query:
            text = "this path takes no query; a token goes into the header Authorization"
            return _plain(HTTPStatus.BAD_REQUEST, text)
        if (refused := _unacceptable(exchange)) is not None:
            return refused
        if head.path == STREAMS:
            return None
        try:
            exchange.state = _Said(head.path.removeprefix(f"{STREAMS}/"), self._proofs.user(exchange))
        except Refused as error:
            return responses.refused(error)
        return None

    def received(self, exchange: Exchange, body: bytes) -> None:
        said: _Said | None = exchange.state
        if said is None:
            self._streams.open(exchange)
            return
        try:
            if exchange.head.method == "POST":
                messages_in(body)
        except Refused as error:
            exchange.respond(responses.refused(error))
            return

        def answered(outcome: StreamOutcome | Literal["unavailable"]) -> None:
            exchange.respond(ACCEPTED if outcome == "taken" else REFUSALS[outcome])

        exchange.sink = self._streams.sink(said.identifier)
        content = body if exchange.head.method == "POST" else None
        self._forwarding.ask(said.identifier, said.user, content, answered)

    def gone(self, exchange: Exchange) -> None:
        """What the client sent is carried out in any case, and answered on its stream."""

    def methods(self, path: str) -> str:
        return ", ".join([*_methods(path), "OPTIONS"])

    def refusal(self, status: HTTPStatus, text: str, headers: dict[str, str]) -> Response:
        return _plain(status, text, headers)


def _methods(path: str) -> tuple[str, ...]:
    return _OPEN if path == STREAMS else _SAY


def _unacceptable(exchange: Exchange) -> Response | None:
    """The response to a request whose body, or whose answer, is of another kind."""
    head = exchange.head
    if head.method != "POST":
        if head.length:
            return _plain(HTTPStatus.BAD_REQUEST, "this request has no body")
        if head.method == "GET" and media_types.accepted(head.headers).isdisjoint(EVENT_TYPES):
            return _plain(HTTPStatus.NOT_ACCEPTABLE, "the answer is text/event-stream")
        return None
    return media_types.refused_body(head.headers, JSON)
