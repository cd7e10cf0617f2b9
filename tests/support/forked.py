"""Starts `tidegate` commands as forks of a process that has imported the gateway; see `tests.support.fork_server`.

Where forks are not possible, and for an environment that Python reads at its start, it starts a new Python.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, Any

from tests.support import fork_server
from tests.support.deadlines import DEADLINE_S
from tests.support.fork_server import STATUS

Streams = tuple[IO[Any], IO[Any], IO[Any]]
"""Files for a program's input, output and error output."""
ATTACH = """import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""
"""Makes the terminal the controlling one of the new session, as a login shell has it."""


class Forked:
    """A forked command: the parts of `subprocess.Popen` that tests use."""

    def __init__(self, pid: int, status: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._status = status

    def poll(self) -> int | None:
        return self._wait(0)

    def wait(self, timeout: float | None = None) -> int:
        """Raises subprocess.TimeoutExpired."""
        code = self._wait(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("tidegate", timeout or 0.0)
        return code

    def send_signal(self, signum: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # it has ended, and the fork server has not said so yet
                os.kill(self.pid, signum)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _wait(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._status], [], [], timeout)[0]:
            told = os.read(self._status, STATUS.size)
            os.close(self._status)
            # Nothing is told if the fork server was ended, and its commands with it.
            self.returncode = STATUS.unpack(told)[0] if told else -signal.SIGKILL
        return self.returncode


class _Server:
    """The connection to the fork server of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", fork_server.__file__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
        self._socket.settimeout(DEADLINE_S)
        assert self._socket.recv(64) == b"ready"
        atexit.register(self._end)

    def _end(self) -> None:
        self._socket.close()
        self._process.wait(DEADLINE_S)

    def fork(self, request: Mapping[str, object], streams: Sequence[int]) -> tuple[int, int]:
        """Returns the process's id and the pipe that tells how it ended."""
        told, tell = os.pipe()
        try:
            with self._lock:
                socket.send_fds(self._socket, [json.dumps(request).encode()], [*streams, tell])
                return int(self._socket.recv(64)), told
        finally:
            os.close(tell)


_server = cache(_Server)


def _possible(environment: Mapping[str, str]) -> bool:
    ours = {name: value for name, value in os.environ.items() if name.startswith("PYTHON")}
    ours.pop("PYTHONDONTWRITEBYTECODE", None)
    return sys.platform == "linux" and ours == {
        name: value for name, value in environment.items() if name.startswith("PYTHON")
    }


def start(
    arguments: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    streams: Streams,
    *,
    session: bool = False,
    fork: bool = True,
) -> Forked | subprocess.Popen[bytes]:
    """Start `tidegate` with `arguments`; in a new session if `session`, with its input as the terminal if it is one.

    Without `fork` it is a new Python: what a fork shares with its parent counts as its memory once it is used.
    """
    if fork and _possible(environment):
        request = {
            "arguments": list(arguments),
            "folder": str(folder),
            "environment": dict(environment),
            "session": session,
        }
        return Forked(*_server().fork(request, [stream.fileno() for stream in streams]))
    return started([sys.executable, "-m", "tidegate", *arguments], folder, environment, streams, session=session)


def started(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], streams: Streams, *, session: bool
) -> subprocess.Popen[bytes]:
    """Start any program in the same way."""
    if session and os.isatty(streams[0].fileno()):
        command = [sys.executable, "-c", ATTACH, *command]
    given, output, errors = streams
    return subprocess.Popen(
        command,
        cwd=folder,
        env=dict(environment),
        stdin=given,
        stdout=output,
        stderr=errors,
        start_new_session=session,
    )


def run(arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run `tidegate` to its end. Raises subprocess.TimeoutExpired."""
    with (
        Path(os.devnull).open() as nothing,
        tempfile.TemporaryFile("w+") as output,
        tempfile.TemporaryFile("w+") as errors,
    ):
        process = start(arguments, folder, environment, (nothing, output, errors))
        try:
            code = process.wait(DEADLINE_S)
        finally:
            process.kill()
            process.wait()
        output.seek(0)
        errors.seek(0)
        return subprocess.CompletedProcess(["tidegate", *arguments], code, output.read(), errors.read())
