"""The rows that need more than rooms: rows of a database, presence, workers and an engine. Clients are Python here.

Each is measured on Tidegate and, where people write it by hand, on what they write (`by_hand.py`). A figure with "us"
is processor time of the gateway; the others are what a client waits for, so that the load generator is in them.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest

from tests.bench import engine_servers, engines, measures, rows, workers
from tests.bench.load import Meter, connect_many
from tests.bench.measures import UNLIMITED, Server
from tests.bench.served import flushing_postgres, served
from tests.bench.transport import program, tidegate
from tests.support.gateway import GatewayProcess
from tests.support.postgres import PostgresGateway, PostgresServer
from tests.support.postgres_programs import Unusable

OURS, POLL, LISTEN = "tidegate", "by hand, polling", "by hand, LISTEN"
COMMITTED = "another program's commit to 100 clients, {database}, {share} (ms)"
WRITTEN = "rows that 64 clients create, {database} (a second)"
MEMBERS, CHURNING, CHURNS = 1000, 32, 20
SETTLE_S = 1.0
"""Until the gateway has sent the changes of presence that it gathers."""
SECONDS = 3.0
"""How long rows are written."""

Figures = dict[str, dict[str, float]]
"""By title and server."""


def create() -> Figures:
    with tidegate() as server:
        return {"create a row, 32 clients, SQLite (us)": {OURS: asyncio.run(measures.create(server, 30))}}


def subscribe() -> Figures:
    with tidegate() as server:
        return {
            "subscribe and unsubscribe (us)": {OURS: asyncio.run(measures.subscribe(server, 30))},
            "subscribe, get the first row and unsubscribe (us)": {
                OURS: asyncio.run(measures.subscribe_with_rows(server, 30))
            },
        }


def presence() -> Figures:
    with tidegate() as server:
        cost = asyncio.run(_presence(server))
    return {f"a member of {MEMBERS:,} leaves and joins, the others are told (us)": {OURS: cost}}


async def _presence(server: Server) -> float:
    clients = await connect_many(server.port, MEMBERS)
    join = {"type": "join", "room": measures.ROOM, "presence": "diff", "ref": 1}
    for client in clients:
        await client.until(1)
        client.send(join)
        await client.until(client.frames + 1)
    await asyncio.sleep(SETTLE_S)
    meter = Meter(server.pid)
    before = meter.cpu_us()
    for _ in range(CHURNS):
        for client in clients[:CHURNING]:
            client.send({"type": "leave", "room": measures.ROOM, "ref": 2})
            client.send(join)
        await asyncio.sleep(0.05)
    await asyncio.sleep(SETTLE_S)
    cost = (meter.cpu_us() - before) / (CHURNS * CHURNING)
    await measures.close(clients)
    return cost


def changes() -> Figures:
    return {
        f"a change among {count:,} subscriptions, 10 of them match (us)": {OURS: rows.dispatch(count)}
        for count in (1_000, 100_000)
    }


def on_sqlite(*options: str) -> AbstractContextManager[GatewayProcess]:
    return served(lambda folder: GatewayProcess(folder, "--dev", *options, environment=UNLIMITED))


def on_postgres(server: PostgresServer) -> AbstractContextManager[PostgresGateway]:
    url = server.url(server.database())
    return served(lambda folder: PostgresGateway(folder, url, "--dev", environment=UNLIMITED))


def commits() -> Figures:
    with on_sqlite() as process:
        ours = asyncio.run(rows.latency(process, rows.sqlite_writer(process.database_file), SECONDS))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.db"
        with program(POLL, sys.executable, "-m", "tests.bench.by_hand", "poll", str(file)) as server:
            theirs = asyncio.run(rows.latency(server, rows.sqlite_writer(file), SECONDS))
    return _shares("SQLite", {OURS: ours, POLL: theirs})


def commits_postgres() -> Figures:
    with flushing_postgres() as server:
        with on_postgres(server) as process:
            ours = asyncio.run(rows.latency(process, rows.postgres_writer(process.database_url), SECONDS))
        url = server.url(server.database())
        with program(LISTEN, sys.executable, "-m", "tests.bench.by_hand", "listen", url) as peer:
            theirs = asyncio.run(rows.latency(peer, rows.postgres_writer(url), SECONDS))
    return _shares("PostgreSQL", {OURS: ours, LISTEN: theirs})


def _shares(database: str, found: dict[str, tuple[float, float]]) -> Figures:
    return {
        COMMITTED.format(database=database, share=share): {name: both[place] for name, both in found.items()}
        for place, share in enumerate(("p50", "p99"))
    }


def writes() -> Figures:
    with on_sqlite() as process:
        ours = asyncio.run(rows.writes(process, SECONDS))
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "rows.db")
        with program(POLL, sys.executable, "-m", "tests.bench.by_hand", "poll", file) as server:
            theirs = asyncio.run(rows.writes(server, SECONDS))
    return {WRITTEN.format(database="SQLite"): {OURS: ours, POLL: theirs}}


def writes_postgres() -> Figures:
    with flushing_postgres() as server, on_postgres(server) as process:
        return {WRITTEN.format(database="PostgreSQL"): {OURS: asyncio.run(rows.writes(process, SECONDS))}}


def herd() -> Figures:
    with on_sqlite() as process:
        return {"2,000 clients come back, each missed 500 changes (s)": {OURS: asyncio.run(rows.herd(process))}}


def snapshot() -> Figures:
    return {title: {OURS: value} for title, value, _ in rows.large()}


def two_workers() -> Figures:
    """The hub is in the figure of two workers."""
    costs = {}
    for count in (1, 2):
        with workers.gateway(count) as (server, meters, of_workers):
            costs[count] = asyncio.run(workers.fan_out(server, meters, of_workers, 10))["cost"]
    return {
        f"fan-out 1 -> 2,000, 16 in flight, {'one process' if count == 1 else 'two workers and hub'} (us a delivery)": {
            OURS: cost
        }
        for count, cost in costs.items()
    }


def redis() -> Figures:
    """The Valkey server is not in the figure of the gateway."""
    with ExitStack() as stack:
        server = stack.enter_context(engine_servers.valkey())
        gateway = stack.enter_context(engines.gateway(OURS, server))
        cost = asyncio.run(measures.round_trip(gateway, "message", 1, 100))
        waited = asyncio.run(engines.latency(gateway, 300))
    return {
        "message in a room of one, rooms in Valkey (us)": {OURS: cost},
        "message to its speaker, rooms in Valkey, p50 (ms)": {OURS: waited},
    }


ROWS: dict[str, Callable[[], Figures]] = {
    "create": create,
    "subscribe": subscribe,
    "presence": presence,
    "changes": changes,
    "commits": commits,
    "commits-postgres": commits_postgres,
    "writes": writes,
    "writes-postgres": writes_postgres,
    "herd": herd,
    "snapshot": snapshot,
    "workers": two_workers,
    "redis": redis,
}
HIGHER = tuple(WRITTEN.format(database=database) for database in ("SQLite", "PostgreSQL"))
"""The titles of figures of which more is better."""


def taken(name: str) -> Figures:
    """The figures of a row. RuntimeError says why it cannot be measured here."""
    try:
        return ROWS[name]()
    except (Unusable, pytest.skip.Exception) as missing:
        raise RuntimeError(str(missing)) from None
