"""The opening of a connection: an upgrade to WebSocket, or one plain HTTP response.

It decides which requests may open a WebSocket (path, origin, number of connections) and finds the token of the request;
it does not check the token. It repeats a token only as the subprotocol that a browser has to see again.
Invariant: a web page of a foreign origin cannot open a connection unless the settings name its origin. Where they have
the names of the gateway, a request to another name opens none.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from urllib.parse import urlsplit

import msgspec
from websockets.datastructures import Headers, MultipleValuesError
from websockets.http11 import Request as UpgradeRequest
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from tidegate.counted import Counted
from tidegate.transport import url_tokens
from tidegate.transport.context import ConnectionContext, TransportSettings
from tidegate.transport.deflate import NEGOTIATION
from tidegate.transport.door import Visitor
from tidegate.transport.http import METHODS, NOT_ALLOWED, Request, Response
from tidegate.transport.origins import host_allowed, origin_allowed

PATH = "/ws"
SUBPROTOCOL = Subprotocol("tidegate.v1")
BEARER = "bearer."
MAX_HEAD = 16 * 1024
"""Bytes in the head of a request, at most."""

FORBIDDEN_ORIGIN = Response.text(
    403,
    "web pages of this origin may not connect; the `origins` setting allows them, and `hosts` those of the gateway's "
    "own name\n",
)
FOREIGN_NAME = Response.text(421, "the gateway does not have this name; the `hosts` setting says which it has\n")
LEAVING = Response.text(503, "this gateway is about to end; retry later\n", {"Retry-After": "1"})
MALFORMED = Response.text(400, "malformed HTTP request\n")
HEAD_TOO_LARGE = Response.text(431, f"the head of the request is too large (limit: {MAX_HEAD} bytes)\n")
NOT_AN_UPGRADE = Response.text(426, "this path accepts WebSocket connections only\n", {"Upgrade": "websocket"})

log = logging.getLogger("tidegate.door")
FOREIGN_ORIGIN = Counted(
    log, logging.INFO, "%s wanted to connect from a page of a foreign origin: refused (origins)", name="foreign_origin"
)

FOREIGN_HOST = Counted(
    log, logging.INFO, "%s wanted to connect to a foreign name: refused (hosts)", name="foreign_host"
)
TOKEN_IN_URL = Counted(
    log, logging.WARNING, "%s sent a token in the URL, which other programs log: refused", name="token_in_url"
)

# The library's own log mentions every connection; the transport logs what an operator needs.
websocket_log = logging.getLogger("tidegate.websocket")
websocket_log.setLevel(logging.ERROR)


class Upgrade(msgspec.Struct, frozen=True):
    """The handshake succeeded; the library holds its response, ready to be sent."""

    token: str | None


class _Protocol(ServerProtocol):
    def select_subprotocol(self, subprotocols: Sequence[Subprotocol]) -> Subprotocol | None:
        """`tidegate.v1` if offered, otherwise the entry with the token: a browser accepts only what it offered."""
        if SUBPROTOCOL in subprotocols:
            return SUBPROTOCOL
        return next((entry for entry in subprotocols if entry.startswith(BEARER)), None)


def server_protocol(settings: TransportSettings) -> ServerProtocol:
    """The library's part of one connection."""
    extensions = (NEGOTIATION,) if settings.compression else None
    return _Protocol(max_size=settings.max_size, extensions=extensions, logger=websocket_log)


def let_go(ws: ServerProtocol) -> None:
    """After the end of its connection: break the library's reference cycles, so that no garbage collection is needed.

    Its parser is a generator that refers to it, and so does the traceback of what ended the parser.
    """
    ws.parser.close()
    ws.parser_exc = ws.handshake_exc = None


def answer(ws: ServerProtocol, head: bytes, context: ConnectionContext, visitor: Visitor) -> Upgrade | bytes:
    """Answer the head of a request: with an Upgrade, or with the bytes of a response that ends the connection.

    A head without its end is a head that grew too large.
    """
    if not head.endswith(b"\r\n\r\n"):
        return HEAD_TOO_LARGE.serialize()
    method = head.split(b" ", 1)[0]
    if method.isalpha() and method.decode() not in METHODS:
        # The library cannot read a request that announces a body, so it is not given one.
        return NOT_ALLOWED.serialize()
    ws.receive_data(head)
    events = ws.events_received()
    if not events or not isinstance(events[0], UpgradeRequest):
        return b"".join(ws.data_to_send()) or MALFORMED.serialize()
    try:
        return _respond(ws, events[0], context, visitor)
    except ValueError:  # a path or an origin that is no URL, such as http://[
        return MALFORMED.serialize()
    finally:
        # The library keeps the request as long as the connection; its headers (2 KB) are not needed again.
        events[0].headers.clear()


def _respond(
    ws: ServerProtocol, request: UpgradeRequest, context: ConnectionContext, visitor: Visitor
) -> Upgrade | bytes:
    url, now = urlsplit(request.path), context.now()
    if url.netloc and url.netloc != _first(request.headers, "Host"):
        return MALFORMED.serialize()  # the absolute form, for another host than that of the header
    if not context.routes.answers_always(url.path):
        refused = context.door.asked(visitor, request.headers.get_all("X-Forwarded-For"), now)
        if refused is not None:
            return refused.serialize(head=request.method == "HEAD")
    if url.path != PATH:
        response = context.routes.respond(Request(request.method, url.path))
        return response.serialize(head=request.method == "HEAD")
    if "websocket" not in _first(request.headers, "Upgrade").lower():
        return NOT_AN_UPGRADE.serialize(head=request.method == "HEAD")
    hosts = context.settings.hosts
    if hosts and not host_allowed(_first(request.headers, "Host"), hosts):
        FOREIGN_HOST(visitor.peer.address or "a Unix socket")
        return FOREIGN_NAME.serialize()
    if not _origin_allowed(request.headers, context.settings):
        FOREIGN_ORIGIN(visitor.peer.address or "a Unix socket")
        return FORBIDDEN_ORIGIN.serialize()
    if url_tokens.has_token(url.query):
        TOKEN_IN_URL(visitor.peer.address or "a Unix socket")
        return url_tokens.REFUSED.serialize()
    if context.connections.closed_to_new:
        return LEAVING.serialize()
    token = _token(request.headers)
    if token is not None and (refused := context.door.token_refusal(visitor.peer, now)) is not None:
        return refused.serialize()
    accepted = ws.accept(request)
    if accepted.status_code != 101:
        body = bytes(accepted.body)
        if token and token.encode() in body:
            return MALFORMED.serialize()
        refused = Response(accepted.status_code, dict(accepted.headers.raw_items()), body)
        return refused.serialize(head=request.method == "HEAD")
    ws.send_response(accepted)
    return Upgrade(token)


def _origin_allowed(headers: Headers, settings: TransportSettings) -> bool:
    try:
        origin = headers.get("Origin")
    except MultipleValuesError:
        return False
    host = _first(headers, "Host")
    return origin_allowed(origin, host, settings.origins, settings.hosts, loopback=settings.loopback_origins)


def _token(headers: Headers) -> str | None:
    authorization = _first(headers, "Authorization")
    if authorization.lower().startswith("bearer "):
        return authorization[7:].strip()
    offered = ",".join(headers.get_all("Sec-WebSocket-Protocol")).split(",")
    entry = next((part.strip() for part in offered if part.strip().startswith(BEARER)), None)
    return None if entry is None else entry.removeprefix(BEARER)


def _first(headers: Headers, name: str) -> str:
    return next(iter(headers.get_all(name)), "")
