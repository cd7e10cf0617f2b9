"""A text frame that arrives alone is handled in place: with the same result as every other way of arriving.

All connections share one buffer, so what follows the bytes of a segment in it is of earlier ones.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable

import pytest

from tests.contract.awkward import payloads
from tests.fuzz.frames import Heard, Wire
from tests.transport.arrivals import WAYS
from tests.transport.raw import PING, TEXT, frame, upgrade
from tidegate.core.budgets.rates import Rate
from tidegate.core.budgets.traffic import ConnectionRates, Traffic, TrafficRates
from tidegate.transport import Connection, ConnectionContext, Outbox, Routes, TransportSettings
from tidegate.transport.frames import frame_size, lone_text

STALE = frame(TEXT, b"s" * 300) * 4
SHORT = b"abc"
MASK = b"\1\2\3\4"


def arrive(connection: Connection, segment: bytes) -> None:
    connection.get_buffer(-1)[: len(segment)] = segment
    connection.buffer_updated(len(segment))


def opened(max_size: int = 65536) -> tuple[Connection, Heard, Wire]:
    """No time passes: what takes long would count as several frames."""
    outbox = Outbox(asyncio.get_running_loop())
    context = ConnectionContext(TransportSettings(max_size=max_size), Routes(), outbox, lambda: 1000.0)
    heard, wire = Heard(), Wire()
    connection = Connection(context, heard, "c")
    connection.connection_made(wire)
    arrive(connection, upgrade())
    return connection, heard, wire


def texts(heard: Heard) -> list[bytes]:
    return [payload for kind, payload in heard.events if kind == "text"]


@pytest.mark.parametrize(
    "segment",
    [
        frame(TEXT, SHORT)[:1],
        frame(TEXT, SHORT)[:5],
        frame(TEXT, SHORT)[:-1],
        frame(TEXT, SHORT) + b"\x81",
        frame(TEXT, SHORT) * 2,
        frame(TEXT, SHORT, masked=False),
        frame(TEXT, SHORT, fin=False),
        frame(TEXT, SHORT, reserved=4),
        frame(PING, SHORT),
        b"\x81\x7d\x00",
        b"\x81\x7f\x00\x00\x00",
        frame(TEXT, b"x" * 126)[:7],
        frame(TEXT, b"x" * 126)[:-1],
        b"\x81\xff" + (3).to_bytes(8) + MASK + SHORT,
    ],
)
def test_other_bytes_are_no_lone_text_whatever_follows_them_in_the_buffer(segment: bytes) -> None:
    for rest in (bytes(2000), STALE, frame(TEXT, SHORT)[len(segment) :] + STALE):
        assert lone_text(bytearray(segment + rest), len(segment)) is None


@pytest.mark.parametrize("size", [0, 1, 3, 4, 125, 126, 127, 1000, 65535])
def test_lone_text_is_read_as_by_the_loop_of_frames(size: int) -> None:
    payload = bytes(number % 251 for number in range(size))
    segment = frame(TEXT, payload)
    assert lone_text(bytearray(segment + STALE), len(segment)) == payload
    assert frame_size(segment, 0) == (len(segment) - size, size)


def test_length_of_two_bytes_is_read_also_where_one_would_do() -> None:
    segment = b"\x81\xfe\x00\x03" + MASK + bytes(byte ^ key for byte, key in zip(SHORT, MASK, strict=False))
    assert lone_text(bytearray(segment + STALE), len(segment)) == SHORT


async def test_frames_of_all_sizes_arrive_in_order_in_every_way() -> None:
    sent = [b"%d " % size + b"x" * size for size in (0, 1, 117, 118, 119, 120, 121, 122, 300, 0, 1010, 1020, 1030, 2)]
    for way in WAYS:
        assert await _received(way, sent) == sent


async def test_awkward_payloads_are_received_alike_in_every_way() -> None:
    sent = payloads(300)
    found = [await _received(way, sent) for way in WAYS]
    assert found[0] == sent
    assert found[1:] == found[:1] * 2


async def _received(way: str, sent: Iterable[bytes]) -> list[bytes]:
    connection, heard, _ = opened()
    for segment in WAYS[way]([frame(TEXT, payload) for payload in sent], random.Random(2)):
        arrive(connection, segment)
        for _ in range(100):  # more than one turn may handle
            if not connection.write_side.paused_by:
                break
            await asyncio.sleep(0)
    return texts(heard)


async def test_lone_frame_is_limited_like_every_other() -> None:
    connection, heard, _ = opened()
    connection.read_side.traffic = Traffic(ConnectionRates(TrafficRates(Rate(0.001, 10), Rate(0, 0))))
    for number in range(12):
        arrive(connection, frame(TEXT, b"%d" % number))
    assert len(texts(heard)) == 10
    assert connection.write_side.paused_by


async def test_lone_frame_above_the_size_of_a_message_closes_the_connection() -> None:
    connection, heard, wire = opened(max_size=50)
    arrive(connection, frame(TEXT, b"x" * 50))
    arrive(connection, frame(TEXT, b"x" * 51))
    assert texts(heard) == [b"x" * 50]
    assert b"\x03\xf1" in bytes(wire.written[-60:])  # 1009


async def test_lone_text_that_is_not_utf_8_closes_the_connection() -> None:
    connection, heard, wire = opened()
    arrive(connection, frame(TEXT, b"\xff"))
    assert texts(heard) == []
    assert b"\x03\xef" in bytes(wire.written[-60:])  # 1007


async def test_lone_frame_within_a_fragmented_message_is_handed_to_the_library() -> None:
    connection, heard, wire = opened()
    arrive(connection, frame(TEXT, b"a", fin=False))
    arrive(connection, frame(TEXT, b"b"))
    assert texts(heard) == []
    assert b"\x03\xea" in bytes(wire.written[-60:])  # 1002
