"""Ends the parts of a store, which may wait for the database for ever: each in its own thread, and with a deadline.

It knows no database. A thread that is left behind ends with the process.
Invariant: no call here blocks the loop's thread.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable

log = logging.getLogger("tidegate.store")


class Closing:
    """What of a store is being ended. Belongs to the loop's thread, but for `left`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._ending: dict[str, asyncio.Future[None]] = {}
        self._threads: dict[str, threading.Thread] = {}

    def begin(self, name: str, end: Callable[[], None]) -> None:
        """Call `end`, which may block. `name`: for the log."""
        future: asyncio.Future[None] = self._loop.create_future()

        def settle() -> None:
            if not future.done():
                future.set_result(None)

        def run() -> None:
            try:
                end()
            except Exception:  # the boundary of the thread: the other parts have to be ended, too
                log.exception("%s could not be ended", name)
            try:
                self._loop.call_soon_threadsafe(settle)
            except RuntimeError:  # too late: the loop has ended
                return

        thread = self._threads[name] = threading.Thread(target=run, name=f"tidegate-close-{name}", daemon=True)
        self._ending[name] = future
        thread.start()

    async def ended(self, seconds: float) -> bool:
        """Wait until all that was begun has ended, at most `seconds`. Returns whether it has."""
        if self._ending:
            await asyncio.wait(self._ending.values(), timeout=seconds)
        for name, future in self._ending.items():
            if future.done():
                self._threads[name].join()  # it has nothing left to do
        return not self.left

    @property
    def left(self) -> list[str]:
        """The names of what has not ended."""
        return [name for name, future in self._ending.items() if not future.done()]
