"""Puts events of connections and rooms into the outbox, from the loop's thread by way of another one.

Invariant: the loop never waits; events beyond `LIMIT` that wait for the database are not recorded, nor are those of a
webhook for which `MOST` wait already. The log counts them, and the receiver gets a `gap`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence

from tidegate.counted import Counted
from tidegate.hooks.events import Event, of_loss
from tidegate.hooks.ports import Outbox

log = logging.getLogger("tidegate.hooks")

LIMIT = 20_000
MOST = 100_000
"""Events of a webhook that wait for its receiver: clients that come and go fill no disk."""
LOOK_S = 1.0
"""How often they are counted."""
BATCH = 500
PAUSE_S = 0.05
"""Seconds between two transactions, so that a storm of events makes few of them."""
AGAIN_S = 1.0
"""Seconds after a failure until the next try."""
LOST = Counted(
    log, logging.ERROR, "the outbox of webhooks is too slow: an event %s was not recorded", name="webhook_event_lost"
)
FULL = Counted(
    log, logging.ERROR, f"webhook %r: {MOST:,} messages wait, and an event %s was not recorded", name="webhook_full"
)
FAILED = Counted(
    log, logging.ERROR, "events of webhooks could not be recorded, and wait: %s", name="webhook_outbox_failed"
)


class Recorder:
    """The thread of one gateway."""

    def __init__(self, open_outbox: Callable[[], Outbox]) -> None:
        self._open = open_outbox
        self._waiting: deque[tuple[Event, int]] = deque()
        """With each event, how many of its webhook were dropped before it."""
        self._dropped: dict[str, int] = {}
        """Events of each webhook that were dropped since the last one that waits."""
        self._changed = threading.Event()
        self._counted: dict[str, tuple[float, bool]] = {}
        """When the events of a webhook were counted, and whether others have room."""
        self._lost: dict[str, int] = {}
        """Events of each webhook that were not recorded, of those before the ones that wait."""
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="tidegate-hooks-recorder", daemon=True)
        self._thread.start()

    def record(self, events: Sequence[Event]) -> None:
        """In the loop's thread."""
        for event in events:
            if len(self._waiting) >= LIMIT:
                self._dropped[event.hook] = self._dropped.get(event.hook, 0) + 1
                LOST(event.type)
            else:
                self._waiting.append((event, self._dropped.pop(event.hook, 0)))
        if events:
            self._changed.set()

    def end(self, seconds: float) -> None:
        """Record what waits, for at most `seconds`."""
        self._ended = True
        self._changed.set()
        self._thread.join(seconds)

    def _run(self) -> None:
        outbox = self._open()
        try:
            while self._waiting or not self._ended:
                self._changed.wait()
                self._changed.clear()
                while self._waiting and self._write(outbox):
                    pass
                if not self._ended:
                    time.sleep(PAUSE_S)
        finally:
            outbox.close()

    def _write(self, outbox: Outbox) -> bool:
        batch = [self._waiting[number] for number in range(min(BATCH, len(self._waiting)))]
        now = int(time.time() * 1000)
        try:
            hooks = {hook for hook in {event.hook for event, _ in batch} if self._has_room(outbox, hook)}
            outbox.add(self._with_gaps(batch, hooks, now), now)
        except Exception as error:  # the boundary: whatever the database failed with, the events wait
            FAILED(type(error).__name__)
            outbox.close()  # its connection may be broken; the next try opens another one
            if self._ended:
                return False
            time.sleep(AGAIN_S)
            self._changed.set()
            return False
        for hook in hooks:
            self._lost.pop(hook, None)
        for event, dropped in batch:
            self._waiting.popleft()
            if event.hook not in hooks:
                self._lost[event.hook] = self._lost.get(event.hook, 0) + dropped + 1
                FULL(event.hook, event.type)
        return True

    def _with_gaps(self, batch: Sequence[tuple[Event, int]], hooks: Collection[str], now: int) -> list[Event]:
        """The events of these webhooks, and a `gap` where others are missing."""
        found: list[Event] = []
        lost = {hook: self._lost.get(hook, 0) for hook in hooks}
        for event, dropped in batch:
            if event.hook in lost:
                missing, lost[event.hook] = lost[event.hook] + dropped, 0
                found += [of_loss(event.hook, missing, now)] if missing else []
                found.append(event)
        return found

    def _has_room(self, outbox: Outbox, hook: str) -> bool:
        now, known = time.monotonic(), self._counted.get(hook)
        if known is None or now - known[0] > LOOK_S:
            known = self._counted[hook] = now, outbox.count(hook) < MOST
        return known[1]
