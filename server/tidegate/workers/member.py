"""A member's side of its socket to the supervisor: what it says of itself, and how it hears that it is to leave.

A member says lines: `ready`, `beat` from its event loop, and `failed` with the reason before it ends. It hears `retire`
when its successor serves. The kernel ends a member whose supervisor has ended, however that ended.
Invariant: nothing here blocks, and none of it raises when the supervisor is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import socket
import sys
from collections.abc import Callable

from tidegate.workers.counts import Counts, Together, most_workers
from tidegate.workers.place import RETIRE, Place

BEAT_S = 1.0
"""Seconds between two beats."""
LONGEST_REASON = 4000
PR_SET_PDEATHSIG = 1


class Member:
    """This process, as the supervisor knows it."""

    def __init__(self, place: Place) -> None:
        self.place = place
        _end_with(place.supervisor)
        self._channel = socket.socket(fileno=place.control)
        self._channel.setblocking(False)
        for descriptor in self._inherited():
            os.set_inheritable(descriptor, False)

    def ready(self) -> None:
        """The member does its work from here on."""
        self._say(b"ready")

    def beat(self) -> None:
        """The event loop turns; to be called on it every `BEAT_S`."""
        self._say(b"beat")

    def failed(self, reason: str) -> None:
        """The member cannot start, and ends; `reason` is for the supervisor's log."""
        self._say(b"failed " + " ".join(reason.split()).encode()[:LONGEST_REASON])

    def on_retire(self, retire: Callable[[], None]) -> None:
        """Call `retire`, in the event loop, when a successor serves in this member's place."""
        loop = asyncio.get_running_loop()

        def heard() -> None:
            told = b""
            with contextlib.suppress(BlockingIOError, InterruptedError):
                told = self._channel.recv(64)
                if not told:
                    loop.remove_reader(self._channel)
            if RETIRE in told:
                retire()

        loop.add_reader(self._channel, heard)

    def sockets(self) -> list[socket.socket]:
        """The listening sockets of this member."""
        found = [socket.socket(fileno=descriptor) for descriptor in self.place.listening]
        for each in found:
            each.setblocking(False)
        return found

    def together(self) -> Together | None:
        """What this worker counts together with the others."""
        place = self.place
        if place.counts is None:
            return None
        return Counts(place.counts, most_workers(place.count)).of_worker(place.column)

    def _say(self, line: bytes) -> None:
        # A supervisor that is suspended does not read; what it misses are beats.
        with contextlib.suppress(OSError):
            self._channel.send(line + b"\n")

    def _inherited(self) -> list[int]:
        place = self.place
        more = [each for each in (place.running, place.own, place.counts) if each is not None]
        return [place.control, *place.listening, *more]


def _end_with(supervisor: int) -> None:
    """End this process with its supervisor."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != supervisor:  # it ended before the kernel was told
        os._exit(1)
