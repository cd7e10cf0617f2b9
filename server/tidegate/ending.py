"""The end of the process, in time, whatever the application's code does.

When the gateway has stopped, Python waits for threads and calls what was registered with `atexit`. Both may belong to
the application and never end. So a thread ends the process at a deadline after the signal. It knows nothing of what
stops; it is told how far the stop has come.
Invariant: it ends no process whose gateway is still committing writes.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from types import TracebackType

from tidegate.config import ConfigError
from tidegate.reports import report, stack

AFTER_STOP_S = 1.0
"""Seconds beyond `graceful_stop` until the process ends."""
LEAST_S = 0.3
"""What threads and `atexit` functions get, even if the stop has used all its time."""


class Ending:
    """A context: the process ends in time after it. `signalled` may be called in a signal handler."""

    def __init__(self, graceful: float) -> None:
        """`graceful`: seconds that the stop itself may take."""
        self._graceful = graceful
        # A signal handler may interrupt any code. Of all ways to wake a thread, this one allows for it.
        self._begun: queue.SimpleQueue[float] = queue.SimpleQueue()
        self._stopping = False
        self._stopped = threading.Event()
        self._code = 0
        threading.Thread(target=self._watch, name="tidegate-ending", daemon=True).start()

    def signalled(self) -> None:
        """The process was told to end."""
        self._begun.put(time.monotonic() + self._graceful)

    def stopping(self) -> None:
        """The gateway stops: it will be done in time, or has writes to commit."""
        self._stopping = True

    def __enter__(self) -> Ending:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Everything of the gateway is done."""
        self._code = 0 if kind is None else 2 if issubclass(kind, ConfigError) else 1
        self._begun.put(time.monotonic())
        self._stopped.set()

    def _watch(self) -> None:
        deadline = self._begun.get() + AFTER_STOP_S
        if not self._stopped.wait(deadline - time.monotonic()):
            if not self._stopping:
                main = threading.main_thread().ident
                report(f"the gateway cannot stop, because its event loop is blocked; it ends at once{stack(main)}")
                os._exit(1)
            self._stopped.wait()
        time.sleep(max(LEAST_S, deadline - time.monotonic()))
        report(f"the gateway has stopped; the process ends without waiting for {self._left()}")
        os._exit(self._code)

    def _left(self) -> str:
        names = [thread.name for thread in threading.enumerate() if not thread.daemon and thread.is_alive()]
        others = [name for name in names if name != threading.main_thread().name]
        return f"threads of the application: {', '.join(others)}" if others else "`atexit` functions of the application"
