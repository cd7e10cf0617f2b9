"""Tickers on a clock that the test moves: each callback runs on time, even when another callback fails."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
from collections.abc import Callable
from typing import cast

import pytest

from tidegate.transport import Tickers


class FakeLoop:
    """`call_later` of an event loop whose clock the test moves."""

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
def tickers(loop: FakeLoop) -> Tickers:
    return Tickers(cast(asyncio.AbstractEventLoop, loop))


def test_each_callback_runs_at_its_own_interval(loop: FakeLoop, tickers: Tickers) -> None:
    quick: list[float] = []
    slow: list[float] = []
    tickers.every(1, lambda: quick.append(loop.now))
    tickers.every(2.5, lambda: slow.append(loop.now))
    loop.advance(5.1)
    assert quick == [1, 2, 3, 4, 5]
    assert slow == [2.5, 5]


def test_callback_that_raises_is_logged_called_again_and_stops_no_other(
    loop: FakeLoop, tickers: Tickers, caplog: pytest.LogCaptureFixture
) -> None:
    turns: list[str] = []

    def broken() -> None:
        turns.append("broken")
        raise RuntimeError("a bug")

    tickers.every(1, broken)
    tickers.every(1, lambda: turns.append("sound"))
    loop.advance(2)
    assert turns == ["broken", "sound"] * 2
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2


def test_no_callback_runs_after_close_even_when_a_callback_closes(loop: FakeLoop, tickers: Tickers) -> None:
    turns: list[float] = []
    tickers.every(1, lambda: turns.append(loop.now))
    loop.advance(1)
    tickers.close()
    loop.advance(5)
    assert turns == [1]
    tickers.every(1, tickers.close)
    tickers.every(2, lambda: turns.append(loop.now))
    loop.advance(5)
    assert turns == [1]
