"""Valid and forbidden frames of RFC 6455 over a real socket; the numbers are those of Autobahn's test cases.

A client must see no difference between the frames that our code cuts (whole, masked, unfragmented text) and the frames
that the library reads.
"""

from __future__ import annotations

import pytest

from tests.support.waiting import until
from tests.transport.raw import (
    BINARY,
    CLOSE,
    CONT,
    PING,
    PONG,
    TEXT,
    Door,
    Echo,
    Frame,
    close_payload,
    frame,
    listening,
    push,
    upgrade,
)
from tidegate.transport import text_frame

SIZES = (0, 1, 125, 126, 127, 128, 65535, 65536)
NOT_UTF8 = (
    b"\xff",
    b"caf\xe9",
    b"\xc0\xaf",  # overlong
    b"\xed\xa0\x80",  # a surrogate
    b"\xf4\x90\x80\x80",  # above U+10FFFF
    b"\xce\xba\xe1\xbd",  # cut off in a character
)
GREEK = "κόσμε 🌊".encode()


# -- text, cut in every way (Autobahn 1, 2.6, 5) ----------------------------------------------------------------------


async def test_text_frame_may_arrive_in_two_segments_cut_at_any_byte(door: Door) -> None:
    async with door.open() as raw:
        for payload in (b"", b"Hello", b"x" * 126):
            data = frame(TEXT, payload)
            for cut in range(1, len(data)):
                await raw.send_apart(data[:cut], data[cut:])
                assert await raw.frame() == Frame(TEXT, payload)


async def test_text_frames_may_arrive_byte_by_byte(door: Door) -> None:
    async with door.open() as raw:
        data = frame(TEXT, GREEK) + frame(TEXT, b"y" * 200)
        await raw.send_apart(*(data[at : at + 1] for at in range(len(data))))
        assert await raw.texts(2) == [GREEK, b"y" * 200]


async def test_header_of_a_long_frame_may_be_cut_at_any_byte() -> None:
    async with listening(max_size=65536) as door, door.open() as raw:
        payload = b"z" * 65536
        data = frame(TEXT, payload)
        for cut in (*range(1, 16), len(data) - 1):
            await raw.send_apart(data[:cut], data[cut:])
            assert await raw.frame() == Frame(TEXT, payload)


async def test_text_of_every_length_encoding_is_echoed() -> None:
    async with listening(max_size=65536) as door, door.open() as raw:
        for size in SIZES:
            raw.send(frame(TEXT, b"*" * size))
            assert await raw.frame() == Frame(TEXT, b"*" * size)


async def test_many_frames_in_one_segment_are_received_in_order(door: Door) -> None:
    async with door.open() as raw:
        said = [str(number).encode() for number in range(200)]
        raw.send(*(frame(TEXT, each) for each in said))
        assert await raw.texts(200) == said


async def test_frames_in_the_segment_of_the_handshake_are_received(door: Door) -> None:
    async with door.tcp() as raw:
        raw.send(upgrade(), frame(TEXT, b"early"), frame(TEXT, b"half")[:4])
        assert (await raw.head()).startswith("HTTP/1.1 101 ")
        assert await raw.frame() == Frame(TEXT, b"early")
        raw.send(frame(TEXT, b"half")[4:])
        assert await raw.frame() == Frame(TEXT, b"half")


# -- fragments and control frames (Autobahn 2, 5) ---------------------------------------------------------------------


async def test_fragments_with_control_frames_between_them_become_one_message(door: Door) -> None:
    async with door.open() as raw:
        pieces = [
            frame(TEXT, GREEK[:3], fin=False),
            frame(PING, b"one"),
            frame(CONT, b"", fin=False),
            frame(CONT, GREEK[3:], fin=False),
            frame(PONG, b"unsolicited"),
            frame(PING, b"two"),
            frame(CONT),
        ]
        expected = [Frame(PONG, b"one"), Frame(PONG, b"two"), Frame(TEXT, GREEK)]
        raw.send(*pieces)
        assert [await raw.frame() for _ in expected] == expected
        await raw.send_apart(*pieces)
        assert [await raw.frame() for _ in expected] == expected
        stream = b"".join(pieces)
        await raw.send_apart(*(stream[at : at + 1] for at in range(len(stream))))
        assert [await raw.frame() for _ in expected] == expected
        raw.send(frame(TEXT, b"whole again"))
        assert await raw.frame() == Frame(TEXT, b"whole again")
    assert door.echo.heard == [GREEK, GREEK, GREEK, b"whole again"]


async def test_ping_is_answered_with_its_payload(door: Door) -> None:
    async with door.open() as raw:
        for payload in (b"", b"Hello", bytes(range(0x80, 0xFD)), b"p" * 125):
            raw.send(frame(PING, payload))
            assert await raw.frame() == Frame(PONG, payload)


async def test_ten_pings_in_one_segment_get_ten_pongs_in_order(door: Door) -> None:
    async with door.open() as raw:
        raw.send(*(frame(PING, b"%d" % number) for number in range(10)))
        assert [await raw.frame() for _ in range(10)] == [Frame(PONG, b"%d" % number) for number in range(10)]


async def test_unsolicited_pong_is_ignored(door: Door) -> None:
    async with door.open() as raw:
        raw.send(frame(PONG, b"unsolicited"), frame(TEXT, b"after"))
        assert await raw.frame() == Frame(TEXT, b"after")


async def test_binary_message_whole_or_in_fragments_leaves_the_connection_open(
    door: Door,
) -> None:
    async with door.open() as raw:
        raw.send(frame(BINARY, b"\xff\x00"), frame(TEXT, b"text"))
        assert await raw.texts(2) == [b"binary", b"text"]
        raw.send(frame(BINARY, b"\xff", fin=False), frame(CONT, b"\x00", fin=False), frame(CONT), frame(TEXT, b"text"))
        assert await raw.texts(2) == [b"binary", b"text"]
    assert door.echo.binaries == 2


# -- what the RFC forbids (Autobahn 2.5, 3, 4, 5, 7) ------------------------------------------------------------------

FORBIDDEN = {
    "an unmasked text frame": frame(TEXT, b"bare", masked=False),
    "an unmasked empty frame": frame(TEXT, masked=False),
    "an unmasked ping": frame(PING, b"bare", masked=False),
    "an unmasked close": frame(CLOSE, close_payload(1000), masked=False),
    **{f"reserved bits {bits}": frame(TEXT, b"x", reserved=bits) for bits in range(1, 8)},
    "reserved bits on a ping": frame(PING, b"x", reserved=4),
    "reserved bits on a close": frame(CLOSE, close_payload(1000), reserved=7),
    **{f"opcode {opcode}": frame(opcode, b"x") for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    "an empty frame of opcode 3": frame(3),
    "a ping of 126 bytes": frame(PING, b"p" * 126),
    "a pong of 126 bytes": frame(PONG, b"p" * 126),
    "a close of 126 bytes": frame(CLOSE, close_payload(1000, b"r" * 124)),
    "a fragmented ping": frame(PING, b"p", fin=False),
    "a fragmented pong": frame(PONG, b"p", fin=False),
    "a fragmented close": frame(CLOSE, close_payload(1000), fin=False),
    "a continuation of nothing": frame(CONT, b"x"),
    "an unfinished continuation of nothing": frame(CONT, b"x", fin=False),
    "a text within a fragmented text": frame(TEXT, b"a", fin=False) + frame(TEXT, b"b"),
    "a binary within a fragmented text": frame(TEXT, b"a", fin=False) + frame(BINARY, b"b"),
    "a fragmented text within a fragmented text": frame(TEXT, b"a", fin=False) + frame(TEXT, b"b", fin=False),
    "a close of one byte": frame(CLOSE, b"\x03"),
    "a close within a fragmented text": frame(TEXT, b"a", fin=False) + frame(CLOSE, close_payload(1000)),
    **{
        f"a close with code {code}": frame(CLOSE, close_payload(code))
        for code in (0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65535)
    },
}


@pytest.mark.parametrize("wrong", FORBIDDEN.values(), ids=FORBIDDEN)
async def test_forbidden_frame_closes_with_1002(door: Door, wrong: bytes) -> None:
    async with door.open() as raw:
        raw.send(frame(TEXT, b"before"), wrong, frame(TEXT, b"after"), frame(PING, b"after"))
        assert await raw.frame() == Frame(TEXT, b"before"), "a message before the forbidden frame is still answered"
        assert await raw.closed() == 1002
        await until(lambda: bool(door.echo.ended))
    assert door.echo.heard == [b"before"]


@pytest.mark.parametrize("wrong", [FORBIDDEN[name] for name in ("opcode 3", "reserved bits 4", "a ping of 126 bytes")])
async def test_forbidden_frame_that_arrives_byte_by_byte_closes_with_1002(door: Door, wrong: bytes) -> None:
    async with door.open() as raw:
        await raw.send_apart(*(wrong[at : at + 1] for at in range(len(wrong))))
        assert await raw.closed() == 1002


async def test_forbidden_frame_does_not_affect_other_connections(door: Door) -> None:
    async with door.open() as good, door.open() as bad:
        bad.send(frame(15, b"x"))
        assert await bad.closed() == 1002
        good.send(frame(TEXT, b"still here"))
        assert await good.frame() == Frame(TEXT, b"still here")


# -- UTF-8 (Autobahn 6, 7.5) ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", NOT_UTF8, ids=repr)
async def test_text_that_is_not_utf8_closes_with_1007(door: Door, bad: bytes) -> None:
    async with door.open() as raw:
        raw.send(frame(TEXT, b"before"), frame(TEXT, bad), frame(TEXT, b"after"))
        assert await raw.frame() == Frame(TEXT, b"before")
        assert await raw.closed() == 1007
    assert door.echo.heard == [b"before"]


@pytest.mark.parametrize("bad", NOT_UTF8, ids=repr)
async def test_fragments_that_are_not_utf8_together_close_with_1007(door: Door, bad: bytes) -> None:
    async with door.open() as raw:
        raw.send(frame(TEXT, b"a" + bad[:1], fin=False), frame(CONT, bad[1:]), frame(TEXT, b"after"))
        assert await raw.closed() == 1007
    assert door.echo.heard == []


async def test_fragments_may_cut_a_character_at_any_byte(door: Door) -> None:
    async with door.open() as raw:
        for cut in range(len(GREEK) + 1):
            raw.send(frame(TEXT, GREEK[:cut], fin=False), frame(CONT, GREEK[cut:]))
            assert await raw.frame() == Frame(TEXT, GREEK)


async def test_close_reason_that_is_not_utf8_closes_with_1007(door: Door) -> None:
    async with door.open() as raw:
        raw.send(frame(CLOSE, close_payload(1000, b"\xff\xfe")))
        assert await raw.closed() == 1007


# -- size -------------------------------------------------------------------------------------------------------------


async def test_message_of_exactly_the_limit_is_received_whole_and_in_fragments(door: Door) -> None:
    async with door.open() as raw:
        raw.send(frame(TEXT, b"x" * 1000))
        raw.send(frame(TEXT, b"x" * 600, fin=False), frame(CONT, b"x" * 399, fin=False), frame(CONT, b"x"))
        assert await raw.texts(2) == [b"x" * 1000] * 2


OVERSIZED = {
    "one byte more": frame(TEXT, b"x" * 1001),
    "only the header of a gigabyte": b"\x81\xff" + (1 << 30).to_bytes(8) + b"mask",
    "only the header of 2^63 bytes": b"\x81\xff" + (1 << 63).to_bytes(8) + b"mask",
    "a fragment of one byte more": frame(TEXT, b"x" * 1001, fin=False),
    "fragments that sum to one byte more": frame(TEXT, b"x" * 1000, fin=False) + frame(CONT, b"x"),
    "many small fragments": frame(TEXT, b"x" * 100, fin=False) + frame(CONT, b"x" * 100, fin=False) * 10,
    "binary": frame(BINARY, b"x" * 1001),
}


@pytest.mark.parametrize("data", OVERSIZED.values(), ids=OVERSIZED)
async def test_message_above_the_limit_closes_with_1009_before_it_has_arrived(door: Door, data: bytes) -> None:
    async with door.open() as raw:
        raw.send(frame(TEXT, b"before"), data)
        assert await raw.frame() == Frame(TEXT, b"before")
        assert await raw.closed() == 1009
    assert (door.echo.heard, door.echo.binaries) == ([b"before"], 0)


# -- the end (Autobahn 7) ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999])
async def test_close_frame_is_echoed_and_its_code_reaches_the_handler(door: Door, code: int) -> None:
    async with door.open() as raw:
        raw.send(frame(CLOSE, close_payload(code, "fin 🌊".encode())))
        assert await raw.frame() == Frame(CLOSE, close_payload(code, "fin 🌊".encode()))
        assert await raw.ended() == b""
    await until(lambda: bool(door.echo.ended))
    assert door.echo.ended == [code]


async def test_close_frame_without_a_code_is_echoed_without_a_code(door: Door) -> None:
    async with door.open() as raw:
        raw.send(frame(CLOSE))
        assert await raw.closed() == 1005


async def test_messages_before_a_close_frame_are_answered_and_messages_after_it_are_dropped(door: Door) -> None:
    async with door.open() as raw:
        raw.send(
            frame(TEXT, b"asked"), frame(CLOSE, close_payload(1000)), frame(TEXT, b"late"), frame(PING), frame(CLOSE)
        )
        assert await raw.frame() == Frame(TEXT, b"asked")
        assert await raw.closed() == 1000
    assert door.echo.heard == [b"asked"]


async def test_server_that_closed_answers_pings_until_the_client_closes(door: Door) -> None:
    async with door.open() as raw:
        raw.send(frame(TEXT, b"hi"))
        await raw.frame()
        door.echo.connections[0].close(4201, "bye")
        assert await raw.frame() == Frame(CLOSE, close_payload(4201, b"bye"))
        raw.send(frame(TEXT, b"crossed it"), frame(PING, b"?"))
        assert await raw.frame() == Frame(PONG, b"?")
        raw.send(frame(CLOSE, close_payload(4201)))
        assert await raw.ended() == b""
    await until(lambda: bool(door.echo.ended))
    assert (door.echo.heard, door.echo.ended) == ([b"hi"], [4201])


async def test_no_message_follows_a_close_frame(door: Door) -> None:
    async with door.open() as raw:
        await until(lambda: bool(door.echo.connections))
        (connection,) = door.echo.connections
        push(connection, text_frame(b"before"))
        connection.close(4201, "bye")
        push(connection, text_frame(b"after"))
        assert await raw.frame() == Frame(TEXT, b"before")
        assert await raw.frame() == Frame(CLOSE, close_payload(4201, b"bye"))
        raw.send(frame(PING, b"?"))
        assert await raw.frame() == Frame(PONG, b"?")


async def test_client_that_never_answers_a_close_frame_is_cut_off_at_the_deadline() -> None:
    async with listening(close_timeout=0.05) as door, door.open() as raw:
        await until(lambda: bool(door.echo.connections))
        door.echo.connections[0].close(4201, "bye")
        assert (await raw.frame()).opcode == CLOSE
        assert await raw.ended() == b""
        await until(lambda: bool(door.echo.ended))
        assert door.echo.ended == [None]


async def test_second_close_sends_no_second_close_frame(door: Door) -> None:
    async with door.open() as raw:
        await until(lambda: bool(door.echo.connections))
        for code in (4201, 4100):
            door.echo.connections[0].close(code, "bye")
        assert await raw.frame() == Frame(CLOSE, close_payload(4201, b"bye"))
        raw.send(frame(CLOSE, close_payload(4201)))
        assert await raw.ended() == b""


async def test_half_closed_client_receives_its_answers_before_the_end(door: Door) -> None:
    async with door.open() as raw:
        raw.send(frame(TEXT, b"last words"), frame(TEXT, b"cut off")[:5])
        raw.writer.write_eof()
        assert await raw.frame() == Frame(TEXT, b"last words")
        assert await raw.ended() == b""
    await until(lambda: bool(door.echo.ended))
    assert (door.echo.heard, door.echo.ended) == ([b"last words"], [None])


async def test_broken_connection_reaches_the_handler_once_without_a_code(door: Door) -> None:
    async with door.open() as raw:
        await until(lambda: bool(door.echo.connections))
        raw.writer.transport.abort()
        await until(lambda: bool(door.echo.ended))
    assert door.echo.ended == [None]


async def test_message_that_is_never_finished_closes_with_1002_at_the_deadline() -> None:
    pieces = {"a frame": frame(TEXT, b"unfinished")[:-1], "a message": frame(TEXT, b"unfinished", fin=False)}
    for what, data in pieces.items():
        async with listening(message_timeout=0.05) as door, door.open() as raw:
            raw.send(data)
            assert await raw.closed() == 1002, what


async def test_pings_between_fragments_do_not_extend_the_deadline_of_their_message() -> None:
    async with listening(message_timeout=0.2) as door, door.open() as raw:
        raw.send(frame(TEXT, b"unfinished", fin=False))
        while True:
            raw.send(frame(PING))
            if (got := await raw.frame()).opcode == CLOSE:
                break
        assert got.payload[:2] == close_payload(1002)


async def test_disconnected_is_called_exactly_once_for_every_way_to_end() -> None:
    echo = Echo()
    async with listening(echo, close_timeout=0.05) as door:
        for data in (frame(CLOSE), frame(3), frame(TEXT, b"\xff"), b"", frame(TEXT, b"cut")[:3]):
            async with door.open() as raw:
                raw.send(data)
                if data and data[0] != 0x81:
                    await raw.ended()
    await until(lambda: len(echo.ended) == len(echo.connections))
    assert len(echo.ended) == 5
