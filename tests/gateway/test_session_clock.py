"""The clock of sessions: a jump is told before anything is measured by the new time."""

from __future__ import annotations

import types
from typing import Any

import pytest

from tidegate.gateway import session_clock
from tidegate.gateway.session_clock import SessionClock


class Time:
    """The wall clock and the steady clock, moved by hand."""

    def __init__(self) -> None:
        self.wall, self.steady = 1000.0, 50.0

    def pass_(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds


class Shifted:
    """Stands for the sessions: what they were told, and when by the clock they asked."""

    def __init__(self) -> None:
        self.shifts: list[float] = []

    def shift(self, seconds: float) -> None:
        self.shifts.append(seconds)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    found = Time()
    clocks = types.SimpleNamespace(time=lambda: found.wall, monotonic=lambda: found.steady)
    monkeypatch.setattr(session_clock, "time", clocks)
    return found


def test_sessions_learn_of_a_standstill_before_the_first_time_after_it(time: Time) -> None:
    sessions: Any = Shifted()
    clock = SessionClock(sessions, lambda: time.wall + len(sessions.shifts))
    time.pass_(1.0)
    assert clock() == 1001.0
    time.pass_(60.0)
    assert clock() == 1062.0, "it is told first"
    clock.look()
    assert sessions.shifts == [61.0]


def test_a_clock_that_was_set_is_noticed_by_the_next_look(time: Time) -> None:
    sessions: Any = Shifted()
    clock = SessionClock(sessions, lambda: time.wall)
    time.wall += 3600
    time.pass_(0.1)
    clock.look()
    assert sessions.shifts == [pytest.approx(3600.0)]
