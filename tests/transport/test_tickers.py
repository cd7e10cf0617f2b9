"""Tickers on a clock that the test moves: due when they should be, whatever fails in between."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
from collections.abc import Callable
from typing import cast

import pytest

from tidegate.transport.tickers import Tickers


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
