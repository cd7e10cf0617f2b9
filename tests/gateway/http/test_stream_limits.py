"""A stream of events is no way around a limit: what holds for a WebSocket holds for it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.http import application
from tests.gateway.http.client import http, token
from tests.gateway.http.streams import opened, stream
from tests.support.deadlines import DEADLINE_S
from tests.support.waiting import until
from tests.support.wire import wire
from tests.transport.http_requests import request
from tests.transport.inside import Inside, running
from tests.transport.raw import Raw
from tidegate.transport import EventStream
from tidegate.transport.pausing import BY_APPLICATION, BY_BACKLOG, BY_RATE


@contextlib.asynccontextmanager
async def limited(folder: Path, transport: dict[str, object] | None = None, **settings: Any) -> AsyncIterator[Inside]:
    schema = str(application.write(folder))
    async with running(folder, transport, schema=schema, added=application.handlers(), **settings) as inside:
        yield inside


def only(gateway: Inside) -> EventStream:
    """The one stream of the gateway."""
    (found,) = (each for each in gateway.listener.context.connections if isinstance(each, EventStream))
    return found


@contextlib.asynccontextmanager
async def unread(gateway: Inside) -> AsyncIterator[tuple[Raw, str]]:
    """A stream with small buffers, whose client stops to read after its welcome; and its id."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(("127.0.0.1", gateway.listener.port))
    sock.setblocking(False)
    reader, writer = await asyncio.open_connection(sock=sock, limit=1024)
    raw = Raw(reader, writer)
    raw.send(request("GET", "/sse", f"Authorization: Bearer {token('7')}"))
    await raw.head()
    identifier = (await reader.readuntil(b"\n")).decode().removeprefix("id: ").strip()
    transport: Any = writer.transport
    transport.pause_reading()
    try:
        yield raw, identifier
    finally:
        transport.abort()


async def test_a_client_that_does_not_read_is_closed_and_what_waits_is_counted(tmp_path: Path) -> None:
    limits: dict[str, object] = {"max_backlog": 1 << 18, "slow_rate": 0}
    async with limited(tmp_path, limits) as gateway, unread(gateway) as (_, identifier):
        async with http(gateway, token("7")) as said, wire(gateway.url) as speaker:
            joined = await said.ask("POST", f"/sse/{identifier}", {"type": "join", "room": "chat-1"})
            assert joined.status == 202
            await speaker.ask({"type": "join", "room": "chat-1"})
            connection, ledger = only(gateway), gateway.gateway.ledger
            ledgers: list[int] = []
            while connection.write_side.state.name == "OPEN":
                await speaker.ask({"type": "message", "room": "chat-1", "data": {"text": "x" * 60_000}})
                ledgers.append(ledger.of_kind("frames"))
            assert max(ledgers) > 1 << 17
            assert connection._ws.close_sent is not None
            assert connection._ws.close_sent.code == 4101
            assert (await said.ask("POST", f"/sse/{identifier}", {"type": "ping"})).status == 404
        connection.abort()
        await until(lambda: not gateway.gateway.streams)
        assert ledger.of_kind("frames") == 0


async def test_while_reading_is_paused_messages_wait_up_to_a_limit(tmp_path: Path) -> None:
    async with limited(tmp_path) as gateway, stream(gateway, token("7")) as client:
        connection = only(gateway)
        connection.write_side.pause_reading(BY_APPLICATION)
        large = {"type": "ping", "ref": "x" * 40_000}
        assert (await client.say(large)).status == 202
        refused = await client.say(large)
        assert (refused.status, refused.headers["retry-after"]) == (429, "1")
        assert connection.read_side.waiting < 65536
        assert not connection.write_side.paused_by & BY_BACKLOG
        connection.write_side.resume_reading(BY_APPLICATION)
        assert (await client.event()).data["code"] == "invalid_message"
        assert (await client.say(large)).status == 202


async def test_messages_count_for_the_rate_of_the_stream(tmp_path: Path) -> None:
    async with limited(tmp_path, rate=5) as gateway, stream(gateway, token("7")) as client:
        connection = only(gateway)
        pings = [{"type": "ping", "ref": number} for number in range(1500)]
        assert (await client.say(*pings)).status == 202
        await until(lambda: connection.write_side.paused_by & BY_RATE)
        assert connection.read_side.traffic.over
        assert connection.read_side.waiting


async def test_streams_count_for_the_limit_of_connections(tmp_path: Path) -> None:
    async with limited(tmp_path, max_connections=3) as gateway, stream(gateway), opened(gateway) as second:
        await second.welcomed()
        async with opened(gateway) as third:
            assert third.head.startswith("HTTP/1.1 503 ")


async def test_a_gateway_that_drains_opens_no_stream(tmp_path: Path) -> None:
    async with limited(tmp_path) as gateway:
        gateway.listener.refuse_clients()
        async with opened(gateway) as client:
            assert client.head.startswith("HTTP/1.1 503 ")
            assert "Retry-After: 1" in client.head


async def test_a_client_behind_a_proxy_counts_with_its_own_address(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"trusted_proxies": ["127.0.0.1"], "address_connections": 1}
    async with limited(tmp_path, **settings) as gateway:
        forwarded = "X-Forwarded-For: 203.0.113.7"
        async with opened(gateway, None, forwarded) as first:
            await first.welcomed()
            assert only(gateway).peer.address == "203.0.113.7"
            async with opened(gateway, None, forwarded) as second:
                assert second.head.startswith("HTTP/1.1 429 ")
            async with opened(gateway, None, "X-Forwarded-For: 203.0.113.8") as third:
                await third.welcomed()
        await until(lambda: not gateway.gateway.streams)
        async with opened(gateway, None, forwarded) as again:
            await again.welcomed()


async def test_comments_keep_a_stream_and_find_a_client_that_is_gone(tmp_path: Path) -> None:
    limits: dict[str, object] = {"ping_interval": 0.05, "ping_timeout": 0.2}
    async with limited(tmp_path, limits) as gateway:
        async with stream(gateway) as client:
            for _ in range(3):
                async with asyncio.timeout(DEADLINE_S):
                    assert (await client.raw.reader.readuntil(b"\n\n")) == b":\n\n"
        async with unread(gateway):
            # The system of a client that is cut off confirms nothing: here its buffers are full, and a byte waits.
            connection = only(gateway)
            monkey = pytest.MonkeyPatch()
            monkey.setattr(type(connection.write_side), "unconfirmed", property(lambda side: side.tally.bytes_out))
            try:
                await until(lambda: not gateway.gateway.streams)
            finally:
                monkey.undo()
