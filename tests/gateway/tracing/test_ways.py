"""The ways of a request that has a span: past the application's hook, over a stream of events, and in steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.gateway.http import application
from tests.gateway.http.client import http, token
from tests.gateway.http.streams import stream
from tests.gateway.test_removal import bearer
from tests.gateway.tracing.collected import Collected
from tests.support.wire import wire
from tests.transport.inside import running
from tidegate.gateway.tracing.spans import Span
from tidegate.handlers import Connection, Refused
from tidegate.telemetry import opening


@pytest.fixture
def collected(monkeypatch: pytest.MonkeyPatch) -> Collected:
    """The spans of a gateway with `otel_endpoint`, which stay in the test."""
    found = Collected()
    monkeypatch.setattr(opening, "SpanQueue", lambda send, stop: found)
    return found


def settings(folder: Path, **more: Any) -> dict[str, Any]:
    return {"schema": str(application.write(folder)), "otel_endpoint": "http://127.0.0.1:9", "otel_ratio": 1.0, **more}


def told(span: Span) -> tuple[str, ...]:
    return span.type, span.resource, span.transport, span.error


async def test_a_request_waits_for_what_the_application_says_of_its_client(
    tmp_path: Path, collected: Collected
) -> None:
    handlers = application.handlers()

    @handlers.on_connect
    async def connect(connection: Connection) -> None:
        if connection.user.id == "eve":
            raise Refused("forbidden", "not you")

    async with running(tmp_path, **settings(tmp_path, added=handlers)) as inside:
        for user in ("ada", "eve"):
            async with http(inside, token(user)) as client:
                await client.ask("GET", "/api/resources/things")
        assert [told(span) for span in collected.spans] == [
            ("list", "things", "http", ""),
            ("", "", "http", "forbidden"),
        ]
        async with wire(inside.url) as socket:
            for user in ("ada", "eve"):
                await socket.ask({"type": "authenticate", "token": token(user)})
        assert [told(span) for span in collected.spans[2:]] == [
            ("authenticate", "", "websocket", ""),
            ("authenticate", "", "websocket", "forbidden"),
        ]


async def test_messages_of_a_stream_of_events_have_spans(tmp_path: Path, collected: Collected) -> None:
    async with (
        running(tmp_path, **settings(tmp_path, added=application.handlers())) as inside,
        stream(inside, token()) as client,
    ):
        await client.ask(type="create", resource="things", data={"code": "a"})
        await client.ask(type="buy", amount=6)
    assert [told(span) for span in collected.spans] == [
        ("create", "things", "sse", ""),
        ("buy", "", "sse", "conflict"),
    ]


async def test_a_span_holds_no_session_once_it_has_ended_and_ends_once(tmp_path: Path, collected: Collected) -> None:
    async with running(tmp_path, **settings(tmp_path, added=application.handlers())) as inside:
        async with wire(inside.url, **bearer("ada")) as client:
            await client.ask({"type": "subscribe", "resource": "things"})
            await client.ask({"type": "create", "resource": "things", "data": {"code": "a"}})
            await client.heard_of("update")
            await client.say({"type": "count", "to": 50_000, "ref": 1})
            await client.hear(lambda message: message.get("ref") == 1)
        await inside.gateway.handler.settled(1.0)
    types = [span.type for span in collected.spans]
    assert sorted(types) == ["count", "create", "subscribe"]
    assert all(span.session is None and span.ended >= span.began for span in collected.spans)
    assert not inside.gateway.work.under_way
