"""The time of a gateway under test: that of the machine, and what the test lets pass besides.

Invariant: it only ever goes forward, and waits for the gateway's work in between as real time would.
"""

from __future__ import annotations

import asyncio
import threading
import time

from tidegate.handlers.lifecycle import Stop


class ShiftedClock:
    """`ahead`: by how many seconds the gateway is ahead of the machine."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self.passed = threading.Condition()
        """Notified when the test lets time pass, for threads that wait for a time."""
        self._waits: set[ShiftedStop] = set()

    def wall(self) -> float:
        """Seconds since the Unix epoch."""
        return time.time() + self.ahead

    def steady(self) -> float:
        """Seconds of a clock that nothing sets."""
        return time.monotonic() + self.ahead

    def let_pass(self, seconds: float) -> list[ShiftedStop]:
        """Returns what plain background tasks wait on whose time has come, for `settled`."""
        with self.passed:
            self.ahead += seconds
            due = [stop for stop in self._waits if stop.due <= self.steady()]
            for stop in due:
                stop.rounds += 1
            self.passed.notify_all()
        return due

    def settled(self, stop: ShiftedStop) -> bool:
        """Whether the task has done what was due, and waits again."""
        with self.passed:
            return stop in self._waits and not stop.rounds

    def wait(self, stop: ShiftedStop, seconds: float) -> None:
        """In the thread of a task: until `stop` is set, or so many seconds have passed."""
        with self.passed:
            stop.due, stop.rounds = self.steady() + seconds, 0
            self._waits.add(stop)
            try:
                while not stop.is_set() and (left := stop.due - self.steady()) > 0:
                    self.passed.wait(min(left, threading.TIMEOUT_MAX))
            finally:
                self._waits.discard(stop)


class ShiftedStop(Stop):
    """What a plain background task waits on: it lives by a `ShiftedClock`."""

    def __init__(self, clock: ShiftedClock) -> None:
        super().__init__()
        self._clock = clock
        self.due = 0.0
        """When the present wait ends, by the clock's steady time."""
        self.rounds = 0
        """Above 0 from when its time has come until the task waits again."""

    def wait(self, timeout: float | None = None) -> bool:
        if timeout is None:
            return super().wait()
        self._clock.wait(self, timeout)
        return self.is_set()

    def set(self) -> None:
        super().set()
        with self._clock.passed:
            self._clock.passed.notify_all()


class ShiftedLoop(asyncio.SelectorEventLoop):
    """An event loop whose timers live by a `ShiftedClock`."""

    def __init__(self, clock: ShiftedClock) -> None:
        self._shifted = clock
        super().__init__()

    def time(self) -> float:
        return self._shifted.steady()
