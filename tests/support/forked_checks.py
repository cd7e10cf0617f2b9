"""Lets the contract check fork the gateway and the two commands that it starts, where it runs in the tests' process.

`forked_checks` is a fixture for modules. Invariant: the check sees of a forked command what it sees of a new one: its
output, its exit code, and its answer to signals.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import pytest

from tests.support import forked
from tidegate.checks import gateway_process

COMMAND = 3
"""Before the arguments of `tidegate` come a Python, `-m` and the name."""


class _Popen:
    """The parts of `subprocess.Popen` that the check uses."""

    def __init__(self, command: Sequence[str], *, env: Mapping[str, str], stdout: int, stderr: IO[bytes]) -> None:
        assert stdout == subprocess.PIPE
        reads, writes = os.pipe()
        self.stdout = os.fdopen(reads, "rb")
        with Path(os.devnull).open() as nothing, os.fdopen(writes, "wb") as output:
            self._process = forked.start(command[COMMAND:], Path.cwd(), env, (nothing, output, stderr))
        self.poll, self.wait, self.kill = self._process.poll, self._process.wait, self._process.kill

    def terminate(self) -> None:
        self._process.send_signal(signal.SIGTERM)


def _run(command: Sequence[str], *, env: Mapping[str, str], **_: Any) -> subprocess.CompletedProcess[str]:
    return forked.run(command[COMMAND:], Path.cwd(), env)


@pytest.fixture(scope="module")
def forked_checks() -> Iterator[None]:
    """As long as tests of the module run."""
    forking = SimpleNamespace(Popen=_Popen, run=_run, PIPE=subprocess.PIPE, TimeoutExpired=subprocess.TimeoutExpired)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gateway_process, "subprocess", forking)
        yield
