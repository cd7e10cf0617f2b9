"""The cost of a delivery, a round trip and a connection, compared with websockets' own server in the same run.

Figures are processor microseconds of the SERVER, as the operating system reports them. The ratios are stable on a noisy
machine. Each measure runs in turn on all servers, several times; the table shows the median. The peers are in peer.py:
`websockets` only passes messages on, `+ checks` also parses and validates them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path

from tests.bench import measures
from tests.bench.measures import PATIENCE_S, UNLIMITED, Server
from tests.bench.served import served
from tests.support.gateway import READY, ROOT, GatewayProcess, clean_environment, migrate
from tests.support.ports import free_port

FAN_OUT = "fan-out 1 -> 1000, one in flight (us a delivery)"
LOADED = "fan-out 1 -> 1000, 16 in flight (us a delivery)"
PING = "round trip: ping (us)"
MESSAGE = "round trip: message in a room of one (us)"
PINGS = "round trip: 16 pings in flight (us each)"
MESSAGES = "round trip: 16 messages in flight (us each)"
MEMORY = "memory a connection (KB)"
CONNECT = "processor a connect (us)"

PORT = re.compile(READY.pattern + r'|"port":(\d+)')
"""How a server says its port: as Tidegate does, or as workerd does."""
PLAIN, CHECKING = "websockets", "+ checks"
TARGETS = {FAN_OUT: 1.3, LOADED: 1.3, PING: 2.0, MESSAGE: 2.0, PINGS: 2.0, MESSAGES: 2.0, MEMORY: 1.8, CONNECT: 1.0}
"""The least ratio, the plain peer's figure over Tidegate's, by measure."""


@contextlib.contextmanager
def tidegate(name: str = "tidegate", loop: str = "asyncio") -> Iterator[Server]:
    environment = UNLIMITED | {"TIDEGATE_LOOP": loop}
    with served(lambda folder: GatewayProcess(folder, environment=environment)) as process:
        yield Server(name, process.port, process.pid, greeting=1)


@contextlib.contextmanager
def tidegate_by(name: str, python: str) -> Iterator[Server]:
    """A gateway that another Python runs."""
    with tempfile.TemporaryDirectory() as folder:
        database = f"sqlite:///{folder}/tidegate.db"
        migrate(database, ROOT / "schema")
        command = [python, "-m", "tidegate", "serve", "--port", str(free_port()), "--database", database]
        environment = clean_environment() | UNLIMITED | {"TIDEGATE_LOOP": "asyncio"}
        with program(name, *command, environment=environment, greeting=1) as server:
            yield server


@contextlib.contextmanager
def program(
    name: str,
    *command: str | Path,
    dialect: str = "tidegate",
    environment: Mapping[str, str] = os.environ,
    greeting: int = 0,
) -> Iterator[Server]:
    """A server that prints its port, on one processor also as Go sees it. RuntimeError with what it said if it ends."""
    environment = {**environment, "GOMAXPROCS": "1"}
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True)
        assert process.stdout is not None
        try:
            found = PORT.search(process.stdout.readline())
            if found is None:
                process.wait(PATIENCE_S)
                errors.seek(0)
                raise RuntimeError(f"{name} did not start: {errors.read().strip()[-300:]}")
            yield Server(name, int(found[1] or found[2]), process.pid, greeting=greeting, dialect=dialect)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


def peer(name: str, kind: str) -> contextlib.AbstractContextManager[Server]:
    """A server of `tests.bench.peer`."""
    return program(name, sys.executable, "-m", "tests.bench.peer", kind)


def plan(scale: float) -> dict[str, Callable[[Server], Awaitable[float]]]:
    """What is measured in turn on all servers, by name."""

    def rounds(count: int) -> int:
        return max(5, int(count * scale))

    return {
        FAN_OUT: lambda server: measures.fan_out(server, 1000, 1, rounds(100)),
        LOADED: lambda server: measures.fan_out(server, 1000, 16, rounds(30)),
        PING: lambda server: measures.round_trip(server, "ping", 1, rounds(300)),
        MESSAGE: lambda server: measures.round_trip(server, "message", 1, rounds(300)),
        PINGS: lambda server: measures.round_trip(server, "ping", 16, rounds(50)),
        MESSAGES: lambda server: measures.round_trip(server, "message", 16, rounds(50)),
    }


async def measure(servers: list[Server], runs: int, scale: float) -> dict[str, dict[str, list[float]]]:
    """Figures by measure and server, the servers in turn. Memory comes first, while nothing can be reused."""
    figures: dict[str, dict[str, list[float]]] = {name: {s.name: [] for s in servers} for name in TARGETS}
    for server in servers:
        memory, cpu = await measures.connections(server, max(200, int(3000 * scale)))
        figures[MEMORY][server.name].append(memory)
        figures[CONNECT][server.name].append(cpu)
    for run in range(1, runs + 1):
        for name, take in plan(scale).items():
            for server in servers:
                figures[name][server.name].append(await take(server))
                print(f"  run {run}/{runs}  {server.name:<11} {name}: {figures[name][server.name][-1]:.2f}", flush=True)
    return figures


def report(figures: dict[str, dict[str, list[float]]], judge: bool) -> bool:
    """Print the table; returns whether every ratio to the plain peer reaches its target."""
    print(f"\n{platform.machine()}, Python {platform.python_version()}; medians, server processor time\n")
    print(f"{'measure':<50}{'tidegate':>9}{PLAIN:>12}{'ratio':>7}{'at least':>10}{CHECKING:>12}{'ratio':>7}")
    good = True
    for name, target in TARGETS.items():
        ours, plain, checking = (statistics.median(figures[name][server]) for server in ("tidegate", PLAIN, CHECKING))
        reached = plain / ours >= target
        good = good and reached
        mark = "  below" if judge and not reached else ""
        ratios = f"{plain:>12.2f}{plain / ours:>6.2f}x{target:>9.1f}x{checking:>12.2f}{checking / ours:>6.2f}x"
        print(f"{name:<50}{ours:>9.2f}{ratios}{mark}")
    return good


def run(runs: int, scale: float, judge: bool) -> bool:
    """Measure and print; returns whether every target is reached."""
    with tidegate() as ours, peer(PLAIN, "plain") as plain, peer(CHECKING, "checking") as checking:
        figures = asyncio.run(measure([ours, plain, checking], runs, scale))
    return report(figures, judge)
