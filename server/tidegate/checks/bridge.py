"""A WSGI application that forwards HTTP requests to one WebSocket, for tools that speak only HTTP.

Each kind of message has a POST address. `POST /join` sends its body over the WebSocket and answers with the gateway's
reply; error codes become HTTP statuses. The bridge adds a `ref` to a request without one. It refuses a message itself
only if the message belongs to another address. A valid message that is refused because of the row that it results in
gets a 409, because the document says nothing of that row.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tidegate.checks.client import CheckClient
from tidegate.checks.document import Operation, exact_operations
from tidegate.checks.oracle import Oracle, pattern_of
from tidegate.schema import Schemas
from tidegate.schema.http_statuses import status_of

Message = dict[str, Any]
Environment = dict[str, Any]
StartResponse = Callable[..., Any]
Answer = tuple[int, dict[str, str], Any]

NOT_OF_THE_SCHEMA = frozenset({"limit_reached", "too_large"})
"""Codes of limits that no schema states. They are 409 here: Schemathesis expects that of a message that the document
allows, and would take their own status as a fault.
"""
REASONS = {
    200: "OK",
    204: "No Content",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    415: "Unsupported Media Type",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}


class Bridge:
    """The WSGI application. It serves `document` at /openapi.json."""

    def __init__(self, client: CheckClient, schemas: Schemas, document: dict[str, Any]) -> None:
        self._client = client
        self._schemas = schemas
        self._document = document
        self._operations = exact_operations(schemas)
        self._oracle = Oracle(schemas)
        self._turn = threading.Lock()
        self._refs = 0

    def __call__(self, environ: Environment, start_response: StartResponse) -> Iterable[bytes]:
        status, headers, content = self._answer(environ)
        body = b"" if content is None else json.dumps(content).encode()
        kind = {} if content is None else {"Content-Type": "application/json"}
        headers = {**headers, **kind, "Content-Length": str(len(body))}
        start_response(f"{status} {REASONS[status]}", list(headers.items()))
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def _answer(self, environ: Environment) -> Answer:
        method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")
        if path == "/openapi.json":
            if method != "GET":
                return 405, {"Allow": "GET"}, _refusal("invalid_json", "this address takes GET only")
            return 200, {}, self._document
        operation = self._operations.get(path)
        if operation is None:
            return 404, {}, _refusal("not_found", "no message has this address")
        if method != "POST":
            return 405, {"Allow": "POST"}, _refusal("invalid_json", "this address takes POST only")
        if environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower() != "application/json":
            return 415, {}, _refusal("invalid_json", "the content type of a message is application/json")
        with self._turn:
            return self._forward(operation, environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))

    def _forward(self, operation: Operation, body: bytes) -> Answer:
        message = _read(body)
        # A message without a reply may need a `ref` for something else, as `cancel` does.
        adds_ref = operation.reply is not None and isinstance(message, dict) and "ref" not in message
        if isinstance(message, dict):
            if (refusal := next(self._wrong_address(operation, message), None)) is not None:
                return 400, {}, refusal
            if adds_ref:
                self._refs += 1
                message = {**message, "ref": f"bridge-{self._refs}"}
            body = _bytes(message)
        if len(body) > self._client.welcome["limits"]["max_message"]:
            return 409, {}, _refusal("too_large", "longer than `welcome.limits.max_message`")
        awaited = self._oracle.awaited(body)
        exchange = self._client.exchange(body, awaited)
        if exchange.closed is not None:
            return 502, {}, _refusal("internal", f"the connection ended: {exchange.closed}"[:200])
        if exchange.reply is None and not awaited.promised:
            return 204, {}, None
        if exchange.reply is None:
            return 504, {}, _refusal("internal", "the gateway did not reply in time")
        reply = exchange.reply
        if adds_ref and reply["type"] != "ok":  # which has nothing but its `ref`
            reply = {name: value for name, value in reply.items() if name != "ref"}
        of_resulting_row = reply.get("code") == "invalid_data" and self._oracle.verdict(body).accepted
        return 409 if of_resulting_row else _status(reply), {}, reply

    def _wrong_address(self, operation: Operation, message: Message) -> Iterator[Message]:
        """Refusals of a message that belongs to another address."""
        for name, expected in (("type", operation.type), ("resource", operation.resource)):
            if expected is not None and isinstance(message.get(name), str) and message[name] != expected:
                yield _refusal("invalid_message", f"this address is for the {name} {expected}", f"/{name}")
        room = message.get("room")
        if operation.room and isinstance(room, str) and pattern_of(room, self._schemas) != operation.room:
            yield _refusal("invalid_message", f"this address is for rooms {operation.room}", "/room")


def _status(reply: Message) -> int:
    """The HTTP status of a reply.

    A refusal without a keyword does not come from a schema but from a rule for all messages (NUL, large numbers,
    depth). It is a 409: Schemathesis takes a 400 as a statement about the schema.
    """
    if reply["type"] != "error":
        return 200
    for_all_messages = reply["code"] in {"invalid_message", "invalid_data"} and "keyword" not in reply
    if for_all_messages or reply["code"] in NOT_OF_THE_SCHEMA:
        return 409
    return 400 if reply["code"] == "unknown_type" else status_of(reply["code"])


def _bytes(message: Message) -> bytes:
    """The message as JSON without escapes, which is shorter. A lone surrogate is not text and needs an escape."""
    try:
        return json.dumps(message, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(message).encode()


def _read(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _refusal(code: str, text: str, pointer: str | None = None) -> Message:
    location = {} if pointer is None else {"pointer": pointer}
    return {"type": "error", "code": code, "message": text, "temporary": False, **location}
