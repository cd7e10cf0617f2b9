"""SIGHUP: a service ignores it, and a gateway stops when its terminal closes."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import READY, ROOT, GatewayProcess, clean_environment, tidegate
from tests.support.wire import wire


async def test_a_service_ignores_sighup_with_a_log_line(gateway: GatewayProcess) -> None:
    async with wire(gateway.url) as client:
        os.kill(gateway.pid, signal.SIGHUP)
        deadline = time.monotonic() + DEADLINE_S
        while "SIGHUP" not in gateway.log_file.read_text():
            assert time.monotonic() < deadline
            assert (await client.ask({"type": "ping"}))["type"] == "pong"
        assert (await client.ask({"type": "join", "room": "users"}))["type"] == "joined"
    assert gateway.log_file.read_text().count("SIGHUP: one process cannot be replaced while it serves") == 1
    assert gateway.stop() == 0


def test_a_gateway_stops_gracefully_when_its_terminal_closes(tmp_path: Path) -> None:
    assert tidegate("migrate", "--schema", str(ROOT / "schema"), cwd=tmp_path).returncode == 0
    outside, terminal = pty.openpty()
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "tidegate", "serve", "--port", "0", "--schema", str(ROOT / "schema")],
            cwd=tmp_path,
            env=clean_environment(),
            stdin=terminal,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert READY.search(process.stdout.readline())
        process.send_signal(signal.SIGHUP)
        _, log = process.communicate(timeout=DEADLINE_S)
    finally:
        os.close(outside)
        os.close(terminal)
    assert process.returncode == 0
    assert "stopping" in log
