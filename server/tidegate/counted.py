"""Log lines that may repeat: the first is written at once, then at most one a period, with the number of the others.

A client can make the gateway refuse, fail or close the same thing a thousand times a second; the log must not grow with
it. Make one `Counted` for each kind of line, when the module is imported, and call it each time:

    REFUSED_TOKENS = Counted(log, logging.WARNING, "a token from %s was refused", name="refused_token")
    REFUSED_TOKENS(address)

    10:00:00 WARNING tidegate.door  a token from 203.0.113.7 was refused
    10:01:00 WARNING tidegate.door  a token from 203.0.113.9 was refused (the newest of 5213 in 60 s)

With a name it is also an event that monitoring sees: `totals` has how often each event has happened since the start.
`write_due`, called about once a second, writes the numbers that are due although nothing followed. This module imports
no other part of Tidegate. It may be used in any thread, and costs less than a microsecond where nothing is written.
Invariant: of one `Counted` there is at most one line in `PERIOD_S`, and each call is in the number of some line.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

PERIOD_S = 60.0


class Counted:
    """One kind of line. `text` is a format of `logging`; its arguments must hold no payload and no token."""

    def __init__(
        self,
        log: logging.Logger,
        level: int,
        text: str,
        period: float = PERIOD_S,
        now: Callable[[], float] = time.monotonic,
        *,
        name: str = "",
    ) -> None:
        """`period`: seconds between two lines, at least. `now`: a clock that only ever goes forward.

        `name`: of the event, in lower case with underscores. Several kinds of lines may be of one event.
        """
        self._log = log
        self._level = level
        self._text = text
        self._period = period
        self._now = now
        self._due: float | None = None
        """When the next line may be written; None before the first."""
        self._began = 0.0
        """When the last line was written."""
        self._count = 0
        """Calls since then."""
        self._newest: tuple[object, ...] = ()
        self.total = 0
        """Calls since the start of the process."""
        if name:
            _named.setdefault(name, []).append(self)

    def __call__(self, *arguments: object) -> None:
        """It happened again. `arguments` are those of the text."""
        with _lock:
            now = self._now()
            self.total += 1
            self._count += 1
            self._newest = arguments
            if self._due is not None and now < self._due:
                _waiting[self] = None
                return
            line = self._line(now)
        self._write(line)

    def write_due(self) -> None:
        """Write what was counted, if a line may be written again."""
        with _lock:
            now = self._now()
            if self._due is None or now < self._due or not self._count:
                return
            line = self._line(now)
        self._write(line)

    def forget(self) -> None:
        """Begin again, but for `total`. `_lock` is held."""
        self._count, self._newest, self._due = 0, (), None

    def _line(self, now: float) -> tuple[str, tuple[object, ...]]:
        """The line that is due now; the count starts again. `_lock` is held."""
        count, since = self._count, now - self._began
        line = self._text, self._newest
        if count > 1:
            line = f"{self._text} (the newest of %d in %.0f s)", (*self._newest, count, since)
        self._count, self._newest = 0, ()
        self._began, self._due = now, now + self._period
        _waiting.pop(self, None)
        return line

    def _write(self, line: tuple[str, tuple[object, ...]]) -> None:
        text, arguments = line
        self._log.log(self._level, text, *arguments)


_lock = threading.Lock()
_waiting: dict[Counted, None] = {}
"""Those with calls that are in no line yet."""
_named: dict[str, list[Counted]] = {}
"""The kinds of lines of each event. They are made when modules are imported, and stay."""


def totals() -> dict[str, int]:
    """How often each event has happened since the start of the process, by name."""
    return {name: sum(each.total for each in kinds) for name, kinds in _named.items()}


def write_due() -> None:
    """Write every number that is due."""
    if _waiting:
        for counted in list(_waiting):
            counted.write_due()


def write_at_once() -> None:
    """Let the next line of each kind be written, whenever the last one was. What was counted until now is forgotten."""
    with _lock:
        for kinds in _named.values():
            for each in kinds:
                each.forget()
        _waiting.clear()
