"""Messages compressed on the wire (RFC 7692): what leaves, what may arrive, and what that may cost."""

from __future__ import annotations

import os
import zlib

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import PayloadTooBig, ProtocolError

from tests.support.waiting import until
from tests.transport.raw import CLOSE, CONT, PING, PONG, TEXT, Door, Raw, frame, listening, upgrade
from tidegate.transport import text_frame
from tidegate.transport.compressed_sides import DeflatingWriteSide, InflatingReadSide
from tidegate.transport.counts import Compressed
from tidegate.transport.deflate import BURST_S, KEPT_BYTES, LARGEST, TAIL, Deflater, deflated, inflated

OFFER = "Sec-WebSocket-Extensions: permessage-deflate"
WORDS = b'{"type":"message","data":{"text":"the quick brown fox"}}' * 20
BOMB = deflated(bytes(10_000_000), 15)
MAX_SIZE = 65536


def squeezed(payload: bytes, opcode: int = TEXT, *, fin: bool = True) -> bytes:
    """A client's compressed frame with `payload` as its compressed data."""
    data = bytearray(frame(opcode, payload))
    data[0] = (0x80 if fin else 0) | 0x40 | opcode
    return bytes(data)


async def compressed(raw: Raw) -> bytes:
    """The text of the next frame, which has to be compressed."""
    first, second = await raw.reader.readexactly(2)
    assert first == 0xC1
    size = second & 0x7F
    if size == 126:
        size = int.from_bytes(await raw.reader.readexactly(2))
    return inflated(await raw.reader.readexactly(size), 1 << 20)


# -- the pure part ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [9, 10, 12, 15])
def test_what_is_deflated_for_a_window_is_read_with_that_window(bits: int) -> None:
    for payload in (b"", b"a", WORDS, os.urandom(5000), WORDS * 50):
        decoder = zlib.decompressobj(-bits)
        assert decoder.decompress(deflated(payload, bits) + TAIL) == payload


def test_message_of_exactly_the_limit_is_inflated_and_one_more_byte_is_too_large() -> None:
    assert inflated(deflated(bytes(1000), 15), 1000) == bytes(1000)
    with pytest.raises(PayloadTooBig):
        inflated(deflated(bytes(1001), 15), 1000)


def test_last_block_may_end_a_message_and_nothing_may_follow_it() -> None:
    encoder = zlib.compressobj(wbits=-15)
    ended = encoder.compress(WORDS) + encoder.flush()
    assert inflated(ended, 1 << 20) == inflated(ended + b"\x00", 1 << 20) == WORDS
    for data in (ended + deflated(b"more", 15), b"\xff\xff\xff"):
        with pytest.raises(ProtocolError):
            inflated(data, 1 << 20)


def test_frame_is_compressed_once_for_each_window_and_only_where_that_is_worth_it() -> None:
    counts, large = Compressed(), text_frame(WORDS)
    deflater = Deflater(100, counts, now=lambda: 0.0, spent=lambda: 0.0)
    sent = deflater.frame(large, 15)
    assert sent is deflater.frame(large, 15)
    assert (sent[0], counts.frames) == (0xC1, 1)
    assert deflater.frame(large, 9) != large
    assert counts.frames == 2
    for plain in (b"x" * 99, os.urandom(1000), bytes(LARGEST)):
        assert deflater.frame(as_pushed := text_frame(plain), 15) is as_pushed
    assert deflater.frame(sent, 15) is sent


def test_frames_are_kept_up_to_a_size_and_go_as_they_are_when_compression_takes_too_much_time() -> None:
    now = spent = 0.0
    deflater = Deflater(1, Compressed(), now=lambda: now, spent=lambda: spent)
    frames = [text_frame(bytes(50_000)) for _ in range(100)]
    assert all(deflater.frame(each, 15)[0] == 0xC1 for each in frames)
    assert KEPT_BYTES - 60_000 < deflater._kept <= KEPT_BYTES
    assert deflater._kept == sum(len(one) + len(other) for one, other in deflater._known.values())

    def takes_long() -> float:
        nonlocal spent
        spent += BURST_S
        return spent

    deflater = Deflater(1, Compressed(), now=lambda: now, spent=takes_long)
    first, second = frames[:2]
    assert deflater.frame(first, 15) is not first
    assert deflater.frame(second, 15) is second
    assert deflater.frame(first, 15) is not first, "what is known costs nothing"
    now += 3 * BURST_S
    assert deflater.frame(second, 15) is not second


# -- what leaves ------------------------------------------------------------------------------------------------------


async def test_nothing_is_offered_where_the_setting_is_0(door: Door) -> None:
    async with connect(f"ws://127.0.0.1:{door.listener.port}/ws", proxy=None) as client:
        assert client.protocol.extensions == []
    assert door.listener.context.deflater is None


@pytest.mark.parametrize(
    ("offered", "agreed"),
    [
        ("permessage-deflate; client_max_window_bits", ""),
        ("permessage-deflate; server_max_window_bits=10", "; server_max_window_bits=10"),
        ("permessage-deflate; server_max_window_bits=8, permessage-deflate", ""),
        ("permessage-deflate; unknown, permessage-deflate", ""),
    ],
)
async def test_gateway_agrees_to_messages_that_are_compressed_by_themselves(offered: str, agreed: str) -> None:
    async with listening(compression=1) as door, door.tcp() as raw:
        raw.send(upgrade("/ws", f"Sec-WebSocket-Extensions: {offered}"))
        head = await raw.head()
        said = "permessage-deflate; server_no_context_takeover; client_no_context_takeover" + agreed
        assert f"Sec-WebSocket-Extensions: {said}\r\n" in head


async def test_messages_to_clients_with_and_without_compression_arrive_whole_and_in_order() -> None:
    said = [b"short", WORDS, os.urandom(400).hex().encode(), WORDS * 40, b"end"]
    async with listening(compression=200) as door:
        url = f"ws://127.0.0.1:{door.listener.port}/ws"
        async with connect(url, proxy=None) as one, connect(url, proxy=None, compression=None) as other:
            for client in (one, other):
                for each in said:
                    await client.send(each.decode())
                assert [(await client.recv()).encode() for _ in said] == said  # type: ignore[union-attr]
        assert door.listener.context.counts.ended.bytes_out < 2 * sum(map(len, said)) - len(WORDS) * 30


async def test_message_to_many_clients_is_compressed_once() -> None:
    async with listening(compression=100) as door, door.open(OFFER) as one, door.open(OFFER) as other:
        sides = [each.write_side for each in door.echo.connections]
        door.listener.context.outbox.push_many(sides, text_frame(WORDS))
        assert await compressed(one) == await compressed(other) == WORDS
        counts = door.listener.context.counts.compressed
        assert (counts.frames, counts.before) == (1, len(text_frame(WORDS)))
        tallies = [side.tally.bytes_out for side in sides]
        assert tallies == [counts.after] * 2


async def test_what_waits_for_a_client_is_counted_as_it_was_pushed_and_leaves_compressed() -> None:
    async with listening(compression=100, max_backlog=1 << 20) as door, door.open(OFFER) as raw:
        side = next(iter(door.echo.connections)).write_side
        assert isinstance(side, DeflatingWriteSide)
        side.pause_writing()
        frames = [text_frame(b"%d" % number + WORDS) for number in range(100)]
        for each in frames:
            door.listener.context.outbox.push(side, each)
        await until(lambda: not side.frames)
        assert side.unsent == sum(map(len, frames))
        side.resume_writing()
        assert [await compressed(raw) for _ in frames] == [b"%d" % number + WORDS for number in range(100)]
        door.listener.context.outbox.push(side, text_frame(b"last" + WORDS))
        assert await compressed(raw) == b"last" + WORDS


# -- what arrives -----------------------------------------------------------------------------------------------------


async def test_compressed_message_may_be_cut_anywhere_with_control_frames_between() -> None:
    async with listening(compression=1 << 16) as door, door.open(OFFER) as raw:
        data = deflated(WORDS, 15)
        for cut in (0, 1, len(data) // 2, len(data)):
            raw.send(squeezed(data[:cut], fin=False), frame(PING, b"p"), frame(CONT, data[cut:]))
            assert (await raw.frame()).opcode == PONG
            assert (await raw.frame()).payload == WORDS
        raw.send(squeezed(data), frame(TEXT, b"plain"))
        assert await raw.texts(2) == [WORDS, b"plain"]


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        (squeezed(BOMB), 1009),
        (squeezed(BOMB[:10], fin=False) + frame(CONT, BOMB[10:]), 1009),
        (squeezed(bytes(40_000), fin=False) + frame(CONT, bytes(40_000), fin=False), 1009),
        (squeezed(b"\xff\xff\xff"), 1002),
        (squeezed(b"x", PING), 1002),
        (squeezed(b"x", fin=False) + squeezed(b"x", CONT), 1002),
        (squeezed(deflated(b"\xff\xfe", 15)), 1007),
    ],
    ids=["bomb", "bomb in parts", "too many parts", "garbage", "control frame", "continuation", "no UTF-8"],
)
async def test_what_breaks_the_extension_closes_the_connection(frames: bytes, code: int) -> None:
    async with listening(compression=1, max_size=MAX_SIZE) as door, door.open(OFFER) as raw:
        raw.send(frames)
        assert await raw.closed() == code


async def test_compressed_frame_without_negotiation_is_refused() -> None:
    async with listening(compression=1) as door, door.open() as raw:
        raw.send(squeezed(deflated(b"hello", 15)))
        assert await raw.closed() == 1002


async def test_client_pays_for_what_its_messages_become_and_parts_of_one_are_counted() -> None:
    async with listening(compression=1 << 16, max_size=MAX_SIZE) as door, door.open(OFFER) as raw:
        connection = next(iter(door.echo.connections))
        side = connection.read_side
        assert isinstance(side, InflatingReadSide)
        before = side.traffic.bytes
        message = squeezed(deflated(b" " * 50_000, 15))
        raw.send(message)
        assert (await raw.frame()).payload == b" " * 50_000
        assert before - side.traffic.bytes > 50_000
        part = deflated(os.urandom(30_000), 15)
        raw.send(squeezed(part, fin=False))
        await until(lambda: side._unfinished is not None and side._unfinished.counted >= len(part))
        raw.send(frame(CLOSE))
        await raw.ended()
        await until(lambda: side.inflater.parts is None)
