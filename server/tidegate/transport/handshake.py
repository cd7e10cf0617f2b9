"""The opening of a connection: an upgrade to WebSocket, or one plain HTTP answer.

It decides who may open a WebSocket at all (path, origin, room for one more) and finds the token the handshake carries;
whether the token is good is not its business. It echoes one only as the subprotocol that a browser has to see again.
Invariant: a browser page of a foreign origin cannot open a connection unless the settings name it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec
from websockets.datastructures import Headers, MultipleValuesError
from websockets.http11 import Request as UpgradeRequest
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from tidegate.transport.http import METHODS, NOT_ALLOWED, Request, Response

if TYPE_CHECKING:
    from tidegate.transport.listener import Listener

PATH = "/ws"
SUBPROTOCOL = Subprotocol("tidegate.v1")
BEARER = "bearer."
LOOPBACK_HOSTS = {"localhost", "127.0.0.1", "::1"}

FORBIDDEN_ORIGIN = Response.text(403, "pages of this origin may not connect; see the `origins` setting\n")
FULL = Response.text(503, "no room for another connection\n", {"Retry-After": "5"})
UNREADABLE = Response.text(400, "not a request that this gateway can read\n")
HEAD_TOO_LARGE = Response.text(431, "the head of the request is too large\n")
NOT_AN_UPGRADE = Response.text(426, "this path speaks WebSocket\n", {"Upgrade": "websocket"})


class Upgrade(msgspec.Struct, frozen=True):
    """The handshake succeeded; its answer is with the library, ready to be sent."""

    token: str | None


def select_subprotocol(_: ServerProtocol, offered: list[Subprotocol]) -> Subprotocol | None:
    """`tidegate.v1` if offered; else what carries the token, for a browser accepts only what it offered."""
    if SUBPROTOCOL in offered:
        return SUBPROTOCOL
    return next((entry for entry in offered if entry.startswith(BEARER)), None)


def answer(ws: ServerProtocol, head: bytes, listener: Listener) -> Upgrade | bytes:
    """What follows from the head of a request: an Upgrade, or the bytes of a response that ends the connection.

    A head without its end is one that grew too large.
    """
    if not head.endswith(b"\r\n\r\n"):
        return HEAD_TOO_LARGE.serialize()
    method = head.split(b" ", 1)[0]
    if method.isalpha() and method.decode() not in METHODS:
        # Before the library reads it, which cannot read a request that announces a body.
        return NOT_ALLOWED.serialize()
    ws.receive_data(head)
    events = ws.events_received()
    if not events or not isinstance(events[0], UpgradeRequest):
        return b"".join(ws.data_to_send()) or UNREADABLE.serialize()
    try:
        return _respond(ws, events[0], listener)
    except ValueError:  # a path or an origin that is no URL, such as http://[
        return UNREADABLE.serialize()
    finally:
        # The library keeps the request as long as the connection; nobody reads its headers again, 2 KB of them.
        events[0].headers.clear()


def _respond(ws: ServerProtocol, request: UpgradeRequest, listener: Listener) -> Upgrade | bytes:
    url = urlsplit(request.path)
    if url.path != PATH:
        plain = Request(request.method, url.path, url.query, _plain(request.headers))
        return listener.routes.respond(plain).serialize(head=request.method == "HEAD")
    if "websocket" not in _first(request.headers, "Upgrade").lower():
        return NOT_AN_UPGRADE.serialize(head=request.method == "HEAD")
    if not _origin_allowed(request.headers, listener):
        return FORBIDDEN_ORIGIN.serialize()
    if listener.full:
        return FULL.serialize()
    response = ws.accept(request)
    token = _token(request.headers)
    if response.status_code != 101:
        body = bytes(response.body)
        if token and token.encode() in body:
            return UNREADABLE.serialize()
        refused = Response(response.status_code, dict(response.headers.raw_items()), body)
        return refused.serialize(head=request.method == "HEAD")
    ws.send_response(response)
    return Upgrade(token)


def _origin_allowed(headers: Headers, listener: Listener) -> bool:
    """Programs send no origin. A page may come from this gateway itself, or from where the settings say."""
    try:
        origin = headers.get("Origin")
    except MultipleValuesError:
        return False
    settings = listener.settings
    if origin is None or "*" in settings.origins or origin in settings.origins:
        return True
    page = urlsplit(origin)
    if settings.loopback_origins:
        # Not by the Host header: a name that somebody else points at this machine would be its own origin.
        return page.hostname in LOOPBACK_HOSTS
    return bool(page.netloc) and page.netloc == _first(headers, "Host")


def _token(headers: Headers) -> str | None:
    authorization = _first(headers, "Authorization")
    if authorization.lower().startswith("bearer "):
        return authorization[7:].strip()
    offered = ",".join(headers.get_all("Sec-WebSocket-Protocol")).split(",")
    entry = next((part.strip() for part in offered if part.strip().startswith(BEARER)), None)
    return None if entry is None else entry.removeprefix(BEARER)


def _first(headers: Headers, name: str) -> str:
    return next(iter(headers.get_all(name)), "")


def _plain(headers: Headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.raw_items()}
