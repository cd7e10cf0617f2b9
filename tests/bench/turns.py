"""Servers take turns at a row, A B B A. Each turn is short: what takes long is done fewer times, or cut off.

It says how far it is, and does not know which rows and servers there are.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from tests.bench.generator import CUT_S, Row, Taken, figure, pin
from tests.bench.measures import Server
from tests.bench.results import Result

SLOW_S = 8.0
"""A server whose turn took more seconds has no further one at that row."""
QUIET_S = 10.0
"""A row that takes no longer says nothing meanwhile."""

Take = Callable[[Path, Server, Row, int], Taken]
"""`generator.take`: with the program of the load, and the processor that it has."""


@dataclass
class Entrant:
    """A server that takes part. After a failure it is started again, because it may hold on to what failed."""

    name: str
    version: str
    start: Callable[[], AbstractContextManager[Server]]
    server: Server | None = None
    stack: ExitStack | None = None

    def running(self, processor: int) -> Server:
        if self.server is None:
            self.stack = ExitStack()
            self.server = self.stack.enter_context(self.start())
            pin(self.server.pid, processor)
        return self.server

    def stop(self) -> None:
        if self.stack is not None:
            self.stack.close()
        self.server = self.stack = None


class Progress:
    """Prints a line after each turn of a row that takes long."""

    def __init__(self, turns: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self._turns = turns

    def took(self, server: str, seconds: float, run: int, left: float) -> None:
        if self._clock() - self._began > QUIET_S:
            print(f"    run {run + 1} of {self._turns}: {server}, {seconds:.0f} s; {left:.0f} s left", flush=True)


def left(took: Mapping[str, float], to_do: Sequence[str]) -> float:
    """Seconds for `to_do`, names of servers once for each turn. A server that had no turn takes as long as others."""
    mean = fmean(took.values()) if took else 0.0
    return sum(took.get(name, mean) for name in to_do)


def measured(row: Row, taking: Sequence[Entrant], runs: int, load: Path, take: Take) -> Result:
    """All turns of a row."""
    processors, result = sorted(os.sched_getaffinity(0)), Result()
    able = [each for each in taking if row.floor or not each.name.startswith("C, ")]
    turns = 1 if row.once else runs
    to_do = [(run, each) for run in range(turns) for each in (reversed(able) if run % 2 else able)]
    took: dict[str, float] = {}
    progress = Progress(turns)
    while to_do:
        run, each = to_do.pop(0)
        began = time.monotonic()
        try:
            server = each.running(processors[0])
            began = time.monotonic()  # a start is no part of the turn
            found = take(load, server, row, processors[-1])
        except RuntimeError as reason:
            result.fail(each.name, str(reason))
            each.stop()
        else:
            _note(result, row, each, found)
        took[each.name] = time.monotonic() - began
        if took[each.name] > SLOW_S or each.server is None:
            to_do = [later for later in to_do if later[1] is not each]
        progress.took(each.name, took[each.name], run, left(took, [later.name for _, later in to_do]))
    return result


def _note(result: Result, row: Row, each: Entrant, found: Taken) -> None:
    """The figures of a turn. A server that was cut off is stopped: it is still at work."""
    cut = "cut" in found
    for title, name in row.lines.items():
        if not cut:
            result.add(title, each.name, figure(found, name))
        elif name.startswith("server_"):
            result.cut(title, each.name, figure(found, name))
        else:
            result.fail(each.name, f"cut off after {CUT_S} seconds")
    if cut:
        each.stop()
