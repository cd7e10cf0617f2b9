"""The end of the process, in time, whatever holds it up: the application's code, a database, or a loop that is blocked.

When the gateway has stopped, Python waits for threads and calls what was registered with `atexit`. Threads may wait for
a database for ever, and both may belong to the application and never end. So a thread ends the process at a deadline
after the signal. It knows nothing of what stops; it is told how far the stop has come.
Invariant: the process ends within `drains` + `graceful` + 2 s after the first signal, and within `graceful` + 2 s after
the second. What is not committed by then was not acknowledged to any client.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable
from enum import Enum, auto
from types import TracebackType

from tidegate.config import ConfigError
from tidegate.reports import report, stack

AFTER_STOP_S = 1.0
"""Seconds beyond `graceful` until the process ends where the gateway has not stopped."""
LEAST_S = 0.3
"""What threads and `atexit` functions get, even if the stop has used all its time."""
OWN_THREADS = "tidegate-"
"""How the names of the gateway's own threads begin."""
SENDING = "tidegate-hook-"
"""Of these, the threads that send messages of webhooks."""


class _Told(Enum):
    SIGNAL = auto()
    STOPPED = auto()


class Ending:
    """A context: the process ends in time after it. `signalled` may be called in a signal handler."""

    def __init__(self, graceful: float, drains: float = 0.0) -> None:
        """`graceful`: seconds that the stop itself may take. `drains`: those before it, which a second signal ends."""
        self._graceful = graceful
        self._drains = drains
        # A signal handler may interrupt any code. Of all ways to wake a thread, this one allows for it.
        self._told: queue.SimpleQueue[tuple[_Told, float]] = queue.SimpleQueue()
        self._left: Callable[[], str] | None = None
        self._code = 0
        threading.Thread(target=self._watch, name="tidegate-ending", daemon=True).start()

    def signalled(self) -> None:
        """The process was told to end."""
        self._told.put((_Told.SIGNAL, time.monotonic()))

    def stopping(self, left: Callable[[], str]) -> None:
        """The gateway stops. `left`: what it still waits for, for the log; asked in another thread."""
        self._left = left

    def __enter__(self) -> Ending:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Everything of the gateway is done."""
        self._code = 0 if kind is None else 2 if issubclass(kind, ConfigError) else 1
        self._told.put((_Told.STOPPED, time.monotonic()))

    def _watch(self) -> None:
        stopped, deadline = self._stopped()
        if not stopped:
            self._give_up()
        time.sleep(max(LEAST_S, deadline - time.monotonic()))
        report(f"the gateway has stopped; the process ends without waiting for {_threads_left()}")
        os._exit(self._code)

    def _stopped(self) -> tuple[bool, float]:
        """Wait until the gateway has stopped, or until the deadline. Returns whether it has, and the deadline."""
        deadline: float | None = None
        while True:
            try:
                told, at = self._told.get(timeout=None if deadline is None else max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                assert deadline is not None
                return False, deadline
            if told is _Told.STOPPED:
                # What is left now is not the gateway's: its threads get no more than the time of the stop.
                return True, at + AFTER_STOP_S if deadline is None else deadline - AFTER_STOP_S
            latest = at + self._graceful + AFTER_STOP_S
            deadline = latest + self._drains if deadline is None else min(deadline, latest)

    def _give_up(self) -> None:
        if self._left is None:
            main = threading.main_thread().ident
            report(f"the gateway cannot stop, because its event loop is blocked; it ends at once{stack(main)}")
        else:
            report(f"the gateway could not stop in time; it ends at once, and leaves behind {self._left()}")
        os._exit(1)


def _threads_left() -> str:
    names = [thread.name for thread in threading.enumerate() if not thread.daemon and thread.is_alive()]
    own = [name for name in names if name.startswith(OWN_THREADS)]
    others = [name for name in names if name != threading.main_thread().name and name not in own]
    if others:
        return f"threads of the application: {', '.join(others)}"
    if not own:
        return "`atexit` functions of the application"
    by = "receivers of webhooks hold" if all(name.startswith(SENDING) for name in own) else "the database holds"
    return f"threads that {by} up: {', '.join(own)}"
