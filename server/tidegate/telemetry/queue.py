"""Spans that wait for their collector, and the thread that sends them.

It knows no collector: `send` is one. Where a collector is away or slow, spans are dropped and counted, and the log has
a line a minute.
Invariant: `put` never blocks and never raises; at most `MOST` spans wait, and one batch is on its way.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence

from tidegate.counted import Counted
from tidegate.gateway.tracing.spans import Span

log = logging.getLogger("tidegate.telemetry")
FAILED = Counted(log, logging.WARNING, "the collector did not take spans of requests: %s", name="spans_failed")
DROPPED = Counted(
    log, logging.WARNING, "spans of requests were dropped: the collector is away or too slow", name="spans_dropped"
)

MOST = 2048
"""Spans that wait, at most."""
BATCH = 256
EVERY_S = 2.0
"""How long a span waits for others to go with it."""
CLOSE_S = 2.0
"""How long the last spans of a gateway that stops may take."""

Send = Callable[[Sequence[Span]], str | None]
"""Sends spans, and returns None or why they were not taken. Blocks. Called in one thread."""


class SpanQueue:
    """Implements `gateway.tracing.spans.Export`. `stop` ends a `send` that is under way early."""

    def __init__(self, send: Send, stop: Callable[[], None] = lambda: None, every: float = EVERY_S) -> None:
        self._send = send
        self._stop = stop
        self._every = every
        self._waiting: deque[Span] = deque()
        self._wake = threading.Event()
        self._closing = False
        self._exported = self._failed = self._dropped = 0
        # It ends with `close`. A process that ends without it does not wait for it.
        self._thread = threading.Thread(target=self._run, name="tidegate-spans", daemon=True)
        self._thread.start()

    @property
    def counts(self) -> dict[str, int]:
        return {"exported": self._exported, "failed": self._failed, "dropped": self._dropped}

    def put(self, span: Span) -> None:
        if len(self._waiting) >= MOST or self._closing:
            self._dropped += 1
            DROPPED()
            return
        self._waiting.append(span)
        if len(self._waiting) >= BATCH and not self._wake.is_set():
            self._wake.set()

    def close(self) -> None:
        self._closing = True
        self._wake.set()
        self._thread.join(CLOSE_S)
        self._stop()

    def _run(self) -> None:
        while not self._closing:
            self._wake.wait(self._every)
            self._wake.clear()
            while self._waiting:
                self._send_some()

    def _send_some(self) -> None:
        batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
        try:
            reason = self._send(batch)
        except Exception as error:  # the boundary: the thread goes on with the next spans
            reason = f"{type(error).__name__}: {error}"
        if reason is None:
            self._exported += len(batch)
        else:
            self._failed += len(batch)
            FAILED(reason)
