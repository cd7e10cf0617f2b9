"""Responses to requests over HTTP: a reply as it is, and an error with the status of its code.

Invariant: every response with a body says what it is, and an error is always the protocol's `error` message.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from http import HTTPStatus

import msgspec

from tidegate.contract import status_of
from tidegate.core.errors import Refused, error_message
from tidegate.gateway.http.replies import ErrorReply, read_error
from tidegate.transport import JSON_HEADERS, Response
from tidegate_protocol import ErrorCode, ErrorMessage

STREAM = Response(200, {"Content-Type": "application/jsonl"})
"""Parts and then the reply, or an error: each message is a line."""
CODES: Mapping[HTTPStatus, ErrorCode] = {
    HTTPStatus.UNAUTHORIZED: "unauthenticated",
    HTTPStatus.FORBIDDEN: "forbidden",
    HTTPStatus.NOT_FOUND: "not_found",
    HTTPStatus.MISDIRECTED_REQUEST: "forbidden",
    HTTPStatus.REQUEST_TIMEOUT: "timeout",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too_large",
    HTTPStatus.TOO_MANY_REQUESTS: "rate_limited",
    HTTPStatus.INTERNAL_SERVER_ERROR: "internal",
    HTTPStatus.SERVICE_UNAVAILABLE: "unavailable",
    HTTPStatus.PRECONDITION_FAILED: "conflict",
}
"""The error codes of refusals that come of HTTP itself. Of every other status: `invalid_message`."""

encode = msgspec.json.Encoder().encode


def whole(reply: bytes) -> Response:
    """A reply as it is."""
    return Response(200, JSON_HEADERS, reply)


def refused(error: Refused, status: int | None = None) -> Response:
    """The response to a request that is refused. `status`: another one than that of the code."""
    return failed(encode(error_message(error)), status)


def failed(reply: bytes, status: int | None = None, error: ErrorReply | None = None) -> Response:
    """The response for an `error` message."""
    about = read_error(reply) if error is None else error
    status = status_of(about.code) if status is None else status
    headers = dict(JSON_HEADERS)
    if about.retry_after is not None:
        headers["Retry-After"] = str(math.ceil(about.retry_after))
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(status, headers, reply)


def plain_refusal(status: HTTPStatus, text: str, headers: Mapping[str, str] = {}) -> Response:
    """The response to a request that HTTP itself refuses, before it is a message."""
    code: ErrorCode = CODES.get(status, "invalid_message")
    temporary = status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.REQUEST_TIMEOUT}
    message = ErrorMessage(code=code, message=text, temporary=temporary)
    if (wait := headers.get("Retry-After")) is not None:
        message.retry_after = float(wait)
    return Response(status, {**JSON_HEADERS, **headers}, encode(message))
