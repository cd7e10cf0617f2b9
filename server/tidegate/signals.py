"""Which signals stop the gateway, and how a worker is told that its successor serves.

Python calls the signal handlers, not the event loop: a blocked loop does not notice a signal, and `Ending` must.
Invariant: a signal handler may run between any two steps of the main thread, and does no harm there.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable

from tidegate.ending import Ending


class StopSignal:
    """SIGTERM and SIGINT stop the gateway, and a second one ends its drain.

    So does SIGHUP when it means that the gateway's terminal was closed; otherwise it calls `reload`.
    """

    def __init__(self, ending: Ending | None) -> None:
        """In the main thread, in the loop that serves. `ending` is told about signals."""
        self._loop = asyncio.get_running_loop()
        self._first, self._second = asyncio.Event(), asyncio.Event()
        self._ending = ending
        self.retired = False
        """What stops this worker is that its successor serves on the same sockets."""
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, self._stop)
        at_a_terminal = sys.stdin is not None and sys.stdin.isatty()
        signal.signal(signal.SIGHUP, self._stop if at_a_terminal else self._hang_up)
        self.reload: Callable[[], None] = lambda: None
        """Called in the loop at SIGHUP."""

    async def wait(self) -> None:
        """Wait for the signal. The gateway stops then."""
        await self._first.wait()

    async def again(self, seconds: float) -> bool:
        """Wait for a second signal, at most `seconds`. Returns whether it came."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, seconds)):
                await self._second.wait()
        return self._second.is_set()

    def retire(self) -> None:
        """Stop as at the first signal: a successor serves."""
        if not self._first.is_set():
            self.retired = True
            self._stop()

    def _stop(self, *_: object) -> None:
        if self._ending is not None:
            self._ending.signalled()
        with contextlib.suppress(RuntimeError):  # another signal, when the loop has ended
            self._loop.call_soon_threadsafe(self._count)

    def _count(self) -> None:
        (self._second if self._first.is_set() else self._first).set()

    def _hang_up(self, *_: object) -> None:
        with contextlib.suppress(RuntimeError):  # as above
            self._loop.call_soon_threadsafe(self.reload)
