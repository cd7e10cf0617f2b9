"""`kill -9` of the gateway during writes: every acknowledged row is in the database, and all clients see it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import GatewayProcess
from tests.support.wire import Wire, wire
from tidegate_client import connect

WRITES = 1000
WRITERS = 8
KILL_AFTER = 400


@pytest.fixture
def process(tmp_path: Path) -> Any:
    gateway = GatewayProcess(tmp_path, "--dev")
    gateway.migrate()
    gateway.start()
    yield gateway
    gateway.stop()


async def test_kill_9_loses_no_acknowledged_write_and_a_client_resumes_completely(process: GatewayProcess) -> None:
    acknowledged: set[int] = set()
    async with connect(process.url) as client:
        live = await client.subscribe("users", {"status": "active"})
        await live.loaded()
        numbers = iter(range(WRITES))
        killed = asyncio.Event()

        async def write(number_of_writer: int) -> None:
            try:
                async with wire(process.url) as writer:
                    for number in numbers:
                        await _create(writer, number, acknowledged)
                        if len(acknowledged) >= KILL_AFTER and not killed.is_set():
                            killed.set()
                            process.kill()
            except (ConnectionClosed, TimeoutError):
                return

        await asyncio.gather(*(write(number) for number in range(WRITERS)))
        assert killed.is_set()
        survived = len(acknowledged)
        assert KILL_AFTER <= survived < WRITES

        process.start()
        async with wire(process.url) as writer:
            for number in range(WRITES - 100, WRITES):
                await _create(writer, number, acknowledged)
        stored = {int(str(name)) for (name,) in process.select("select name from users")}
        assert acknowledged <= stored

        async with asyncio.timeout(DEADLINE_S):
            while {int(row["name"]) for row in live.rows.values()} != stored:
                await anext(aiter(live))


async def _create(writer: Wire, number: int, acknowledged: set[int]) -> None:
    reply = await writer.ask(
        {"type": "create", "resource": "users", "data": {"name": str(number), "email": f"{number}@example.com"}}
    )
    assert reply["type"] in {"rows", "error"}, reply
    if reply["type"] == "rows":
        acknowledged.add(number)
