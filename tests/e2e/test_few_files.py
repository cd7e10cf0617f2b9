"""A gateway with very few open files: clients that do nothing do not shut the door, and the log stays short."""

from __future__ import annotations

import asyncio
import contextlib
import resource
from pathlib import Path

from tests.support.gateway import GatewayProcess
from tests.support.waiting import until
from tests.support.wire import wire
from tests.transport.raw import upgrade

FILES = 256
CLIENTS = 400
EXHAUSTED = "a connection cannot be accepted: Too many open files"


async def test_idle_clients_leave_health_and_the_log_alone(tmp_path: Path) -> None:
    gateway = GatewayProcess(tmp_path)
    gateway.migrate()
    gateway.start()
    resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE, (FILES, FILES))
    lines: list[asyncio.StreamWriter] = []
    try:
        async with wire(gateway.url) as early:
            for number in range(CLIENTS):
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
                    lines.append(writer)
                    if number % 2:
                        writer.write(upgrade())
            await until(lambda: EXHAUSTED in gateway.log_file.read_text())
            assert (await early.ask({"type": "ping"}))["type"] == "pong"
            for writer in lines:
                writer.transport.abort()
            async with wire(gateway.url) as late:
                assert (await late.ask({"type": "ping"}))["type"] == "pong"
    finally:
        log = gateway.log_file.read_text()
        assert gateway.stop() == 0
    assert log.count(EXHAUSTED) == 1
    assert "Traceback" not in log
