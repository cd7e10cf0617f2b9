"""Requests that two programs could read in two ways: each is refused, and nothing behind it is read as a request.

Behind each of them stands a second request, which a front-end that reads the first one otherwise would let through.
"""

from __future__ import annotations

import logging

import pytest

from tests.transport.http_requests import EchoApi, post, request, statuses
from tests.transport.raw import Door, listening

BEHIND = b"POST /api/smuggled HTTP/1.1\r\nHost: gateway.example\r\nContent-Length: 0\r\n\r\n"


def head(*lines: str, first: str = "POST /api/echo HTTP/1.1", host: bool = True) -> bytes:
    return "\r\n".join([first, *(["Host: gateway.example"] if host else []), *lines, "", ""]).encode("latin-1")


CHUNKS = "Transfer-Encoding: chunked"
UPGRADE = (
    *("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"),
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)
TABLE = {
    "Content-Length with Transfer-Encoding": (head("Content-Length: 3", CHUNKS) + b"0\r\n\r\n", 400),
    "Transfer-Encoding with Content-Length": (head(CHUNKS, "Content-Length: 3") + b"0\r\n\r\n", 400),
    "two different lengths": (head("Content-Length: 3", "Content-Length: 4") + b"abc", 400),
    "the same length twice": (head("Content-Length: 3", "Content-Length: 3") + b"abc", 400),
    "a list of lengths": (head("Content-Length: 3, 3") + b"abc", 400),
    "a length with a sign": (head("Content-Length: +4") + b"abcd", 400),
    "a length in base 16": (head("Content-Length: 0x4") + b"abcd", 400),
    "a negative length": (head("Content-Length: -1"), 400),
    "an empty length": (head("Content-Length: "), 400),
    "a length beyond 64 bits": (head("Content-Length: 99999999999999999999"), 400),
    "a space before the colon": (head("Content-Length : 3") + b"abc", 400),
    "a bare line feed after the first line": (head().replace(b"HTTP/1.1\r\n", b"HTTP/1.1\n"), 400),
    "a bare line feed after a header": (head("X: a").replace(b"example\r\n", b"example\n"), 400),
    "a bare carriage return": (head("X: a\rY: b"), 400),
    "an unknown transfer coding": (head("Transfer-Encoding: xchunked") + b"0\r\n\r\n", 400),
    "a coding before chunked": (head("Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n", 501),
    "chunked twice": (head(CHUNKS, CHUNKS) + b"0\r\n\r\n", 400),
    "chunked behind a vertical tab": (head("Transfer-Encoding: \x0bchunked") + b"0\r\n\r\n", 400),
    "a folded header": (head("X: a\r\n b"), 400),
    "no Host": (head(host=False), 400),
    "two Hosts": (head("Host: gateway.example"), 400),
    "a Host that is none": (head("Host: a b", host=False), 400),
    "NUL in a value": (head("X: a\x00b"), 400),
    "a space in a name": (head("X Y: a"), 400),
    "Transfer-Encoding in HTTP/1.0": (head(CHUNKS, first="POST /api/echo HTTP/1.0") + b"0\r\n\r\n", 400),
    "a method in lower case": (head(first="post /api/echo HTTP/1.1"), 501),
    "an unknown method": (head(first="SMUGGLE /api/echo HTTP/1.1"), 501),
    "the absolute form with another host": (head(first="POST http://other.example/api/echo HTTP/1.1"), 400),
    "HTTP/2 without its preface": (head(first="POST /api/echo HTTP/2.0"), 505),
    "HTTP/0.9": (b"POST /api/echo\r\n\r\n", 505),
    "a tunnel": (head(first="CONNECT gateway.example:80 HTTP/1.1"), 400),
    "an upgrade with a body": (head("Upgrade: websocket", "Connection: Upgrade", "Content-Length: 3") + b"abc", 400),
    "two Authorizations": (head("Authorization: Bearer a", "Authorization: Bearer b"), 400),
    "two Content-Types": (head("Content-Type: text/plain", "Content-Type: application/json"), 400),
    "two Origins": (head("Origin: http://gateway.example", "Origin: https://evil.example"), 400),
    "an expectation that is unknown": (head("Expect: 200-maybe", "Content-Length: 3") + b"abc", 417),
    "a chunk with 0x in its size": (head(CHUNKS) + b"0x3\r\nabc\r\n0\r\n\r\n", 400),
    "a chunk with a sign": (head(CHUNKS) + b"+3\r\nabc\r\n0\r\n\r\n", 400),
    "a chunk whose size ends with a line feed": (head(CHUNKS) + b"3\nabc\r\n0\r\n\r\n", 400),
    "a chunk that ends with a line feed": (head(CHUNKS) + b"3\r\nabc\n0\r\n\r\n", 400),
    "a chunk that is longer than it says": (head(CHUNKS) + b"3\r\nabcd\r\n0\r\n\r\n", 400),
    "a chunk with an extension": (head(CHUNKS) + b"3;a=b\r\nabc\r\n0\r\n\r\n", 400),
    "a chunk without a size": (head(CHUNKS) + b"\r\nabc\r\n0\r\n\r\n", 400),
    "a chunk size of 9 digits": (head(CHUNKS) + b"000000003\r\nabc\r\n0\r\n\r\n", 400),
    "a trailer": (head(CHUNKS) + b"3\r\nabc\r\n0\r\nX: a\r\n\r\n", 400),
    "an end of chunks with a line feed": (head(CHUNKS) + b"3\r\nabc\r\n0\n\n", 400),
}


@pytest.mark.parametrize(("sent", "status"), TABLE.values(), ids=TABLE)
async def test_ambiguous_request_is_refused_and_ends_the_connection(
    sent: bytes, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    api = EchoApi()
    async with listening(api=api, max_size=1000) as door:
        assert await everything(door, sent + BEHIND) == [status]
        # A request that was good before it gets its answer, and the bytes may come one by one.
        assert await everything(door, post(b"good") + sent + BEHIND) == [200, status]
        assert await everything(door, *(bytes((byte,)) for byte in sent + BEHIND)) == [status]
    assert all(exchange.head.path != "/api/smuggled" for exchange in api.begun)
    assert api.bodies == [b"good"]
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def everything(door: Door, *pieces: bytes) -> list[int]:
    """The statuses of all responses until the gateway ends the connection."""
    async with door.tcp() as raw:
        await raw.send_apart(*pieces)
        return list(statuses(await raw.ended()))


@pytest.mark.parametrize(
    "sent",
    [
        b"GET http://other.example/healthz HTTP/1.1\r\nHost: gateway.example\r\n\r\n",
        request("GET", "/healthz", "Content-Length: 3") + b"abc",
        head("Host: other.example", first="GET /healthz HTTP/1.1"),
        head("Host: other.example", *UPGRADE, first="GET /ws HTTP/1.1"),
    ],
    ids=["another host", "a body", "two Hosts", "two Hosts of a WebSocket"],
)
async def test_ambiguous_request_for_a_fixed_page_is_refused_too(sent: bytes) -> None:
    async with listening(api=EchoApi()) as door:
        assert await everything(door, sent + BEHIND) == [400]
