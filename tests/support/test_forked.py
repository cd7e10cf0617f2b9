"""Commands that are forks: what tests may do to one that ends at the same moment."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.fork_server import STATUS
from tests.support.forked import Forked

pytestmark = pytest.mark.process


def test_a_signal_to_a_command_whose_end_is_not_told_yet_does_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    told, tell = os.pipe()
    command = Forked(ended.pid, told)
    command.kill()
    with os.fdopen(tell, "wb") as output:
        output.write(STATUS.pack(0))
    assert command.wait() == 0
