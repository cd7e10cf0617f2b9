"""Who may send requests over HTTP: pages by their origin, names of the gateway, rates, and clients behind a proxy."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.waiting import until
from tests.transport.http_requests import Answer, EchoApi, post, request, response, statuses
from tests.transport.limits import door_with
from tests.transport.raw import Door, listening
from tests.transport.test_backpressure import FakeClock, pass_time
from tidegate.core.budgets.rates import Rate
from tidegate.core.budgets.traffic import TrafficRates

APP = "https://app.example"
MANY = 3000
"""Requests, of which a client may send ten a second."""


async def ask(door: Door, *sent: bytes) -> Answer:
    async with door.tcp() as raw:
        raw.send(*sent)
        return await response(raw)


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "", "file://", "http://gateway.example:81", "http://localhost"]
)
async def test_page_of_a_foreign_origin_is_403_before_its_body_is_read(origin: str) -> None:
    api = EchoApi()
    async with listening(api=api) as door:
        for method in ("POST", "GET", "OPTIONS", "DELETE"):
            lines = (f"Origin: {origin}", "Content-Length: 60000", "Access-Control-Request-Method: POST")
            answer = await ask(door, request(method, "/api/echo", *lines))
            assert answer.status == 403
            assert "access-control-allow-origin" not in answer.headers
    assert api.begun == []


async def test_page_of_the_gateway_or_of_a_configured_origin_may_read_the_response() -> None:
    async with listening(api=EchoApi(), origins=(APP,)) as door:
        for origin in (APP, "http://gateway.example"):
            answer = await ask(door, post(b"x", f"Origin: {origin}"))
            assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, origin)
            assert answer.headers["vary"] == "Origin"
            assert "access-control-allow-credentials" not in answer.headers
        assert (await ask(door, post(b"x", f"Origin: {APP}", path="/api/nothing"))).headers[
            "access-control-allow-origin"
        ] == APP, "a page reads its errors"


async def test_any_origin_is_echoed_and_never_a_star() -> None:
    async with listening(api=EchoApi(), origins=("*",)) as door:
        answer = await ask(door, post(b"x", "Origin: https://other.example"))
        assert answer.headers["access-control-allow-origin"] == "https://other.example"


async def test_preflight_names_the_methods_of_the_path() -> None:
    api = EchoApi()
    async with listening(api=api, origins=(APP,)) as door, door.tcp() as raw:
        raw.send(request("OPTIONS", "/api/echo", f"Origin: {APP}", "Access-Control-Request-Method: POST"))
        answer = await response(raw)
        assert (answer.status, answer.headers["access-control-allow-methods"]) == (204, "POST, OPTIONS")
        assert answer.headers["access-control-allow-origin"] == APP
        assert "authorization" in answer.headers["access-control-allow-headers"]
        assert api.begun == []
        raw.send(request("OPTIONS", "/elsewhere", f"Origin: {APP}", "Access-Control-Request-Method: POST"))
        assert (await response(raw)).status == 200, "no preflight: the handler of requests says what it is"
        assert len(api.begun) == 1


async def test_options_of_a_program_are_the_methods_of_the_path() -> None:
    api = EchoApi()
    async with listening(api=api) as door, door.tcp() as raw:
        raw.send(request("OPTIONS", "/api/echo"))
        answer = await response(raw)
        assert (answer.status, answer.headers["allow"]) == (204, "POST, OPTIONS")
        assert api.begun == []


async def test_foreign_name_that_points_to_this_machine_is_421() -> None:
    """DNS rebinding: a page behind such a name sends no Origin with a GET to its own name."""
    async with listening(api=EchoApi(), loopback_origins=True, hosts=()) as door:
        for host, status in (
            ("gateway.example", 421),
            ("localhost:8787", 200),
            ("127.0.0.1:8787", 200),
            ("[::1]:8787", 200),
            ("192.0.2.7", 200),
            ("localhost.evil.example", 421),
        ):
            assert (await ask(door, request("GET", "/api/echo", host=host))).status == status, host
        local = request("GET", "/api/echo", "Origin: http://localhost:5173", host="localhost")
        assert (await ask(door, local)).headers["access-control-allow-origin"] == "http://localhost:5173"


async def test_gateway_with_names_answers_to_these_and_to_its_addresses() -> None:
    async with listening(api=EchoApi(), hosts=("api.example",)) as door:
        for host, status in (("api.example", 200), ("API.example:443", 200), ("127.0.0.1", 200), ("evil.example", 421)):
            assert (await ask(door, request("GET", "/api/echo", host=host))).status == status, host
    async with listening(api=EchoApi(), hosts=("*",)) as door:
        assert (await ask(door, request("GET", "/api/echo", host="any.example"))).status == 200


async def test_cookies_are_not_looked_at() -> None:
    api = EchoApi()
    async with listening(api=api) as door:
        assert (await ask(door, post(b"x", "Cookie: session=1"))).status == 200


async def test_client_over_its_rate_waits_and_one_that_does_not_stop_is_429() -> None:
    clock = FakeClock()
    api = EchoApi()
    async with listening(api=api, now=clock, limits=door_with(frames=Rate(10, 10))) as door, door.tcp() as raw:
        raw.send(post(b"x") * MANY)
        await until(lambda: len(api.bodies) == 10)
        pass_time(door, clock, 1)
        await until(lambda: len(api.bodies) == 20)
        ended = asyncio.create_task(raw.ended())
        while not ended.done():
            pass_time(door, clock, 1)
            for _ in range(50):
                await asyncio.sleep(0)
        got = statuses(await ended)
        assert got[-1] == 429
        assert set(got[:-1]) == {200}
        assert len(got) < MANY


async def test_clients_behind_a_proxy_are_told_apart_on_one_connection() -> None:
    api = EchoApi()
    address = TrafficRates(Rate(0.01, 3), Rate(0, 0))
    limits = door_with(trusted=("127.0.0.1/32",), address=address, connections=1)
    async with listening(api=api, limits=limits) as door, door.tcp() as raw:
        seen = []
        for name in ["192.0.2.1"] * 4 + ["192.0.2.2"] * 2:
            raw.send(post(b"x", f"X-Forwarded-For: {name}"))
            seen.append((await response(raw)).status)
        assert seen == [200, 200, 200, 429, 200, 200]
        assert [exchange.peer.address for exchange in api.begun] == ["192.0.2.1"] * 3 + ["192.0.2.2"] * 2


async def test_connections_above_the_limit_get_503_and_count_until_they_end() -> None:
    async with listening(api=EchoApi(), limits=door_with(1)) as door:
        async with door.tcp() as first:
            first.send(post(b"x"))
            assert (await response(first)).status == 200
            async with door.tcp() as second:
                second.send(post(b"y"))
                assert (await response(second)).status == 503
            assert (await ask(door, request("GET", "/healthz"))).status == 200
        await until(lambda: not len(door.listener.context.connections))
        assert (await ask(door, post(b"z"))).status == 200
