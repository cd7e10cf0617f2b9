"""A client of HTTP with one connection, and tokens for it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from typing import Any

from tests.transport.http_requests import Answer, request, response
from tests.transport.inside import SECRET, Inside
from tests.transport.raw import Raw
from tidegate.auth import tokens


class Http:
    """A client with one connection. `token`: what it sends with each request."""

    def __init__(self, raw: Raw, token: str | None = None) -> None:
        self.raw = raw
        self.token = token

    async def ask(self, method: str, path: str, body: Any = None, *lines: str, **headers: str) -> Answer:
        """Send a request and return its response. Bytes are sent as they are, anything else as JSON."""
        told = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        if self.token is not None:
            told.append(f"Authorization: Bearer {self.token}")
        if body is not None and "content_type" not in headers:
            told.append("Content-Type: application/json")
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        self.raw.send(request(method, path, *told, *lines, body=content))
        return await response(self.raw, head=method == "HEAD")

    async def post(self, kind: str, **message: Any) -> Answer:
        """`POST /api/KIND` with `message`."""
        return await self.ask("POST", f"/api/{kind}", message)


def token(user: str = "7", *roles: str, ttl: float = 600.0) -> str:
    return tokens.sign(SECRET, user, f"User {user}", list(roles), time.time(), ttl)


@contextlib.asynccontextmanager
async def http(gateway: Inside, signed: str | None = None) -> AsyncIterator[Http]:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.listener.port)
    try:
        yield Http(Raw(reader, writer), signed)
    finally:
        writer.transport.abort()
