"""Clients that do not read, and clients that send too much: memory stays bounded and other clients are served.

Limits are small and the kernel's buffers are really filled. Deadlines are reached by moving a fake clock.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from typing import cast

import pytest

from tests.support.waiting import until
from tests.transport.limits import door_with
from tests.transport.raw import (
    CLOSE,
    CONT,
    PATIENCE,
    PING,
    TEXT,
    Door,
    Echo,
    Frame,
    Raw,
    close_payload,
    frame,
    listening,
    push,
    upgrade,
)
from tidegate.core.budgets import traffic
from tidegate.core.budgets.rates import Rate
from tidegate.transport import Connection, text_frame
from tidegate.transport.pausing import BY_RATE
from tidegate.transport.state import CLOSING, OPEN
from tidegate.transport.write_side import WriteSide

BIG = 100_000


class FakeClock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@contextlib.asynccontextmanager
async def not_reading(door: Door) -> AsyncIterator[tuple[Raw, Connection]]:
    """A WebSocket whose client does not read, with small kernel buffers; and the server's side of it."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(("127.0.0.1", door.listener.port))
    sock.setblocking(False)
    name = None if door.trust is None else "localhost"
    reader, writer = await asyncio.open_connection(sock=sock, limit=1024, ssl=door.trust, server_hostname=name)
    raw = Raw(reader, writer)
    before = len(door.echo.connections)
    raw.send(upgrade())
    assert (await raw.head()).startswith("HTTP/1.1 101 ")
    await until(lambda: len(door.echo.connections) == before + 1)
    connection = door.echo.connections[-1]
    transport = writer.transport
    transport = cast(asyncio.Transport, transport)  # uvloop has another class
    transport.pause_reading()
    try:
        yield raw, connection
    finally:
        transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def read_again(raw: Raw) -> None:
    transport = raw.writer.transport
    transport = cast(asyncio.Transport, transport)  # uvloop has another class
    transport.resume_reading()


def pass_time(door: Door, clock: FakeClock, seconds: int) -> None:
    """Let time go by as the gateway sees it: it looks at each connection every second."""
    for _ in range(seconds):
        clock.now += 1
        for connection in door.listener.context.connections:
            connection.sweep(clock.now)


async def fill(connection: Connection) -> None:
    """Push until the connection is paused: the kernel's buffers and the transport's are full."""
    while connection.write_side._paused_since is None:
        push(connection, text_frame(b"f" * BIG))
        await asyncio.sleep(0)


# -- a client that does not read --------------------------------------------------------------------------------------


async def test_slow_client_is_closed_as_slow_consumer_above_the_backlog_while_others_are_served() -> None:
    async with (
        listening(max_backlog=1 << 20, close_timeout=30.0) as door,
        not_reading(door) as (raw, slow),
        door.open() as good,
    ):
        pushed = 0
        while slow.write_side.state is OPEN:
            push(slow, text_frame(b"%06d" % pushed + b"." * 10_000))
            pushed += 1
            assert pushed < 2000, "a client that reads nothing must be closed"
            await asyncio.sleep(0)
        assert slow.write_side._transport.get_write_buffer_size() <= 1 << 20
        good.send(frame(TEXT, b"not disturbed"))
        assert await good.frame() == Frame(TEXT, b"not disturbed")
        read_again(raw)
        heard = []
        while (got := await raw.frame()).opcode == TEXT:
            heard.append(int(got.payload[:6]))
        assert (got.opcode, got.payload[:2]) == (CLOSE, close_payload(4101))
        assert heard == list(range(len(heard))), "what arrives before the close has no gap"
        assert 0 < len(heard) < pushed
        raw.send(frame(CLOSE, close_payload(4101)))
        assert await raw.ended() == b""


async def test_client_that_takes_nothing_for_ten_seconds_is_closed_with_a_small_backlog_too() -> None:
    clock = FakeClock()
    async with listening(now=clock, sweep=1000.0, max_backlog=1 << 30) as door, not_reading(door) as (raw, slow):
        await fill(slow)
        pass_time(door, clock, 9)
        assert slow.write_side.state is OPEN
        pass_time(door, clock, 1)
        assert slow.write_side.state is CLOSING
        read_again(raw)
        while (got := await raw.frame()).opcode == TEXT:
            pass
        assert got.payload[:2] == close_payload(4101)


async def test_no_client_is_stuck_where_the_limit_is_off() -> None:
    clock = FakeClock()
    async with listening(now=clock, sweep=1000.0, slow_rate=0) as door, not_reading(door) as (_, slow):
        await fill(slow)
        pass_time(door, clock, 100)
        assert slow.write_side.state is OPEN


async def test_line_of_256_kbit_a_second_finishes_five_megabytes() -> None:
    clock = FakeClock()
    async with listening(now=clock, sweep=1000.0) as door, not_reading(door) as (raw, slow):

        async def snapshot() -> None:
            for _ in range(80):
                push(slow, text_frame(bytes(65536)))
                await slow.write_side.drained()

        pages = asyncio.create_task(snapshot())
        await until(lambda: slow.write_side._paused_since is not None)
        read_again(raw)
        for _ in range(80 * 65536 // 32000):
            await raw.reader.readexactly(32000)
            pass_time(door, clock, 1)
            assert slow.write_side.state is OPEN
        await raw.reader.readexactly(80 * 65546 - 80 * 65536 // 32000 * 32000)
        await pages


async def test_slow_client_that_never_reads_its_close_frame_is_cut_off_at_the_deadline() -> None:
    clock = FakeClock()
    async with listening(now=clock, sweep=1000.0, close_timeout=3.0) as door, not_reading(door) as (_, slow):
        await fill(slow)
        pass_time(door, clock, 10)
        assert slow.write_side.state is CLOSING
        assert door.echo.ended == []
        pass_time(door, clock, 4)
        await until(lambda: door.echo.ended == [None])


async def test_client_that_reads_again_receives_every_frame_in_order() -> None:
    async with listening(max_backlog=1 << 24) as door, not_reading(door) as (raw, connection):
        await fill(connection)
        frames = [b"%d" % number for number in range(500)]
        for each in frames:
            push(connection, text_frame(each))
            if len(each) == 2:
                await asyncio.sleep(0)
        read_again(raw)
        while len((got := await raw.frame()).payload) == BIG:
            pass
        assert [got.payload, *await raw.texts(499)] == frames


async def test_drained_waits_for_the_client_and_ends_with_the_connection() -> None:
    async with listening() as door, not_reading(door) as (raw, connection):
        await connection.write_side.drained()
        await fill(connection)
        waiting = [asyncio.create_task(connection.write_side.drained()) for _ in range(2)]
        await asyncio.sleep(0.02)
        assert not any(task.done() for task in waiting)
        read_again(raw)
        reading = asyncio.create_task(raw.ended())
        await asyncio.wait_for(asyncio.gather(*waiting), PATIENCE)
        connection.abort()
        await reading
    async with listening() as door, not_reading(door) as (raw, connection):
        await fill(connection)
        waiting = [asyncio.create_task(connection.write_side.drained())]
        await asyncio.sleep(0)
        raw.writer.transport.abort()
        await asyncio.wait_for(asyncio.gather(*waiting), PATIENCE)


async def test_pongs_to_a_client_that_reads_none_stay_bounded() -> None:
    async with listening(max_backlog=1 << 18, slow_window=0.2) as door, not_reading(door) as (raw, slow):
        while slow.write_side.state is OPEN:
            raw.send(*[frame(PING, b"p" * 125)] * 100)
            await asyncio.sleep(0)
            assert slow.write_side.unsent <= (1 << 18) + (1 << 16)


async def test_large_answers_to_many_requests_in_one_segment_stay_bounded() -> None:
    """600 requests of 8 bytes, each answered with 1 MB: the client is cut off before 600 MB are in memory."""

    def answer_large(connection: Connection, payload: bytes) -> None:
        push(connection, text_frame(bytes(1_000_000)))

    echo = Echo(answer_large)
    async with listening(echo, slow_window=0.2) as door, not_reading(door) as (raw, slow):
        raw.send(frame(TEXT, b"ab") * 600)
        await until(lambda: slow.write_side.state is CLOSING)
        assert len(echo.heard) < 10
        assert slow.write_side._transport.get_write_buffer_size() < 10_000_000


async def test_client_that_reads_receives_all_large_answers_to_one_segment() -> None:
    echo = Echo(lambda connection, payload: push(connection, text_frame(payload + bytes(1_000_000))))
    async with listening(echo, max_backlog=1 << 20) as door, door.open() as raw:
        raw.send(*(frame(TEXT, b"%02d" % number) for number in range(40)))
        for number in range(40):
            got = await raw.frame()
            assert (got.payload[:2], len(got.payload)) == (b"%02d" % number, 1_000_002)


async def test_handler_receives_nothing_after_it_aborted_the_connection() -> None:
    echo = Echo(lambda connection, _: connection.abort())
    async with listening(echo) as door, door.open() as raw:
        raw.send(frame(TEXT, b"one"), frame(TEXT, b"two"), frame(PING) * 20, frame(TEXT, b"three"))
        await raw.ended()
        await until(lambda: bool(echo.ended))
    assert echo.heard == [b"one"]


async def test_half_closed_client_that_does_not_read_is_cut_off_at_the_deadline() -> None:
    clock = FakeClock()
    async with listening(now=clock, sweep=1000.0, close_timeout=3.0) as door, not_reading(door) as (raw, slow):
        while not slow.write_side._transport.get_write_buffer_size():
            push(slow, text_frame(b"f" * 10_000))
            for _ in range(3):  # uvloop writes at the end of a turn
                await asyncio.sleep(0)
        raw.writer.write_eof()
        await until(lambda: slow.write_side.state is CLOSING)
        assert door.echo.ended == []
        slow.sweep(clock.now + 2.9)
        await asyncio.sleep(0)
        assert door.echo.ended == []
        slow.sweep(clock.now + 3.1)
        await until(lambda: door.echo.ended == [None])


# -- a client that sends too much --------------------------------------------------------------------------------------


async def test_flooding_client_is_paused_without_loss_while_others_are_served() -> None:
    clock = FakeClock()
    limits = door_with(frames=Rate(100, 101))
    async with listening(now=clock, limits=limits, sweep=1000.0) as door, door.open() as loud, door.open() as quiet:
        said = [b"%d" % number for number in range(1000)]
        loud.send(*(frame(TEXT, each) for each in said))
        assert await loud.texts(101) == said[:101]
        quiet.send(frame(TEXT, b"quiet"))
        assert await quiet.frame() == Frame(TEXT, b"quiet")
        assert door.echo.heard == [*said[:101], b"quiet"], "no message above the rate is received"
        for second in range(8):
            pass_time(door, clock, 1)
            start = 101 + second * 100
            assert await loud.texts(100) == said[start : start + 100]


async def test_paused_client_counts_neither_as_silent_nor_as_unfinished(monkeypatch: pytest.MonkeyPatch) -> None:
    """It cannot answer a ping or finish its message while the gateway does not read from it."""
    monkeypatch.setattr(traffic, "OVER_S", 1e9)
    clock = FakeClock()
    limits = door_with(frames=Rate(0.01, 1))
    async with listening(now=clock, limits=limits, sweep=1000.0) as door, door.open() as raw:

        async def text() -> bytes:
            while (heard := await raw.frame()).opcode == PING:
                pass
            return heard.payload

        async def paused() -> None:
            await until(lambda: bool(connection.write_side.paused_by))
            while connection.write_side.paused_by & BY_RATE:
                clock.now += 9
                connection.sweep(clock.now)

        await until(lambda: bool(door.echo.connections))
        (connection,) = door.echo.connections
        raw.send(frame(TEXT, b"first"), frame(TEXT, b"too soon"), frame(TEXT, b"unfinished")[:5])
        assert await text() == b"first"
        await paused()
        assert await text() == b"too soon"
        clock.now += 9
        connection.sweep(clock.now)
        raw.send(frame(TEXT, b"unfinished")[5:])
        await paused()
        assert await text() == b"unfinished"


async def test_resume_for_one_reason_keeps_the_pause_for_another_reason() -> None:
    clock = FakeClock()
    async with listening(now=clock, limits=door_with(frames=Rate(5, 6)), sweep=1000.0) as door, door.open() as raw:
        await until(lambda: bool(door.echo.connections))
        (connection,) = door.echo.connections
        connection.write_side.pause_reading()
        raw.send(frame(TEXT, b"held back"))
        pass_time(door, clock, 1)
        await asyncio.sleep(0.02)
        assert door.echo.heard == []
        connection.write_side.resume_reading()
        assert await raw.frame() == Frame(TEXT, b"held back")
        raw.send(frame(TEXT, b"x") * 5, frame(TEXT, b"over the rate"))
        await raw.texts(5)
        await until(lambda: bool(connection.write_side.paused_by))
        connection.write_side.pause_reading()
        connection.write_side.resume_reading()
        await asyncio.sleep(0.02)
        assert door.echo.heard[-1] == b"x"
        pass_time(door, clock, 1)
        assert await raw.frame() == Frame(TEXT, b"over the rate")


async def test_busy_client_whose_segments_end_within_a_frame_stays_connected() -> None:
    clock = FakeClock()
    streams: list[Callable[[bytes], bytes]] = [
        lambda text: frame(TEXT, text),
        lambda text: frame(TEXT, text[:2], fin=False) + frame(CONT, text[2:]),
    ]
    for encode in streams:
        async with listening(now=clock, message_timeout=10.0) as door, door.open() as raw:
            data = encode(b"steady")
            await raw.send_apart(data[:9])
            for _ in range(5):
                clock.now += 4
                await asyncio.sleep(0.03)
                await raw.send_apart(data[9:] + data[:9])
                assert await raw.frame() == Frame(TEXT, b"steady")


# -- gathering --------------------------------------------------------------------------------------------------------


class CountsWrites:
    """Counts what is written to a transport, and past it. (No attribute of uvloop's can be replaced.)"""

    def __init__(self, write_side: WriteSide) -> None:
        self._transport, self._socket = write_side._transport, write_side._socket
        self.writes = 0
        write_side._transport = cast(asyncio.Transport, self)
        if self._socket is not None:
            write_side._socket = cast(socket.socket, self)

    def write(self, data: bytes) -> None:
        self.writes += 1
        self._transport.write(data)

    def send(self, data: bytes) -> int:
        assert self._socket is not None
        self.writes += 1
        return self._socket.send(data)

    def __getattr__(self, name: str) -> object:
        return getattr(self._transport, name)


async def test_frames_pushed_in_one_turn_go_out_in_one_write_and_in_order() -> None:
    async with listening() as door, door.open() as one, door.open() as two:
        await until(lambda: len(door.echo.connections) == 2)
        first = door.echo.connections[0]
        counting = CountsWrites(first.write_side)
        outbox, sinks = door.listener.context.outbox, [each.write_side for each in door.echo.connections]
        for number in range(50):
            push(first, text_frame(b"own %d" % number))
            outbox.push_many(sinks, text_frame(b"all %d" % number))
        expected = [text for number in range(50) for text in (b"own %d" % number, b"all %d" % number)]
        assert await one.texts(100) == expected
        assert await two.texts(50) == expected[1::2]
        assert counting.writes == 1


async def test_push_to_a_lost_connection_has_no_effect() -> None:
    async with listening() as door, door.open() as good:
        async with door.open():
            await until(lambda: len(door.echo.connections) == 2)
        gone = door.echo.connections[1]
        await until(lambda: bool(door.echo.ended))
        door.listener.context.outbox.push_many([each.write_side for each in door.echo.connections], text_frame(b"news"))
        gone.close(1000, "again")
        gone.write_side.pause_reading()
        gone.write_side.resume_reading()
        assert await good.frame() == Frame(TEXT, b"news")
        assert gone.write_side.frames == []
