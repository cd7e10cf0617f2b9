"""Responses whose head is ready are, byte for byte, what they are when their head is put together."""

from __future__ import annotations

import pytest

from tests.transport.http_requests import EchoApi, post, request
from tests.transport.raw import listening
from tidegate.transport import JSON_HEADERS, Exchange, Response

APP = "https://app.example"
CASES = {
    "a request": (post(b"x"), 200, b"{}"),
    "another status": (post(b"x"), 500, b"{}"),
    "a status without a body": (post(b"x"), 204, b""),
    "a page of another origin": (post(b"x", f"Origin: {APP}"), 200, b"{}"),
    "a HEAD": (request("HEAD", "/api/echo"), 200, b"{}"),
    "the last request": (post(b"x", "Connection: close"), 200, b"{}"),
}


class Answering(EchoApi):
    """Answers every request with this response."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response

    def received(self, exchange: Exchange, body: bytes) -> None:
        exchange.respond(self.response)


async def everything(response: Response, sent: bytes) -> bytes:
    async with listening(api=Answering(response), origins=(APP,)) as door, door.tcp() as raw:
        raw.send(sent, post(b"", "Connection: close"))
        return await raw.ended()


@pytest.mark.parametrize("name", CASES)
async def test_json_is_the_same_with_a_head_that_is_ready(name: str) -> None:
    sent, status, body = CASES[name]
    ready = await everything(Response(status, JSON_HEADERS, body), sent)
    assert ready == await everything(Response(status, dict(JSON_HEADERS), body), sent)
    assert ready.count(b"HTTP/1.1") == (1 if name == "the last request" else 2)
    assert b"Content-Type: application/json\r\n" in ready
