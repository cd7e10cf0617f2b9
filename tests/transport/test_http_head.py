"""Heads and chunks as bytes: whatever arrives is a head, a body, or refused as one that cannot be read."""

from __future__ import annotations

import random

import pytest

from tests.transport.http_requests import chunked, post, request
from tidegate.transport.chunks import Chunks
from tidegate.transport.http_head import BadRequest, Head, for_api, read_head
from tidegate.transport.incoming import Incoming

HEADS = (
    post(b"abc", "Authorization: Bearer a.b.c", "Content-Type: application/json"),
    request("GET", "/api/resources/tasks?a[gte]=1&b=%20", "Origin: https://a.example"),
    request("POST", "http://gateway.example/api/x", "Expect: 100-continue", "Transfer-Encoding: chunked"),
)
ROUNDS = 20_000
LIMIT = 1000


def mutated(data: bytes, chance: random.Random) -> bytes:
    """`data` with a few bytes changed, left out, repeated or put in."""
    made = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(made) + 1)
        made[at : at + chance.randint(0, 3)] = chance.choice(
            (b"", b"\r\n", b"\n", b"\0", b" ", b":", b",", bytes((chance.randrange(256),)), bytes(made[at : at + 5]))
        )
    return bytes(made)


def test_head_is_read_or_refused_whatever_it_is() -> None:
    chance, read = random.Random(7), 0
    for _ in range(ROUNDS):
        data = mutated(chance.choice(HEADS), chance).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        for_api(data)
        try:
            head = read_head(data)
        except BadRequest:
            continue
        read += 1
        assert isinstance(head, Head)
        assert head.path.startswith("/")
        assert head.chunked or head.length >= 0
    assert ROUNDS // 10 < read < ROUNDS


def test_chunks_are_the_same_however_they_arrive() -> None:
    chance = random.Random(7)
    for _ in range(ROUNDS // 10):
        body = mutated(chunked(b"abc", b"d" * 30).partition(b"\r\n\r\n")[2], chance)
        at_once, apart = taken([body]), taken([bytes((byte,)) for byte in body])
        assert at_once == apart


def taken(pieces: list[bytes]) -> tuple[bytes, bytes] | str:
    """The body and what is left behind it; or that it was refused, or is not whole."""
    chunks, buffer, whole = Chunks(LIMIT), bytearray(), False
    for piece in pieces:
        buffer += piece
        try:
            whole = whole or chunks.take(buffer)
        except BadRequest:
            return "refused"
    return (bytes(chunks.body), bytes(buffer)) if whole else "not whole"


def test_bytes_behind_a_request_stay() -> None:
    incoming = Incoming(LIMIT)
    incoming.add(post(b"abc") + b"next")
    data = incoming.head()
    assert data is not None
    incoming.take(data, read_head(data))
    assert incoming.body(read_head(data)) == b"abc"
    assert incoming.clear() == b"next"


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("body", [None, b"", b"abc"], ids=["no body", "an empty body", "a body"])
def test_client_that_sends_its_last_request_says_so_whether_it_has_a_body(method: str, body: bytes | None) -> None:
    table = {
        (): True,
        ("Connection: keep-alive",): True,
        ("Connection: closed",): True,
        ("Connection: close",): False,
        ("connection: Keep-Alive , CLOSE",): False,
        ("Connection: keep-alive", "Connection: close"): False,
    }
    for lines, keep_alive in table.items():
        sent = request(method, "/api/echo", *lines, body=body)
        assert read_head(sent[: sent.index(b"\r\n\r\n") + 4]).keep_alive is keep_alive, lines
