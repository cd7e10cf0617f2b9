"""What a connection that speaks HTTP leaves behind when it has ended: nothing, without the garbage collector."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.cases import every_case
from tests.support.garbage import left_in_circles
from tests.support.waiting import until
from tests.transport.http_requests import request
from tests.transport.inside import Inside, running
from tests.transport.test_http_lines import ADDRESS, Line
from tests.transport.test_turns import arrive
from tidegate.transport import Connection
from tidegate.transport.event_stream import EventStream
from tidegate.transport.http_connection import HttpConnection

LIST = request("GET", "/api/resources/tasks?limit=1")
PING = request("POST", "/api/ping", "Content-Type: application/json", body=b"{}")
BUSY = object()
SENT: dict[str, tuple[bytes, int | object, type[object]]] = {
    "a request that is answered at once": (PING, 200, HttpConnection),
    "a request that a thread answers": (LIST, 200, HttpConnection),
    "two requests": (PING + LIST, 200, HttpConnection),
    "a client that leaves before its answer": (LIST, BUSY, HttpConnection),
    "a request that has not arrived": (PING[:-1], BUSY, HttpConnection),
    "a path that is none": (request("GET", "/api/nothing"), 404, HttpConnection),
    "a method that is none": (request("PAINT", "/api/ping"), 501, HttpConnection),
    "a request that is not for the API after one that is": (PING + request("GET", "/healthz"), 200, Connection),
    "a stream of events": (request("GET", "/sse"), 200, EventStream),
}
"""What the client sends, the status of the last answer or `BUSY`, and what the connection is then."""


async def test_ended_connection_that_speaks_http_is_no_garbage(tmp_path: Path) -> None:
    async with running(tmp_path) as inside:
        with every_case() as case:
            for name, (sent, status, kind) in SENT.items():
                with case(name):
                    await come_and_go(inside, sent, status, kind)
                    with left_in_circles(object) as left:
                        for _ in range(3):
                            await come_and_go(inside, sent, status, kind)
                    assert [each for each in left if type(each).__module__.startswith("tidegate")] == []


async def come_and_go(inside: Inside, sent: bytes, status: int | object, kind: type[object]) -> None:
    context, line = inside.listener.context, Line(ADDRESS)
    opening = line.protocol = Connection(context, inside.gateway.handler, "c")
    opening.connection_made(line)
    arrive(opening, sent)
    if status is not BUSY:
        await until(lambda: line.answers()[-1:] == [status] and type(line.protocol) is kind)
    assert type(line.protocol) is kind
    ended: Any = line.protocol
    ended.connection_lost(None)
    line.protocol = None  # as asyncio does
