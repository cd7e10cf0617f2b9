"""Another program writes thousands of rows in one transaction: subscribers get each row once and in order.

Meanwhile the gateway serves other clients. The gateway, the writer and two subscribers are separate processes; only the
client that pings is in this process.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import pytest

from tests.bench.load import Meter
from tests.support.gateway import ROOT, GatewayProcess
from tests.support.postgres import PostgresGateway
from tests.support.sqlite import foreign
from tests.support.wire import Wire, wire

MANY, ROWS = 50_000, 15_000
FEW = 500
"""One of so many rows matches the filter of the second subscriber."""
WORST_S = 0.15
"""The maximum processor time that the gateway spends on other work before it answers a ping; usually 10 ms."""


def values(number: int) -> tuple[str, str, str]:
    return f"u{number}", f"u{number}@example.com", "inactive" if number % FEW == 0 else "active"


def write(gateway: GatewayProcess, rows: int) -> float:
    """The other program: it writes all rows in one transaction. Returns the time of the commit."""
    sql = "INSERT INTO users (name, email, status) VALUES ({0}, {0}, {0})"
    if isinstance(gateway, PostgresGateway):
        from tests.support.driver import psycopg

        with psycopg.connect(gateway.database_url) as server:
            server.cursor().executemany(sql.format("%s"), map(values, range(rows)))
    else:
        with foreign(gateway.database_file) as file:
            file.executemany(sql.format("?"), map(values, range(rows)))
    return time.monotonic()


async def reader(gateway: GatewayProcess, filters: dict[str, Any], count: int) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.reader", gateway.url, json.dumps(filters), str(count)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 24,
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    return process


async def pinged(client: Wire, gateway: Meter, ended: asyncio.Event) -> list[float]:
    """Pings, one after another, until `ended`: the processor time that the gateway used until it had answered each."""
    times = []
    while not ended.is_set():
        start = gateway.cpu_us()
        await client.ask({"type": "ping"})
        times.append((gateway.cpu_us() - start) / 1e6)
        await asyncio.sleep(0.005)
    return times


@pytest.mark.parametrize("rows", [ROWS, pytest.param(MANY, marks=pytest.mark.long)])
async def test_subscribers_get_all_rows_of_one_transaction_without_delaying_others(
    any_gateway: GatewayProcess, rows: int
) -> None:
    everything = [values(number)[0] for number in range(rows)]
    few = [values(number)[0] for number in range(0, rows, FEW)]
    readers = [
        await reader(any_gateway, {}, len(everything)),
        await reader(any_gateway, {"status": "inactive"}, len(few)),
    ]
    ended = asyncio.Event()
    async with wire(any_gateway.url) as client, asyncio.TaskGroup() as tasks:
        pings = tasks.create_task(pinged(client, Meter(any_gateway.pid), ended))
        start = time.monotonic()
        committed = await asyncio.to_thread(write, any_gateway, rows)
        told = [json.loads((await process.communicate())[0]) for process in readers]
        done = time.monotonic()
        ended.set()
    times = sorted(pings.result())
    print(
        f"\n{rows} rows: written in {committed - start:.2f} s, read {done - committed:.2f} s after the commit, "
        f"in {told[0]['seconds']:.2f} s; cut off: {told[0]['cuts']}; {len(times)} pings, median "
        f"{times[len(times) // 2] * 1000:.1f} ms, 99 %: {times[int(len(times) * 0.99)] * 1000:.0f} ms, "
        f"worst {times[-1] * 1000:.0f} ms"
    )
    assert told[0]["names"] == everything
    assert told[1]["names"] == few
    assert told[1]["cuts"] == []
    assert times[-1] < WORST_S
