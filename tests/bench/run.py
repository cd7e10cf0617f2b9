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
import signal
import sys
import time
from collections.abc import Sequence
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec

from tests.bench import chart, peer_programs, product_rows, pythons
from tests.bench.generator import BUILD, Row, compiled, take
from tests.bench.results import (
    Kept,
    Result,
    Results,
    as_json,
    cell,
    commit,
    failures,
    machine,
    noise,
    short,
    table,
    written,
)
from tests.bench.summary import summary
from tests.bench.transport import peer, program, tidegate, tidegate_by
from tests.bench.turns import Entrant, measured
from tests.support.gateway import ROOT

FOLDER = ROOT / "docs" / "benchmarks"
PAGE, FIGURES, CHART = FOLDER / "README.md", FOLDER / "figures.json", FOLDER / "figures.svg"
SUMMARY = ROOT / "docs" / "explanation" / "performance.md"

LATE_S = 25 * 60.0
"""A row that begins later has one run, so that all of them end in time."""
UVLOOP, OTHER = "tidegate, uvloop", "tidegate, other Python"
_US = "server_us"
_LATENCY = "100 clients, 50 messages a second: message to client, {} (us)"
ROWS = {
    "memory": Row({"idle memory (KB a connection)": "server_kb"}, "connect", 5000, 1, 1, once=True),
    "greet": Row({"connect, with what a server tells its client then (us)": _US}, "greet", 1000, 1, 1),
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
QUICK = ("memory", "connect", "fanout-100", "fanout-1000-16", "ping", "message")
SETS = {"quick": QUICK, "own": (*ROWS, *product_rows.ROWS), "peers": (*ROWS, *product_rows.ROWS)}
"""The rows of each command, in their order: memory first, while nothing can be reused."""


def entrants(chosen: str, only: Sequence[str], beside: str | None) -> list[Entrant]:
    """The servers of a set, or those of them that are named; says which cannot be had, and why.

    `beside`: another Python, by which Tidegate runs once more.
    """
    floor = compiled("floor")
    found = [
        Entrant("C, send", "", partial(program, "C, send", floor, "send")),
        Entrant("C, gather", "", partial(program, "C, gather", floor, "gather")),
        Entrant(product_rows.OURS, commit(), tidegate),
    ]
    if chosen != "quick" and find_spec("uvloop") is not None:
        found.append(Entrant(UVLOOP, version("uvloop"), partial(tidegate, UVLOOP, "uvloop")))
    if beside is not None:
        version_of_it = str(pythons.facts(beside)["version"])
        found.append(Entrant(OTHER, version_of_it, partial(tidegate_by, OTHER, beside)))
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
    """The rows, each kept when it is whole. Those that begin late have one run."""
    results: Results = {}
    late = time.monotonic() + LATE_S
    try:
        for number, name in enumerate(names, 1):
            row = kept.take(name) if resume else None
            if row is None:
                began = time.monotonic()
                print(f"  {number} of {len(names)}: {name}{_expected(names[number - 1 :], kept)}", flush=True)
                times = runs if began < late else 1
                if times < runs:
                    print(f"    one run, because {LATE_S / 60:.0f} minutes are over", flush=True)
                if name in ROWS:
                    row = measured(ROWS[name], taking, times, compiled("load"), take)
                else:
                    row = of_product(name, times)
                row.seconds = round(time.monotonic() - began, 1)
                kept.put(name, row)
                print(f"  {name} took {row.seconds:.0f} s", flush=True)
                for title, figures in row.lines.items():
                    print(f"    {title}: {', '.join(f'{key} {cell(value)}' for key, value in figures.items())}")
                for bounds in row.beyond.values():
                    print(
                        f"    cut off: {', '.join(f'{key} more than {short(value)}' for key, value in bounds.items())}"
                    )
                for server, sentence in row.failed.items():
                    print(f"    {server} failed: {sentence}", flush=True)
            results[name] = row
    finally:
        for each in taking:
            each.stop()
    return results


def _expected(names: Sequence[str], kept: Kept) -> str:
    """How long rows took when they were last measured here."""
    known = [kept.seconds(name) for name in names]
    if not known[0]:
        return ""
    missing = "" if all(known) else " without those that were never measured here"
    return f", {known[0]:.0f} s last time; {sum(known) / 60:.0f} min for it and the rest{missing}"


def said(results: Results, taking: Sequence[Entrant], command: str, runs: int, beside: str | None) -> str:
    """What stands below the table."""
    versions = ", ".join(f"{each.name} {each.version}" for each in taking if each.version)
    here = ". ".join(f"{key}: {value}" for key, value in machine().items())
    lines = [
        f"`{command}`, {runs} {'run' if runs == 1 else 'runs'}. {here}.",
        f"Versions: {versions}.",
        *([pythons_compared(beside)] if beside is not None else []),
        noise(results),
    ]
    failed = failures(results)
    return "\n\n".join([*lines, *([f"What failed:\n\n{failed}"] if failed else [])])


def pythons_compared(beside: str) -> str:
    other = pythons.description(pythons.facts(beside))
    speed = pythons.calibration({"the Python of the servers": sys.executable, "the other Python": beside})
    return f"The other Python: {other}. {speed}"


def asked() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.run", description=__doc__)
    parser.add_argument("set", choices=SETS, help="quick: 6 rows, few servers; own: all rows, the floor; peers: all")
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"{', '.join(SETS['peers'])} (default: all of the set)")
    parser.add_argument("--runs", type=int, default=3, help="times each row is measured (default: 3)")
    parser.add_argument("--only", action="append", default=[], metavar="SERVER", help="take this server; repeatable")
    parser.add_argument("--resume", action="store_true", help="take rows that the same commit has measured here")
    parser.add_argument(
        "--write", action="store_true", help="fill the table, the JSON and the chart of docs/benchmarks"
    )
    parser.add_argument(
        "--python", metavar="PROGRAM", help="the Python of all servers that are Python (default: that of .venv)"
    )
    parser.add_argument("--beside", metavar="PROGRAM", help=argparse.SUPPRESS)
    return parser


def main() -> int:
    parser = asked()
    args = parser.parse_args()
    if unknown := set(args.rows) - set(SETS["peers"]):
        parser.error(f"no row {', '.join(sorted(unknown))}; there are {', '.join(SETS['peers'])}")
    if sys.platform != "linux":
        parser.error("the load generator needs Linux: it uses epoll and /proc")
    if args.python is not None:
        try:
            pythons.run_by(args.python, sys.argv[1:])
        except pythons.Unusable as reason:
            parser.error(f"--python: {reason}")
    if len(os.sched_getaffinity(0)) < 2:
        print("there is one processor: the server and the load share it", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # servers are stopped on the way out
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    names = [name for name in SETS["peers"] if name in (args.rows or SETS[args.set])]
    taking = entrants(args.set, args.only, args.beside)
    if unknown := set(args.only) - {each.name for each in taking}:
        parser.error(f"no server {', '.join(sorted(unknown))}; there are {', '.join(each.name for each in taking)}")
    runs = max(1, args.runs)
    conditions = {"runs": runs, "machine": machine(), "servers": {each.name: each.version for each in taking}}
    results = measure(names, taking, runs, Kept(BUILD / "results" / args.set, conditions), args.resume)
    command = "make bench" if args.set == "own" else f"make bench-{args.set}"
    if args.python is not None:
        command += f" BENCH_PYTHON={args.python}"
    below = said(results, taking, command, runs, args.beside)
    print(f"\n{table(results)}\n\n{below}")
    if args.write:
        write(results, f"{table(results)}\n\n{below}", {"command": command, **conditions})
    return 0


def summarised(results: Results, command: str) -> str:
    return summary(results, command, tuple(ROWS), tuple(product_rows.ROWS))


def write(results: Results, figures: str, conditions: dict[str, object]) -> None:
    picture = f"![The figures as bars, a panel for each row]({CHART.name})"
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), f"{figures}\n\n{picture}"), encoding="utf-8")
    SUMMARY.write_text(
        written(SUMMARY.read_text(encoding="utf-8"), summarised(results, str(conditions["command"]))), encoding="utf-8"
    )
    FIGURES.write_text(as_json(results, conditions), encoding="utf-8")
    CHART.write_text(chart.svg(results, product_rows.HIGHER), encoding="utf-8")
    print(f"\nwritten: {', '.join(str(each.relative_to(ROOT)) for each in (PAGE, SUMMARY, FIGURES, CHART))}")


if __name__ == "__main__":
    sys.exit(main())
