"""A gateway process that `tidegate dev` starts, follows and ends: `tidegate serve --supervised`.

A thread prints the output of the process and notes its state. The process has a separate process group, so that Ctrl-C
reaches only `tidegate dev`, which then ends the gateway in order. It knows no files and no database.
Invariant: after `stop` no process is left.
"""

from __future__ import annotations

import contextlib
import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Literal

from tidegate.cli.development.supervised import PREPARED, SERVE
from tidegate.store.errors import REPLACED

State = Literal["prepared", "serving", "ended"]

SERVING = re.compile(r"tidegate: serving on (http://\S+:(\d+))").match
STATE_S = 60.0
"""How long a gateway may take to load the application, or to open the database."""
KILL_S = 10.0
"""How long a gateway may take to end. It closes its connections first."""
ENVIRONMENT = {"TIDEGATE_GRACEFUL_STOP": "2"}
"""The environment of the process, under the user's own: a reload does not wait long for clients."""


class GatewayProcess:
    """One process, from its start to `stop`."""

    def __init__(self, options: Sequence[str], show: Callable[[str], None]) -> None:
        """`options` of `tidegate serve`; `show` prints a line of the process's output."""
        self.url = ""
        self.port = 0
        self._show = show
        self._stopping = False
        self._states: queue.Queue[State] = queue.Queue()
        # -P: a file of the application called `queue.py` must not stand in for the standard library's.
        self._process = subprocess.Popen(  # noqa: S603  # our own command
            [sys.executable, "-P", "-m", "tidegate", "serve", "--supervised", *options],
            env=ENVIRONMENT | os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            process_group=0,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def ended(self) -> int | None:
        """The exit code; None while the process runs."""
        return self._process.poll()

    def prepared(self) -> bool:
        """Wait until it has loaded the application. False if it ended instead; its output says why."""
        return self._reach("prepared")

    def serve(self) -> bool:
        """Let it open the database and listen. False if it ended instead; its output says why."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(SERVE + "\n")
            self._process.stdin.flush()
        return self._reach("serving")

    def stop(self) -> None:
        """End it in order. A second Ctrl-C, or a wait longer than KILL_S, ends it at once."""
        self._stopping = True
        try:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(timeout=KILL_S)
        except (KeyboardInterrupt, subprocess.TimeoutExpired):
            self._process.kill()
        self._process.wait()
        self._reader.join(timeout=1)  # a program that the handlers started may hold the pipe
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        if not self._reader.is_alive():
            self._process.stdout.close()

    def _reach(self, wanted: State) -> bool:
        try:
            return self._states.get(timeout=STATE_S) == wanted
        except queue.Empty:
            self._show(
                f"the gateway is not {wanted} after {STATE_S:.0f} seconds; does a handlers module wait at import?"
            )
            return False

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            text = line.rstrip("\n")
            if text == PREPARED:
                self._states.put("prepared")
            elif found := SERVING(text):
                self.url, self.port = found[1], int(found[2])
                self._states.put("serving")
            elif not (self._stopping and (" INFO " in text or text.endswith(REPLACED))):
                self._show(text)
        self._states.put("ended")
