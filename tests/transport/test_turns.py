"""Turns: what one client makes the event loop do ends in time, and those that wait have their turns in a fair order."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

import pytest

from tests.fuzz.frames import Heard, Wire
from tests.transport.raw import PING, TEXT, frame, upgrade
from tidegate.transport import Connection, ConnectionContext, Outbox, Routes, TransportSettings
from tidegate.transport.http_connection import HttpConnection
from tidegate.transport.turns import SLICE_S, TURN_S, Turns

LARGE = frame(TEXT, b"x" * 3000)


class Clock:
    """Goes forward when something is handled."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Line:
    """Has `left` turns to take, of `each` seconds."""

    def __init__(self, turns: Turns, clock: Clock, payer: str, left: int, each: float = TURN_S) -> None:
        self._turns, self._clock, self._each = turns, clock, each
        self.payer, self.left = payer, left
        self.taken = self.read = 0
        self.aborted = False
        self.first: Callable[[], None] | None = None
        turns.wait(self, payer)

    def take_turn(self, *, others: bool) -> bool:
        if self.first is not None:
            self.first()
        if not self.left:
            self.read += 1
            return False
        self._clock.now += self._each
        self.left -= 1
        self.taken += 1
        if self.left or others:
            self._turns.wait(self, self.payer)
        return True

    def abort(self) -> None:
        self.aborted = True


async def turn_of_the_loop() -> None:
    await asyncio.sleep(0)


async def all_turns(turns: Turns) -> None:
    while turns:
        await turn_of_the_loop()


@pytest.mark.parametrize("each", [0.0, 0.0005, TURN_S, 0.006])
async def test_turn_of_the_loop_is_bounded_however_many_wait(each: float) -> None:
    clock = Clock()
    turns = Turns(clock)
    lines = [Line(turns, clock, str(number), 3, each) for number in range(100)]
    longest = most = 0.0
    while turns:
        before, taken = clock.now, sum(line.taken for line in lines)
        await turn_of_the_loop()
        longest = max(longest, clock.now - before)
        most = max(most, sum(line.taken for line in lines) - taken)
    assert longest <= max(SLICE_S, each) + 1e-9
    assert most <= 8
    assert [line.taken for line in lines] == [3] * 100


async def test_an_address_with_many_connections_has_the_turns_of_one() -> None:
    clock = Clock()
    turns = Turns(clock)
    crowd = [Line(turns, clock, "203.0.113.7", 10) for _ in range(50)]
    alone = Line(turns, clock, "203.0.113.8", 10)
    while alone.left:
        await turn_of_the_loop()
    assert sum(line.taken for line in crowd) in range(9, 13)
    assert max(line.taken for line in crowd) == 1, "its connections follow each other"
    await all_turns(turns)


async def test_the_one_that_used_little_comes_first() -> None:
    clock = Clock()
    turns = Turns(clock)
    costly, cheap = Line(turns, clock, "a", 20, 0.006), Line(turns, clock, "b", 60, 0.0005)
    while cheap.left:
        await turn_of_the_loop()
    assert costly.taken <= 7, "both had the same time"
    late = Line(turns, clock, "c", 1)
    costly_before = costly.taken
    while late.left:
        await turn_of_the_loop()
    assert costly.taken - costly_before <= 1
    await all_turns(turns)


async def test_time_without_anything_to_handle_gives_no_credit() -> None:
    clock = Clock()
    turns = Turns(clock)
    first = Line(turns, clock, "a", 50)
    for _ in range(10):
        await turn_of_the_loop()
    before = first.taken
    second = Line(turns, clock, "b", 10)
    while second.left:
        await turn_of_the_loop()
    assert first.taken - before >= 9
    await all_turns(turns)


async def test_connection_that_handled_all_is_read_from_in_its_turn() -> None:
    clock = Clock()
    turns = Turns(clock)
    lines = [Line(turns, clock, str(number), 1) for number in range(10)]
    read = []
    while turns:
        before = sum(line.read for line in lines)
        await turn_of_the_loop()
        read.append(sum(line.read for line in lines) - before)
    assert max(read) <= SLICE_S / TURN_S, "each may use a turn outside the queue"
    assert sum(read) == 10


async def test_connections_that_left_have_no_turn() -> None:
    clock = Clock()
    turns = Turns(clock)
    lines = [Line(turns, clock, "a", 1) for _ in range(3)]
    turns.leave(lines[0])
    turns.leave(lines[0])
    lines[1].first = lambda: turns.leave(lines[2])
    await all_turns(turns)
    assert [line.taken for line in lines] == [0, 1, 0]
    again = Line(turns, clock, "a", 1)
    await all_turns(turns)
    assert again.taken == 1


async def test_error_in_one_turn_cuts_that_connection_off_alone() -> None:
    clock = Clock()
    turns = Turns(clock)
    broken, other = Line(turns, clock, "a", 1), Line(turns, clock, "b", 1)

    def fail() -> None:
        raise RuntimeError

    broken.first = fail
    await all_turns(turns)
    assert (broken.aborted, other.aborted, other.taken) == (True, False, 1)


# -- connections ------------------------------------------------------------------------------------------------------


class Told:
    """A `Traffic` without limit, which notes what it is told."""

    frames = bytes = 1 << 40
    over = False

    def __init__(self) -> None:
        self.turns: list[tuple[float, int]] = []

    def more_frames(self, now: float) -> bool:
        return True

    more_bytes = more_frames

    def took(self, seconds: float, frames: int, now: float) -> None:
        self.turns.append((round(seconds, 6), frames))

    def caught_up(self) -> None:
        pass

    def look(self, now: float, *, waits: bool) -> str:
        return "read"


class Gateway(Heard):
    """Each message takes `each` seconds."""

    def __init__(self, clock: Clock, each: float) -> None:
        super().__init__()
        self.clock, self.each = clock, each
        self.context = ConnectionContext(
            TransportSettings(origins=("*",)), Routes(), Outbox(asyncio.get_running_loop()), clock
        )
        self.counts: Counter[str] = Counter()

    def received(self, connection: Connection, payload: bytes) -> None:
        self.clock.now += self.each
        self.counts[connection.id] += 1

    def client(self, name: str) -> tuple[Connection, Told]:
        connection, told = Connection(self.context, self, name), Told()
        connection.connection_made(Wire())
        arrive(connection, upgrade())
        connection.read_side.traffic = told  # type: ignore[assignment]  # what `look` returns is a Literal there
        return connection, told


def arrive(connection: Connection | HttpConnection, data: bytes) -> None:
    connection.get_buffer(-1)[: len(data)] = data
    connection.buffer_updated(len(data))


async def test_turn_of_a_connection_ends_in_time() -> None:
    gateway = Gateway(Clock(), 0.0009)
    connection, told = gateway.client("a")
    arrive(connection, frame(TEXT, b"x") * 10)
    assert gateway.counts["a"] == 3
    assert told.turns == [(0.0027, 3)]
    await all_turns(gateway.context.turns)
    assert gateway.counts["a"] == 10
    assert not connection.write_side.paused_by
    assert sum(frames for _, frames in told.turns) == 10


async def test_what_arrives_in_one_turn_of_the_loop_is_handled_in_several() -> None:
    gateway = Gateway(Clock(), 0.003)
    crowd, (begun, _) = [gateway.client(str(number))[0] for number in range(10)], gateway.client("begun")
    arrive(begun, LARGE[:-9])
    before = gateway.clock.now
    for connection in crowd:
        arrive(connection, LARGE)
    assert gateway.clock.now - before <= SLICE_S
    assert gateway.counts.total() == 1
    small, _ = gateway.client("small")
    arrive(small, frame(TEXT, b"x"))
    assert gateway.counts.pop("small") == 1, "small requests do not wait"
    arrive(begun, LARGE[-9:])
    assert gateway.counts["begun"] == 0, "the end of a large one does"
    longest = 0.0
    while gateway.context.turns:
        before = gateway.clock.now
        await turn_of_the_loop()
        longest = max(longest, gateway.clock.now - before)
    assert longest <= SLICE_S
    assert gateway.counts == {connection.id: 1 for connection in [*crowd, begun]}
    assert not any(connection.write_side.paused_by for connection in crowd)
    arrive(crowd[9], frame(TEXT, b"x"))
    assert gateway.counts["9"] == 2, "the next turn of the loop is not full"
    await turn_of_the_loop()


async def test_what_arrives_has_the_time_that_is_left_by_what_waited() -> None:
    gateway = Gateway(Clock(), 0.003)
    waiting = [gateway.client(f"waiting {number}")[0] for number in range(10)]
    for connection in waiting:
        arrive(connection, LARGE)
    handled = gateway.counts.total()
    before = gateway.clock.now
    await turn_of_the_loop()
    assert gateway.counts.total() == handled + 1
    for number in range(10):
        arrive(gateway.client(f"new {number}")[0], LARGE)
    assert gateway.clock.now - before <= SLICE_S, "in one turn of the loop"
    await all_turns(gateway.context.turns)
    assert gateway.counts.total() == 20
    await turn_of_the_loop()
    arrive(waiting[0], LARGE)
    assert gateway.counts["waiting 0"] == 2, "the next turn has all of its time"


async def test_what_waits_has_paid_its_bytes() -> None:
    gateway = Gateway(Clock(), 0.006)
    (costly, _), (other, told) = gateway.client("a"), gateway.client("b")
    arrive(costly, frame(TEXT, b"x"))
    bytes_before = told.bytes
    arrive(other, LARGE[:1500])
    arrive(other, LARGE[1500:])
    assert gateway.counts["b"] == 0
    assert bytes_before - told.bytes == len(LARGE)
    await all_turns(gateway.context.turns)
    assert gateway.counts["b"] == 1


async def test_while_much_is_to_be_written_one_waits_has_its_turn() -> None:
    clock, busy = Clock(), True
    turns = Turns(clock, lambda: busy)
    lines = [Line(turns, clock, str(number), 3, 0.0005) for number in range(10)]
    await turn_of_the_loop()
    assert sum(line.taken for line in lines) == 1
    busy = False
    await turn_of_the_loop()
    assert sum(line.taken for line in lines) > 2
    await all_turns(turns)


async def test_one_message_that_takes_long_is_told_too() -> None:
    gateway = Gateway(Clock(), 0.006)
    connection, told = gateway.client("a")
    arrive(connection, frame(TEXT, b"x"))
    assert told.turns == [(0.006, 1)]
    assert not connection.write_side.paused_by


async def test_what_floods_send_delays_a_fresh_message_by_one_slice() -> None:
    clock = Clock()
    gateway = Gateway(clock, 0.001)
    floods = [gateway.client(f"flood {number}")[0] for number in range(50)]
    for flood in floods:
        arrive(flood, frame(TEXT, b"x") * 400)
    quiet, _ = gateway.client("quiet")
    for _ in range(20):
        before = clock.now
        await turn_of_the_loop()
        arrive(quiet, frame(TEXT, b"x"))
        assert clock.now - before < SLICE_S + TURN_S + 0.003
    assert gateway.counts["quiet"] == 20
    assert all(flood.write_side.paused_by for flood in floods)


async def test_nothing_is_handled_or_written_when_the_line_is_gone() -> None:
    gateway = Gateway(Clock(), 0.0)
    connection, _ = gateway.client("a")
    wire = connection.write_side._transport
    assert isinstance(wire, Wire)
    written = len(wire.written)
    count = gateway.received

    def breaks(connection: Connection, payload: bytes) -> None:
        count(connection, payload)
        assert isinstance(wire, Wire)
        wire.close()

    gateway.received = breaks  # type: ignore[method-assign]
    arrive(connection, frame(TEXT, b"x") + frame(PING) * 200 + frame(TEXT, b"x") * 10)
    await all_turns(gateway.context.turns)
    assert gateway.counts["a"] == 1
    connection._ws.send_ping(b"")
    connection.write_side.write_out()
    assert len(wire.written) == written
    connection.connection_lost(None)
    assert not connection.read_side._buffer


@pytest.mark.parametrize("counted", [True, False])
async def test_an_address_that_is_not_limited_does_not_share_its_turns(counted: bool) -> None:
    """Behind it may be a proxy with many clients."""
    gateway = Gateway(Clock(), 0.002)
    clients = [gateway.client(str(number))[0] for number in range(5)]
    for client in clients[:4]:
        client.counted = counted
        arrive(client, frame(TEXT, b"x") * 50)
    await turn_of_the_loop()
    arrive(clients[4], frame(TEXT, b"x") * 10)
    clients[4].counted = False
    while gateway.counts["4"] < 10:
        await turn_of_the_loop()
    others = sum(gateway.counts[str(number)] for number in range(4))
    assert others < 30 if counted else others > 30


async def test_clients_in_the_middle_of_a_frame_are_read_from_again() -> None:
    gateway = Gateway(Clock(), 0.002)
    clients = [gateway.client(str(number))[0] for number in range(3)]
    for client in clients:
        arrive(client, frame(TEXT, b"x") * 5 + frame(TEXT, b"last")[:7])
    for _ in range(100):
        await turn_of_the_loop()
    assert [client.write_side.paused_by for client in clients] == [0] * 3
    assert not gateway.context.turns
    for client in clients:
        arrive(client, frame(TEXT, b"last")[7:])
    assert gateway.counts == {"0": 6, "1": 6, "2": 6}


async def test_closed_while_it_waits() -> None:
    gateway = Gateway(Clock(), 0.002)
    connection, _ = gateway.client("a")
    arrive(connection, frame(TEXT, b"x") * 10)
    assert connection.write_side.paused_by
    handled = gateway.counts["a"]
    connection.close(4102, "bye")
    await all_turns(gateway.context.turns)
    assert gateway.counts["a"] == handled
    arrive(connection, frame(8, (4102).to_bytes(2)))
    wire = connection.write_side._transport
    assert wire.is_closing()
