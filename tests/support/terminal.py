"""Runs a command on a terminal as a user does: reads its output and types keys.

The command gets a pseudo-terminal and a new session, so that Ctrl-C reaches its foreground process group.
"""

from __future__ import annotations

import os
import pty
import queue
import re
import signal
import threading
from collections.abc import Sequence
from pathlib import Path

from tests.support import forked
from tests.support.gateway import clean_environment

DEADLINE_S = 60.0
CTRL_C = "\x03"


class TerminalProcess:
    """One command. `close` ends it."""

    def __init__(
        self, command: Sequence[str], folder: Path, environment: dict[str, str] | None = None, *, terminal: bool = True
    ) -> None:
        """`command` begins with "tidegate" or another program. Without `terminal`, it has no input, and its output is a
        pipe."""
        self.said = ""
        self._chunks: queue.Queue[str | None] = queue.Queue()
        self._read = 0
        self._ours, theirs = pty.openpty() if terminal else os.pipe()
        whole_environment = clean_environment() | (environment or {})
        with os.fdopen(theirs, "wb", buffering=0) as output, Path(os.devnull).open() as nothing:
            streams = (output if terminal else nothing, output, output)
            self._process = (
                forked.start(command[1:], folder, whole_environment, streams, session=True)
                if command[0] == "tidegate"
                else forked.started(command, folder, whole_environment, streams, session=True)
            )
        self._reader = threading.Thread(target=self._follow, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def until(self, wanted: str | re.Pattern[str]) -> str:
        """The output since the last call, up to `wanted`."""
        pattern = re.compile(re.escape(wanted)) if isinstance(wanted, str) else wanted
        while (found := pattern.search(self.said, self._read)) is None:
            try:
                chunk = self._chunks.get(timeout=DEADLINE_S)
            except queue.Empty:
                raise AssertionError(f"no {wanted!r} within {DEADLINE_S:.0f} s; it said:\n{self.said}") from None
            assert chunk is not None, f"it ended without {wanted!r}, having said:\n{self.said}"
            self.said += chunk
        begin, self._read = self._read, found.end()
        return self.said[begin : self._read]

    def type(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def signal(self, signum: signal.Signals) -> None:
        self._process.send_signal(signum)

    def end(self) -> int:
        """Wait for the end of the command. Returns the exit code; `said` then has the whole output."""
        code = self._process.wait(timeout=DEADLINE_S)
        while (chunk := self._chunks.get(timeout=DEADLINE_S)) is not None:
            self.said += chunk
        return code

    def close_gently(self) -> None:
        """End it as a supervisor would, with SIGTERM."""
        self.signal(signal.SIGTERM)
        assert self.end() == 0, self.said

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join(timeout=DEADLINE_S)
        os.close(self._ours)

    def _follow(self) -> None:
        while True:
            try:
                chunk = os.read(self._ours, 65536)
            except OSError:  # on Linux a terminal without programs is an error
                chunk = b""
            if not chunk:
                self._chunks.put(None)
                return
            self._chunks.put(chunk.decode(errors="replace").replace("\r\n", "\n"))
