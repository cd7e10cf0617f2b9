"""One HTTP connection over a line that the test plays: what it reads when, and what it leaves behind."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.fuzz.frames import Wire
from tests.transport.http_requests import EchoApi, post, request, statuses
from tests.transport.limits import NONE, door_with
from tests.transport.quiet import QuietHandler
from tests.transport.test_turns import Clock, all_turns, arrive, turn_of_the_loop
from tidegate.core.budgets.rates import Rate
from tidegate.core.budgets.traffic import FRAME_S, TrafficRates
from tidegate.counted import totals
from tidegate.transport import Connection, ConnectionContext, Exchange, Outbox, Response, Routes, TransportSettings
from tidegate.transport.http_connection import HttpConnection
from tidegate.transport.incoming import AHEAD_BYTES
from tidegate.transport.turns import SLICE_S, SMALL_BYTES

ADDRESS = "203.0.113.7"
LARGE = post(b"x" * SMALL_BYTES)


class Line(Wire):
    """Notes whether it is read from. `unsent`: bytes that its client has not read."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.address = address
        self.reading, self.half_closed, self.unsent = True, False, 0
        self.protocol: Any = None

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return (self.address, 50000) if name == "peername" else default

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.half_closed = True

    def write(self, data: Any) -> None:
        if self.half_closed:
            raise RuntimeError("asyncio writes nothing after this")
        super().write(data)

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def answers(self) -> list[int]:
        return list(statuses(bytes(self.written)))


class Held:
    """Notes the newest size of each connection."""

    def __init__(self) -> None:
        self.sizes: dict[object, int] = {}

    def waits(self, line: object, size: int) -> None:
        self.sizes[line] = size

    arrives = waits


class Gateway:
    """Each request takes `each` seconds."""

    def __init__(self, rate: Rate = NONE, received: Rate = NONE, address: Rate = NONE) -> None:
        """`rate`, `received`: of requests and bytes of one connection. `address`: of all requests of one address."""
        self.clock, self.api, self.memory = Clock(), EchoApi(), Held()
        self.each, self.clients = 0.0, 0
        echo = self.api.received

        def slow(exchange: Exchange, body: bytes) -> None:
            self.clock.now += self.each
            echo(exchange, body)

        self.api.received = slow  # type: ignore[method-assign]
        outbox = Outbox(asyncio.get_running_loop())
        door = door_with(frames=rate, received=received, address=TrafficRates(address, NONE))
        settings = TransportSettings(hosts=("gateway.example",), message_timeout=3.0, close_timeout=5.0)
        self.context = ConnectionContext(settings, Routes(), outbox, self.clock, self.memory, door, self.api)

    def client(self, address: str = ADDRESS) -> tuple[HttpConnection, Line]:
        """A connection over which one request was answered."""
        self.clients += 1
        line, opening = Line(address), Connection(self.context, QuietHandler(), str(self.clients))
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
    assert gateway.context.counts.slowed == 1
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


async def test_client_that_may_go_on_is_read_from_while_it_waits_for_its_answer(gateway: Gateway) -> None:
    """Where nothing is read, nothing tells that the client is gone."""
    connection, line = gateway.client()
    gateway.api.later = True
    arrive(connection, post(b"x"))
    for ahead, reads in ((b"", True), (b"y" * 1000, True), (b"z" * AHEAD_BYTES, False)):
        connection._received(ahead, gateway.clock())
        connection.pause_writing()
        assert not line.reading
        connection.resume_writing()
        assert line.reading is reads
        assert not len(gateway.context.turns)


async def test_client_that_does_not_read_is_not_read_from_after_its_answer(gateway: Gateway) -> None:
    connection, line = gateway.client()
    gateway.api.later = True
    arrive(connection, post(b"x"))
    connection.pause_writing()
    gateway.api.answer()
    assert not line.reading
    connection.resume_writing()
    assert line.reading


async def test_connections_of_one_address_follow_each_other(gateway: Gateway) -> None:
    lines = [gateway.client(address) for address in (ADDRESS, ADDRESS, "203.0.113.8")]
    for connection, _ in lines:
        arrive(connection, post(b"%b" % connection.id.encode()) * 2)
    gateway.api.bodies.clear()
    await all_turns(gateway.context.turns)
    assert gateway.api.bodies == [b"1", b"3", b"2"]


async def test_client_that_is_sent_away_gets_the_answer_that_it_waits_for() -> None:
    gateway = Gateway(received=Rate(1, 10_000))
    connection, line = gateway.client()
    gateway.api.later = True
    events = totals()["rate_limited"]
    arrive(connection, post(b"x"))
    arrive(connection, post(b"y" * 30_000))
    arrive(connection, post(b"z" * 30_000))
    for _ in range(30):
        gateway.look(connection, 1.0)
    assert (line.answers(), line.reading) == ([], False)
    gateway.api.answer()
    await all_turns(gateway.context.turns)
    assert line.answers() == [200]
    assert b"Connection: close" in line.written
    assert totals()["rate_limited"] == events + 1
    gateway.look(connection, 4.0)
    assert not line.ended, "what the client still sends is dropped, so that it can read the answer"
    gateway.look(connection, 2.0)
    assert line.ended
    assert line.answers() == [200]


async def test_client_that_sends_on_after_it_was_sent_away_is_not_refused_once_more() -> None:
    gateway = Gateway(received=Rate(1, 10_000))
    connection, line = gateway.client()
    gateway.api.later = True
    for sent in (b"x", b"y" * 20_000, b"z" * 20_000):
        arrive(connection, post(sent))
    gateway.look(connection, 12.0)
    connection.pause_writing()
    connection.resume_writing()
    arrive(connection, post(b"z" * 20_000))
    gateway.api.answer()
    assert line.answers() == [200]
    for _ in range(6):
        assert not line.ended
        gateway.look(connection, 1.0)
    assert line.ended, "in the time that a client has to read the last answer"


async def test_client_that_is_slowed_down_has_time_to_finish_its_request_after_that() -> None:
    gateway = Gateway(received=Rate(2_000, 10_000))
    connection, line = gateway.client()
    sent = post(b"x" * 30_000)
    arrive(connection, sent[:18_000])
    arrive(connection, sent[18_000:24_000])
    for _ in range(4):
        gateway.look(connection, 1.0)
        await all_turns(gateway.context.turns)
    assert not line.reading, "for longer than a request may take"
    for _ in range(2):
        gateway.look(connection, 1.0)
        await all_turns(gateway.context.turns)
    assert line.reading
    gateway.look(connection, 1.0)
    arrive(connection, sent[24_000:])
    for _ in range(6):
        gateway.look(connection, 1.0)
        await all_turns(gateway.context.turns)
    assert line.answers() == [200]


async def test_last_response_has_time_while_its_client_reads_it(gateway: Gateway) -> None:
    connection, line = gateway.client()
    arrive(connection, b"GET /api/echo HTTP/1.1\r\n\r\n")
    assert line.answers() == [400]
    line.unsent = 100
    for _ in range(3):
        gateway.look(connection, 4.0)
    line.unsent = 0
    gateway.look(connection, 4.0)
    assert not line.ended
    gateway.look(connection, 2.0)
    assert line.ended


async def test_connection_that_becomes_another_one_is_counted_no_more(gateway: Gateway) -> None:
    connection, line = gateway.client()
    line.unsent = 100_000
    arrive(connection, request("GET", "/healthz"))
    assert line.protocol is not connection
    assert gateway.memory.sizes[connection] == 0


@pytest.mark.parametrize("stopped", [True, False])
async def test_client_is_not_sent_away_for_the_time_in_which_the_process_did_not_run(stopped: bool) -> None:
    gateway = Gateway(Rate(1, 2))
    connection, line = gateway.client()
    arrive(connection, post(b"x") * 50)
    await all_turns(gateway.context.turns)
    gateway.clock.now += 12
    if stopped:
        connection.stood_still(12.0, gateway.clock.now)
    gateway.look(connection, 0.0)
    await all_turns(gateway.context.turns)
    assert set(line.answers()) == ({200} if stopped else {200, 429})


@pytest.mark.parametrize("stopped", [True, False])
async def test_client_is_not_too_slow_in_the_time_in_which_the_process_did_not_run(stopped: bool) -> None:
    gateway = Gateway()
    connection, line = gateway.client()
    line.unsent = 1_000_000
    connection.pause_writing()
    gateway.clock.now += 100
    if stopped:
        connection.stood_still(100.0, gateway.clock.now)
    gateway.look(connection, 0.0)
    assert line.ended is not stopped


@pytest.mark.parametrize("in_parts", [False, True])
async def test_nothing_is_kept_for_a_request_that_is_answered(gateway: Gateway, in_parts: bool) -> None:
    """What a handler keeps there mostly refers to the request in turn, and would wait for a garbage collection."""
    connection, line = gateway.client()
    gateway.api.later = True
    arrive(connection, post(b"x"))
    ((exchange, _),) = gateway.api.waiting
    exchange.state = exchange.owner = exchange
    exchange.sink = connection._output
    if in_parts:
        exchange.begin(Response(200, {}))
        exchange.send(b"a part")
        assert exchange.state is exchange
        exchange.end()
    else:
        exchange.respond(Response(200, {}))
    assert line.answers() == [200]
    assert [each for each in (exchange.state, exchange.owner, exchange.sink) if each is not None] == []


@pytest.mark.parametrize("others", [False, True])
async def test_client_that_had_its_turn_is_read_from_in_its_next_one_where_others_wait(others: bool) -> None:
    gateway = Gateway()
    (connection, line), (other, _) = gateway.client(), gateway.client("203.0.113.8")
    gateway.each = SLICE_S
    arrive(connection, post(b"x") * 2)
    if others:
        arrive(other, post(b"x") * 3)
    await turn_of_the_loop()
    assert (line.answers(), line.reading) == ([200] * 2, not others), "what it sends next does not pass the others"
    await all_turns(gateway.context.turns)
    assert line.reading
    gateway.look(connection, gateway.context.settings.message_timeout + 1)
    assert line.answers() == [200] * 2, "it is idle, and not in the middle of a request"


async def test_client_that_waits_for_its_answer_waits_for_no_turn() -> None:
    gateway = Gateway()
    (connection, line), (other, _) = gateway.client(), gateway.client("203.0.113.8")
    gateway.each = SLICE_S
    arrive(connection, post(b"x") * 2)
    arrive(other, post(b"x") * 3)
    gateway.api.later = True
    await turn_of_the_loop()
    assert line.answers() == [200]
    assert line.reading, "otherwise it would not be noticed when the client leaves"
    await all_turns(gateway.context.turns)
