"""How fast a client may send, over a WebSocket and over HTTP, directly and behind a proxy: one table for all ways."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from tests.support.waiting import until
from tests.transport.http_requests import EchoApi, chunked, post, response, statuses
from tests.transport.limits import NONE, door_with
from tests.transport.raw import TEXT, Door, Raw, frame, listening, upgrade
from tests.transport.test_backpressure import FakeClock, pass_time
from tidegate.core.budgets.rates import Rate
from tidegate.core.budgets.traffic import TrafficRates
from tidegate.counted import totals
from tidegate.transport import CloseReason, waiting_requests
from tidegate.transport import Door as TransportDoor

RATE = 10
"""Messages a second, and at once."""
FLOOD = 400
PROXY = ("127.0.0.1/32",)
RATE_LIMITED = CloseReason(4102, "too much")
ADDRESS, OTHER = "203.0.113.7", "203.0.113.8"


class Way:
    """How messages arrive."""

    def __init__(self, name: str) -> None:
        self.http = name.startswith("http")
        self.named = name.endswith("forwarded")
        """A proxy names the client in X-Forwarded-For."""
        self.header = name.endswith("PROXY header")
        self.stays = self.http and self.named
        """The connection is one of a proxy, which has other clients."""

    @asynccontextmanager
    async def client(self, door: Door, address: str = ADDRESS) -> AsyncIterator[Callable[..., Raw]]:
        """Yields a function that sends a body so many times."""
        lines = (f"X-Forwarded-For: {address}",) if self.named else ()
        async with door.tcp() as raw:
            if self.header:
                raw.send(f"PROXY TCP4 {address} 192.0.2.1 50000 80\r\n".encode())
            if not self.http:
                raw.send(upgrade("/ws", *lines))
                assert " 101 " in await raw.head()

            def say(times: int, body: bytes = b"x") -> Raw:
                raw.send((post(body, *lines) if self.http else frame(TEXT, body)) * times)
                return raw

            yield say


NAMES = (
    "websocket",
    "websocket, PROXY header",
    "websocket, forwarded",
    "http",
    "http, PROXY header",
    "http, forwarded",
)
every_way = pytest.mark.parametrize("name", NAMES)


class Gate:
    """A listener whose time the test moves."""

    def __init__(self, way: Way, door: Door, api: EchoApi, clock: FakeClock) -> None:
        self.way = way
        self.door = door
        self.heard = api.bodies if way.http else door.echo.heard
        self.clock = clock

    @property
    def slowed(self) -> int:
        return self.door.listener.context.counts.slowed

    async def until_heard(self, count: int) -> None:
        await until(lambda: len(self.heard) >= count)
        await until_still(lambda: len(self.heard))
        assert len(self.heard) == count

    async def until_slowed(self, count: int = 1) -> None:
        await until(lambda: self.slowed >= count)
        await until_still(lambda: len(self.heard))

    async def pass_time(self, seconds: int = 1) -> None:
        """Let time go by, and everything that has arrived be handled."""
        for _ in range(seconds):
            pass_time(self.door, self.clock, 1)
            await until_still(lambda: len(self.heard))


async def until_still(count: Callable[[], int]) -> None:
    """Wait until the gateway handles no more of what has arrived: reading is paused, or all of it is handled."""
    before, turns = -1, 0
    while turns < 30:
        turns = turns + 1 if count() == before else 0
        before = count()
        await asyncio.sleep(0)


@asynccontextmanager
async def gate(name: str, limits: TransportDoor | None = None) -> AsyncIterator[Gate]:
    way, api, clock = Way(name), EchoApi(), FakeClock()
    if limits is None:
        limits = door_with(frames=Rate(RATE, RATE), trusted=PROXY if way.named or way.header else ())
    async with listening(
        now=clock, api=api, limits=limits, sweep=1000.0, http_idle=1000.0, ping_interval=1000.0,
        rate_limited=RATE_LIMITED,
    ) as door:  # fmt: skip
        yield Gate(way, door, api, clock)


@every_way
async def test_client_over_its_rate_is_slowed_down_to_it(name: str) -> None:
    async with gate(name) as at, at.way.client(at.door) as say:
        say(50)
        for second in range(4):
            await at.until_heard(RATE * (second + 1))
            assert at.slowed
            await at.pass_time()
        assert len(at.heard) == 50


@every_way
async def test_client_that_keeps_to_its_rate_is_never_slowed_down(name: str) -> None:
    async with gate(name) as at, at.way.client(at.door) as say:
        for second in range(1, 15):
            say(RATE)
            await at.until_heard(RATE * second)
            await at.pass_time()
        assert at.slowed == 0


@every_way
async def test_client_that_does_not_stop_is_sent_away_but_a_connection_of_a_proxy_stays(name: str) -> None:
    events = totals()["rate_limited"]
    async with gate(name) as at, at.way.client(at.door) as say:
        raw = say(FLOOD)
        await until(lambda: len(at.heard) == RATE)
        await at.pass_time(12)
        if at.way.stays:
            assert len(at.heard) > 10 * RATE
            assert not raw.reader.at_eof()
            assert totals()["rate_limited"] == events
            return
        if not at.way.http:
            raw.send(frame(8, (4102).to_bytes(2)))
        got = await raw.ended()
        assert statuses(got)[-1] == 429 if at.way.http else (4102).to_bytes(2) in got
        assert len(at.heard) < FLOOD
        assert totals()["rate_limited"] == events + 1


@every_way
async def test_client_that_is_over_its_rate_from_time_to_time_is_not_sent_away(name: str) -> None:
    async with gate(name) as at, at.way.client(at.door) as say:
        for times in range(1, 5):
            say(RATE + 12)
            await at.until_slowed(times)
            await at.pass_time(15)
            await at.until_heard((RATE + 12) * times)


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith(("forwarded", "PROXY header"))])
async def test_client_is_not_sent_away_for_what_another_one_of_its_address_sends(name: str) -> None:
    limits = door_with(address=TrafficRates(Rate(RATE, RATE), NONE), trusted=PROXY)
    async with gate(name, limits) as at, at.way.client(at.door) as flood, at.way.client(at.door) as say:
        flood(10 * FLOOD)
        await at.until_slowed()
        for second in range(40):
            if second % 3 == 0:
                say(1, b"quiet")
            await at.pass_time()
        assert not say(0).reader.at_eof()
        assert at.heard.count(b"quiet") > 2
        assert len(at.door.listener.context.connections) == (2 if at.way.stays else 1)


@every_way
async def test_bytes_count(name: str) -> None:
    limits = door_with(received=Rate(10_000, 40_000), trusted=PROXY if name not in {"websocket", "http"} else ())
    async with gate(name, limits) as at, at.way.client(at.door) as say:
        say(200, b"x" * 1000)
        await at.until_slowed()
        assert len(at.heard) < 150


# -- what only connections of proxies have ----------------------------------------------------------------------------


def forwarded(address: str = ADDRESS, body: bytes = b"x") -> bytes:
    return post(body, f"X-Forwarded-For: {address}")


def slow_door() -> TransportDoor:
    """A client may send one request, and another one every 100 seconds."""
    return door_with(address=TrafficRates(Rate(0.01, 1), NONE), trusted=PROXY)


async def test_request_waits_at_a_connection_of_a_proxy_for_a_second_and_is_429_then() -> None:
    async with gate("http, forwarded", slow_door()) as at, at.door.tcp() as raw, at.door.tcp() as another:
        raw.send(forwarded())
        assert (await response(raw)).status == 200
        raw.send(forwarded())
        await at.until_slowed()
        another.send(forwarded(OTHER))
        assert (await response(another)).status == 200
        await at.pass_time()
        answer = await response(raw)
        assert (answer.status, answer.headers["retry-after"]) == (429, "1")
        assert "connection" not in answer.headers
        raw.send(forwarded("203.0.113.9"))
        assert (await response(raw)).status == 200, "the connection is there for other clients"
        assert at.heard == [b"x"] * 3


async def test_so_many_requests_of_an_address_wait_and_the_others_are_429_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(waiting_requests, "MOST", 1)
    async with gate("http, forwarded", slow_door()) as at, at.door.tcp() as raw, at.door.tcp() as another:
        raw.send(forwarded())
        assert (await response(raw)).status == 200
        for times in (1, 2):
            raw.send(forwarded())
            await at.until_slowed(times)
            another.send(forwarded())
            assert (await response(another)).status == 429
            await at.pass_time()
            assert (await response(raw)).status == 429
        raw.send(forwarded())
        await at.until_slowed(3)
        for connection in list(at.door.listener.context.connections):
            connection.abort()
        await until(lambda: not len(at.door.listener.context.connections))
        assert at.door.listener.context.waiting.begin(ADDRESS), "a request whose connection ended does not wait"


async def test_no_request_waits_where_connections_are_scarce() -> None:
    limits = door_with(2, address=TrafficRates(Rate(0.01, 1), NONE), trusted=PROXY)
    async with gate("http, forwarded", limits) as at, at.door.tcp() as raw, at.door.tcp() as another:
        another.send(forwarded(OTHER))
        assert (await response(another)).status == 200
        raw.send(forwarded(), forwarded())
        assert [(await response(raw)).status for _ in range(2)] == [200, 429]
        assert at.slowed == 0


async def test_heads_count_for_their_client_too() -> None:
    limits = door_with(received=Rate(10, 10_000), trusted=PROXY)
    async with gate("http, forwarded", limits) as at, at.door.tcp() as raw:
        for _ in range(2):
            raw.send(post(b"x", f"X-Forwarded-For: {ADDRESS}", "X: " + "x" * 10_000))
            assert (await response(raw)).status == 200
        raw.send(forwarded())
        await at.until_slowed()
        raw.writer.transport.abort()


def in_chunks(body: bytes, address: str = ADDRESS) -> bytes:
    return chunked(body).replace(b"\r\n\r\n", f"\r\nX-Forwarded-For: {address}\r\n\r\n".encode(), 1)


@pytest.mark.parametrize("first", [200, 21_000], ids=["after its head", "with its head"])
async def test_body_in_chunks_counts_for_its_client_too(first: int) -> None:
    limits = door_with(received=Rate(10, 10_000), trusted=PROXY)
    async with gate("http, forwarded", limits) as at, at.door.tcp() as raw:
        large = in_chunks(b"x" * 20_000)
        for _ in range(2):
            await raw.send_apart(large[:first], large[first:])
            assert (await response(raw)).status == 200
        raw.send(forwarded())
        await at.until_slowed()
        await at.pass_time()
        assert (await response(raw)).status == 429


async def test_what_another_client_sends_after_a_body_in_chunks_does_not_count_for_the_client_of_the_chunks() -> None:
    limits = door_with(received=Rate(10, 10_000), trusted=PROXY)
    async with gate("http, forwarded", limits) as at, at.door.tcp() as raw:
        small, large = in_chunks(b"x"), forwarded(OTHER, b"x" * 20_000)
        for sent in (small, large, small, large, small):
            raw.send(sent)
            assert (await response(raw)).status == 200
        assert at.slowed == 0
