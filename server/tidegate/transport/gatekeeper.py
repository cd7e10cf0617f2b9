"""Which HTTP requests are let in, by their heads: place at the door, rate of the address, Host, Origin, size.

It asks before the body of a request is read. What a request means is not known here.
Invariant: a request of a page of a foreign origin goes no further, whatever its method and its path.
"""

from __future__ import annotations

import logging
from http import HTTPStatus

from tidegate.counted import Counted
from tidegate.transport import lone_tokens, url_tokens
from tidegate.transport.api import ApiHandler
from tidegate.transport.context import ConnectionContext, TransportSettings
from tidegate.transport.door import Visitor
from tidegate.transport.exchange import OpenExchange
from tidegate.transport.handshake import TOKEN_IN_URL
from tidegate.transport.http import Response
from tidegate.transport.http_head import BadRequest
from tidegate.transport.origins import host_allowed, origin_allowed, preflight

log = logging.getLogger("tidegate.door")
FOREIGN_PAGE = Counted(
    log, logging.INFO, "a request of %s from a page of a foreign origin was refused (origins)", name="foreign_origin"
)
TOO_MUCH = "the client sends too much; retry later"
FOREIGN_HOST = Counted(log, logging.INFO, "a request of %s to a foreign name was refused (hosts)", name="foreign_host")


class Gatekeeper:
    """Of one connection."""

    __slots__ = ("_api", "_context", "_known")

    def __init__(self, context: ConnectionContext, api: ApiHandler) -> None:
        self._context = context
        self._api = api
        self._known: tuple[str, str | None, TransportSettings] | None = None
        """The Host and the Origin that were let in last, and by which settings."""

    def refused(self, caller: Visitor, exchange: OpenExchange, now: float, *, in_time: bool) -> Response | None:
        """The response to a request that goes no further. `in_time`: its client may send it now. Raises BadRequest."""
        head = exchange.head
        if caller.refused is not None:
            at_the_door = self._context.door.still_refused(caller, now)
            if at_the_door is not None:
                return self._as_api(at_the_door)
        if not in_time:
            return self._api.refusal(HTTPStatus.TOO_MANY_REQUESTS, TOO_MUCH, {"Retry-After": "1"})
        if exchange.repeats:
            exchange.allow_origin(head.headers.get("origin"))
        elif (by_head := self._refused_by_head(exchange)) is not None:
            return by_head
        return self._api.begin(exchange)

    def _refused_by_head(self, exchange: OpenExchange) -> Response | None:
        """What depends on nothing but the head and the settings. Raises BadRequest."""
        head, settings = exchange.head, self._context.settings
        if (foreign := self._foreign(exchange)) is not None:
            return foreign
        exchange.allow_origin(head.headers.get("origin"))
        if head.method == "OPTIONS" and (answer := self._preflight(exchange)) is not None:
            return answer
        if url_tokens.has_token(head.query, by_name=not head.path.startswith("/api/")):
            TOKEN_IN_URL(exchange.peer.logged)
            return self._api.refusal(HTTPStatus.BAD_REQUEST, url_tokens.TEXT, {})
        if lone_tokens.stands_alone(head.headers.get("authorization", "")):
            return self._api.refusal(HTTPStatus.UNAUTHORIZED, lone_tokens.TEXT, {"WWW-Authenticate": "Bearer"})
        if head.length > settings.max_size:
            text = f"the body is too large (limit: {settings.max_size} bytes)"
            return self._api.refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text, {})
        return None

    def connection_refused(
        self, caller: Visitor, exchange: OpenExchange, token: str | None, now: float
    ) -> Response | None:
        """The response to a request that wants its whole connection, as a handshake for a WebSocket is refused."""
        if self._context.connections.closed_to_new:
            text = "this gateway is about to end; retry later"
            return self._api.refusal(HTTPStatus.SERVICE_UNAVAILABLE, text, {"Retry-After": "1"})
        refused = None if token is None else self._context.door.token_refusal(exchange.peer, now)
        if refused is None:
            refused = self._context.door.belongs(caller, exchange.peer, now)
        if refused is None:
            return None
        return self._as_api(refused)

    def _as_api(self, refused: Response) -> Response:
        """What the door answers, as requests over HTTP are answered."""
        wait = {name: value for name, value in refused.headers.items() if name == "Retry-After"}
        return self._api.refusal(HTTPStatus(refused.status), refused.body.decode().rstrip("\n"), wait)

    def failed(self, connection_id: str) -> Response:
        """The response to a request at which the handler has just failed."""
        log.exception("the handler of requests raised an exception", extra={"connection": connection_id})
        return self._api.refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "the gateway failed at this; it is in its log", {})

    def _foreign(self, exchange: OpenExchange) -> Response | None:
        headers, settings = exchange.head.headers, self._context.settings
        host, origin = headers["host"], headers.get("origin")
        if self._known is not None and self._known[2] is settings and self._known[:2] == (host, origin):
            return None
        try:
            known = host_allowed(host, settings.hosts)
            allowed = origin_allowed(origin, host, settings.origins, settings.hosts, loopback=settings.loopback_origins)
        except ValueError:
            raise BadRequest(HTTPStatus.BAD_REQUEST, "the Host or the Origin cannot be read") from None
        if not known:
            FOREIGN_HOST(exchange.peer.logged)
            text = "the gateway does not have this name; the `hosts` setting says which it has"
            return self._api.refusal(HTTPStatus.MISDIRECTED_REQUEST, text, {})
        if not allowed:
            FOREIGN_PAGE(exchange.peer.logged)
            text = "web pages of this origin may not send requests; the `origins` setting allows them"
            return self._api.refusal(HTTPStatus.FORBIDDEN, text, {})
        self._known = host, origin, settings
        return None

    def _preflight(self, exchange: OpenExchange) -> Response | None:
        """The answer to a browser that asks whether its page may send a request (Fetch, CORS-preflight).

        Other clients get the methods of the path (RFC 9110, section 9.3.7).
        """
        head = exchange.head
        methods, origin = self._api.methods(head.path), head.headers.get("origin")
        if not methods:
            return None
        if origin is None or "access-control-request-method" not in head.headers:
            return Response(HTTPStatus.NO_CONTENT, {"Allow": methods})
        return Response(HTTPStatus.NO_CONTENT, preflight(methods))
