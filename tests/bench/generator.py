"""The load generator in C (`tests/bench/c/load.c`): how it is compiled, what it is asked for, and what it answers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.bench.measures import Server
from tests.support.gateway import ROOT

BUILD = ROOT / "build" / "bench"
SOURCES = ROOT / "tests" / "bench" / "c"
PATIENCE_S = 150
"""Until all clients are connected, the row is done, and all connections are closed."""
LIMIT_S = 10
"""From the first message on: the round that is on the way then is the last one."""
CUT_S = 3 * LIMIT_S
"""From the first message on: a server that has not done one round until then is cut off."""
Taken = dict[str, float]
"""What the load generator measured once: the numbers of its line. With `cut` the server was cut off."""


@dataclass(frozen=True)
class Row:
    """What the load generator is asked for. `lines`: the title of each figure, and its name in the answer."""

    lines: dict[str, str]
    mode: str
    clients: int
    in_flight: int
    rounds: int
    once: bool = False
    """Taken once: later runs would reuse what the first one took."""
    floor: bool = True
    """Whether the servers in C are able to do it."""


def compiled(name: str) -> Path:
    """The program `tests/bench/c/NAME.c`. Exits with a sentence where there is no compiler."""
    compiler = os.environ.get("CC") or shutil.which("cc")
    if compiler is None:
        sys.exit("the load generator is C and there is no compiler: install gcc or clang, or name one in CC")
    BUILD.mkdir(parents=True, exist_ok=True)
    program = BUILD / name
    newest = max(file.stat().st_mtime for file in SOURCES.iterdir())
    if not program.exists() or program.stat().st_mtime < newest:
        # Another process may compile it, or run it, at this moment.
        with tempfile.TemporaryDirectory(dir=BUILD) as folder:
            made = Path(folder) / name
            command = [compiler, "-O2", "-Wall", "-Wextra", "-o", str(made), str(SOURCES / f"{name}.c")]
            subprocess.run(command, check=True)
            made.replace(program)
    return program


def pin(pid: int, processor: int) -> None:
    """Keep all threads of `pid` on one processor."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), {processor})


def take(load: Path, server: Server, row: Row, processor: int, limit_s: float = LIMIT_S) -> Taken:
    """What one server needs. Raises RuntimeError with the load generator's sentence when it fails."""
    numbers = (server.port, server.pid, server.dialect, server.greeting)
    asked = (row.mode, row.clients, row.in_flight, row.rounds)
    command = [str(load), *map(str, (*numbers, *asked, limit_s))]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    os.sched_setaffinity(process.pid, {processor})
    try:
        output, error = process.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"not done after {PATIENCE_S} seconds") from None
    finally:
        process.kill()
    if process.returncode:
        raise RuntimeError(error.strip().removeprefix("load: "))
    return {name: float(value) for name, value in json.loads(output).items()}


def figure(taken: Taken, name: str) -> float:
    """The figure `name`: what the server spent is for one delivery, answer or connection."""
    return taken[name] / taken["count"] if name.startswith("server_") else taken[name]
