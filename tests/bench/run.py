"""`make bench-quick`, `make bench`, `make bench-peers`: Tidegate beside other servers, in one run on this machine.

The load generator is C (`tests/bench/c/`), compiled here with the system's compiler. The servers run on one processor
and the load on another. They are measured in turn, A B C C B A, and most figures are the processor time of the server:
the load generator costs nothing in it. `product_rows` are measured with clients in Python. Each row is kept as soon as
it is whole; `--resume` takes those of the same commit, machine and servers, and `--write` fills docs/benchmarks/.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec

from tests.bench import chart, peer_programs, product_rows
from tests.bench.generator import BUILD, Row, compiled, figure, pin, take
from tests.bench.measures import Server
from tests.bench.results import Kept, Result, Results, as_json, cell, commit, failures, machine, noise, table, written
from tests.bench.transport import peer, program, tidegate
from tests.support.gateway import ROOT

FOLDER = ROOT / "docs" / "benchmarks"
PAGE, FIGURES, CHART = FOLDER / "README.md", FOLDER / "figures.json", FOLDER / "figures.svg"

UVLOOP = "tidegate, uvloop"
_US = "server_us"
_LATENCY = "100 clients, 50 messages a second: message to client, {} (us)"
ROWS = {
    "memory": Row({"idle memory (KB a connection)": "server_kb"}, "connect", 2000, 1, 1, once=True),
    "connect": Row({"connect and join a room (us)": _US}, "connect", 1000, 1, 1),
    "fanout-100": Row({"fan-out 1 -> 100 (us a delivery)": _US}, "fanout", 100, 1, 300),
    "fanout-100-16": Row({"fan-out 1 -> 100, 16 in flight (us a delivery)": _US}, "fanout", 100, 16, 100),
    "fanout-1000": Row({"fan-out 1 -> 1,000 (us a delivery)": _US}, "fanout", 1000, 1, 40),
    "fanout-1000-16": Row({"fan-out 1 -> 1,000, 16 in flight (us a delivery)": _US}, "fanout", 1000, 16, 15),
    "fanout-5000": Row({"fan-out 1 -> 5,000 (us a delivery)": _US}, "fanout", 5000, 1, 10),
    "fanout-5000-16": Row({"fan-out 1 -> 5,000, 16 in flight (us a delivery)": _US}, "fanout", 5000, 16, 5),
    "ping": Row({"ping (us)": _US}, "ping", 32, 1, 150),
    "message": Row({"message in a room of one (us)": _US}, "message", 32, 1, 150),
    "latency": Row({_LATENCY.format("p50"): "p50_us", _LATENCY.format("p99"): "p99_us"}, "rate", 100, 20, 150),
    "slow": Row(
        {"fan-out 1 -> 1,000, 16 in flight, one reads nothing (us a delivery)": _US}, "slow", 1000, 16, 40, floor=False
    ),
}
"""The rows of the load generator in C, by name."""
QUICK = ("memory", "connect", "fanout-100", "fanout-100-16", "fanout-1000", "fanout-1000-16", "ping", "message")
SETS = {"quick": QUICK, "own": (*ROWS, *product_rows.ROWS), "peers": (*ROWS, *product_rows.ROWS)}
"""The rows of each command, in their order: memory first, while nothing can be reused."""


@dataclass
class Entrant:
    """A server that takes part. After a failure it is started again, because it may hold on to what failed."""

    name: str
    version: str
    start: Callable[[], AbstractContextManager[Server]]
    server: Server | None = None
    stack: ExitStack | None = None

    def running(self, processor: int) -> Server:
        if self.server is None:
            self.stack = ExitStack()
            self.server = self.stack.enter_context(self.start())
            pin(self.server.pid, processor)
        return self.server

    def stop(self) -> None:
        if self.stack is not None:
            self.stack.close()
        self.server = self.stack = None


def entrants(chosen: str, only: Sequence[str]) -> list[Entrant]:
    """The servers of a set, or those of them that are named; says which cannot be had, and why."""
    floor = compiled("floor")
    found = [
        Entrant("C, send", "", partial(program, "C, send", floor, "send")),
        Entrant("C, gather", "", partial(program, "C, gather", floor, "gather")),
        Entrant(product_rows.OURS, commit(), tidegate),
    ]
    if chosen != "quick" and find_spec("uvloop") is not None:
        found.append(Entrant(UVLOOP, version("uvloop"), partial(tidegate, UVLOOP, "uvloop")))
    peers = {"quick": (peer_programs.GORILLA,), "own": (), "peers": peer_programs.ALL}[chosen]
    if chosen != "own":
        found.append(Entrant("websockets", version("websockets"), partial(peer, "websockets", "plain")))
    for each in peers:
        if only and each.name not in only:
            continue
        try:
            command = each.prepare()
        except RuntimeError as reason:
            print(f"  without {each.name}: {reason}", flush=True)
            continue
        found.append(Entrant(each.name, each.version(), partial(each.start, command)))
    return [each for each in found if not only or each.name in only]


def measured(row: Row, taking: Sequence[Entrant], runs: int) -> Result:
    """The servers take turns, A B B A."""
    load, processors, result = compiled("load"), sorted(os.sched_getaffinity(0)), Result()
    able = [each for each in taking if row.floor or not each.name.startswith("C, ")]
    for run in range(1 if row.once else runs):
        for each in reversed(able) if run % 2 else able:
            if each.name in result.failed:
                continue
            try:
                found = take(load, each.running(processors[0]), row, processors[-1])
            except RuntimeError as reason:
                result.fail(each.name, str(reason))
                each.stop()
                continue
            for title, name in row.lines.items():
                result.add(title, each.name, figure(found, name))
    return result


def of_product(name: str, runs: int) -> Result:
    result = Result()
    for _ in range(runs):
        try:
            found = product_rows.taken(name)
        except RuntimeError as reason:
            result.fail(product_rows.OURS, str(reason))
            break
        for title, servers in found.items():
            for server, value in servers.items():
                result.add(title, server, value)
    return result


def measure(names: Sequence[str], taking: Sequence[Entrant], runs: int, kept: Kept, resume: bool) -> Results:
    """The rows, each kept when it is whole."""
    results: Results = {}
    try:
        for name in names:
            row = kept.take(name) if resume else None
            if row is None:
                began = time.monotonic()
                row = measured(ROWS[name], taking, runs) if name in ROWS else of_product(name, runs)
                kept.put(name, row)
                print(f"  {name} ({time.monotonic() - began:.0f} s)", flush=True)
                for title, figures in row.lines.items():
                    print(f"    {title}: {', '.join(f'{key} {cell(value)}' for key, value in figures.items())}")
                for server, sentence in row.failed.items():
                    print(f"    {server} failed: {sentence}", flush=True)
            results[name] = row
    finally:
        for each in taking:
            each.stop()
    return results


def said(results: Results, taking: Sequence[Entrant], command: str, runs: int) -> str:
    """What stands below the table."""
    versions = ", ".join(f"{each.name} {each.version}" for each in taking if each.version)
    here = ". ".join(f"{key}: {value}" for key, value in machine().items())
    lines = [
        f"`{command}`, {runs} {'run' if runs == 1 else 'runs'}. {here}.",
        f"Versions: {versions}.",
        noise(results),
    ]
    failed = failures(results)
    return "\n\n".join([*lines, *([f"What failed:\n\n{failed}"] if failed else [])])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.run", description=__doc__)
    parser.add_argument("set", choices=SETS, help="quick: 8 rows, few servers; own: all rows, the floor; peers: all")
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"{', '.join(SETS['peers'])} (default: all of the set)")
    parser.add_argument("--runs", type=int, default=3, help="times each row is measured (default: 3)")
    parser.add_argument("--only", action="append", default=[], metavar="SERVER", help="take this server; repeatable")
    parser.add_argument("--resume", action="store_true", help="take rows that the same commit has measured here")
    parser.add_argument(
        "--write", action="store_true", help="fill the table, the JSON and the chart of docs/benchmarks"
    )
    args = parser.parse_args()
    if unknown := set(args.rows) - set(SETS["peers"]):
        parser.error(f"no row {', '.join(sorted(unknown))}; there are {', '.join(SETS['peers'])}")
    if sys.platform != "linux":
        parser.error("the load generator needs Linux: it uses epoll and /proc")
    if len(os.sched_getaffinity(0)) < 2:
        print("there is one processor: the server and the load share it", flush=True)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    names = [name for name in SETS["peers"] if name in (args.rows or SETS[args.set])]
    taking = entrants(args.set, args.only)
    if unknown := set(args.only) - {each.name for each in taking}:
        parser.error(f"no server {', '.join(sorted(unknown))}; there are {', '.join(each.name for each in taking)}")
    runs = max(1, args.runs)
    conditions = {"runs": runs, "machine": machine(), "servers": {each.name: each.version for each in taking}}
    results = measure(names, taking, runs, Kept(BUILD / "results" / args.set, conditions), args.resume)
    command = "make bench" if args.set == "own" else f"make bench-{args.set}"
    below = said(results, taking, command, runs)
    print(f"\n{table(results)}\n\n{below}")
    if args.write:
        write(results, f"{table(results)}\n\n{below}", {"command": command, **conditions})
    return 0


def write(results: Results, figures: str, conditions: dict[str, object]) -> None:
    picture = f"![The figures as bars, a panel for each row]({CHART.name})"
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), f"{figures}\n\n{picture}"), encoding="utf-8")
    FIGURES.write_text(as_json(results, conditions), encoding="utf-8")
    CHART.write_text(chart.svg(results, product_rows.HIGHER), encoding="utf-8")
    print(f"\nwritten: {', '.join(str(each.relative_to(ROOT)) for each in (PAGE, FIGURES, CHART))}")


if __name__ == "__main__":
    sys.exit(main())
