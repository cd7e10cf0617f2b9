"""What waits for a slow client: what is dropped, where the notices stand, and how long the client has."""

from __future__ import annotations

import asyncio
import random

import pytest

from tests.transport.raw import CLOSE, TEXT, close_payload, frame, listening, push
from tests.transport.test_backpressure import FakeClock, fill, not_reading, pass_time, read_again
from tidegate.transport import Droppable, text_frame
from tidegate.transport.backlog import PART_BYTES, TURN_BYTES, Backlog, taken_from
from tidegate.transport.state import CLOSING, OPEN

LIMIT = 100_000


class Numbered(Droppable):
    """A frame with a number, of a stream that is conflated where it has a value."""

    def __new__(cls, stream: str, number: int, size: int = 0, value: str | None = None) -> Numbered:
        made = super().__new__(cls, text_frame(b"%s%d " % (stream.encode(), number) + b"." * size))
        made.stream, made.number, made.value, made.conflated = stream, number, value, value is not None
        return made

    number: int
    value: str | None

    @property
    def replaces(self) -> str | None:
        return self.value or None

    def notice(self, dropped: int) -> bytes:
        return text_frame(b"-%s%d*%d " % (str(self.stream).encode(), self.number, dropped))


def read(backlog: Backlog, most: int = 1 << 30) -> list[str]:
    """What the client gets, a word for each frame."""
    data = b""
    while backlog:
        data += backlog.take(most)
    return [part.decode() for part in words(data)]


def words(data: bytes) -> list[bytes]:
    """The first word of each frame."""
    found, at = [], 0
    while at < len(data):
        size = data[at + 1]
        at += 2
        if size == 126:
            size, at = int.from_bytes(data[at : at + 2]), at + 2
        found.append(data[at : at + size].split(b" ")[0])
        at += size
    return found


def test_frames_that_may_not_be_dropped_all_wait() -> None:
    backlog = Backlog(100)
    backlog.add([text_frame(b"%d" % number) for number in range(50)])
    assert backlog.shrink() == backlog.size == 50 * 2 + 90
    assert read(backlog, 10) == [str(number) for number in range(50)]
    assert (backlog.size, backlog.dropped) == (0, 0)


def test_the_oldest_frames_are_dropped_and_a_notice_stands_in_their_place() -> None:
    backlog = Backlog(LIMIT)
    for number in range(1, 101):
        backlog.add([Numbered("r", number, 1000), *([text_frame(b"row")] if number % 50 == 0 else [])])
    assert backlog.size < LIMIT * 0.6
    got = read(backlog)
    first = int(got[2][1:])
    assert got[:2] == [f"-r{first - 1}*{first - 1}", "row"], "frames that stay keep their order"
    assert got[2:] == [*(f"r{number}" for number in range(first, 101)), "row"]
    assert backlog.dropped == first - 1


def test_the_newest_frame_of_each_value_stays() -> None:
    backlog = Backlog(LIMIT)
    values = ["a", "b", "a", "c", "a", "b", "", ""]
    backlog.add([Numbered("r", number, value=value) for number, value in enumerate(values, 1)])
    assert read(backlog) == ["-r3*3", "r4", "r5", "r6", "r7", "r8"]


def test_a_gap_stands_where_the_frames_were_and_streams_are_told_apart() -> None:
    backlog = Backlog(LIMIT)
    backlog.add([Numbered("r", 1, value="x"), Numbered("s", 1, value="a"), Numbered("r", 2, value="a")])
    backlog.add([Numbered("s", 2, value="a"), Numbered("r", 3, value="y"), Numbered("r", 4, value="a")])
    assert read(backlog) == ["r1", "-s1*1", "-r2*1", "s2", "r3", "r4"]


def test_random_histories_lose_no_number_without_a_notice() -> None:
    for seed in range(60):
        rng = random.Random(seed)
        backlog, last, newest, got = Backlog(8_000), {"r": 0, "s": 0}, dict[tuple[str, str], int](), list[str]()
        for _ in range(400):
            stream = rng.choice("rs")
            last[stream] += 1
            value = rng.choice("abcd") if stream == "r" else None
            newest[stream, value or ""] = last[stream]
            backlog.add([Numbered(stream, last[stream], rng.randrange(100), value)])
            if rng.random() < 0.02:
                got += [part.decode() for part in words(bytes(backlog.take(rng.randrange(1, 3000))))]
        got += read(backlog)
        at = {"r": 0, "s": 0}
        for word in got:
            stream, (offset, _, dropped) = word.lstrip("-")[0], word.lstrip("-")[1:].partition("*")
            at[stream] += int(dropped or 1)
            assert at[stream] == int(offset), (seed, word)
        assert at == last, seed
        for (stream, value), number in newest.items():
            if value or number == last[stream]:
                assert f"{stream}{number}" in got, (seed, value)


async def test_client_that_may_miss_frames_has_time_as_long_as_it_reads() -> None:
    clock = FakeClock()
    async with listening(now=clock, sweep=1000.0, max_stall=30.0) as door, not_reading(door) as (raw, slow):
        outbox = slow._context.outbox
        outbox.push_droppable([slow.write_side], Numbered("r", 1))
        await fill(slow)
        before = -1
        while before != slow.write_side.unconfirmed:  # the operating systems pass the last bytes on
            before = slow.write_side.unconfirmed
            await asyncio.sleep(0.05)
        pass_time(door, clock, 29)
        assert slow.write_side.state is OPEN
        for number in range(2, 2000):
            outbox.push_droppable([slow.write_side], Numbered("r", number, 2000))
            if number % 50 == 0:
                await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert slow.write_side.unsent < slow._context.settings.max_backlog
        pass_time(door, clock, 2)
        assert slow.write_side.state is CLOSING
        read_again(raw)
        while (got := await raw.frame()).opcode == TEXT:
            pass
        assert (got.opcode, got.payload[:2]) == (CLOSE, close_payload(4101))
        raw.send(frame(CLOSE, close_payload(4101)))


async def test_client_that_reads_again_gets_the_notice_in_order_and_then_everything() -> None:
    async with listening(slow_rate=0) as door, not_reading(door) as (raw, slow):
        outbox = slow._context.outbox
        await fill(slow)
        for number in range(1, 3001):
            outbox.push_droppable([slow.write_side], Numbered("r", number, 1000))
            if number % 100 == 0:
                outbox.push(slow.write_side, text_frame(b"row%d " % number))
        read_again(raw)
        got: list[str] = []
        while "row3000" not in got:
            word = (await raw.frame()).payload.split(b" ")[0].decode()
            got += [] if word.startswith("f") else [word]
        assert [word for word in got if word.startswith("row")] == [f"row{number}" for number in range(100, 3001, 100)]
        told = [word for word in got if not word.startswith("row")]
        first = int(told[1][1:])
        assert told == [f"-r{first - 1}*{first - 1}", *(f"r{number}" for number in range(first, 3001))]
        assert first > 1000
        outbox.push_droppable([slow.write_side], Numbered("r", 3001))
        assert (await raw.frame()).payload == b"r3001 "


def test_a_large_frame_leaves_in_parts_and_nothing_comes_between() -> None:
    backlog = Backlog(LIMIT)
    large = text_frame(bytes(3 * PART_BYTES))
    backlog.add([text_frame(b"before"), large, text_frame(b"after")])
    assert backlog.take() == text_frame(b"before"), "what is small goes before"
    first = bytes(backlog.take())
    assert len(first) == PART_BYTES
    assert backlog.size == len(large) - PART_BYTES + len(text_frame(b"after"))
    assert backlog.queued == len(text_frame(b"after"))
    backlog.add([text_frame(b"last")])
    rest = b"".join(bytes(backlog.take()) for _ in range(4))
    assert first + rest == large + text_frame(b"after") + text_frame(b"last")
    assert (backlog.size, bool(backlog)) == (0, False)


@pytest.mark.parametrize(
    ("sizes", "first"),
    [
        ([10], 1),
        ([2 * TURN_BYTES, 1], 1),
        ([1, TURN_BYTES], 1),
        ([1, TURN_BYTES - 1, 1], 2),
        ([TURN_BYTES // 3] * 9, 3),
    ],
)
def test_one_flush_takes_frames_of_a_turn(sizes: list[int], first: int) -> None:
    frames = [bytes(size) for size in sizes]
    taken, size = taken_from(frames)
    assert size == sum(sizes[:first])
    assert [len(frame) for frame in taken] == sizes[:first]
    assert [len(frame) for frame in frames] == sizes[first:]


def test_the_rest_of_a_large_frame_does_not_keep_the_whole() -> None:
    backlog = Backlog(LIMIT)
    backlog.add([text_frame(bytes(20 * PART_BYTES))])
    while backlog:
        backlog.take()
        kept = memoryview(backlog._begun.obj).nbytes
        assert kept <= 2 * len(backlog._begun)
        assert backlog.memory == kept, "what is kept is counted, and not only what has not left"


def test_what_has_begun_to_leave_stays_when_the_rest_is_dropped() -> None:
    backlog = Backlog(LIMIT)
    large = text_frame(bytes(3 * PART_BYTES))
    backlog.add([text_frame(b"small")])
    assert not backlog.only_begun()
    assert (backlog.size, bool(backlog)) == (0, False)
    backlog.add([large, text_frame(b"after")])
    data = bytes(backlog.take())
    backlog.shrink()
    assert backlog.only_begun()
    assert backlog.size == len(large) - PART_BYTES
    while backlog:
        data += backlog.take()
    assert data == large


@pytest.mark.parametrize("turns", [0, 3])
async def test_all_frames_of_several_flushes_come_before_the_close_frame(turns: int) -> None:
    async with listening() as door, door.open() as raw:
        connection = door.echo.connections[-1]
        for number in range(20):
            push(connection, text_frame(b"%02d" % number + b"." * 60_000))
        for _ in range(turns):
            await asyncio.sleep(0)
        connection.close(1000, "")
        heard = []
        while (got := await raw.frame()).opcode == TEXT:
            heard.append(int(got.payload[:2]))
        assert heard == [*range(20)]
        assert got.opcode == CLOSE
