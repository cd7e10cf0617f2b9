"""The queues of the writing threads: what waits in one is taken, many at a time, by the thread that owns it.

It knows nothing of what waits. None in a queue tells its thread to end.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from queue import Empty, SimpleQueue

from tidegate.core.rows.ports import Mutation, WriteResult

Waiting = tuple[Mutation, "asyncio.Future[WriteResult]"]
Queue = SimpleQueue[Waiting | None]


def fill(waiting: deque[Waiting], lane: Queue, limit: int) -> bool:
    """Take what waits, up to `limit`, and wait if there is nothing. False: it was the last."""
    try:
        while len(waiting) < limit:
            one = lane.get() if not waiting else lane.get_nowait()
            if one is None:
                return False
            waiting.append(one)
    except Empty:
        pass
    return True


def drained(queue: Queue) -> list[Waiting]:
    """What was in the queue."""
    found = []
    with suppress(Empty):
        while True:
            if (one := queue.get_nowait()) is not None:
                found.append(one)
    return found
