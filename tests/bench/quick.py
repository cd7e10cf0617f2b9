"""`make bench-quick`: Tidegate, the kernel's floor and websockets' own server and gorilla, in one run of a minute.

The load generator and the two floors are C (`tests/bench/c/`), compiled here with the system's compiler. The servers
run on one processor and the load on another. The servers are measured in turn, and a figure is the processor time of
the server, user and system: the load generator costs nothing in it. Each row is kept as JSON as soon as it is whole;
`--resume` takes the rows that are there, and `--write` fills the table of docs/benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from tests.bench.measures import Server
from tests.bench.transport import peer, program, tidegate
from tests.support.gateway import ROOT

BUILD = ROOT / "build" / "bench"
PAGE = ROOT / "docs" / "benchmarks" / "README.md"
START, END = "<!-- figures -->", "<!-- end of the figures -->"
PATIENCE_S = 60


@dataclass(frozen=True)
class Row:
    """What the load generator is asked for. `figure`: `server_us` or `server_kb`, divided by the count."""

    title: str
    mode: str
    clients: int
    in_flight: int
    rounds: int
    figure: str = "server_us"


MEMORY = "memory"
ROWS = {
    MEMORY: Row("idle memory (KB a connection)", "connect", 2000, 1, 1, "server_kb"),
    "connect": Row("connect and join a room (us)", "connect", 1000, 1, 1),
    "fanout-100": Row("fan-out 1 -> 100 (us a delivery)", "fanout", 100, 1, 300),
    "fanout-100-16": Row("fan-out 1 -> 100, 16 in flight (us a delivery)", "fanout", 100, 16, 100),
    "fanout-1000": Row("fan-out 1 -> 1,000 (us a delivery)", "fanout", 1000, 1, 40),
    "fanout-1000-16": Row("fan-out 1 -> 1,000, 16 in flight (us a delivery)", "fanout", 1000, 16, 15),
    "ping": Row("ping (us)", "ping", 32, 1, 150),
    "message": Row("message in a room of one (us)", "message", 32, 1, 150),
}
Figures = dict[str, list[float]]
"""The figures of a row, by server."""


def compiled(name: str) -> Path:
    """The program `tests/bench/c/NAME.c`. Exits with a sentence where there is no compiler."""
    compiler = os.environ.get("CC") or shutil.which("cc")
    if compiler is None:
        sys.exit("the load generator is C and there is no compiler: install gcc or clang, or name one in CC")
    BUILD.mkdir(parents=True, exist_ok=True)
    source, program = ROOT / "tests" / "bench" / "c" / f"{name}.c", BUILD / name
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        subprocess.run([compiler, "-O2", "-Wall", "-Wextra", "-o", str(program), str(source)], check=True)
    return program


def built(name: str) -> Path | None:
    """The Go program `tests/bench/peers/NAME`; None, and a printed reason, where it cannot be built."""
    program = BUILD / f"peer-{name}"
    if shutil.which("go") is None:
        print(f"  without {name}: there is no Go", flush=True)
        return None
    command = ["go", "build", "-o", str(program), "."]
    folder = ROOT / "tests" / "bench" / "peers" / name
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if result.returncode:
        print(f"  without {name}: {result.stderr.strip()}", flush=True)
        return None
    return program


def pin(pid: int, processor: int) -> None:
    """Keep all threads of `pid` on one processor."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), {processor})


def take(load: Path, server: Server, row: Row, processor: int) -> float:
    """One figure of one server. Raises RuntimeError with the load generator's sentence when it fails."""
    numbers = (server.port, server.pid, row.mode, row.clients, row.in_flight, row.rounds, server.greeting)
    process = subprocess.Popen([load, *map(str, numbers)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    os.sched_setaffinity(process.pid, {processor})
    try:
        output, error = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
    if process.returncode:
        raise RuntimeError(f"{server.name}, {row.title}: {error.strip()}")
    return figure(output, row.figure)


def figure(line: str, name: str) -> float:
    """The figure `name` for one delivery, answer or connection, from the load generator's line of JSON."""
    found = json.loads(line)
    return float(found[name]) / float(found["count"])


def table(rows: dict[str, Figures]) -> str:
    """Markdown: medians, with the smallest and the largest figure where a row has several."""
    names = list(dict.fromkeys(server for row in rows.values() for server in row))
    lines = ["| | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    for name, figures in rows.items():
        lines.append(
            f"| {ROWS[name].title} | "
            + " | ".join(cell(figures[server]) if server in figures else "" for server in names)
            + " |"
        )
    return "\n".join(lines)


def cell(figures: Sequence[float]) -> str:
    middle = f"{statistics.median(figures):.2f}"
    return middle if len(figures) == 1 else f"{middle} ({min(figures):.2f} to {max(figures):.2f})"


def noise(rows: dict[str, Figures]) -> str:
    """One sentence: the widest range of a row, in percent of its median."""
    if all(len(figures) == 1 for row in rows.values() for figures in row.values()):
        return "There was one run, so that no range is known."
    widest = max(
        (max(figures) - min(figures)) / statistics.median(figures) if statistics.median(figures) > 0 else 0.0
        for row in rows.values()
        for figures in row.values()
    )
    return f"The widest range is {widest:.0%} of its median; a difference that is smaller may be noise."


def written(page: str, figures: str) -> str:
    """The page with `figures` between its two marks."""
    before, _, rest = page.partition(START)
    return f"{before}{START}\n{figures}\n{END}{rest.partition(END)[2]}"


def measure(names: Sequence[str], runs: int, resume: bool) -> dict[str, Figures]:
    """The figures by row. The servers take turns, A B B A, and each finished row is kept."""
    kept, load = BUILD / "results", compiled("load")
    kept.mkdir(parents=True, exist_ok=True)
    processors = sorted(os.sched_getaffinity(0))
    if len(processors) < 2:
        print("there is one processor: the server and the load share it", flush=True)
    rows: dict[str, Figures] = {}
    with contextlib.ExitStack() as stack:
        servers: list[Server] = []
        for name in names:
            file = kept / f"{name}.json"
            if resume and file.exists():
                rows[name] = json.loads(file.read_text(encoding="utf-8"))
                continue
            if not servers:
                go = built("gorilla")
                started = [
                    program("C, send", compiled("floor"), "send"),
                    program("C, gather", compiled("floor"), "gather"),
                    tidegate(),
                    peer("websockets", "plain"),
                ]
                if go is not None:
                    started.append(program("Go, gorilla", go))
                servers = [stack.enter_context(server) for server in started]
                for server in servers:
                    pin(server.pid, processors[0])
            rows[name] = {server.name: [] for server in servers}
            for run in range(1 if name == MEMORY else runs):  # later connections reuse what earlier ones took
                for server in reversed(servers) if run % 2 else servers:
                    rows[name][server.name].append(take(load, server, ROWS[name], processors[-1]))
            file.write_text(json.dumps(rows[name]), encoding="utf-8")
            print(f"  {ROWS[name].title}: {', '.join(f'{key} {cell(value)}' for key, value in rows[name].items())}")
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.quick", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"{', '.join(ROWS)} (default: all)")
    parser.add_argument("--runs", type=int, default=3, help="times each row is measured (default: 3)")
    parser.add_argument("--resume", action="store_true", help="take rows that an earlier run has measured")
    parser.add_argument("--write", action="store_true", help="fill the table of docs/benchmarks/README.md")
    args = parser.parse_args()
    if unknown := set(args.rows) - set(ROWS):
        parser.error(f"no row {', '.join(sorted(unknown))}; there are {', '.join(ROWS)}")
    if sys.platform != "linux":
        parser.error("the load generator needs Linux: it uses epoll and /proc")
    names = [name for name in ROWS if name in (args.rows or ROWS)]  # memory first, while nothing can be reused
    rows = measure(names, max(1, args.runs), args.resume)
    said = f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}, "
    said += f"Linux {platform.release()}, websockets {version('websockets')}. {noise(rows)}"
    print(f"\n{table(rows)}\n\n{said}")
    if args.write:
        PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), f"{table(rows)}\n\n{said}"), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
