"""Tells the application's functions what happened to connections and rooms.

Events wait in one queue for each connection or room, so that those of one are told in their order, one at a time;
those of several are told side by side. It does not know what the functions do.
Invariant: at most `LIMIT` events wait and at most `AT_ONCE` calls run; a new event that finds no room is not told, and
a line in the log counts it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from copy import deepcopy

from tidegate.counted import Counted
from tidegate.gateway.calls.functions import FunctionCalls
from tidegate.gateway.lifecycle import Happened, Kind
from tidegate.handlers.call import copied
from tidegate.handlers.function import Function
from tidegate.handlers.lifecycle import Connection, Moment, Moments
from tidegate.reports import report, report_failure

log = logging.getLogger("tidegate.handlers")

LIMIT = 10_000
"""Events that wait for the application's functions, at most."""
AT_ONCE = 32
"""Events that are told at a time."""
DROPPED = Counted(
    log,
    logging.WARNING,
    "the application's functions are too slow for what happens: %s %s was not told to them",
    name="application_event_dropped",
)
MOMENTS: Mapping[Kind, Moment] = {
    "connected": "connect",
    "disconnected": "disconnect",
    "joined": "join",
    "left": "leave",
    "occupied": "occupied",
    "vacated": "vacated",
}


class Events:
    """Of one gateway. Every method belongs to its loop."""

    def __init__(self, moments: Moments, functions: FunctionCalls, seconds: float) -> None:
        """`seconds`: how long a function is waited for."""
        self._told: dict[Kind, list[Function]] = {
            kind: moments.of(moment) for kind, moment in MOMENTS.items() if kind != "connected" and moments.of(moment)
        }
        self._functions = functions
        self._seconds = seconds
        self._queues: dict[str, deque[Happened]] = {}
        """By connection or room: what waits there, behind what is told now."""
        self._ready: deque[str] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting = 0
        self._ended = False

    @property
    def wanted(self) -> bool:
        """Whether a function wants to know anything."""
        return bool(self._told)

    def happened(self, event: Happened) -> None:
        if event.kind not in self._told or self._ended:
            return
        if self._waiting >= LIMIT:
            DROPPED(event.kind, event.room or event.connection)
            return
        self._waiting += 1
        of = event.connection or f"room {event.room}"
        queue = self._queues.get(of)
        if queue is not None:
            queue.append(event)
            return
        self._queues[of] = deque([event])
        self._ready.append(of)
        self._go_on()

    def end(self) -> None:
        """Tell nothing more."""
        self._ended = True
        for task in self._tasks:
            task.cancel()

    def _go_on(self) -> None:
        while self._ready and len(self._tasks) < AT_ONCE:
            # The tasks are owned here: each ends with its event, or with `end`.
            task = asyncio.get_running_loop().create_task(self._tell(self._ready.popleft()))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _tell(self, of: str) -> None:
        """Tell the next event of one queue; then it is the turn of the others."""
        event = self._queues[of].popleft()
        self._waiting -= 1
        for function in self._told[event.kind]:
            outcome = await self._functions.outcome(function, *_given(event), seconds=self._seconds)
            if isinstance(outcome.error, TimeoutError):
                report(f"the function {function.name} took too long for {event.kind!r}: {outcome.error}")
            elif outcome.error is not None and not self._ended:
                report_failure(f"the function {function.name} failed at {event.kind!r}:", outcome.error)
        if self._queues[of]:
            self._ready.append(of)
        else:
            del self._queues[of]
        asyncio.get_running_loop().call_soon(self._go_on)


def _given(event: Happened) -> list[object]:
    """What a function is given: copies."""
    given: list[object] = [] if event.room is None else [event.room]
    if event.user is not None:
        given.append(Connection(event.connection, copied(event.user), deepcopy(dict(event.claims))))
    return given
