"""The opening of a connection: an upgrade to WebSocket, or one plain HTTP response.

It decides which requests may open a WebSocket (path, origin, number of connections) and finds the token of the request;
it does not check the token. It repeats a token only as the subprotocol that a browser has to see again.
Invariant: a web page of a foreign origin cannot open a connection unless the settings name its origin. Where they have
the names of the gateway, a request to another name opens none.
"""

from __future__ import annotations

import asyncio
import logging
from urllib.parse import urlsplit

import msgspec
from websockets.datastructures import Headers
from websockets.http11 import Request as UpgradeRequest
from websockets.server import ServerProtocol

from tidegate.counted import Counted
from tidegate.transport import lone_tokens, url_tokens
from tidegate.transport.context import ConnectionContext, TransportSettings
from tidegate.transport.deflate import NEGOTIATION
from tidegate.transport.door import Visitor
from tidegate.transport.http import METHODS, NOT_ALLOWED, Request, Response
from tidegate.transport.late_answers import Late
from tidegate.transport.late_protocol import BEARER, LateProtocol
from tidegate.transport.opening import PATH, Opening, plain_opening
from tidegate.transport.origins import host_allowed, origin_allowed

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
ELSEWHERE = Response.text(404, "this path has no WebSocket; the WebSocket of the gateway is at /ws\n")

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


_Response = Response | asyncio.Future[Response]
"""What the path of a request answers: a future, where it is being made."""


class Upgrade(msgspec.Struct, frozen=True):
    """The handshake succeeded. `response`: what is to be sent; where it is empty, the library holds it."""

    token: str | None
    response: bytes = b""


def server_protocol(settings: TransportSettings) -> LateProtocol:
    """The library's part of one connection."""
    return LateProtocol(settings.max_size, (NEGOTIATION,) if settings.compression else ())


def answer(ws: ServerProtocol, head: bytes, context: ConnectionContext, visitor: Visitor) -> Upgrade | bytes | Late:
    """Answer the head of a request: with an Upgrade, or with the response that ends the connection. The response is
    Late where it is still being made.

    A head without its end is a head that grew too large.
    """
    opening = plain_opening(head, extensions=context.deflater is not None)
    if opening is None:
        return _answer(ws, head, context, visitor)
    try:
        refused = _refused(opening, context, visitor)
    except ValueError:  # an origin or a host that is no URL, such as http://[
        refused = MALFORMED
    return Upgrade(opening.token, opening.accepted()) if refused is None else _response(refused, context)


def _answer(ws: ServerProtocol, head: bytes, context: ConnectionContext, visitor: Visitor) -> Upgrade | bytes | Late:
    """As `answer`, for every request: the library reads it."""
    if not head.endswith(b"\r\n\r\n"):
        return HEAD_TOO_LARGE.serialize()
    method = head.split(b" ", 1)[0]
    if method.isalpha() and method.decode() not in METHODS:
        # The library cannot read a request that announces a body, so it is not given one.
        return NOT_ALLOWED.serialize()
    if isinstance(ws, LateProtocol):
        ws.begin_handshake()
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
) -> Upgrade | bytes | Late:
    opening = _opening(request)
    # Two programs could go by different ones (RFC 9112, section 3.2).
    refused = MALFORMED if len(request.headers.get_all("Host")) > 1 else _refused(opening, context, visitor)
    if refused is None and lone_tokens.stands_alone(_first(request.headers, "Authorization")):
        refused = lone_tokens.REFUSED
    if refused is not None:
        return _response(refused, context, head=request.method == "HEAD")
    accepted = ws.accept(request)
    if accepted.status_code != 101:
        body = bytes(accepted.body)
        if opening.token and opening.token.encode() in body:
            return MALFORMED.serialize()
        refused = Response(accepted.status_code, dict(accepted.headers.raw_items()), body)
        return refused.serialize(head=request.method == "HEAD")
    ws.send_response(accepted)
    return Upgrade(opening.token)


def _response(response: _Response, context: ConnectionContext, *, head: bool = False) -> bytes | Late:
    return response.serialize(head=head) if isinstance(response, Response) else Late(response, context, head=head)


def _refused(opening: Opening, context: ConnectionContext, visitor: Visitor) -> _Response | None:
    """The answer where the request opens no WebSocket, as far as that is not the library's. Raises ValueError."""
    path, query, now = opening.path, "", context.now()
    if path is not PATH:
        url = urlsplit(path)
        path, query = url.path, url.query
        if url.netloc and url.netloc != opening.host:
            return MALFORMED  # the absolute form, for another host than that of the header
    if not context.routes.answers_always(path):
        refused = context.door.asked(visitor, opening.forwarded, now)
        if refused is not None:
            return refused
    if path != PATH:
        if "websocket" in opening.upgrade:
            return ELSEWHERE
        return context.routes.respond(Request(opening.method, path))
    if "websocket" not in opening.upgrade:
        return NOT_AN_UPGRADE
    hosts = context.settings.hosts
    if hosts and not host_allowed(opening.host, hosts):
        FOREIGN_HOST(visitor.peer.logged)
        return FOREIGN_NAME
    if not _origin_allowed(opening, context.settings):
        FOREIGN_ORIGIN(visitor.peer.logged)
        return FORBIDDEN_ORIGIN
    if url_tokens.has_token(query):
        TOKEN_IN_URL(visitor.peer.logged)
        return url_tokens.REFUSED
    if context.connections.closed_to_new:
        return LEAVING
    return None if opening.token is None else context.door.token_refusal(visitor.peer, now)


def _origin_allowed(opening: Opening, settings: TransportSettings) -> bool:
    if not opening.origins:
        return True
    if len(opening.origins) > 1:
        return False
    origins, hosts = settings.origins, settings.hosts
    return origin_allowed(opening.origins[0], opening.host, origins, hosts, loopback=settings.loopback_origins)


def _opening(request: UpgradeRequest) -> Opening:
    headers = request.headers
    return Opening(
        request.method,
        request.path,
        host=_first(headers, "Host"),
        upgrade=_first(headers, "Upgrade").lower(),
        origins=headers.get_all("Origin"),
        forwarded=headers.get_all("X-Forwarded-For"),
        token=_token(headers),
    )


def _token(headers: Headers) -> str | None:
    authorization = _first(headers, "Authorization")
    if authorization.lower().startswith("bearer "):
        return authorization[7:].strip()
    offered = ",".join(headers.get_all("Sec-WebSocket-Protocol")).split(",")
    entry = next((part.strip() for part in offered if part.strip().startswith(BEARER)), None)
    return None if entry is None else entry.removeprefix(BEARER)


def _first(headers: Headers, name: str) -> str:
    return next(iter(headers.get_all(name)), "")
