"""The timer wheel and the heartbeat on a clock that the test moves: due when they should be, whatever fails between."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
from collections.abc import Callable, Collection
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tidegate.core.protocol import Protocol
from tidegate.core.session import Session
from tidegate.gateway.heartbeats import Heartbeats
from tidegate.transport.tickers import Tickers
from tidegate_protocol import FeedPosition, Heartbeat, Principal

POSITION = FeedPosition(epoch="e", seq=7)


class FakeLoop:
    """`call_later` of an event loop whose time passes when the test says so."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[tuple[float, int, Handle]] = []
        self._count = itertools.count()

    def call_later(self, delay: float, callback: Callable[[], None]) -> Handle:
        handle = Handle(callback)
        heapq.heappush(self._due, (self.now + delay, next(self._count), handle))
        return handle

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while self._due and self._due[0][0] <= end:
            self.now, _, handle = heapq.heappop(self._due)
            if not handle.cancelled:
                handle.callback()
        self.now = end


class Handle:
    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


@pytest.fixture
def loop() -> FakeLoop:
    return FakeLoop()


@pytest.fixture
def wheel(loop: FakeLoop) -> Tickers:
    return Tickers(cast(asyncio.AbstractEventLoop, loop))


def test_each_callback_has_its_own_beat(loop: FakeLoop, wheel: Tickers) -> None:
    quick: list[float] = []
    slow: list[float] = []
    wheel.every(1, lambda: quick.append(loop.now))
    wheel.every(2.5, lambda: slow.append(loop.now))
    loop.advance(5.1)
    assert quick == [1, 2, 3, 4, 5]
    assert slow == [2.5, 5]


def test_a_callback_that_raises_is_logged_and_called_again_and_stops_no_other(
    loop: FakeLoop, wheel: Tickers, caplog: pytest.LogCaptureFixture
) -> None:
    turns: list[str] = []

    def broken() -> None:
        turns.append("broken")
        raise RuntimeError("a bug")

    wheel.every(1, broken)
    wheel.every(1, lambda: turns.append("sound"))
    loop.advance(2)
    assert turns == ["broken", "sound"] * 2
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2


def test_after_close_nothing_is_called_also_when_a_callback_closed_it(loop: FakeLoop, wheel: Tickers) -> None:
    turns: list[float] = []
    wheel.every(1, lambda: turns.append(loop.now))
    loop.advance(1)
    wheel.close()
    loop.advance(5)
    assert turns == [1]
    wheel.every(1, wheel.close)
    wheel.every(2, lambda: turns.append(loop.now))
    loop.advance(5)
    assert turns == [1]


# -- the heartbeat ----------------------------------------------------------------------------------------------------


class Beats:
    """A heart of ten seconds and what it said to whom."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.said: list[tuple[float, list[str], Heartbeat]] = []
        self.expired: list[str] = []
        rows = SimpleNamespace(dispatched=SimpleNamespace(position=POSITION))
        protocol = cast(Protocol, SimpleNamespace(rows=rows))
        self.heart = Heartbeats(
            10, protocol, self._push, lambda session: self.expired.append(session.id), lambda: self.now
        )

    def _push(self, lines: Collection[Any], beat: Heartbeat) -> None:
        self.said.append((self.now, list(lines), beat))

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds * 20)):
            self.now += 0.05
            self.heart.tick(self.now)

    def heard_by(self, name: str) -> list[float]:
        return [now for now, lines, _ in self.said if name in lines]


def session(name: str) -> Session:
    return Session(name, name, Principal(id=name, name=name, roles=[], anonymous=False))


@pytest.fixture
def beats() -> Beats:
    return Beats()


def test_every_session_hears_the_time_once_an_interval_a_whole_one_after_it_came(beats: Beats) -> None:
    beats.heart.add(session("early"))
    beats.pass_time(4.5)
    beats.heart.add(session("late"))
    beats.pass_time(35.0)
    for name, came in (("early", 1000.0), ("late", 1004.5)):
        heard = beats.heard_by(name)
        assert len(heard) == 3
        assert all(abs(later - sooner - 10) < 0.2 for sooner, later in itertools.pairwise(heard))
        assert 9 < heard[0] - came < 10.2
    assert all(beat.position == POSITION for _, _, beat in beats.said)


def test_who_is_replaying_hears_no_position(beats: Beats) -> None:
    replaying = session("replaying")
    replaying.replaying = 1
    beats.heart.add(replaying)
    beats.heart.add(session("current"))
    beats.pass_time(10.5)
    (current,) = [beat for _, lines, beat in beats.said if lines == ["current"]]
    assert current.position == POSITION
    (silent,) = [beat for _, lines, beat in beats.said if lines == ["replaying"]]
    assert silent == Heartbeat(time=silent.time)


def test_who_left_hears_nothing_and_may_leave_twice(beats: Beats) -> None:
    gone = session("gone")
    beats.heart.add(gone)
    beats.heart.discard(gone)
    beats.heart.discard(gone)
    beats.pass_time(20)
    assert (beats.said, beats.expired) == ([], [])


def test_a_token_that_ends_is_noticed_once_within_a_second_unless_it_was_renewed(beats: Beats) -> None:
    ending, renewed, forever = session("ending"), session("renewed"), session("forever")
    ending.expires_at = renewed.expires_at = 1005.0
    for each in (ending, renewed, forever):
        beats.heart.add(each)
    renewed.expires_at = 2000.0
    beats.heart.renew(renewed)
    beats.pass_time(4.9)
    assert beats.expired == []
    beats.pass_time(1.2)
    assert beats.expired == ["ending"]
    beats.pass_time(30)
    assert beats.expired == ["ending"]


def test_a_clock_set_back_or_forward_does_not_silence_the_heart(beats: Beats) -> None:
    beats.heart.add(session("one"))
    for jump in (-3600.0, 3600.0):
        beats.now += jump
        before = len(beats.said)
        beats.pass_time(11)
        assert 1 <= len(beats.said) - before <= 2
