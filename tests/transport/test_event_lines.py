"""One stream of events over a line that the test plays: what it takes, what is watched of it, and when it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from websockets.protocol import State

from tests.fuzz.frames import Heard
from tests.transport.test_http_lines import ADDRESS, Line
from tests.transport.test_turns import Clock, all_turns
from tidegate.transport import ConnectionContext, EventStream, Outbox, Routes, TransportSettings, text_frame
from tidegate.transport.backlog import TURN_BYTES
from tidegate.transport.event_protocol import COMMENT, EventProtocol
from tidegate.transport.event_stream import AHEAD_BYTES
from tidegate.transport.pausing import BY_APPLICATION
from tidegate.transport.state import OPEN

GOODBYE = text_frame(b'{"type":"goodbye"}')


def farewell(frame: bytes) -> Mapping[str, Any] | None:
    return {"retry_after": 2} if frame is GOODBYE else None


class Watching:
    """A tap."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []

    def sent(self, frames: list[bytes]) -> None:
        self.frames += frames

    def received(self, payload: bytes) -> None:
        """Only what is sent is looked at."""

    def closed(self, code: int) -> None:
        """As `received`."""


class Stream:
    """An open stream."""

    def __init__(self) -> None:
        self.clock, self.line, self.heard = Clock(), Line(ADDRESS), Heard()
        self.settings = TransportSettings(ping_interval=10.0, ping_timeout=5.0, max_size=1 << 20)
        outbox = Outbox(asyncio.get_running_loop())
        context = ConnectionContext(self.settings, Routes(), outbox, self.clock)
        self.turns = context.turns
        self.stream = EventStream(context, self.heard, "a", "identifier", farewell)
        self.stream.begin(self.line)
        self.stream.establish(None)
        self.side = self.stream.write_side
        self.line.written.clear()

    def look(self, seconds: float) -> bytes:
        """The sweep comes to it so much later. Returns what is written then."""
        self.clock.now += seconds
        self.line.written.clear()
        self.stream.sweep(self.clock.now)
        return bytes(self.line.written)

    def push(self, *frames: bytes) -> None:
        self.side.frames += frames
        self.side.flush()


@pytest.fixture
async def stream() -> Stream:
    return Stream()


async def test_one_message_may_always_wait_and_no_other_one_that_is_too_much_with_it(stream: Stream) -> None:
    large, rest = b'"%b"' % (b"x" * AHEAD_BYTES), b'"y"'
    stream.side.pause_reading(BY_APPLICATION)
    assert stream.stream.deliver([large]) == "taken"
    assert stream.stream.deliver([rest]) == "full"
    stream.side.resume_reading(BY_APPLICATION)
    await all_turns(stream.turns)
    assert stream.stream.deliver([rest]) == "taken"
    assert [payload for _, payload in stream.heard.events] == [large, rest]
    stream.side.close(1000, "done")
    assert stream.stream.deliver([rest]) == "ended"


async def test_client_that_says_something_is_not_asked_whether_it_is_there(stream: Stream) -> None:
    assert stream.look(9.0) == b""
    stream.stream.deliver([b"{}"])
    assert stream.look(9.0) == b""
    before = stream.stream.tally.bytes_out
    assert stream.look(2.0) == COMMENT
    assert stream.stream.tally.bytes_out - before == len(COMMENT)


@pytest.mark.parametrize(
    ("case", "stays"),
    [("nothing", False), ("some", True), ("all", True), ("standstill", True), ("a pause", True)],
)
async def test_client_whose_side_confirms_nothing_is_cut_off(stream: Stream, case: str, stays: bool) -> None:
    line = stream.line
    stream.push(text_frame(b"x" * 1000))
    line.unsent = 500
    assert stream.look(11.0) == COMMENT
    line.unsent += len(COMMENT)
    if case == "some":
        line.unsent -= 1
    elif case == "all":
        line.unsent = 0
    elif case == "a pause":
        stream.side.pause_reading(BY_APPLICATION)
    elif case == "standstill":
        stream.clock.now += 6.0
        stream.stream.stood_still(6.0, stream.clock.now)
    stream.look(11.0 if case == "standstill" else 6.0)
    assert line.ended is not stays
    if case in {"some", "all"}:
        assert stream.look(9.0) == b"", "its time begins again"
        assert stream.look(2.0) == COMMENT


async def test_client_that_ends_its_side_is_cut_off_where_something_waits_for_it(stream: Stream) -> None:
    """The connection would stay until the client reads, and what is pushed to it would count as taken."""
    stream.line.unsent = 500
    stream.stream.eof_received()
    assert stream.line.ended and stream.side.state is not OPEN


async def test_events_that_wait_here_are_not_taken(stream: Stream) -> None:
    stream.push(text_frame(b"x" * 1000))
    stream.side.pause_writing()
    before = stream.side.taken
    stream.push(text_frame(b"x" * 1000))
    assert stream.side.taken == before
    stream.side.resume_writing()
    assert stream.side.taken > before + 1000


async def test_what_the_announced_end_says_is_said_at_the_end(stream: Stream) -> None:
    stream.push(GOODBYE, text_frame(b"{}"))
    stream.line.written.clear()
    stream.side.close(4101, "bye")
    assert bytes(stream.line.written) == b'event: close\ndata: {"code": 4101, "reason": "bye", "retry_after": 2}\n\n'


async def test_a_tap_sees_each_frame_once_and_no_event(stream: Stream) -> None:
    stream.stream.tally.tap = watching = Watching()
    frames = [text_frame(b"%d" % number * TURN_BYTES) for number in range(4)]
    stream.push(*frames)
    assert stream.side.frames, "some were too much for this turn"
    stream.side.flush_all()
    assert watching.frames == frames
    assert stream.stream.tally.tap is watching
    assert stream.line.written.count(b"data: ") == 4


def test_a_stream_that_fails_ends_once_with_the_code() -> None:
    protocol = EventProtocol(b"")
    protocol.fail(1007, "no text")
    assert b'"code": 1007' in protocol.data_to_send()[1]
    assert protocol.state is State.CLOSING, "it is not closed again"
    protocol = EventProtocol(b"")
    protocol.send_close()
    assert b'"code": 1000' in protocol.data_to_send()[1]
