"""Starts the process of a member, and says what the supervisor knows about it.

A member is a new Python: it takes the code and the settings as they are on the disk now. It has a separate process
group, so that Ctrl-C at a terminal reaches only the supervisor.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

from tidegate.workers.place import ENOUGH, HELP, RETIRE, Place

log = logging.getLogger("tidegate.workers")

State = Literal["starting", "ready", "leaving"]
OF_SYSTEMD = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES")
"""Variables by which systemd speaks with the supervisor alone."""
MOST_UNREAD = 65536


class Process:
    """One process of a member, from its start until it was reaped."""

    def __init__(self, place: Place, pid: int, channel: socket.socket, now: float) -> None:
        self.place = place
        self.pid = pid
        self.channel = channel
        self.began = self.heard = now
        """When it was started, and when it said something last."""
        self.state: State = "starting"
        self.reason = ""
        """Why it cannot start, in its own words."""
        self.kill_at: float | None = None
        self.killed = False
        self.excused = False
        """It was told to stop before it was ready, and may end in any way."""
        self.helping: set[int] = set()
        self.deaf = False
        """It says nothing any more: it ends."""
        self._unread = b""

    @property
    def name(self) -> str:
        return f"{self.place.name} (process {self.pid})"

    def read(self, now: float) -> bool:
        """Take what it has said. Returns whether it has become ready."""
        try:
            told = self.channel.recv(MOST_UNREAD)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            told = b""
        if not told:
            self.deaf = True
            return False
        self.heard = now
        *lines, self._unread = (self._unread + told).split(b"\n")
        for line in lines:
            if line.startswith(b"failed "):
                self.reason = line.removeprefix(b"failed ").decode(errors="replace")
        if b"ready" in lines and self.state == "starting":
            self.state = "ready"
            return True
        return False

    def retire(self, kill_at: float) -> None:
        """Its successor serves: let it send its clients away, and end."""
        self.state, self.kill_at = "leaving", kill_at
        self._tell(RETIRE)

    def help(self, slots: set[int]) -> None:
        """Let it accept from the sockets of these slots, too, and of no others."""
        for number in slots - self.helping:
            self._tell(HELP + b" %d" % number)
        for number in self.helping - slots:
            self._tell(ENOUGH + b" %d" % number)
        self.helping = slots

    def stop(self, kill_at: float) -> None:
        """Let it stop in order."""
        self.excused = self.excused or self.state == "starting"
        self.state = "leaving"
        self.kill_at = kill_at if self.kill_at is None else min(self.kill_at, kill_at)
        self._signal(signal.SIGTERM)

    def kill(self, why: str) -> None:
        self.killed, self.reason = True, why
        log.error("%s is killed: %s", self.name, why)
        self._signal(signal.SIGKILL)

    def close(self) -> None:
        """It was reaped."""
        self.channel.close()

    def _tell(self, line: bytes) -> None:
        with contextlib.suppress(OSError):
            self.channel.send(line + b"\n")

    def _signal(self, signum: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signum)


def start(place: Place, command: Callable[[str], list[str]], now: float) -> Process:
    """Start the member of `place`, whose `control` and `supervisor` are filled in here. Raises OSError.

    `command`: the arguments of the process, the program first, with what it is told.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with theirs:
        ours.setblocking(False)
        place = msgspec.structs.replace(place, control=theirs.fileno(), supervisor=os.getpid())
        try:
            pid = _spawned(command(place.text()), place.inherited)
        except OSError:
            ours.close()
            raise
    return Process(place, pid, ours, now)


def _spawned(arguments: list[str], inherited: list[int]) -> int:
    for descriptor in inherited:
        os.set_inheritable(descriptor, True)
    try:
        return os.posix_spawn(
            arguments[0],
            arguments,
            _environment(os.environ),
            file_actions=[(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)],
            setpgroup=0,
            setsigmask=[],
            setsigdef=[signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD],
        )
    finally:
        for descriptor in inherited:
            os.set_inheritable(descriptor, False)


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if name not in OF_SYSTEMD}
