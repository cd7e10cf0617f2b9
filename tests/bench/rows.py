"""The costs of rows: a change among many subscriptions, commit to client, writes, resuming clients, snapshots."""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

from tests.bench.load import Client, Meter, connect, connect_many, text_frame
from tests.bench.measures import UNLIMITED
from tests.bench.served import flushing_postgres, served
from tests.support.driver import psycopg
from tests.support.gateway import GatewayProcess
from tests.support.postgres import PostgresGateway
from tests.support.sqlite import foreign
from tidegate.core import protocol as wire
from tidegate.core.access.rules import RowAccess
from tidegate.core.rows.catch_up_events import FeedFollows
from tidegate.core.rows.feed_cursor import FeedCursor
from tidegate.core.rows.permissions import ResourceRules
from tidegate.core.rows.ports import Change
from tidegate.core.session import Session
from tidegate_protocol import Principal, SubscribeRequest

MATCHING = 10
SUBSCRIBERS, WRITES_A_SECOND = 100, 200
WRITERS = 64
HERD, MISSED = 2000, 500
LARGE, READERS = 100_000, 4
PATIENCE_S = 120.0


def run(runs: int, scale: float, judge: bool) -> bool:
    """Measure and print; returns whether every target is reached."""
    few, many = (min(dispatch(count) for _ in range(max(3, runs))) for count in (1_000, 100_000))
    rows = [("a change among 100,000 subscriptions over one among 1,000 (ratio)", many / few, 1.5, False)]
    with served(lambda folder: GatewayProcess(folder, "--dev", environment=UNLIMITED)) as process:
        p50, p99 = asyncio.run(latency(process, sqlite_writer(process.database_file), max(1.0, 5 * scale)))
        rows.append(("another program's commit to the client, p50 (ms)", p50, 5.0, False))
        rows.append(("another program's commit to the client, p99 (ms)", p99, 25.0, False))
        rows.append(("rows written by 64 clients (a second)", asyncio.run(writes(process, 4 * scale)), 3000.0, True))
        rows.append(("2,000 clients come back, each missed 500 changes (s)", asyncio.run(herd(process)), 3.0, False))
    for name, value, target in large():
        rows.append((name, value, target, False))
    rows.append(
        (
            "writes through the gateway, 64 clients, PostgreSQL, fsync (a second)",
            writes_postgres(4 * scale),
            800.0,
            True,
        )
    )
    print(f"\n{'rows':<70}{'':>10}{'target':>10}")
    good = True
    for name, value, target, at_least in rows:
        reached = value >= target if at_least else value <= target
        good = good and reached
        limit = f"{'>=' if at_least else '<='} {target:g}"
        print(f"{name:<70}{value:>10.2f}{limit:>10}{'' if reached or not judge else '  missed'}")
    return good


def dispatch(subscriptions: int) -> float:
    """Processor microseconds to find and build what a change means, `MATCHING` of the distinct filters matching."""
    rules = {"users": ResourceRules("users", ("id",), RowAccess("users", {"read": "anyone"}))}
    protocol = wire.Protocol(rules, lambda _: None, FeedCursor("e", 0), wire.SessionLimits(subscriptions=subscriptions))
    session = Session("s", object(), Principal(id="1", name="A", roles=[], anonymous=False))
    for number in range(subscriptions):
        # Those that match differ in the columns they ask for: equal ones would be one group.
        fields = [f"x{number}"] if number < MATCHING else ["name"]
        filters = {"name": "same" if number < MATCHING else f"n{number}"}
        (effect,) = protocol.receive(
            session, SubscribeRequest(resource="users", filters=filters, fields=[*fields, "seen"]), 0.0
        )
        protocol.rows.subscriptions.tell(effect.subscription, FeedFollows())  # type: ignore[attr-defined]  # a CatchUp
    row = {"id": 1, "name": "same", "status": ""}
    rounds = 300
    started = time.process_time()
    for seq in range(1, rounds + 1):
        list(protocol.rows.dispatch([Change(seq, 0, "users", {"id": 1}, "update", row, {**row, "seen": seq})], seq))
    return (time.process_time() - started) / rounds * 1e6


def large() -> list[tuple[str, float, float]]:
    """The cost of sending a table of 100,000 rows to clients, for another client and for the gateway."""
    with tempfile.TemporaryDirectory() as folder:
        process = GatewayProcess(Path(folder), environment=UNLIMITED)
        process.migrate()
        with foreign(process.database_file) as connection:
            names = ((f"n{number}", f"n{number}@example.com") for number in range(LARGE))
            connection.executemany("insert into users (name, email) values (?, ?)", names)
        process.start()
        try:
            pings, seconds, growth = asyncio.run(snapshots(process, READERS))
        finally:
            process.stop()
    return [
        (f"{READERS} clients are sent 100,000 rows (s)", seconds, 5.0),
        ("a ping meanwhile, p50 (ms)", statistics.median(pings), 5.0),
        ("a ping meanwhile, p99 (ms)", pings[int(len(pings) * 0.99)], 20.0),
        ("memory meanwhile (MB more)", growth / 1e6, 30.0),
    ]


async def snapshots(process: GatewayProcess, readers: int) -> tuple[list[float], float, int]:
    """(milliseconds of each `ping` of another client meanwhile in order of size, seconds until all have all, bytes)."""
    pings, seconds, growth = await snapshots_metered(process, readers)
    return sorted(waited for waited, _ in pings), seconds, growth


async def snapshots_metered(process: GatewayProcess, readers: int) -> tuple[list[tuple[float, float]], float, int]:
    """`snapshots`, with the gateway's processor time in milliseconds for each ping until its answer."""
    clients = await connect_many(process.port, readers)
    other = await connect(process.port)
    for client in (*clients, other):
        await client.until(1)
    meter = Meter(process.pid)
    before = most = meter.rss()
    left = set(clients)
    started = time.perf_counter()
    for client in clients:
        client.heard = lambda frame, client=client: left.discard(client) if b'"done":true' in frame[-160:] else None
        client.send({"type": "subscribe", "resource": "users", "snapshot": True, "ref": 1})
    pings: list[tuple[float, float]] = []
    async with asyncio.timeout(PATIENCE_S):
        while left:
            asked, used = time.perf_counter(), meter.cpu_us()
            other.send({"type": "ping", "ref": 1})
            await other.until(2 + len(pings))
            pings.append(((time.perf_counter() - asked) * 1000, (meter.cpu_us() - used) / 1000))
            most = max(most, meter.rss())
            await asyncio.sleep(0.002)
    seconds = time.perf_counter() - started
    for client in (*clients, other):
        client.transport.close()
    return pings, seconds, most - before


Insert = Callable[[str], object]
"""Commits a row with this name, as another program does."""


class Rows(Protocol):
    """A server of rows that runs: Tidegate, or one of by_hand.py."""

    @property
    def port(self) -> int: ...


@contextmanager
def sqlite_writer(file: Path) -> Iterator[Insert]:
    with foreign(file) as connection:

        def insert(name: str) -> None:
            with connection:
                connection.execute("insert into users (name, email) values (?, ?)", (name, f"{name}@example.com"))

        yield insert


@contextmanager
def postgres_writer(url: str) -> Iterator[Insert]:
    with psycopg.connect(url, autocommit=True) as connection:
        query = "insert into users (name, email) values (%s, %s)"
        yield lambda name: connection.execute(query, (name, f"{name}@example.com"))


async def latency(server: Rows, writer: AbstractContextManager[Insert], seconds: float) -> tuple[float, float]:
    """(p50, p99) milliseconds from the moment a commit returned to another program until a client has the update."""
    crowd = await connect_many(server.port, SUBSCRIBERS - 1)
    watcher = await connect(server.port)
    for client in (*crowd, watcher):
        await client.until(1)
        client.send({"type": "subscribe", "resource": "users", "ref": 1})
        await client.until(2)
    total = int(seconds * WRITES_A_SECOND)
    committed: dict[str, float] = {}
    came: dict[str, float] = {}

    def heard(frame: bytes) -> None:
        came[json.loads(frame).get("data", {}).get("name", "")] = time.perf_counter()

    def write() -> None:
        with writer as insert:
            for number in range(total):
                insert(f"l{number}")
                committed[f"l{number}"] = time.perf_counter()
                time.sleep(1 / WRITES_A_SECOND)

    watcher.heard = heard
    thread = threading.Thread(target=write)
    thread.start()
    async with asyncio.timeout(PATIENCE_S):
        await watcher.until(2 + total)
    thread.join()
    delays = sorted((came[name] - at) * 1000 for name, at in committed.items())
    for client in (*crowd, watcher):
        client.transport.close()
    return statistics.median(delays), delays[int(len(delays) * 0.99)]


async def writes(process: Rows, seconds: float) -> float:
    """Rows a second that 64 clients create, each waiting for its answer before it asks again."""
    clients = await connect_many(process.port, WRITERS)
    end = time.perf_counter() + seconds
    started = time.perf_counter()

    async def ask(client: Client, number: int) -> int:
        await client.until(1)
        done = 0
        while time.perf_counter() < end:
            name = f"w{number}-{done}"
            client.send(
                {"type": "create", "resource": "users", "data": {"name": name, "email": f"{name}@x.org"}, "ref": 1}
            )
            done += 1
            await client.until(1 + done)
        return done

    counts = await asyncio.gather(*(ask(client, number) for number, client in enumerate(clients)))
    rate = sum(counts) / (time.perf_counter() - started)
    for client in clients:
        client.transport.close()
    return rate


def writes_postgres(seconds: float) -> float:
    """`writes` over a server that flushes each commit, as real ones do."""
    with (
        flushing_postgres() as server,
        served(lambda folder: PostgresGateway(folder, server.url(server.database()), "--dev")) as process,
    ):
        return asyncio.run(writes(process, seconds))


async def herd(process: GatewayProcess) -> float:
    """Seconds until 2,000 clients that reconnect at once each have their 500 missed changes."""
    first = await connect(process.port)
    first.send({"type": "subscribe", "resource": "users", "ref": 1})
    await first.until(2)
    position: dict[str, Any] = json.loads(first.last)["position"]
    first.transport.close()
    names = [(f"m{number}", f"m{number}@example.com") for number in range(MISSED)]
    with foreign(process.database_file) as connection:
        connection.executemany("insert into users (name, email) values (?, ?)", names)
    request = text_frame(json.dumps({"type": "subscribe", "resource": "users", "since": position, "ref": 1}).encode())
    clients = await connect_many(process.port, HERD)
    await asyncio.gather(*(client.until(1) for client in clients))
    started = time.perf_counter()
    for client in clients:
        client.transport.write(request)
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*(client.until(2 + MISSED) for client in clients))
    elapsed = time.perf_counter() - started
    for client in clients:
        client.transport.close()
    return elapsed
