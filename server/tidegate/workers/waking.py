"""Sleeps until a signal, something to read, or a time, whichever comes first; and notes the signals that came.

Invariant: a signal that comes between two sleeps ends the next one at once.
"""

from __future__ import annotations

import os
import select
import signal
import socket
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType


class Waking:
    """A context, in the main thread."""

    def __init__(self, signals: Sequence[signal.Signals]) -> None:
        self._wanted = signals
        self._came: list[int] = []

    def __enter__(self) -> Waking:
        self._woken, self._wakes = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._wakes, False)
        signal.set_wakeup_fd(self._wakes, warn_on_full_buffer=False)
        for signum in self._wanted:
            signal.signal(signum, self._note)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        signal.set_wakeup_fd(-1)
        os.close(self._woken)
        os.close(self._wakes)

    def signals(self) -> list[int]:
        """Those that came since the last call, in order."""
        came, self._came = self._came, []
        return came

    def sleep(self, seconds: float, channels: Sequence[socket.socket]) -> None:
        """Sleep; `channels`: those that wake when there is something to read."""
        poll = select.poll()
        poll.register(self._woken, select.POLLIN)
        for channel in channels:
            poll.register(channel, select.POLLIN)
        poll.poll(seconds * 1000)
        with suppress(BlockingIOError):
            while os.read(self._woken, 4096):
                pass

    def _note(self, signum: int, _: object) -> None:
        self._came.append(signum)
