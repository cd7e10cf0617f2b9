"""`python -m tests.bench.profile ROW`: where the processor time of a request goes, with a name for each microsecond.

A gateway that samples itself and one that does not are measured in turn, A B B A, with the same load. The groups are
those of the first one, and their sum is what its threads took. Beside it stands what the other one took: the difference
is noise, and what sampling costs.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.bench import measures
from tests.bench.measures import UNLIMITED, Server
from tests.bench.profile.groups import Share, shares
from tests.bench.profile.sampled import Stack
from tests.bench.transport import tidegate
from tests.support.gateway import READY, ROOT, clean_environment, migrate
from tests.support.ports import free_port

MAIN = "MainThread"
CLIENTS = 32
CONNECTED = 1_000
"""Clients that are connected at a time: their number grows with the seconds, and the limit of open files does not."""


async def connects(server: Server, rounds: int) -> float:
    """Server microseconds of a connect."""
    size = rounds * CLIENTS
    parts = [min(CONNECTED, size - begun) for begun in range(0, size, CONNECTED)]
    costs = [part * await measures.connects(server, part) for part in parts]
    return sum(costs) / size


ROWS: dict[str, Callable[[Server, int], Awaitable[float]]] = {
    "ping": lambda server, rounds: measures.round_trip(server, "ping", 1, rounds),
    "message": lambda server, rounds: measures.round_trip(server, "message", 1, rounds),
    "subscribe": measures.subscribe,
    "create": measures.create,
    "get": lambda server, rounds: measures.read(server, measures.GET, rounds),
    "list": lambda server, rounds: measures.read(server, measures.LIST, rounds),
    "connect": connects,
}
"""By name: takes a number of rounds of 32 requests, and returns microseconds a request."""


class Profiled(NamedTuple):
    """A gateway that samples itself."""

    server: Server
    process: subprocess.Popen[str]

    def taken(self) -> tuple[list[tuple[Stack, int]], dict[str, int]]:
        """Stacks since the last call, and the nanoseconds of each thread so far."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        found: dict[str, Any] = json.loads(self.process.stdout.readline())
        stacks = [(tuple(map(tuple, stack)), times) for stack, times in found["stacks"]]
        return stacks, found["processor_ns"]


@contextlib.contextmanager
def profiled() -> Iterator[Profiled]:
    """A gateway in a temporary folder, on asyncio's loop."""
    port = free_port()
    command = [sys.executable, "-m", "tests.bench.profile.sampled", "serve", "--port", str(port)]
    environment = clean_environment() | UNLIMITED | {"TIDEGATE_LOOP": "asyncio", "PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryDirectory() as folder:
        migrate(f"sqlite:///{folder}/tidegate.db", Path(ROOT / "schema"))
        process = subprocess.Popen(
            [*command, "--schema", str(ROOT / "schema")],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            assert process.stdout is not None
            assert READY.search(process.stdout.readline())
            yield Profiled(Server("sampled", port, process.pid, greeting=1), process)
        finally:
            process.terminate()
            process.communicate()


async def measure(row: str, sampled: Profiled, plain: Server, seconds: float) -> tuple[list[Share], float, int]:
    """The groups of a row, what it costs without samples, and how many samples there were."""
    take = ROWS[row]
    figure, _ = await take(plain, 10), await take(sampled.server, 10)  # warms both up
    rounds = max(10, int(seconds * 1e6 / figure / CLIENTS / 2))
    stacks: list[tuple[Stack, int]] = []
    threads: dict[str, float] = {}
    costs: dict[str, list[float]] = {"sampled": [], "plain": []}
    for name in ("plain", "sampled", "sampled", "plain"):
        if name == "plain":
            costs[name].append(await take(plain, rounds))
            continue
        _, before = sampled.taken()
        costs[name].append(await take(sampled.server, rounds))
        found, after = sampled.taken()
        stacks += found
        for thread, ns in after.items():
            threads[thread] = threads.get(thread, 0.0) + ns - before.get(thread, 0)
    # What connecting the clients of a measure takes is in the threads' time, and not in the figure.
    scale = sum(costs["sampled"]) / 2 / sum(threads.values())
    found_shares = shares(stacks, {thread: spent * scale for thread, spent in threads.items()}, MAIN)
    return found_shares, sum(costs["plain"]) / 2, sum(times for _, times in stacks)


def report(row: str, found: list[Share], plain: float, samples: int) -> None:
    total = sum(share.us for share in found)
    print(f"\n{row}: {samples} samples; processor time in us of a request, and in % of the sum\n")
    small = [share for share in found if share.us < total / 200]
    for name, us, noise in found:
        if us >= total / 200:
            print(f"{name:<36}{us:>8.2f} +- {noise:<6.2f}{100 * us / total:>6.1f} %")
    print(f"{f'{len(small)} more, each less than 0.5 %':<36}{sum(share.us for share in small):>8.2f}")
    print(f"{'sum':<36}{total:>8.2f}")
    print(f"{'without samples, in the same run':<36}{plain:>8.2f}{'':10}{100 * plain / total:>6.1f} %", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.profile",
        description="Show where the processor time of a request goes. Linux only.",
        epilog="example: python -m tests.bench.profile ping message --seconds 20",
    )
    parser.add_argument("rows", nargs="*", metavar="ROW", default=[], help=f"of {', '.join(ROWS)} (default: all)")
    parser.add_argument("--seconds", type=float, default=8.0, help="processor time that is sampled (default: 8)")
    args = parser.parse_args()
    if unknown := [row for row in args.rows if row not in ROWS]:
        parser.error(f"no row is called {unknown[0]}; there are {', '.join(ROWS)}")
    for row in args.rows or ROWS:
        with profiled() as sampled, tidegate() as plain:
            report(row, *asyncio.run(measure(row, sampled, plain, args.seconds)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
