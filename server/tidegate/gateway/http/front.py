"""Which part of the gateway answers a request: that for `/api`, or that for streams of events.

It knows no more of a request than its path.
"""

from __future__ import annotations

from http import HTTPStatus

from tidegate.gateway.http.api import HttpApi
from tidegate.gateway.http.stream_requests import STREAMS, StreamRequests
from tidegate.transport import ApiHandler, Exchange, Response

BELOW_STREAMS = f"{STREAMS}/"


class Front:
    """Implements `transport.ApiHandler`."""

    def __init__(self, api: HttpApi, streams: StreamRequests) -> None:
        self._api = api
        self._streams = streams

    def begin(self, exchange: Exchange) -> Response | None:
        return self._of(exchange.head.path).begin(exchange)

    def received(self, exchange: Exchange, body: bytes) -> None:
        self._of(exchange.head.path).received(exchange, body)

    def gone(self, exchange: Exchange) -> None:
        self._of(exchange.head.path).gone(exchange)

    def methods(self, path: str) -> str:
        return self._of(path).methods(path)

    def refusal(self, status: HTTPStatus, text: str, headers: dict[str, str]) -> Response:
        return self._api.refusal(status, text, headers)

    def _of(self, path: str) -> ApiHandler:
        return self._streams if path == STREAMS or path.startswith(BELOW_STREAMS) else self._api
