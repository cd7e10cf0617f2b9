"""One HTTP connection over a line that the test plays: what it reads when, and what it leaves behind."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.fuzz.frames import Wire
from tests.transport.http_requests import EchoApi, post, statuses
from tests.transport.limits import NONE, door_with
from tests.transport.quiet import QuietHandler
from tests.transport.test_turns import Clock, all_turns, arrive
from tidegate.core.budgets.rates import Rate
from tidegate.core.budgets.traffic import FRAME_S, TrafficRates
from tidegate.transport import Connection, ConnectionContext, Exchange, Outbox, Response, Routes, TransportSettings
from tidegate.transport.http_connection import HttpConnection
from tidegate.transport.turns import SLICE_S, SMALL_BYTES

LARGE = post(b"x" * SMALL_BYTES)


class Line(Wire):
    """Notes whether it is read from. `unsent`: bytes that its client has not read."""

    def __init__(self) -> None:
        super().__init__()
        self.reading, self.unsent = True, 0
        self.protocol: Any = None

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("203.0.113.7", 50000) if name == "peername" else default

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def answers(self) -> list[int]:
        return statuses(bytes(self.written))


class Held:
    """Notes the last size that it was told of each connection."""

    def __init__(self) -> None:
        self.sizes: dict[object, int] = {}

    def waits(self, line: object, size: int) -> None:
        self.sizes[line] = size

    arrives = waits


class Gateway:
    """Each request takes `each` seconds."""

    def __init__(self, rate: Rate = NONE, address: Rate = NONE) -> None:
        """`rate`: of requests of one connection. `address`: of all of one address."""
        self.clock, self.api, self.memory, self.each = Clock(), EchoApi(), Held(), 0.0
        echo = self.api.received

        def received(exchange: Exchange, body: bytes) -> None:
            self.clock.now += self.each
            echo(exchange, body)

        self.api.received = received  # type: ignore[method-assign]
        outbox = Outbox(asyncio.get_running_loop())
        door = door_with(frames=rate, address=TrafficRates(address, NONE))
        settings = TransportSettings(hosts=("gateway.example",))
        self.context = ConnectionContext(settings, Routes(), outbox, self.clock, self.memory, door, self.api)

    def client(self) -> tuple[HttpConnection, Line]:
        """A connection over which one request was answered."""
        line, opening = Line(), Connection(self.context, QuietHandler(), "a")
        opening.connection_made(line)
        arrive(opening, post(b"first"))
        connection = line.protocol
        assert isinstance(connection, HttpConnection)
        assert line.answers() == [200]
        line.written.clear()
        return connection, line

    def look(self, connection: HttpConnection, seconds: float) -> None:
        """The sweep comes to it so much later."""
        self.clock.now += seconds
        connection.sweep(self.clock.now)


@pytest.fixture
async def gateway() -> Gateway:
    return Gateway()


async def test_nothing_is_read_or_handled_of_a_client_that_does_not_read(gateway: Gateway) -> None:
    connection, line = gateway.client()
    gateway.api.later = True
    arrive(connection, post(b"x") * 3)
    connection.pause_writing()
    assert not line.reading
    gateway.api.later = False
    gateway.api.answer()
    await all_turns(gateway.context.turns)
    assert line.answers() == [200], "the two others wait"
    connection.resume_writing()
    await all_turns(gateway.context.turns)
    assert line.answers() == [200] * 3
    assert line.reading


async def test_client_that_stops_reading_while_it_waits_for_its_turn_has_none(gateway: Gateway) -> None:
    connection, line = gateway.client()
    arrive(connection, post(b"x") * 2)
    connection.pause_writing()
    await all_turns(gateway.context.turns)
    assert line.answers() == [200]


async def test_client_over_its_rate_has_no_turn() -> None:
    gateway = Gateway(Rate(1, 3))
    connection, line = gateway.client()
    arrive(connection, post(b"x") * 3)
    await all_turns(gateway.context.turns)
    assert (line.answers(), line.reading) == ([200] * 2, False)
    gateway.context.turns.wait(connection, "a")
    await all_turns(gateway.context.turns)
    assert (line.answers(), line.reading) == ([200] * 2, False)
    gateway.look(connection, 1.0)
    await all_turns(gateway.context.turns)
    assert (line.answers(), line.reading) == ([200] * 3, True)


async def test_large_request_waits_where_the_turn_of_the_loop_is_full(gateway: Gateway) -> None:
    (one, _), (connection, line), (other, small) = [gateway.client() for _ in range(3)]
    gateway.each = SLICE_S
    arrive(one, post(b"x"))
    arrive(connection, LARGE)
    assert (line.answers(), line.reading) == ([], False)
    arrive(other, post(b"x"))
    assert small.answers() == [200]
    await all_turns(gateway.context.turns)
    assert (line.answers(), line.reading) == ([200], True)


async def test_request_that_takes_long_counts_as_several() -> None:
    gateway = Gateway(Rate(1, 20))
    connection, line = gateway.client()
    gateway.each = 4 * FRAME_S + 1e-9
    arrive(connection, post(b"x"))
    gateway.each = 0.0
    arrive(connection, post(b"x") * 30)
    await all_turns(gateway.context.turns)
    assert len(line.answers()) == 20 - 1 - 3
    assert connection.tally.seconds == pytest.approx(4 * FRAME_S, abs=1e-8)


async def test_nothing_is_left_of_a_connection_that_ended(gateway: Gateway) -> None:
    connection, line = gateway.client()
    gateway.api.later = True
    connection.kept["x"] = 1
    arrive(connection, post(b"x") + post(b"y" * 60_000)[:-1])
    assert gateway.memory.sizes[connection] > 60_000
    gateway.context.turns.wait(connection, "a")
    connection.connection_lost(None)
    assert gateway.memory.sizes[connection] == 0
    assert len(connection._incoming) == len(gateway.context.turns) == len(connection.kept) == 0
    assert gateway.context.counts.ended.frames_in == 2
    (exchange,) = gateway.api.lost
    before = gateway.context.counts.responses.copy()
    exchange.respond(Response(200, {}, b"late"))
    assert (line.answers(), gateway.context.counts.responses) == ([], before)
    arrive(connection, b"")
    assert gateway.memory.sizes[connection] == 0, "nothing is counted of it any more"


async def test_client_whose_address_is_over_its_rate_stays_while_it_catches_up_in_its_turns() -> None:
    gateway = Gateway(address=Rate(1, 1))
    connection, line = gateway.client()
    arrive(connection, post(b"x"))
    for second in range(1, 13):
        assert not line.reading, "it is over the rate again before anything looks at it"
        gateway.look(connection, 1.0)
        await all_turns(gateway.context.turns)
        assert line.answers() == [200] * second
        arrive(connection, post(b"x"))


async def test_time_in_which_the_process_did_not_run_makes_no_connection_idle(gateway: Gateway) -> None:
    idle, clock = gateway.context.settings.http_idle, gateway.clock
    connection, line = gateway.client()
    clock.now += 100
    arrive(connection, post(b"x"))
    assert connection.used == clock.now
    clock.now += idle + 60
    connection.stood_still(60.0, clock.now)
    assert connection.used == clock.now - idle
    gateway.look(connection, 0.0)
    assert not line.ended
    gateway.look(connection, 1.0)
    assert line.ended
    connection.stood_still(2 * idle, clock.now)
    assert connection.used == clock.now
