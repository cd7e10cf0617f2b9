"""What it costs to follow PostgreSQL's change log: three workers and their hub, beside three gateways on one database.

`python -m tests.bench.feeds`. Another program inserts rows at a pace, and clients of every process subscribe to them.
Figures are microseconds of the processor: of Tidegate's processes together, and of their connections at the server.
What the processes need while nothing happens is not in the figures of a change.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from pathlib import Path

import psutil

from tests.bench.load import Meter
from tests.support.driver import psycopg
from tests.support.postgres import PostgresGateway, PostgresServer, started
from tests.support.wire import Wire, wire

PROCESSES = 3
CLIENTS = 12
ROWS, PACE_S = 2000, 0.002
IDLE_S = 10.0
RUNS = 3


@contextmanager
def gateways(server: PostgresServer, workers: int) -> Iterator[tuple[list[PostgresGateway], str]]:
    """One with so many workers, or three without; the URL of their database."""
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        url = stack.enter_context(server.lent(server.sample()))
        found: list[PostgresGateway] = []
        for number in range(1 if workers > 1 else PROCESSES):
            own = Path(folder) / str(number)
            own.mkdir()
            gateway = PostgresGateway(own, url, "--workers", str(workers))
            gateway.start()
            stack.callback(gateway.stop)
            found.append(gateway)
        yield found, url


async def measure(found: Sequence[PostgresGateway], url: str, first: int) -> dict[str, float]:
    """`first`: the number of the first row."""
    async with AsyncExitStack() as stack:
        clients: list[Wire] = []
        for number in range(CLIENTS):
            client = await stack.enter_async_context(wire(found[number % len(found)].url))
            await client.ask({"type": "subscribe", "resource": "users", "snapshot": False})
            clients.append(client)
        with psycopg.connect(url, autocommit=True) as program:
            query = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            backends = [pid for (pid,) in program.execute(query).fetchall()]
            ours = [gateway.pid for gateway in found]
            ours += [each.pid for pid in ours for each in psutil.Process(pid).children()]
            meters = {"Tidegate": [Meter(pid) for pid in ours], "server": [Meter(pid) for pid in backends]}

            def cost() -> dict[str, float]:
                return {name: sum(meter.cpu_us() for meter in each) for name, each in meters.items()}

            before = cost()
            await asyncio.sleep(IDLE_S)
            idle, began = cost(), time.monotonic()
            last = f"row {first + ROWS - 1}"
            hearing = [
                client.hear(lambda heard: heard["type"] == "update" and heard["data"]["name"] == last)
                for client in clients
            ]
            await asyncio.gather(asyncio.to_thread(_insert, program, first), *hearing)
            after, seconds = cost(), time.monotonic() - began
    at_rest = {name: (idle[name] - before[name]) / IDLE_S for name in meters}
    return {
        "connections": len(backends),
        **{f"{name}, idle, a second": at_rest[name] for name in meters},
        **{f"{name}, a change": (after[name] - idle[name] - at_rest[name] * seconds) / ROWS for name in meters},
    }


def _insert(program: psycopg.Connection, first: int) -> None:
    for number in range(first, first + ROWS):
        values = f"row {number}", f"row{number}@example.com"
        program.execute("INSERT INTO users (name, email) VALUES (%s, %s)", values)
        time.sleep(PACE_S)


def main() -> None:
    with started() as server:
        for run in range(RUNS):
            for workers in (PROCESSES, 1):
                with gateways(server, workers) as (found, url):
                    figures = asyncio.run(measure(found, url, run * ROWS))
                name = f"{PROCESSES} workers and hub" if workers > 1 else f"{PROCESSES} gateways"
                print(f"{name:<22}" + "  ".join(f"{key}: {value:.0f}" for key, value in figures.items()), flush=True)


if __name__ == "__main__":
    main()
