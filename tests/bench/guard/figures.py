"""What the paths cost, as multiples of the calibration: `python -m tests.bench.guard.figures` prints it as JSON.

Calibration and path are run in turn, in slices of a fraction of a millisecond, and the processor time of this thread is
counted. A figure is a low quantile of the path's slices over that of the calibration's beside them. The least slice is
not used: on a virtual machine a clock that jumps makes single slices too short.
Invariant: a change of speed of the processor changes both parts of a figure alike.
"""

from __future__ import annotations

import argparse
import gc
import json
import time
from collections.abc import Mapping, Sequence

from tests.bench.guard.calibration import calibrate
from tests.bench.guard.paths import PATHS, Work, prepared

ROUNDS = 120
QUANTILE = 10
"""One slice in so many is quicker than the one that is taken."""
SEEDED = 1.25
"""How much longer a path takes that is slowed down to try the guard."""


def figures(works: Mapping[str, Work], rounds: int = ROUNDS) -> dict[str, float]:
    """The cost of each path as a multiple of the calibration."""
    reference: dict[str, list[int]] = {name: [] for name in works}
    costs: dict[str, list[int]] = {name: [] for name in works}
    calibrate()
    for work in works.values():
        work()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        for _ in range(rounds):
            for name, work in works.items():
                reference[name].append(_slice(calibrate))
                costs[name] += (_slice(work), _slice(work))
                reference[name].append(_slice(calibrate))
    finally:
        gc.enable()
        gc.unfreeze()
    return {name: low(costs[name]) / low(reference[name]) for name in works}


def low(slices: Sequence[int]) -> int:
    """The low quantile."""
    return sorted(slices)[len(slices) // QUANTILE]


def slowed(work: Work) -> Work:
    """`work`, and idle computing until it took `SEEDED` times as long."""

    def slow() -> None:
        began = time.thread_time_ns()
        work()
        until = began + (time.thread_time_ns() - began) * SEEDED
        while time.thread_time_ns() < until:
            pass

    return slow


def _slice(work: Work) -> int:
    began = time.thread_time_ns()
    work()
    return time.thread_time_ns() - began


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.guard.figures")
    parser.add_argument("paths", nargs="*", help="paths to measure; none for all")
    parser.add_argument("--slow", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    with prepared([name for name in PATHS if name in chosen.paths or not chosen.paths]) as works:
        if chosen.slow in works:
            works[chosen.slow] = slowed(works[chosen.slow])
        print(json.dumps(figures(works)))


if __name__ == "__main__":
    main()
