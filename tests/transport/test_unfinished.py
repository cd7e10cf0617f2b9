"""Unfinished messages count as memory, from 16 KiB on, and are given up where there is none."""

from __future__ import annotations

import asyncio

import pytest
from websockets.frames import Frame
from websockets.http11 import Request, Response

from tests.fuzz.frames import Heard, Wire
from tests.support.waiting import until
from tests.transport.raw import BINARY, PING, TEXT, frame, upgrade
from tidegate.transport import Connection, ConnectionContext, Outbox, Routes, TransportSettings, Waiting
from tidegate.transport.state import OPEN

Event = Request | Response | Frame
CONTINUATION = 0
PART = frame(TEXT, b"x" * 60_000)[:-1]
FRAGMENT = frame(TEXT, b"x" * 30_000, fin=False)


class Told:
    """A memory with room for `most` bytes of one client."""

    def __init__(self, most: int = 1 << 20) -> None:
        self.sizes: list[int] = []
        self._most = most

    def waits(self, line: Waiting, size: int) -> None:
        """Nothing is counted."""

    def arrives(self, line: Waiting, size: int) -> None:
        self.sizes.append(size)
        if size > self._most:
            line.give_up(memory=size)


def connected(memory: Told) -> Connection:
    context = ConnectionContext(
        TransportSettings(origins=("*",)), Routes(), Outbox(asyncio.get_running_loop()), memory=memory
    )
    connection = Connection(context, Heard(), "c")
    connection.connection_made(Wire())
    arrive(connection, upgrade())
    return connection


def arrive(connection: Connection, data: bytes) -> None:
    connection.get_buffer(-1)[: len(data)] = data
    connection.buffer_updated(len(data))


@pytest.mark.parametrize(
    ("begin", "more", "end"),
    [
        (PART, [frame(PING, b"")[:0]], b"x"),
        (FRAGMENT, [frame(PING, b""), frame(PING, b"")], frame(CONTINUATION, b"x")),
    ],
)
async def test_an_unfinished_message_is_counted_once(begin: bytes, more: list[bytes], end: bytes) -> None:
    memory = Told()
    connection = connected(memory)
    arrive(connection, begin)
    for data in more:
        arrive(connection, data)
    assert len(memory.sizes) == 1
    assert 0 <= len(begin) - memory.sizes[0] < 16
    arrive(connection, end)
    assert memory.sizes[1:] == [0]
    arrive(connection, begin)
    connection.connection_lost(None)
    assert memory.sizes[-1] == 0


async def test_small_parts_are_not_counted() -> None:
    memory = Told()
    connection = connected(memory)
    arrive(connection, frame(TEXT, b"x" * 16_000)[:-1])
    arrive(connection, frame(TEXT, b"x")[:0] + b"x")
    assert memory.sizes == []


async def test_where_there_is_no_memory_the_connection_is_closed() -> None:
    memory = Told(most=40_000)
    connection = connected(memory)
    arrive(connection, FRAGMENT)
    assert connection.write_side.state is OPEN
    arrive(connection, frame(CONTINUATION, b"x" * 30_000, fin=False))
    assert connection.write_side.state is not OPEN
    assert memory.sizes[-1] == 0
    assert kept(connection) == 0, "also before the connection has ended"


async def test_what_arrives_meanwhile_of_a_connection_that_is_given_up_is_not_kept() -> None:
    memory = Told(most=40_000)
    connection = connected(memory)
    arrive(connection, FRAGMENT + frame(CONTINUATION, b"x" * 30_000, fin=False) + frame(TEXT, b"{}") + PART[:5000])
    assert connection.write_side.finished
    assert kept(connection) == 0


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
async def test_the_payload_of_a_finished_message_is_not_kept(opcode: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library keeps its last frame until the next one comes."""
    connection = connected(Told())
    frames: list[Event] = []
    events = connection._ws.events_received
    monkeypatch.setattr(connection._ws, "events_received", lambda: [*map(noted, events())])

    def noted(event: Event) -> Event:
        frames.append(event)
        return event

    half = frame(opcode, b"x" * 30_000, fin=False), frame(CONTINUATION, b"x" * 30_000)
    arrive(connection, b"".join(half) if opcode == TEXT else frame(opcode, b"x" * 60_000))
    await until(lambda: len(frames) == (2 if opcode == TEXT else 1))  # what is left of a turn waits for the next one
    assert all(isinstance(event, Frame) and not event.data for event in frames)
    assert kept(connection) == 0


def kept(connection: Connection) -> int:
    """Bytes of what arrived."""
    read = connection.read_side
    return len(read._buffer) + len(read._fragments or b"")


async def test_whole_messages_that_wait_because_reading_is_paused_are_not_counted() -> None:
    memory = Told()
    connection = connected(memory)
    connection.write_side.pause_reading()
    arrive(connection, frame(TEXT, b"x" * 30_000))
    assert len(connection.read_side._buffer) > 30_000
    connection.write_side.resume_reading()
    assert memory.sizes == []


async def test_messages_that_wait_for_their_turn_are_counted_until_they_have_it() -> None:
    """Many clients may send a large message in the same moment."""
    memory = Told()
    connection = connected(memory)
    connection.read_side.keep(PART + b"x", 0.0)
    assert memory.sizes == [len(PART) + 1]
    connection.take_turn(others=False)
    assert memory.sizes[-1] == 0
