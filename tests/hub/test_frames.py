"""The frames of a line: whole and in order however the bytes are split, and an end with what is no frame."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tidegate.hub import frames
from tidegate.hub.frames import HEAD, LONGEST, BrokenFrameError, Frames, frame

PAYLOADS = some.lists(some.binary(max_size=300), max_size=20)


@given(payloads=PAYLOADS, cuts=some.lists(some.integers(0, 5000), max_size=30))
def test_payloads_come_out_whole_however_the_bytes_are_split(payloads: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(map(frame, payloads))
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    reader = Frames()
    found = [payload for start, end in pairwise(edges) for payload in reader.feed(stream[start:end])]
    assert found == payloads


@given(payloads=PAYLOADS)
def test_payloads_come_out_whole_byte_by_byte(payloads: list[bytes]) -> None:
    reader = Frames()
    stream = b"".join(map(frame, payloads))
    assert [payload for byte in stream for payload in reader.feed(bytes([byte]))] == payloads


@given(noise=some.binary(max_size=2000))
def test_any_bytes_are_payloads_or_broken(noise: bytes) -> None:
    reader = Frames()
    try:
        found = list(reader.feed(noise))
    except BrokenFrameError:
        return
    again = b"".join(map(frame, found))
    assert noise.startswith(again)


def test_a_length_beyond_the_limit_ends_the_line_before_its_bytes_come() -> None:
    with pytest.raises(BrokenFrameError):
        list(Frames().feed((LONGEST + 1).to_bytes(HEAD, "big")))


def test_a_payload_beyond_the_limit_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "LONGEST", 10)
    with pytest.raises(ValueError, match="too long"):
        frame(b"x" * 11)


def test_a_long_frame_in_many_reads_is_joined_once() -> None:
    """Were it joined at each read, the cost would be quadratic."""
    joins = 0

    class Counting(Frames):
        def feed(self, data: bytes):  # type: ignore[no-untyped-def]
            nonlocal joins
            for payload in super().feed(data):
                joins += 1
                yield payload

    reader = Counting()
    payload = b"x" * 1_000_000
    stream = frame(payload)
    found = [whole for at in range(0, len(stream), 1000) for whole in reader.feed(stream[at : at + 1000])]
    assert found == [payload]
    assert joins == 1
    assert not reader._parts
