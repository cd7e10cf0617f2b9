"""`make bench`: what a delivery, a round trip and a connection cost, against websockets' own server in the same run.

Figures are processor microseconds of the SERVER, from the operating system's accounting; what survives a noisy machine
is the ratio. Each measure is taken in turn on both servers, several times; the median is printed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from tests.bench import measures
from tests.bench.measures import PING, SAY, Server
from tests.support.gateway import READY, ROOT, GatewayProcess

TARGETS = {
    "fan-out 1 -> 1000, one in flight (us a delivery)": 1.3,
    "fan-out 1 -> 1000, 16 in flight (us a delivery)": 1.3,
    "round trip: ping (us)": 2.0,
    "round trip: message in a room of one (us)": 2.0,
    "memory a connection (KB)": 1.8,
    "processor a connect (us)": 1.0,
}


@contextlib.contextmanager
def tidegate() -> Iterator[Server]:
    with tempfile.TemporaryDirectory() as folder:
        process = GatewayProcess(Path(folder))
        process.migrate()
        process.start()
        try:
            yield Server("tidegate", process.port, process.pid, greeting=1, joining=True)
        finally:
            process.stop()


@contextlib.contextmanager
def peer() -> Iterator[Server]:
    command = [sys.executable, "-m", "tests.bench.peer"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        found = READY.search(process.stdout.readline())
        assert found is not None
        yield Server("websockets", int(found[1]), process.pid, greeting=0, joining=False)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


async def measure(servers: list[Server], runs: int, scale: float) -> dict[str, dict[str, list[float]]]:
    """Figures by measure and server, the servers in turn."""
    rounds = lambda count: max(5, int(count * scale))  # noqa: E731  # a word, not a function to reuse
    figures: dict[str, dict[str, list[float]]] = {name: {s.name: [] for s in servers} for name in TARGETS}
    plan: list[tuple[str, Callable[[Server], Awaitable[float]]]] = [
        ("fan-out 1 -> 1000, one in flight (us a delivery)", lambda s: measures.fan_out(s, 1000, 1, rounds(100))),
        ("fan-out 1 -> 1000, 16 in flight (us a delivery)", lambda s: measures.fan_out(s, 1000, 16, rounds(30))),
        ("round trip: ping (us)", lambda s: measures.round_trip(s, PING, 1, rounds(5000))),
        ("round trip: message in a room of one (us)", lambda s: measures.round_trip(s, SAY, 1, rounds(5000))),
    ]
    for run in range(runs):
        for name, take in plan:
            for server in servers:
                figures[name][server.name].append(await take(server))
                print(
                    f"  run {run + 1}/{runs}  {server.name:<11} {name}: {figures[name][server.name][-1]:.2f}",
                    flush=True,
                )
    for server in servers:
        memory, cpu = await measures.connections(server, max(200, int(3000 * scale)))
        figures["memory a connection (KB)"][server.name].append(memory)
        figures["processor a connect (us)"][server.name].append(cpu)
    return figures


def report(figures: dict[str, dict[str, list[float]]], judge: bool) -> bool:
    """Print the table; returns whether every ratio reaches its target."""
    print(f"\n{platform.machine()}, Python {platform.python_version()}; medians, server processor time\n")
    print(f"{'measure':<52}{'tidegate':>10}{'websockets':>12}{'ratio':>8}{'at least':>10}")
    good = True
    for name, target in TARGETS.items():
        ours, theirs = (statistics.median(figures[name][server]) for server in ("tidegate", "websockets"))
        ratio = theirs / ours if ours > 0 else float("inf")
        reached = ratio >= target
        good = good and reached
        mark = "" if reached else "  below"
        print(f"{name:<52}{ours:>10.2f}{theirs:>12.2f}{ratio:>7.2f}x{target:>9.1f}x{mark if judge else ''}")
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="times each measure is taken (default: 3)")
    parser.add_argument("--scale", type=float, default=1.0, help="length of each run, 1 is the default")
    parser.add_argument("--judge", action="store_true", help="exit 1 when a ratio is below its target")
    args = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))
    with tidegate() as ours, peer() as theirs:
        figures = asyncio.run(measure([ours, theirs], args.runs, args.scale))
    good = report(figures, args.judge)
    return 0 if good or not args.judge else 1


if __name__ == "__main__":
    sys.exit(main())
