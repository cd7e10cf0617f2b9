"""What waits for a client that does not read is counted, and large frames never go to the transport as a whole."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.waiting import until
from tests.transport.raw import CLOSE, TEXT, close_payload, frame, listening, push
from tests.transport.test_backpressure import not_reading, read_again
from tidegate.transport import WriteSide, text_frame
from tidegate.transport.context import UNCOUNTED_BYTES, Waiting
from tidegate.transport.state import CLOSING, OPEN

LENGTH = 4_000_000
LARGE = text_frame(b"L" * LENGTH)


class Told:
    """A memory that notes what it is told."""

    def __init__(self, most: int = 1 << 30) -> None:
        self.sizes: list[int] = []
        self._most = most

    def waits(self, line: Waiting, size: int) -> None:
        self.sizes.append(size)
        if size > self._most:
            line.give_up(memory=size)

    arrives = waits


def buffered(line: WriteSide) -> int:
    return line._transport.get_write_buffer_size()


async def test_a_large_frame_waits_outside_of_the_transport_and_arrives_whole() -> None:
    told = Told()
    async with listening(memory=told, slow_rate=0) as door, not_reading(door) as (raw, slow):
        push(slow, LARGE)
        push(slow, text_frame(b"after"))
        await until(lambda: bool(told.sizes))
        assert buffered(slow.write_side) < 200_000
        assert told.sizes[-1] > 1_000_000
        assert told.sizes[-1] >= slow.write_side.unsent, "what is kept of a large frame counts until all of it has left"
        push(slow, text_frame(b"later"))
        await asyncio.sleep(0)
        assert slow.write_side.state is OPEN, "an answer above the limit of a backlog is no reason to cut a client off"
        read_again(raw)
        got = [(await raw.frame()).payload for _ in range(3)]
        assert [len(payload) for payload in got] == [LENGTH, 5, 5]
        assert got[1:] == [b"after", b"later"]
        await until(lambda: told.sizes[-1] == 0)


async def test_many_small_frames_of_one_turn_wait_outside_too() -> None:
    told = Told()
    async with listening(memory=told, slow_rate=0) as door, not_reading(door) as (raw, slow):
        for number in range(4000):
            push(slow, text_frame(b"%04d" % number * 250))
        await until(lambda: bool(told.sizes))
        assert buffered(slow.write_side) < 200_000
        read_again(raw)
        for number in range(4000):
            assert (await raw.frame()).payload[:4] == b"%04d" % number


async def test_a_reader_that_keeps_up_costs_no_accounting() -> None:
    told = Told()
    async with listening(memory=told) as door, door.open() as raw:
        (connection,) = door.echo.connections
        for number in range(100):
            push(connection, text_frame(b"%d" % number))
            assert (await raw.frame()).payload == b"%d" % number
        assert told.sizes == []
    assert UNCOUNTED_BYTES <= 16384, "what may wait uncounted, for each of thousands of connections"


async def test_a_client_given_up_within_a_large_frame_gets_its_rest_and_the_reason() -> None:
    told = Told()
    async with listening(memory=told, slow_rate=0) as door, not_reading(door) as (raw, slow):
        push(slow, LARGE)
        push(slow, text_frame(b"dropped"))
        await until(lambda: bool(told.sizes))
        slow.write_side.give_up()
        assert slow.write_side.state is CLOSING
        read_again(raw)
        assert len((await raw.frame()).payload) == LENGTH
        got = await raw.frame()
        assert (got.opcode, got.payload[:2]) == (CLOSE, close_payload(4101))
        raw.send(frame(CLOSE, close_payload(4101)))


async def test_a_client_given_up_twice_is_cut_off_and_holds_nothing() -> None:
    told = Told()
    async with listening(memory=told, slow_rate=0) as door, not_reading(door) as (_, slow):
        push(slow, LARGE)
        await until(lambda: bool(told.sizes))
        slow.write_side.give_up()
        slow.write_side.give_up()
        assert slow.write_side.finished
        assert told.sizes[-1] == 0
        await until(lambda: slow.write_side.unsent == 0)


@pytest.mark.parametrize("frames", [1, 1000])
async def test_a_budget_may_give_up_the_connection_that_tells_it(frames: int) -> None:
    told = Told(most=500_000)
    async with listening(memory=told, slow_rate=0) as door, not_reading(door) as (_, slow):
        for _ in range(frames):
            push(slow, text_frame(bytes(len(LARGE) // frames)))
        await until(lambda: slow.write_side.state is not OPEN)
        await until(lambda: told.sizes[-1] == 0)


async def test_a_connection_that_ends_holds_nothing() -> None:
    told = Told()
    async with listening(memory=told, slow_rate=0) as door, not_reading(door) as (raw, slow):
        push(slow, LARGE)
        await until(lambda: bool(told.sizes))
        raw.writer.transport.abort()
        await until(lambda: bool(door.echo.ended))
        assert (told.sizes[-1], slow.write_side.unsent) == (0, 0)


async def test_a_client_reads_what_an_echo_says_while_it_pauses() -> None:
    """Requests are not read while answers wait: a client that reads again is answered in order."""
    async with listening(slow_rate=0) as door, not_reading(door) as (raw, slow):
        push(slow, LARGE)
        await until(lambda: slow.write_side._paused_since is not None)
        raw.send(frame(TEXT, b"hi"))
        await asyncio.sleep(0)
        assert door.echo.heard == []
        read_again(raw)
        assert len((await raw.frame()).payload) == LENGTH
        await until(lambda: door.echo.heard == [b"hi"])


async def test_callers_that_wait_for_a_client_go_on_when_it_is_given_up() -> None:
    """What they hold for it is of no use any more, although the connection ends a little later."""
    async with listening(slow_rate=0) as door, not_reading(door) as (_, slow):
        push(slow, LARGE)
        await until(lambda: slow.write_side._paused_since is not None)
        waiting = [asyncio.create_task(slow.write_side.drained()) for _ in range(3)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not any(task.done() for task in waiting)
        slow.write_side.give_up()
        assert slow.write_side.state is CLOSING
        await asyncio.gather(*waiting)
