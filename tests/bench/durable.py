"""What a message of a durable room costs, compared with a `create` of a row and a message in memory in the same run.

64 clients each wait for an answer before they ask again. Processor microseconds are those of the gateway, of all its
threads; the database server's are not in them. Both databases flush each commit to the disk.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from tests.bench.load import Client, Meter, connect_many
from tests.bench.measures import PAYLOAD, UNLIMITED
from tests.bench.served import flushing_postgres, served
from tests.support.gateway import ROOT, GatewayProcess
from tests.support.postgres import PostgresGateway

SENDERS = 64
TARGET = 1.5
"""A message in a room of one may cost the gateway so many times what a `create` does, at most."""

Request = Callable[[int, int], dict[str, Any]]
"""What a client asks, by its number and the number of its question."""


def run(runs: int, scale: float, judge: bool) -> bool:
    """Measure and print; returns whether every target is reached."""
    print(f"\n{'64 clients, each waits for its answers':<34}{'a second':>10}{'cpu us':>10}{'of create':>12}")
    good = True
    for database in ("SQLite", "PostgreSQL"):
        with _gateway(database) as process:
            found = {name: [_measured(process, name, 2 * scale) for _ in range(runs)] for name in MEASURES}
        rates = {name: statistics.median(rate for rate, _ in each) for name, each in found.items()}
        costs = {name: statistics.median(cost for _, cost in each) for name, each in found.items()}
        for name in MEASURES:
            ratio = costs[name] / costs["create"]
            print(f"{database + ': ' + name:<34}{rates[name]:>10.0f}{costs[name]:>10.0f}{ratio:>12.2f}")
        reached = costs["durable message"] <= TARGET * costs["create"]
        good = good and reached
        if judge and not reached:
            print("  missed")
    return good


def _create(client: int, number: int) -> dict[str, Any]:
    name = f"w{client}-{time.monotonic_ns()}-{number}"
    return {"type": "create", "resource": "users", "data": {"name": name, "email": f"{name}@x.org"}, "ref": 1}


def _in_room(prefix: str) -> Request:
    def message(client: int, number: int) -> dict[str, Any]:
        return {"type": "message", "room": f"{prefix}-{client}", "data": {"text": PAYLOAD}, "ref": 1}

    return message


MEASURES: dict[str, tuple[Request, str | None]] = {
    "create": (_create, None),
    "durable message": (_in_room("chat"), "chat"),
    "message in memory": (_in_room("other"), "other"),
}
"""What is asked, and the rooms that each client joins one of."""


def _measured(process: GatewayProcess, name: str, seconds: float) -> tuple[float, float]:
    """How many a second, and processor microseconds of each."""
    request, room = MEASURES[name]
    return asyncio.run(_asked(process, request, room, seconds))


async def _asked(process: GatewayProcess, request: Request, room: str | None, seconds: float) -> tuple[float, float]:
    clients = await connect_many(process.port, SENDERS)
    for number, client in enumerate(clients):
        await client.until(1)
        if room is not None:
            client.send({"type": "join", "room": f"{room}-{number}", "presence": "none", "ref": 0})
            await client.until(2)
    answers = 1 if room is None else 2  # `sent` and the message itself
    meter = Meter(process.pid)
    before, began = meter.cpu_us(), time.perf_counter()

    async def ask(number: int, client: Client) -> int:
        done, frames = 0, client.frames
        while time.perf_counter() < began + seconds:
            client.send(request(number, done))
            done += 1
            await client.until(frames + answers * done)
        return done

    count = sum(await asyncio.gather(*(ask(number, client) for number, client in enumerate(clients))))
    rate, cost = count / (time.perf_counter() - began), (meter.cpu_us() - before) / count
    for client in clients:
        client.transport.close()
    return rate, cost


@contextmanager
def _gateway(database: str) -> Iterator[GatewayProcess]:
    def make(folder: Path) -> GatewayProcess:
        schema = folder / "schema"
        shutil.copytree(ROOT / "schema", schema)
        for room in (schema / "rooms").iterdir():
            rules = json.loads(room.read_text())
            rules["x-room"]["history"] = {"size": 100, "ttl": 3600, "durable": room.name.startswith("chat")}
            room.write_text(json.dumps(rules))
        options = "--dev", "--schema", str(schema)
        if server is None:
            return GatewayProcess(folder, *options, environment=UNLIMITED)
        return PostgresGateway(folder, server.url(server.database()), *options, environment=UNLIMITED)

    with (
        nullcontext() if database == "SQLite" else flushing_postgres() as server,
        served(make) as process,
    ):
        yield process
