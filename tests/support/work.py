"""Measures the cost of a piece of work without that of other programs on the machine.

It measures the processor time of a thread, not the elapsed time. A busy machine makes the same work somewhat slower:
limits leave room for that, and the least of several tries counts.
`tests.bench.load.Meter` measures another process.
"""

from __future__ import annotations

import time
from collections.abc import Callable

TRIES = 8


def least_cost(work: Callable[[], object], limit: float) -> float:
    """Seconds of this thread's processor time for `work`: the least of some tries, until one is well below `limit`."""
    least = float("inf")
    for _ in range(TRIES):
        before = time.thread_time()
        work()
        least = min(least, time.thread_time() - before)
        if least < limit / 4:
            break
    return least
