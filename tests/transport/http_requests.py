"""What the tests of HTTP share: a handler of requests that answers with what it was sent, requests, and responses."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

from tests.transport.raw import PATIENCE, Raw
from tidegate.transport import Exchange, Response


class Answer(NamedTuple):
    """A response."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class EchoApi:
    """Answers each request with its body. `later`: requests wait in `waiting` until the test answers them."""

    def __init__(self, *, later: bool = False) -> None:
        self.later = later
        self.begun: list[Exchange] = []
        self.waiting: list[tuple[Exchange, bytes]] = []
        self.bodies: list[bytes] = []
        self.lost: list[Exchange] = []

    def begin(self, exchange: Exchange) -> Response | None:
        self.begun.append(exchange)
        return Response.text(404, "nothing\n") if exchange.head.path == "/api/nothing" else None

    def received(self, exchange: Exchange, body: bytes) -> None:
        self.bodies.append(body)
        if exchange.head.path == "/api/broken":
            raise RuntimeError("the handler is broken")
        if self.later:
            self.waiting.append((exchange, body))
        else:
            exchange.respond(Response(200, {"Content-Type": "text/plain"}, body))

    def answer(self, body: bytes | None = None) -> None:
        """Answer the request that has waited longest."""
        exchange, sent = self.waiting.pop(0)
        exchange.respond(Response(200, {}, sent if body is None else body))

    def gone(self, exchange: Exchange) -> None:
        self.lost.append(exchange)

    def methods(self, path: str) -> str:
        return "POST, OPTIONS" if path == "/api/echo" else ""

    def refusal(self, status: HTTPStatus, text: str, headers: dict[str, str]) -> Response:
        return Response.text(status, text + "\n", headers)


def request(method: str, path: str, *lines: str, body: bytes | None = None, host: str = "gateway.example") -> bytes:
    """A request; its length is said where it has a body."""
    length = [] if body is None else [f"Content-Length: {len(body)}"]
    return "\r\n".join([f"{method} {path} HTTP/1.1", f"Host: {host}", *lines, *length, "", ""]).encode() + (body or b"")


def post(body: bytes = b"", *lines: str, path: str = "/api/echo") -> bytes:
    return request("POST", path, *lines, body=body)


def chunked(*chunks: bytes, path: str = "/api/echo") -> bytes:
    """A request with its body in these chunks."""
    parts = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return request("POST", path, "Transfer-Encoding: chunked") + parts + b"0\r\n\r\n"


async def response(raw: Raw, *, head: bool = False) -> Answer:
    """The next response on a connection. `head`: it answers a HEAD."""
    first, *lines = (await raw.head()).rstrip("\r\n").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    status = int(first.split(" ")[1])
    if head or status in {100, 204, 304}:
        return Answer(status, headers, b"")
    async with asyncio.timeout(PATIENCE):
        if headers.get("transfer-encoding") == "chunked":
            return Answer(status, headers, await _chunks(raw))
        return Answer(status, headers, await raw.reader.readexactly(int(headers["content-length"])))


async def _chunks(raw: Raw) -> bytes:
    body = b""
    while size := int(await raw.reader.readuntil(b"\r\n"), 16):
        body += await raw.reader.readexactly(size)
        assert await raw.reader.readexactly(2) == b"\r\n"
    assert await raw.reader.readexactly(2) == b"\r\n"
    return body


def statuses(data: bytes) -> Sequence[int]:
    """The statuses of all responses in `data`, none of which has a body that looks like one."""
    return [int(found) for found in re.findall(rb"HTTP/1\.1 (\d{3}) ", data)]
