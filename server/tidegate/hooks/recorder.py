"""Puts events of connections and rooms into the outbox, from the loop's thread by way of another one.

Invariant: the loop never waits; events beyond `LIMIT` that wait for the database are not recorded, and the log counts
them.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from tidegate.counted import Counted
from tidegate.hooks.events import Event
from tidegate.hooks.ports import Outbox

log = logging.getLogger("tidegate.hooks")

LIMIT = 20_000
BATCH = 500
PAUSE_S = 0.05
"""Seconds between two transactions, so that a storm of events makes few of them."""
AGAIN_S = 1.0
"""Seconds after a failure until the next try."""
LOST = Counted(
    log, logging.ERROR, "the outbox of webhooks is too slow: an event %s was not recorded", name="webhook_event_lost"
)
FAILED = Counted(
    log, logging.ERROR, "events of webhooks could not be recorded, and wait: %s", name="webhook_outbox_failed"
)


class Recorder:
    """The thread of one gateway."""

    def __init__(self, open_outbox: Callable[[], Outbox]) -> None:
        self._open = open_outbox
        self._waiting: deque[Event] = deque()
        self._changed = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="tidegate-hooks-recorder", daemon=True)
        self._thread.start()

    def record(self, events: Sequence[Event]) -> None:
        """In the loop's thread."""
        for event in events:
            if len(self._waiting) >= LIMIT:
                LOST(event.type)
                return
            self._waiting.append(event)
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
        try:
            outbox.add(batch, int(time.time() * 1000))
        except Exception as error:  # the boundary: whatever the database failed with, the events wait
            FAILED(type(error).__name__)
            outbox.close()  # its connection may be broken; the next try opens another one
            if self._ended:
                return False
            time.sleep(AGAIN_S)
            self._changed.set()
            return False
        for _ in batch:
            self._waiting.popleft()
        return True
