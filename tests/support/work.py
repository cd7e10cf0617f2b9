"""Measures the cost of a piece of work without that of other programs on the machine.

It measures the processor time of a thread, not the elapsed time. A busy or slow machine makes the same work slower, so
a fixed piece of work is measured beside it: costs are seconds of a machine that does the fixed piece in `REFERENCE_S`.
`tests.bench.load.Meter` measures another process.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

TRIES = 8
REFERENCE_S = 0.001
_DOCUMENT = json.dumps([{"name": f"n{number}", "number": number, "list": [number] * 5} for number in range(1_000)])


def least_cost(work: Callable[[], object], limit: float) -> float:
    """Seconds of this thread's processor time for `work`: the least of some tries, until one is well below `limit`.

    A machine that is slower than the reference has its seconds shortened; a quicker one keeps its own.
    """
    least = reference = float("inf")
    for _ in range(TRIES):
        least = min(least, _seconds(work))
        if least < limit / 4:
            return least
        reference = min(reference, _seconds(_reference))
    return least / max(1.0, reference / REFERENCE_S)


def _seconds(work: Callable[[], object]) -> float:
    before = time.thread_time()
    work()
    return time.thread_time() - before


def _reference() -> int:
    """Work like a gateway's: it reads JSON and makes texts of it."""
    return sum(len(str(row)) for row in json.loads(_DOCUMENT))
