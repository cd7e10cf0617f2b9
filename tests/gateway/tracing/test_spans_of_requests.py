"""Requests and their spans: a gateway, its clients, and a collector that takes OTLP over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.gateway.http import application
from tests.gateway.http.client import http, token
from tests.gateway.test_removal import bearer
from tests.support.wire import Wire, wire
from tests.telemetry.collector import Collector, attributes, collecting
from tests.transport.inside import Inside, running
from tidegate.gateway.tracing.traced import TracedSessions
from tidegate.telemetry import queue

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SECRET = "text-that-no-span-may-hold"
THINGS = "/api/resources/things"
ERROR = 2
"""The code of the status `error` in OTLP."""


async def messages(client: Wire) -> list[dict[str, Any]]:
    """The answers to messages of many kinds, without what differs from run to run."""
    asked: list[dict[str, Any]] = [
        {"type": "ping"},
        {"type": "join", "room": f"chat-{SECRET}"},
        {"type": "message", "room": f"chat-{SECRET}", "data": {"text": SECRET}},
        {"type": "create", "resource": "things", "data": {"code": SECRET}},
        {"type": "create", "resource": "things", "data": {"code": SECRET}},
        {"type": "list", "resource": "things"},
        {"type": "list", "resource": f"things-{SECRET}"},
        {"type": "subscribe", "resource": "things"},
        {"type": "leave", "room": "chat-other"},
        {"type": "buy", "amount": 1},
        {"type": "buy", "amount": 6},
        {"type": "note", "text": "fail"},
        {"type": "unknown", "text": SECRET},
    ]
    answers = [await client.ask(message) for message in asked]
    await client.say(f"no JSON, {SECRET}")
    answers.append(await client.hear("error"))
    return [
        {key: value for key, value in answer.items() if key not in {"time", "position", "members"}}
        for answer in answers
    ]


async def played(folder: Path, collector: Collector | None, ratio: float = 1.0) -> list[dict[str, Any]]:
    chosen: dict[str, Any] = {"schema": str(application.write(folder)), "added": application.handlers()}
    if collector is not None:
        chosen |= {"otel_endpoint": collector.url, "otel_ratio": ratio}
    async with running(folder, **chosen) as inside, wire(inside.url, **bearer("quentin")) as client:
        assert isinstance(inside.gateway.handler, TracedSessions) == (collector is not None)
        return await messages(client)


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


async def test_each_request_has_a_span_without_anything_of_its_content_and_gets_the_same_answer(
    tmp_path: Path,
) -> None:
    with collecting() as collector:
        answers = await played(made(tmp_path / "with"), collector)
    assert answers == await played(made(tmp_path / "without"), None)
    assert set(collector.paths) == {"/v1/traces"}
    assert SECRET.encode() not in collector.bytes
    assert b"quentin" not in collector.bytes

    names = [span.name for span in collector.spans]
    assert sorted(names) == sorted(
        [
            "ping", "join chat-*", "message chat-*", "create things", "create things", "list things",
            "subscribe things", "leave chat-*", "buy", "buy", "note", "refused message", "refused message",
            "refused message",
        ]
    )  # fmt: skip
    codes = {(span.name, attributes(span).get("error.type")) for span in collector.spans}
    assert {
        ("create things", None), ("create things", "conflict"), ("refused message", "unknown_resource"),
        ("leave chat-*", "not_joined"), ("buy", None), ("buy", "conflict"), ("note", "internal"),
        ("refused message", "invalid_json"), ("refused message", "unknown_type"),
    } <= codes, codes  # fmt: skip
    for span in collector.spans:
        about = attributes(span)
        assert about["tidegate.transport"] == "websocket"
        assert span.end_time_unix_nano > span.start_time_unix_nano > 0
        assert (span.status.code == ERROR) == (about.get("error.type") == "internal"), about
        assert not span.parent_span_id
    (joined,) = collector.named("join chat-*")
    assert attributes(joined) == {
        "tidegate.type": "join",
        "tidegate.room": "chat-*",
        "tidegate.transport": "websocket",
    }
    assert collector.resources[0]["service.name"] == "tidegate"
    assert len({span.trace_id for span in collector.spans}) == len(collector.spans)


@pytest.fixture
def collector() -> Any:
    with collecting() as found:
        yield found


async def test_a_request_over_http_continues_the_trace_of_its_client(tmp_path: Path, collector: Collector) -> None:
    chosen: dict[str, Any] = {"schema": str(application.write(tmp_path)), "added": application.handlers()}
    chosen |= {"otel_endpoint": collector.url, "otel_ratio": 0}
    async with running(tmp_path, **chosen) as inside, http(inside, token()) as client:
        for flags in ("01", "00"):
            parent = f"00-{TRACE}-{SPAN}-{flags}"
            assert (await client.ask("POST", THINGS, {"code": flags}, traceparent=parent)).status == 201
        assert (await client.ask("GET", THINGS, traceparent="wrong")).status == 200
        again = await client.ask("POST", THINGS, {"code": "01"}, traceparent=f"00-{TRACE}-{SPAN}-01")
        assert again.status == 409
    assert [span.name for span in collector.spans] == ["create things", "create things"]
    for span in collector.spans:
        assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, SPAN)
    about = attributes(collector.spans[0])
    assert (about["http.request.method"], about["tidegate.transport"]) == ("POST", "http")
    assert attributes(collector.spans[1])["error.type"] == "conflict"


async def test_a_collector_that_fails_costs_no_request(tmp_path: Path, collector: Collector) -> None:
    collector.status = 400
    before = queue.FAILED.total
    async with running(tmp_path, otel_endpoint=collector.url, otel_ratio=1.0) as inside:
        await _pings(inside, 5)
    assert inside.gateway.spans is not None
    assert inside.gateway.spans.export.counts == {"exported": 0, "failed": 5, "dropped": 0}
    assert queue.FAILED.total == before + 1


async def _pings(inside: Inside, number: int) -> None:
    async with wire(inside.url) as client:
        for _ in range(number):
            await client.ask({"type": "ping"})
