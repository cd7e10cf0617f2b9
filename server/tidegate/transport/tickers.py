"""Periodic work on the event loop: one timer for each callback of the server, in place of a task for each connection.

It knows nothing of what the callbacks do.
Invariant: a callback that raises is logged and called again; it never stops the others.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

log = logging.getLogger("tidegate.timers")


class Tickers:
    """Calls each callback periodically, on the loop's clock."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._handles: dict[Callable[[], None], asyncio.TimerHandle] = {}

    def every(self, seconds: float, callback: Callable[[], None]) -> None:
        """Call `callback` every `seconds` from now on. A late call is not made up for."""

        def tick() -> None:
            self._handles[callback] = self._loop.call_later(seconds, tick)
            try:
                callback()
            except Exception:  # the boundary: one failing callback must not end the others
                log.exception("a timer's callback failed")

        self._handles[callback] = self._loop.call_later(seconds, tick)

    def close(self) -> None:
        """Call nothing any more."""
        for handle in self._handles.values():
            handle.cancel()
        self._handles.clear()
