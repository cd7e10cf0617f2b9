"""The outbox flushes each sink once in a loop turn, in order, even when a flush fails or pushes more frames."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import pytest

from tidegate.transport.crowds import CROWD, STEP_S
from tidegate.transport.outbox import LEAST_S, SLICE_S, Outbox


class FakeLoop:
    """Runs what is due when it is told to; its clock, and that of the outbox, is `now`."""

    def __init__(self) -> None:
        self.now = 0.0
        self.soon: list[Callable[[], object]] = []
        self.later: list[tuple[float, Callable[[], object]]] = []

    def call_soon(self, callback: Callable[[], object]) -> None:
        self.soon.append(callback)

    def call_later(self, delay: float, callback: Callable[[], object]) -> None:
        self.later.append((delay, callback))

    def outbox(self) -> Outbox:
        return Outbox(cast(asyncio.AbstractEventLoop, self), lambda: self.now)

    def turn(self) -> None:
        soon, self.soon = self.soon, []
        for callback in soon:
            callback()

    def wait(self) -> None:
        ((delay, callback),) = self.later
        self.later.clear()
        self.now += delay
        callback()


class FakeSink:
    """Notes what each flush wrote."""

    def __init__(self, on_flush: Callable[[], None] = lambda: None, most: int = 1000) -> None:
        """`most`: frames that one flush writes."""
        self.frames: list[bytes] = []
        self.may_miss = False
        self.writes: list[list[bytes]] = []
        self._on_flush = on_flush
        self._most = most

    def flush(self) -> None:
        taken, self.frames[: self._most] = self.frames[: self._most], []
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
    one, two = FakeSink(), FakeSink()
    outbox.push(one, b"1")
    outbox.push_many([one, two], b"2")
    outbox.push(two, b"3")
    outbox.push(one, b"4")
    assert (one.writes, two.writes) == ([], [])
    await turn()
    assert one.writes == [[b"1", b"2", b"4"]]
    assert two.writes == [[b"2", b"3"]]


async def test_each_turn_flushes_separately(outbox: Outbox) -> None:
    sink = FakeSink()
    for text in (b"1", b"2", b"3"):
        outbox.push(sink, text)
        await turn()
    assert sink.writes == [[b"1"], [b"2"], [b"3"]]


async def test_sink_that_is_twice_in_a_fan_out_receives_the_frame_twice_in_one_write(outbox: Outbox) -> None:
    sink = FakeSink()
    outbox.push_many([sink, sink], b"x")
    await turn()
    assert sink.writes == [[b"x", b"x"]]


async def test_fan_out_to_no_sinks_has_no_effect(outbox: Outbox) -> None:
    sink = FakeSink()
    outbox.push_many([], b"no sinks")
    outbox.push_many((sink,), b"one sink")
    await turn()
    assert sink.writes == [[b"one sink"]]


async def test_frames_pushed_during_a_flush_go_out_in_the_next_turn(outbox: Outbox) -> None:
    answering = FakeSink()
    late = FakeSink()
    sink = FakeSink(lambda: outbox.push_many([answering, late], b"because of it"))
    outbox.push(sink, b"first")
    outbox.push(answering, b"own")
    await turn()
    await turn()
    assert sink.writes == [[b"first"]]
    assert [frame for write in answering.writes for frame in write] == [b"own", b"because of it"]
    assert late.writes == [[b"because of it"]]


async def test_sink_that_flushed_early_is_flushed_again_for_later_frames(outbox: Outbox) -> None:
    sink = FakeSink()
    outbox.push(sink, b"1")
    sink.flush()
    outbox.push(sink, b"2")
    await turn()
    assert sink.writes == [[b"1"], [b"2"]]


async def test_sink_whose_write_fails_does_not_delay_the_others(
    outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise RuntimeError("cannot write")

    before, broken, after = FakeSink(), FakeSink(fail), FakeSink()
    for _ in range(2):
        outbox.push_many([before, broken, after], b"news")
        await turn()
    assert before.writes == after.writes == [[b"news"], [b"news"]]
    assert [record.name for record in caplog.records].count("tidegate.outbox") == 2


async def test_frames_for_the_sender_alone_are_written_on_release(outbox: Outbox) -> None:
    sink = FakeSink()
    assert outbox.hold()
    assert not outbox.hold(), "only the first `hold` of a turn needs a `release`"
    outbox.push(sink, b"1")
    outbox.push(sink, b"2")
    outbox.release(sink)
    assert sink.writes == [[b"1", b"2"]]
    await turn()
    assert len(sink.writes) == 1


async def test_answers_to_others_are_not_forgotten_on_release(outbox: Outbox) -> None:
    """A request may lead to an answer to an earlier request of another client."""
    asking, waiting = FakeSink(), FakeSink()
    assert outbox.hold()
    outbox.push(asking, b"answer")
    outbox.push(waiting, b"late answer")
    outbox.release(asking)
    await turn()
    assert (asking.writes, waiting.writes) == ([[b"answer"]], [[b"late answer"]])
    assert outbox.hold()
    outbox.push(waiting, b"another")
    outbox.release(asking)
    await turn()
    assert waiting.writes == [[b"late answer"], [b"another"]]


async def test_what_rooms_deliver_is_written_at_the_end_of_the_turn_in_one_write_with_answers(outbox: Outbox) -> None:
    """Also where the sender is the only one that gets it, and whichever of the two comes first."""
    sender, next_one = FakeSink(), FakeSink()
    assert outbox.hold()
    outbox.push_many([sender], b"message")
    outbox.push(sender, b"sent")
    outbox.release(sender)
    assert not outbox.hold(), "the flush is due in this loop turn"
    outbox.push(next_one, b"pong")
    outbox.push_many([next_one], b"message")
    assert sender.writes == next_one.writes == []
    await turn()
    assert (sender.writes, next_one.writes) == ([[b"message", b"sent"]], [[b"pong", b"message"]])


async def test_rest_of_a_flush_is_written_after_the_other_sinks_have_had_theirs(outbox: Outbox) -> None:
    order: list[str] = []
    much, little = FakeSink(lambda: order.append("much"), most=2), FakeSink(lambda: order.append("little"))
    for frame in (b"1", b"2", b"3", b"4", b"5"):
        outbox.push_many([much], frame)
    outbox.push_many([much, little], b"6")
    for _ in range(4):
        await turn()
    assert much.writes == [[b"1", b"2"], [b"3", b"4"], [b"5", b"6"]]
    assert order == ["much", "little", "much", "much"]
    outbox.push(much, b"7")
    await turn()
    assert much.writes[-1] == [b"7"]


async def test_rest_of_a_flush_at_release_is_written_in_the_next_turns(outbox: Outbox) -> None:
    sink = FakeSink(most=1)
    assert outbox.hold()
    for frame in (b"1", b"2", b"3"):
        outbox.push(sink, frame)
    outbox.release(sink)
    assert sink.writes == [[b"1"]]
    for _ in range(4):
        await turn()
    assert sink.writes == [[b"1"], [b"2"], [b"3"]]


async def test_much_is_written_in_several_turns_and_own_answers_do_not_wait() -> None:
    now = 0.0

    def slow() -> None:
        nonlocal now
        now += LEAST_S / 2.5

    outbox = Outbox(asyncio.get_running_loop(), lambda: now)
    crowd = [FakeSink(slow) for _ in range(10)]
    outbox.push_many(crowd, b"1")
    await asyncio.sleep(0)
    written = sum(bool(sink.writes) for sink in crowd)
    assert (written, outbox.behind) == (3, True)
    outbox.push_many([crowd[0], crowd[9]], b"2")
    own = FakeSink()
    assert outbox.hold()
    outbox.push(own, b"answer")
    outbox.release(own)
    assert own.writes == [[b"answer"]]
    for _ in crowd:
        await turn()
    assert [sink.writes for sink in crowd[1:9]] == [[[b"1"]]] * 8
    assert crowd[0].writes == [[b"1"], [b"2"]]
    assert crowd[9].writes == [[b"1", b"2"]]
    assert outbox._dirty == []


async def test_an_answer_does_not_wait_for_what_many_get() -> None:
    now = 0.0

    def slow() -> None:
        nonlocal now
        now += SLICE_S / 2.5

    outbox = Outbox(asyncio.get_running_loop(), lambda: now)
    crowd, own = [FakeSink(slow) for _ in range(10)], FakeSink()
    outbox.push_many(crowd, b"1")
    outbox.push(own, b"answer")
    outbox.push(crowd[9], b"2")
    await asyncio.sleep(0)
    assert own.writes == [[b"answer"]]
    assert crowd[9].writes == [[b"1", b"2"]]
    outbox.push(own, b"later")
    await asyncio.sleep(0)
    assert own.writes == [[b"answer"], [b"later"]]
    assert outbox.behind
    for _ in crowd:
        await turn()
    assert [sink.writes for sink in crowd[:9]] == [[[b"1"]]] * 9


async def test_answers_to_many_do_not_hold_up_what_all_get() -> None:
    now = 0.0

    def slow() -> None:
        nonlocal now
        now += SLICE_S / 8

    outbox = Outbox(asyncio.get_running_loop(), lambda: now)
    asking, crowd = [FakeSink(slow) for _ in range(40)], [FakeSink(slow) for _ in range(10)]
    outbox.push_many(crowd, b"1")
    for sink in asking:
        outbox.push(sink, b"answer")
    before = now
    await asyncio.sleep(0)
    assert now - before <= SLICE_S * 1.25
    assert sum(bool(sink.writes) for sink in crowd) >= 3
    assert 4 <= sum(bool(sink.writes) for sink in asking) <= 6
    for _ in asking:
        await turn()
    assert [sink.writes for sink in [*asking, *crowd]] == [[[b"answer"]]] * 40 + [[[b"1"]]] * 10


async def test_frames_for_several_sinks_wait_for_the_next_turn(outbox: Outbox) -> None:
    sink, other = FakeSink(), FakeSink()
    assert outbox.hold()
    outbox.push_many([sink, other], b"1")
    outbox.release(sink)
    assert (sink.writes, other.writes) == ([], [])
    await turn()
    assert sink.writes == other.writes == [[b"1"]]


async def test_release_without_frames_has_no_effect(outbox: Outbox) -> None:
    sink = FakeSink()
    assert outbox.hold()
    outbox.release(sink)
    outbox.push(sink, b"later")
    await turn()
    assert sink.writes == [[b"later"]]


async def test_a_turn_writes_for_as_long_as_the_rest_of_the_loop_took_within_limits() -> None:
    loop = FakeLoop()
    outbox = loop.outbox()

    def write() -> None:
        loop.now += LEAST_S / 4

    crowd = [FakeSink(write) for _ in range(200)]
    outbox.push_many(crowd, b"1")
    written = []
    for elsewhere in (0.0, 0.0, LEAST_S * 2, SLICE_S * 2):
        loop.now += elsewhere
        before = sum(bool(sink.writes) for sink in crowd)
        loop.turn()
        written.append((sum(bool(sink.writes) for sink in crowd) - before) * LEAST_S / 4)
    assert written == pytest.approx([LEAST_S, LEAST_S, LEAST_S * 2, SLICE_S], abs=LEAST_S / 3)


async def test_message_to_a_crowd_waits_for_the_next_ones_where_they_came_too_late_before() -> None:
    loop = FakeLoop()
    outbox = loop.outbox()

    def write() -> None:
        loop.now += LEAST_S / 100

    crowd = [FakeSink(write) for _ in range(CROWD)]
    for text in (b"1", b"2"):
        outbox.push_many(crowd, text)
        loop.turn()
    while loop.soon:
        loop.turn()
    assert not loop.later, "it was not known that more would come"
    assert crowd[0].writes == [[b"1"], [b"2"]]
    outbox.push_many(crowd, b"3")
    loop.turn()
    assert [delay for delay, _ in loop.later] == [STEP_S]
    own = FakeSink()
    assert outbox.hold()
    outbox.push(own, b"answer")
    outbox.release(own)
    assert own.writes == [[b"answer"]], "a client's own answers do not wait with the crowd"
    outbox.push_many(crowd, b"4")
    loop.wait()
    while loop.soon:
        loop.turn()
    assert {tuple(sink.writes[-1]) for sink in crowd} == {(b"3", b"4")}


async def test_message_to_a_crowd_that_comes_alone_leaves_in_the_next_turn() -> None:
    loop = FakeLoop()
    outbox = loop.outbox()
    crowd = [FakeSink() for _ in range(CROWD)]
    for text in (b"1", b"2", b"3"):
        outbox.push_many(crowd, text)
        loop.turn()
        assert not loop.later
        assert all(sink.writes[-1] == [text] for sink in crowd)
