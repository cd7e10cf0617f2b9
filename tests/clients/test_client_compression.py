"""The Python client and a gateway that compress messages for each other: what goes over the wire, and what arrives."""

from __future__ import annotations

import struct
from pathlib import Path

from websockets.frames import Frame, Opcode

from tests.support.cases import every_case
from tests.support.waiting import until
from tests.transport.inside import running
from tidegate_client import connect
from tidegate_client.compression import LEAST, LargeMessages, OfferCompression

LONG = "Fog at the north gate from noon on. " * 50


def test_only_a_whole_message_below_the_least_size_goes_out_as_it_is() -> None:
    extension = LargeMessages(True, True, 15, 15)
    cases = {
        "below": (Frame(Opcode.TEXT, b"a" * (LEAST - 1)), False),
        "at the least size": (Frame(Opcode.TEXT, b"a" * LEAST), True),
        "the begin of a message in several frames": (Frame(Opcode.TEXT, b"a", fin=False), True),
        "a close": (Frame(Opcode.CLOSE, struct.pack("!H", 1000)), False),
    }
    with every_case() as case:
        for name, (frame, is_compressed) in cases.items():
            with case(name):
                encoded = extension.encode(frame)
                assert encoded.rsv1 is is_compressed
                assert bytes(extension.decode(encoded).data) == frame.data or not frame.fin


def test_the_last_frame_of_a_message_is_compressed_as_its_first_was() -> None:
    extension = LargeMessages(True, True, 15, 15)
    frames = [Frame(Opcode.TEXT, b"fog at ", fin=False), Frame(Opcode.CONT, b"the gate")]
    encoded = [extension.encode(frame) for frame in frames]
    assert b"".join(bytes(extension.decode(frame).data) for frame in encoded) == b"fog at the gate"


def test_each_direction_is_compressed_as_agreed_for_it() -> None:
    said: list[tuple[str, str | None]] = [("client_no_context_takeover", None), ("client_max_window_bits", "10")]
    agreed = OfferCompression(compress_settings={"level": 1}).process_response_params(said, [])
    assert (agreed.remote_no_context_takeover, agreed.local_no_context_takeover) == (False, True)
    assert (agreed.remote_max_window_bits, agreed.local_max_window_bits) == (15, 10)
    assert agreed.compress_settings == {"level": 1}


async def test_both_sides_compress_what_is_large_enough(tmp_path: Path) -> None:
    said = ["short", *(f"{number}: {LONG}" for number in range(10)), "the end"]
    async with running(tmp_path, compression=200) as gateway:
        counts = gateway.listener.context.counts
        async with connect(gateway.url, compression=True) as client, connect(gateway.url) as other:
            rooms = [await each.join("chat-compressed") for each in (client, other)]
            for text in said:
                await rooms[0].send({"text": text})
            for room in rooms:
                assert [(await anext(room)).data["text"] for _ in said] == said
            page = await client.request({"type": "history", "room": "chat-compressed"})
            assert [message["data"]["text"] for message in page["messages"]] == said
            assert counts.compressed.before > 4 * counts.compressed.after > 0
        await until(lambda: counts.ended.frames_in >= len(said) + 3)
        assert len("".join(said)) > 2 * counts.ended.bytes_in, "the client compressed what it sent"


async def test_a_client_that_wants_no_compression_offers_none(tmp_path: Path) -> None:
    async with running(tmp_path, compression=200) as gateway, connect(gateway.url) as client:
        room = await client.join("chat-as-it-is")
        await room.send({"text": LONG})
        assert (await anext(room)).data["text"] == LONG
        assert gateway.listener.context.counts.compressed.before == 0
