"""One timer for the whole server: what has to happen regularly hangs on it, instead of a task a connection.

Invariant: a callback that raises is logged and called again; it never stops the others.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

log = logging.getLogger("tidegate.timers")


class Tickers:
    """Calls each callback every so many seconds, on the loop's clock."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._handles: dict[Callable[[], None], asyncio.TimerHandle] = {}

    def every(self, seconds: float, callback: Callable[[], None]) -> None:
        """Call `callback` every `seconds` from now on. A late turn is not made up for."""

        def turn() -> None:
            self._handles[callback] = self._loop.call_later(seconds, turn)
            try:
                callback()
            except Exception:  # the boundary: one failing duty must not end the others
                log.exception("a timer's callback failed")

        self._handles[callback] = self._loop.call_later(seconds, turn)

    def close(self) -> None:
        for handle in self._handles.values():
            handle.cancel()
        self._handles.clear()
