"""Frame headers and masks: our code against the library, and against the words of RFC 6455."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol as WebSocket
from websockets.protocol import Side
from websockets.utils import apply_mask as library_mask

from tests.transport.raw import TEXT, frame, mask
from tidegate.transport.frames import apply_mask, frame_size, payload_start, text_frame

EDGES = (0, 1, 125, 126, 127, 65535, 65536, 65537)


@pytest.mark.parametrize("size", EDGES)
def test_a_websocket_client_can_read_text_frame(size: int) -> None:
    payload = bytes(index % 251 for index in range(size))
    client = WebSocket(Side.CLIENT, max_size=None)
    client.receive_data(text_frame(payload) + text_frame(b"next"))
    assert client.events_received() == [Frame(Opcode.TEXT, payload), Frame(Opcode.TEXT, b"next")]


@pytest.mark.parametrize("size", EDGES)
def test_text_frame_equals_the_frame_of_the_library(size: int) -> None:
    payload = b"x" * size
    made = text_frame(payload)
    assert made == Frame(Opcode.TEXT, payload).serialize(mask=False)
    assert made[payload_start(made) :] == payload


@pytest.mark.parametrize("size", EDGES)
@pytest.mark.parametrize("before", [b"", b"garbage"])
def test_frame_size_is_known_once_the_length_has_arrived(size: int, before: bytes) -> None:
    data = Frame(Opcode.TEXT, b"x" * size).serialize(mask=True)
    needed = 2 if size < 126 else 4 if size < 65536 else 10
    expected = (needed + 4, size)
    assert sum(expected) == len(data)
    for available in range(16):
        got = frame_size(before + data[:available], len(before))
        assert got == (None if available < needed else expected), available
    assert frame_size(bytearray(before + data), len(before)) == expected


def test_length_of_64_bits_is_read_as_an_unsigned_number() -> None:
    assert frame_size(b"\x81\xff" + b"\xff" * 8, 0) == (14, 2**64 - 1)
    assert frame_size(b"\x81\xff" + (2**63).to_bytes(8), 0) == (14, 2**63)


@given(st.binary(max_size=300), st.binary(min_size=4, max_size=4))
def test_apply_mask_is_the_masking_of_the_rfc_and_inverts_itself(payload: bytes, key: bytes) -> None:
    masked = mask(payload, key)
    assert apply_mask(payload, key) == masked
    assert apply_mask(masked, key) == payload
    assert library_mask(payload, key) == masked


@pytest.mark.parametrize("size", EDGES)
@pytest.mark.parametrize("key", [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x01\x02\x03\x04"])
def test_payload_is_unmasked_for_every_length_encoding(size: int, key: bytes) -> None:
    payload = bytes(index % 256 for index in range(size))
    data = frame(TEXT, payload, key=key)
    found = frame_size(data, 0)
    assert found is not None
    head, length = found
    assert apply_mask(data[head : head + length], data[head - 4 : head]) == payload
    assert library_mask(payload, key) == data[head:]
