"""Plain HTTP on the gateway's port: GET and HEAD of a few fixed paths, one response a connection.

It knows no WebSocket and no files. Every response closes the connection and names no software.
Invariant: every request gets a response with a Content-Length.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from http import HTTPStatus

import msgspec

METHODS = ("GET", "HEAD")
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'self'; connect-src 'self' ws: wss:; frame-ancestors 'none'",
    "Cache-Control": "no-cache",
}
JSON_HEADERS: Mapping[str, str] = {"Content-Type": "application/json"}
"""The headers of a response that is JSON and says nothing else: most are, and have their heads ready."""


class Request(msgspec.Struct, frozen=True):
    """The first line of a request; `path` without a query."""

    method: str
    path: str


class Response(msgspec.Struct, frozen=True):
    """A response; `serialize` adds the headers that every response has."""

    status: int
    headers: Mapping[str, str] = {}
    body: bytes = b""

    @classmethod
    def text(cls, status: int, body: str, headers: Mapping[str, str] | None = None) -> Response:
        return cls(status, {"Content-Type": "text/plain; charset=utf-8", **(headers or {})}, body.encode())

    def serialize(self, *, head: bool = False) -> bytes:
        """The bytes of an HTTP/1.1 response (RFC 9112); `head` leaves the body out."""
        status = HTTPStatus(self.status)
        headers = {
            **SECURITY_HEADERS,
            **self.headers,
            "Content-Length": str(len(self.body)),
            "Connection": "close",
        }
        lines = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + (b"" if head else self.body)


NOT_ALLOWED = Response.text(405, "only GET and HEAD are allowed\n", {"Allow": ", ".join(METHODS)})
NOT_FOUND = Response.text(404, "not found\n")

Answer = Callable[[Request], Response | asyncio.Future[Response]]
"""What answers a request. A future: the response is being made."""


class Routes:
    """The paths that are served, and the function that answers requests for each."""

    def __init__(self) -> None:
        self._answers: dict[str, Answer] = {}
        self._always: set[str] = set()

    def add(self, path: str, answer: Answer, *, always: bool = False) -> None:
        """`always`: requests for it are answered where no other client may come in."""
        self._answers[path] = answer
        if always:
            self._always.add(path)

    def answers_always(self, path: str) -> bool:
        return path in self._always

    def respond(self, request: Request) -> Response | asyncio.Future[Response]:
        if request.method not in METHODS:
            return NOT_ALLOWED
        answer = self._answers.get(request.path)
        return NOT_FOUND if answer is None else answer(request)
