"""Opening handshakes and plain HTTP: which requests may connect, and which status each other request gets.

Requests are bare bytes, so that a test can send malformed ones.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.support.gateway import ROOT
from tests.support.waiting import until
from tests.support.wire import Wire, wire
from tests.transport.inside import SECRET, Inside, running
from tests.transport.limits import door_with
from tests.transport.raw import PATIENCE, TEXT, Door, Frame, Raw, frame, listening, upgrade
from tests.transport.test_backpressure import FakeClock, pass_time
from tidegate.auth import tokens
from tidegate.documents.published import published
from tidegate.transport import Response
from tidegate.transport.handshake import MAX_HEAD


@pytest.fixture
async def inside(tmp_path: Path) -> AsyncIterator[Inside]:
    async with running(tmp_path) as gateway:
        yield gateway


def get(path: str, *lines: str, method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: gateway.example", *lines, "", ""]).encode()


async def answer(door: Door, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers (names in lower case) and body of the response, after which the connection must end."""
    async with door.tcp() as raw:
        raw.send(request)
        head, _, body = (await raw.ended()).partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return int(first.split(" ")[1]), headers, body


def a_token(name: str = "Ada", ttl: float = 60, secret: str = SECRET) -> str:
    return tokens.sign(secret, "7", name, ["admin"], time.time(), ttl)


# -- plain HTTP -------------------------------------------------------------------------------------------------------


async def test_health_readiness_and_bundle_are_served(inside: Inside) -> None:
    door = Door(inside.listener)
    for path, text in (("/healthz", b"ok\n"), ("/readyz", b"ready\n"), ("/healthz?probe=1", b"ok\n")):
        status, headers, body = await answer(door, get(path))
        assert (status, body) == (200, text)
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers
    status, headers, body = await answer(door, get("/schema/bundle.json"))
    assert (status, headers["content-type"]) == (200, "application/schema+json")
    assert json.loads(body) == published(json.loads((ROOT / "generated" / "schema" / "bundle.json").read_text()))


async def test_readyz_is_503_while_draining_and_while_the_database_does_not_answer(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = Door(inside.listener)
    monkeypatch.setattr(type(inside.store), "problem", "the database does not answer")
    assert (await answer(door, get("/readyz")))[::2] == (503, b"the database does not answer\n")
    monkeypatch.undo()
    assert (await answer(door, get("/readyz")))[0] == 200
    inside.gateway.sessions.draining = True
    assert (await answer(door, get("/readyz")))[::2] == (503, b"draining\n")
    assert (await answer(door, get("/healthz")))[0] == 200


async def test_head_is_answered_like_get_without_the_body(inside: Inside) -> None:
    door = Door(inside.listener)
    for path in ("/healthz", "/schema/bundle.json", "/nothing", "/ws"):
        status, headers, body = await answer(door, get(path))
        again = await answer(door, get(path, method="HEAD"))
        assert again == (status, headers, b""), path
        assert int(headers["content-length"]) == len(body)


@pytest.mark.parametrize("path", ["/nothing", "/WS", "/ws/", "/ws/../ws", "/%77s", "//", "*", "/healthz/"])
async def test_unknown_path_is_404_for_get_and_for_upgrade(door: Door, path: str) -> None:
    assert (await answer(door, get(path)))[0] == 404
    assert (await answer(door, upgrade(path)))[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "TRACE", "PRI", "get"])
async def test_other_methods_are_405_with_the_allowed_methods(door: Door, method: str) -> None:
    for path in ("/healthz", "/ws", "/nothing"):
        status, headers, _ = await answer(door, get(path, "Content-Length: 3", method=method) + b"abc")
        assert (status, headers["allow"]) == (405, "GET, HEAD")


async def test_plain_get_of_the_websocket_path_is_426(door: Door) -> None:
    for request in (get("/ws"), get("/ws", "Upgrade: h2c", "Connection: Upgrade")):
        status, headers, _ = await answer(door, request)
        assert (status, headers["upgrade"]) == (426, "websocket")


def without(name: str) -> bytes:
    lines = upgrade().split(b"\r\n")
    return b"\r\n".join(line for line in lines if not line.startswith(name.encode()))


BAD_UPGRADES = {
    "no key": (without("Sec-WebSocket-Key"), 400),
    "two keys": (upgrade("/ws", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="), 400),
    "a short key": (without("Sec-WebSocket-Key")[:-2] + b"Sec-WebSocket-Key: AAAA\r\n\r\n", 400),
    "a key that is no base64": (without("Sec-WebSocket-Key")[:-2] + b"Sec-WebSocket-Key: !\r\n\r\n", 400),
    "no version": (without("Sec-WebSocket-Version"), 400),
    "version 8": (upgrade(version="8"), 400),
    "no connection header": (without("Connection"), 426),
    "a subprotocol header that is none": (upgrade("/ws", "Sec-WebSocket-Protocol: @@"), 400),
    "HTTP/1.0": (upgrade().replace(b"HTTP/1.1", b"HTTP/1.0"), 505),
    "HEAD": (upgrade().replace(b"GET", b"HEAD"), 405),
    "a body": (upgrade("/ws", "Content-Length: 4") + b"body", 400),
    "chunks": (upgrade("/ws", "Transfer-Encoding: chunked"), 400),
    "an origin that is no URL": (upgrade("/ws", "Origin: http://["), 400),
    "a path that is no URL": (upgrade("http://["), 400),
}


@pytest.mark.parametrize(("request_bytes", "status"), BAD_UPGRADES.values(), ids=BAD_UPGRADES)
async def test_malformed_upgrade_gets_a_plain_http_error(
    door: Door, caplog: pytest.LogCaptureFixture, request_bytes: bytes, status: int
) -> None:
    assert (await answer(door, request_bytes))[0] == status
    assert door.echo.connections == []
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


GARBAGE = {
    "nothing but an end": b"\r\n\r\n",
    "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "one word": b"GET\r\n\r\n",
    "another protocol": b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
    "a path that is not ASCII": b"GET /\xff HTTP/1.1\r\n\r\n",
    "a header without a colon": b"GET /healthz HTTP/1.1\r\nnonsense\r\n\r\n",
    "a NUL in a header": b"GET /healthz HTTP/1.1\r\nX: a\x00b\r\n\r\n",
    "a folded header": b"GET /healthz HTTP/1.1\r\nX: a\r\n b\r\n\r\n",
    "a space before the colon": b"GET /healthz HTTP/1.1\r\nHost : a\r\n\r\n",
    "HTTP/9": b"GET /healthz HTTP/9\r\n\r\n",
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
async def test_malformed_request_is_400(door: Door, caplog: pytest.LogCaptureFixture, garbage: bytes) -> None:
    assert (await answer(door, garbage))[0] == 400
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_pipelined_bytes_after_a_request_are_not_answered(door: Door) -> None:
    for behind in (get("/healthz"), upgrade(), b"\x00\xff" * 500):
        status, _, body = await answer(door, get("/healthz") + behind)
        assert (status, body) == (200, b"ok\n")
    assert door.echo.connections == []


@pytest.mark.parametrize(
    "head",
    [
        b"GET /healthz HTTP/1.1\r\n" + b"X: a\r\n" * 200 + b"\r\n",
        b"GET /healthz HTTP/1.1\r\nX: " + b"a" * 9000 + b"\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n" + (b"X: " + b"a" * 500 + b"\r\n") * 40 + b"\r\n",
        b"GET /healthz HTTP/1.1\r\n" + (b"X: " + b"a" * 500 + b"\r\n") * 40,
    ],
    ids=["too many headers", "a long header", "a large head", "a large head without its end"],
)
async def test_request_head_that_is_too_large_is_431_and_ends_the_connection(door: Door, head: bytes) -> None:
    assert len(head) < 2 * MAX_HEAD
    assert (await answer(door, head))[0] == 431


# -- who may open a WebSocket -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "",
        "file://",
        "http://gateway.example.evil.example",
        "http://gateway.example:81",
        "http://gateway.example@evil.example",
        "http://localhost",
        "http://127.0.0.1:8787",
    ],
)
async def test_page_of_a_foreign_origin_is_403(door: Door, origin: str) -> None:
    assert (await answer(door, upgrade("/ws", f"Origin: {origin}")))[0] == 403
    assert (await answer(door, without("Host")[:-2] + f"Origin: {origin}\r\n\r\n".encode()))[0] == 421


async def test_two_origin_headers_are_403(door: Door) -> None:
    request = upgrade("/ws", "Origin: http://gateway.example", "Origin: https://evil.example")
    assert (await answer(door, request))[0] == 403


async def test_own_pages_configured_origins_and_programs_may_connect() -> None:
    async with listening(origins=("https://app.example",)) as door:
        for lines in ((), ("Origin: http://gateway.example",), ("Origin: https://app.example",)):
            async with door.open(*lines):
                pass
        assert (await answer(door, upgrade("/ws", "Origin: http://app.example")))[0] == 403


@pytest.mark.parametrize(
    ("host", "status"),
    [("gateway.example", 101), ("GATEWAY.example:443", 101), ("127.0.0.1", 101), ("evil.example", 421), ("[", 400)],
)
async def test_gateway_with_names_opens_connections_to_these_and_to_its_addresses(host: str, status: int) -> None:
    """DNS rebinding: a foreign name points to the gateway, and the page's origin is that name too."""
    async with listening(hosts=("gateway.example",)) as door, door.tcp() as raw:
        request = upgrade("/ws", f"Origin: http://{host}") if status == 101 else upgrade("/ws")
        raw.send(request.replace(b"Host: gateway.example", f"Host: {host}".encode()))
        assert (await raw.head()).startswith(f"HTTP/1.1 {status} ")


async def test_pages_of_this_machine_may_connect_in_development_only() -> None:
    for allowed in (True, False):
        async with listening(loopback_origins=allowed) as door:
            for origin in ("http://localhost:5173", "http://127.0.0.1", "http://[::1]:3000"):
                async with door.tcp() as raw:
                    raw.send(upgrade("/ws", f"Origin: {origin}"))
                    assert (await raw.head()).startswith("HTTP/1.1 101 " if allowed else "HTTP/1.1 403 ")
            assert (await answer(door, upgrade("/ws", "Origin: http://localhost.evil.example")))[0] == 403


@pytest.mark.parametrize("settings", [{"loopback_origins": True}, {"hosts": ()}])
async def test_foreign_dns_name_that_points_to_this_machine_is_403(settings: dict[str, object]) -> None:
    """DNS rebinding: the browser sends the same name as origin and as Host."""
    async with listening(**settings) as door:  # type: ignore[arg-type]  # fields by name
        assert (await answer(door, upgrade("/ws", "Origin: http://gateway.example")))[0] == 403


async def test_pages_of_an_address_and_of_localhost_are_the_gateways_own() -> None:
    """No owner of a DNS name can make a browser call a page so that the name was not typed for."""
    async with listening(hosts=()) as door:
        for name in ("127.0.0.1:8787", "192.0.2.7", "[::1]:8787", "localhost:8787"):
            request = upgrade("/ws", f"Origin: http://{name}").replace(
                b"Host: gateway.example", f"Host: {name}".encode()
            )
            async with door.tcp() as raw:
                raw.send(request)
                assert (await raw.head()).startswith("HTTP/1.1 101 "), name


async def test_connections_above_the_limit_get_503_until_another_client_leaves() -> None:
    async with listening(limits=door_with(2)) as door:
        async with door.open() as one, door.open():
            status, headers, _ = await answer(door, upgrade())
            assert (status, headers["retry-after"]) == (503, "5")
            assert (await answer(door, get("/healthz")))[0] == 200, "a full gateway is healthy"
            one.send(frame(TEXT, b"not disturbed"))
            assert await one.frame() == Frame(TEXT, b"not disturbed")
        await until(lambda: len(door.echo.ended) == 2)
        async with door.open():
            pass


async def test_slow_handshake_is_cut_off_at_its_deadline_even_while_bytes_arrive() -> None:
    async with listening(handshake_timeout=0.1) as door:
        for request in (b"", b"GET /ws HTTP/1.1\r\nHost: a\r\n"):
            async with door.tcp() as raw:
                raw.send(request)
                assert await raw.ended() == b""
        async with door.tcp() as raw:
            async with asyncio.timeout(PATIENCE):
                for byte in itertools.cycle(b"GET /a"):
                    if raw.reader.at_eof() or raw.reader.exception():
                        break
                    raw.send(bytes((byte,)))
                    await asyncio.sleep(0.005)
    assert door.echo.connections == []


async def test_client_that_does_not_read_its_http_response_is_cut_off() -> None:
    clock = FakeClock()
    async with listening(handshake_timeout=10.0, now=clock, sweep=1000.0) as door:
        door.listener.context.routes.add("/large", lambda _: Response(200, {}, bytes(16_000_000)))
        async with door.tcp() as raw:
            raw.send(get("/large"))
            assert (await raw.head()).startswith("HTTP/1.1 200 ")
            pass_time(door, clock, 12)
            await until(lambda: not len(door.listener.context.connections))
            assert len(await raw.ended()) < 16_000_000


# -- the token --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "token"),
    [
        ([], None),
        (["Authorization: Bearer abc.d-e_f"], "abc.d-e_f"),
        (["authorization: bearer   abc"], "abc"),
        (["Authorization: Basic dXNlcjpwYXNz"], None),
        (["Authorization: Bearer "], None),
        (["Sec-WebSocket-Protocol: tidegate.v1, bearer.abc.d-e_f"], "abc.d-e_f"),
        (["Sec-WebSocket-Protocol: tidegate.v1", "Sec-WebSocket-Protocol: bearer.abc"], "abc"),
        (["Sec-WebSocket-Protocol: tidegate.v1"], None),
        (["Authorization: Bearer header", "Sec-WebSocket-Protocol: bearer.protocol"], "header"),
    ],
)
async def test_token_is_read_from_the_authorization_header_or_the_subprotocol(
    door: Door, lines: list[str], token: str | None
) -> None:
    async with door.open(*lines) as raw:
        raw.send(frame(TEXT, b"x"))
        await raw.frame()
        assert door.echo.connections[0].token == token


async def test_token_in_the_url_is_refused(door: Door) -> None:
    async with door.tcp() as raw:
        raw.send(upgrade("/ws?token=abc&access_token=abc"))
        assert (await raw.head()).startswith("HTTP/1.1 400 ")
        assert door.echo.connections == []


async def subprotocol(raw: Raw) -> str | None:
    lines = (await raw.head()).split("\r\n")
    named = [line.partition(": ")[2] for line in lines if line.lower().startswith("sec-websocket-protocol:")]
    assert len(named) <= 1
    return named[0] if named else None


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ("tidegate.v1", "tidegate.v1"),
        ("bearer.secret, tidegate.v1", "tidegate.v1"),
        ("something.else", None),
        ("bearer.secret", "bearer.secret"),  # a browser takes no answer but one that it offered
    ],
)
async def test_the_subprotocol_of_the_response_is_tidegate_v1_if_offered(
    door: Door, offered: str, chosen: str | None
) -> None:
    async with door.tcp() as raw:
        raw.send(upgrade("/ws", f"Sec-WebSocket-Protocol: {offered}"))
        assert await subprotocol(raw) == chosen


async def test_refused_handshake_does_not_repeat_the_token(door: Door) -> None:
    for request in (
        upgrade("/ws", "Sec-WebSocket-Protocol: @@, bearer.secret-token"),
        upgrade("/ws", "Authorization: Bearer secret-token", version="8"),
        upgrade("/nothing", "Sec-WebSocket-Protocol: bearer.secret-token"),
    ):
        async with door.tcp() as raw:
            raw.send(request)
            assert b"secret-token" not in await raw.ended()


async def test_token_identifies_the_user_and_an_invalid_token_closes_with_4001(
    inside: Inside, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "tidegate")
    ways = (
        lambda token: {"additional_headers": {"Authorization": f"Bearer {token}"}},
        lambda token: {"subprotocols": ["tidegate.v1", f"bearer.{token}"]},
    )
    for way in ways:
        async with wire(inside.url, **way(a_token())) as client:
            user = client.heard[0]["user"]
            assert (user["id"], user["name"], user["roles"], user["anonymous"]) == ("7", "Ada", ["admin"], False)
            assert "identity" not in client.heard[0]
        for bad in ("a.b.c", "x", a_token(ttl=-10), a_token(secret="another-secret-of-at-least-32-characters")):
            async with connect(inside.url, compression=None, **way(bad)) as connection:
                client = Wire(connection)
                error = await client.hear("error")
                assert error["code"] == "unauthenticated"
                assert bad not in json.dumps(error) or bad == "x"
                with pytest.raises(ConnectionClosed) as closed:
                    await client.hear("welcome")
                assert closed.value.rcvd is not None
                assert closed.value.rcvd.code == 4001
    assert not any(a_token().split(".")[0] in record.getMessage() for record in caplog.records)
    await until(lambda: not len(inside.gateway.sessions))
