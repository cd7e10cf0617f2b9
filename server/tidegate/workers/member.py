"""A member's side of its socket to the supervisor: what it says of itself, and how it hears that it is to leave.

A member says lines: `ready`, `beat` from its event loop, and `failed` with the reason before it ends. It hears that its
successor serves, and from which other slots' sockets it is to accept: those without a worker that answers. The kernel
ends a member whose supervisor has ended, however that ended.
Invariant: nothing here blocks, and none of it raises when the supervisor is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterable
from typing import Protocol

from tidegate.workers.counts import Counts, WorkerCounts, most_workers
from tidegate.workers.place import ENOUGH, HELP, RETIRE, Place

BEAT_S = 1.0
"""Seconds between two beats."""
LONGEST_REASON = 4000
PR_SET_PDEATHSIG = 1


class Accepting(Protocol):
    """Who accepts connections."""

    def accept_also(self, sockets: list[socket.socket]) -> None:
        """Accept from these as well."""

    def leave(self, sockets: list[socket.socket]) -> None:
        """Accept from these no more, and close them."""


class Member:
    """This process, as the supervisor knows it."""

    def __init__(self, place: Place) -> None:
        self.place = place
        _end_with(place.supervisor)
        self._channel = socket.socket(fileno=place.control)
        self._channel.setblocking(False)
        self._others: dict[int, list[socket.socket]] = {}
        self._heard = b""
        for descriptor in place.inherited:
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

    def listen(self, retire: Callable[[], None], accepting: Accepting) -> None:
        """From here on, in the event loop: `retire` is called when a successor serves in this member's place."""
        asyncio.get_running_loop().add_reader(self._channel, self._hear, retire, accepting)

    def sockets(self) -> list[socket.socket]:
        """The listening sockets of this member."""
        return _sockets(self.place.listening)

    def operators(self) -> list[socket.socket]:
        """The listening sockets for operators."""
        return _sockets(self.place.operators)

    def _hear(self, retire: Callable[[], None], accepting: Accepting) -> None:
        try:
            told = self._channel.recv(4096)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            told = b""
        if not told:
            asyncio.get_running_loop().remove_reader(self._channel)
        *lines, self._heard = (self._heard + told).split(b"\n")
        for line in lines:
            what, _, number = line.partition(b" ")
            if what == RETIRE:
                retire()
            elif what == HELP and int(number) not in self._others:
                sockets = self._others[int(number)] = _sockets(self.place.others[int(number)])
                accepting.accept_also(sockets)
            elif what == ENOUGH and int(number) in self._others:
                accepting.leave(self._others.pop(int(number)))

    def together(self) -> WorkerCounts | None:
        """What this worker counts together with the others."""
        place = self.place
        if place.counts is None:
            return None
        return Counts(place.counts, most_workers(place.count)).of_worker(place.column)

    def _say(self, line: bytes) -> None:
        # A supervisor that is suspended does not read; what it misses are beats.
        with contextlib.suppress(OSError):
            self._channel.send(line + b"\n")


def _sockets(descriptors: Iterable[int]) -> list[socket.socket]:
    """Copies of sockets that are inherited: one that is closed can be had again."""
    found = [socket.socket(fileno=os.dup(descriptor)) for descriptor in descriptors]
    for each in found:
        each.setblocking(False)
    return found


def _end_with(supervisor: int) -> None:
    """End this process with its supervisor."""
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415  # a gateway without workers does not need it

        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != supervisor:  # it ended before the kernel was told
        os._exit(1)
