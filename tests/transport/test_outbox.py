"""Gathering: one flush for each line and loop turn, in order, whatever the lines do meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tidegate.transport.outbox import Outbox


class FakeLine:
    """Notes what each flush wrote."""

    def __init__(self, on_flush: Callable[[], None] = lambda: None) -> None:
        self.frames: list[bytes] = []
        self.writes: list[list[bytes]] = []
        self._on_flush = on_flush

    def flush(self) -> None:
        taken, self.frames[:] = list(self.frames), []
        if taken:
            self.writes.append(taken)
            self._on_flush()


@pytest.fixture
async def outbox() -> Outbox:
    return Outbox(asyncio.get_running_loop())


async def turn() -> None:
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_frames_of_one_turn_are_flushed_once_and_in_order(outbox: Outbox) -> None:
    one, two = FakeLine(), FakeLine()
    outbox.push(one, b"1")
    outbox.push_many([one, two], b"2")
    outbox.push(two, b"3")
    outbox.push(one, b"4")
    assert (one.writes, two.writes) == ([], [])
    await turn()
    assert one.writes == [[b"1", b"2", b"4"]]
    assert two.writes == [[b"2", b"3"]]


async def test_the_next_turn_is_a_write_of_its_own(outbox: Outbox) -> None:
    line = FakeLine()
    for text in (b"1", b"2", b"3"):
        outbox.push(line, text)
        await turn()
    assert line.writes == [[b"1"], [b"2"], [b"3"]]


async def test_a_line_twice_in_a_fan_out_gets_the_frame_twice_in_one_write(outbox: Outbox) -> None:
    line = FakeLine()
    outbox.push_many([line, line], b"x")
    await turn()
    assert line.writes == [[b"x", b"x"]]


async def test_a_fan_out_to_nobody_leaves_the_outbox_usable(outbox: Outbox) -> None:
    line = FakeLine()
    outbox.push_many([], b"nobody")
    outbox.push_many(iter([line]), b"somebody")
    await turn()
    assert line.writes == [[b"somebody"]]


async def test_what_is_pushed_while_flushing_goes_out_in_the_next_turn(outbox: Outbox) -> None:
    answering = FakeLine()
    late = FakeLine()
    line = FakeLine(lambda: outbox.push_many([answering, late], b"because of it"))
    outbox.push(line, b"first")
    outbox.push(answering, b"own")
    await turn()
    await turn()
    assert line.writes == [[b"first"]]
    assert [frame for write in answering.writes for frame in write] == [b"own", b"because of it"]
    assert late.writes == [[b"because of it"]]


async def test_a_line_that_flushed_by_itself_is_flushed_again_for_what_came_after(outbox: Outbox) -> None:
    line = FakeLine()
    outbox.push(line, b"1")
    line.flush()
    outbox.push(line, b"2")
    await turn()
    assert line.writes == [[b"1"], [b"2"]]


async def test_a_line_whose_write_fails_does_not_keep_the_others_waiting(
    outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise RuntimeError("cannot write")

    before, broken, after = FakeLine(), FakeLine(fail), FakeLine()
    for _ in range(2):
        outbox.push_many([before, broken, after], b"news")
        await turn()
    assert before.writes == after.writes == [[b"news"], [b"news"]]
    assert [record.name for record in caplog.records].count("tidegate.outbox") == 2


async def test_an_answer_for_its_sender_alone_is_written_without_another_turn(outbox: Outbox) -> None:
    line = FakeLine()
    assert outbox.hold()
    assert not outbox.hold(), "who is within another's turn has nothing to release"
    outbox.push(line, b"1")
    outbox.push(line, b"2")
    outbox.release(line)
    assert line.writes == [[b"1", b"2"]]
    await turn()
    assert line.writes == [[b"1", b"2"]]


async def test_what_leads_to_frames_for_others_waits_for_the_turn(outbox: Outbox) -> None:
    line, other = FakeLine(), FakeLine()
    assert outbox.hold()
    outbox.push_many([line, other], b"1")
    outbox.release(line)
    assert (line.writes, other.writes) == ([], [])
    await turn()
    assert line.writes == other.writes == [[b"1"]]


async def test_a_release_for_nothing_leaves_the_outbox_usable(outbox: Outbox) -> None:
    line = FakeLine()
    assert outbox.hold()
    outbox.release(line)
    outbox.push(line, b"later")
    await turn()
    assert line.writes == [[b"later"]]
