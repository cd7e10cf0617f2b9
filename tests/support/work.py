"""How much a piece of work costs, measured so that other programs on the machine do not count.

The processor time of a thread, not what a clock on the wall shows. A machine that does many things at once makes the
same work somewhat slower: limits leave room for that, and the least of several tries is taken.
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
