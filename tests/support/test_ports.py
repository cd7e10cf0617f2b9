"""Ports of tests: two processes get different ones, also workers of the same name in two runs of one checkout."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from tests.support.gateway import ROOT
from tests.support.ports import FIRST, PART, PARTS, free_port

ONLY_ONE_PART = """import sys
from tests.support import ports
ports.FIRST, ports.PARTS = int(sys.argv[1]), 1
print(ports.free_port())"""


def first_of(port: int) -> int:
    """The first port of its part."""
    return port - (port - FIRST) % PART


def test_a_process_gets_ports_of_one_part_that_nothing_listens_on() -> None:
    first = free_port()
    with socket.create_server(("127.0.0.1", first)):
        others = {free_port() for _ in range(2 * PART)}
    assert first not in others
    assert {first_of(port) for port in others} == {first_of(first)}
    assert FIRST <= first < FIRST + PART * PARTS


@pytest.mark.process
def test_no_other_process_gets_ports_of_that_part() -> None:
    command = [sys.executable, "-c", ONLY_ONE_PART, str(first_of(free_port()))]
    other = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "no part of the ports is left" in other.stderr
    assert other.stdout == ""
