"""`make bench-compare REF=<commit>`: what requests cost in this checkout, against another commit, in one run.

Both builds run at the same time on one core and are measured in turn, A B B A, so that a drift of the machine's speed
affects both equally. A figure is the processor time (user and system) of the gateway process, in microseconds a request
or a delivery. Each round gives one ratio, this checkout over the other commit; the table shows the median of the ratios
and its 95 % interval. A measure is called slower only when the lower end of its interval is above 1.05.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import math
import os
import platform
import statistics
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.bench import measures
from tests.bench.measures import Server
from tests.support.gateway import ROOT, GatewayProcess, clean_environment, with_changes

SLOWER = 1.05
"""A measure is slower when even the lower end of its interval is above this ratio."""
FEWEST_ROUNDS = 6
"""With fewer rounds there is no 95 % interval of a median."""
PACKAGES = ("server", "generated/python", "clients/python")

RATES = ("rate", "rate_bytes", "address_connects", "address_connections")
"""Settings that are switched off, where a commit has them: measures send as much as they can."""

Measure = Callable[[Server], Awaitable[float]]

MEASURES: dict[str, Measure] = {
    "ping": lambda server: measures.round_trip(server, "ping", 1, 60),
    "message": lambda server: measures.round_trip(server, "message", 1, 60),
    "subscribe": lambda server: measures.subscribe(server, 30),
    "create": lambda server: measures.create(server, 20),
    "get": lambda server: measures.read(server, measures.GET, 20),
    "list": lambda server: measures.read(server, measures.LIST, 20),
    "connect": lambda server: measures.connects(server, 200),
    "close": lambda server: measures.closes(server, 200),
    "fan-out": lambda server: measures.fan_out(server, 300, 1, 40),
}


class Verdict(NamedTuple):
    """The median of ratios, and the interval that holds the true median with a probability of at least 95 %."""

    low: float
    median: float
    high: float

    @property
    def slower(self) -> bool:
        return self.low > SLOWER


def verdict(ratios: Sequence[float]) -> Verdict:
    """The interval comes from the order of the ratios alone (the sign test), whatever their distribution.

    Raises ValueError for fewer than `FEWEST_ROUNDS` ratios.
    """
    if len(ratios) < FEWEST_ROUNDS:
        raise ValueError(f"{len(ratios)} ratios have no 95 % interval; it takes {FEWEST_ROUNDS}")
    ordered = sorted(ratios)
    outside = 0
    while _at_most(outside, len(ordered)) <= 0.025:
        outside += 1
    return Verdict(ordered[outside - 1], statistics.median(ordered), ordered[-outside])


def _at_most(heads: int, tosses: int) -> float:
    """The probability of at most `heads` heads in `tosses` tosses of a fair coin."""
    return float(sum(math.comb(tosses, count) for count in range(heads + 1)) / 2**tosses)


@contextlib.contextmanager
def checkout(ref: str, *more: str) -> Iterator[Path]:
    """The files of commit `ref` in a temporary folder, with the folders `more`.

    Exits with a message when Git does not know `ref`.
    """
    commit = subprocess.run(
        ["git", "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    if not commit:
        raise SystemExit(f"git knows no commit {ref!r}; for example: make bench-compare REF=HEAD~1")
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.run(
            ["git", "archive", commit, "server", "generated", "clients/python", "schema", *more],
            cwd=ROOT,
            capture_output=True,
            check=True,
        ).stdout
        subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
        yield Path(folder)


@contextlib.contextmanager
def gateway(name: str, root: Path, loop: str = "asyncio") -> Iterator[Server]:
    """A gateway that runs the code in `root`, on a new database and in the event loop `loop`."""
    environment: dict[str, str | None] = {"PYTHONPATH": os.pathsep.join(str(root / package) for package in PACKAGES)}
    sources = [root / "server/tidegate/config.py", *(root / "server/tidegate").glob("*_settings.py")]
    known = "".join(each.read_text() for each in sources)
    environment |= {f"TIDEGATE_{name.upper()}": "0" for name in RATES if f"    {name}:" in known}
    environment["TIDEGATE_LOOP"] = loop if "    loop:" in known else None
    with tempfile.TemporaryDirectory() as folder:
        options = ("--schema", str(root / "schema"))
        _run(root, environment, Path(folder), "-m", "tidegate", "migrate", *options)
        process = GatewayProcess(Path(folder), *options, environment=environment)
        process.start()
        try:
            yield Server(name, process.port, process.pid, greeting=1)
        finally:
            process.stop()


def _run(root: Path, environment: Mapping[str, str | None], folder: Path, *arguments: str) -> None:
    """Run Python with the code in `root`, after a check that it is that code which is imported."""
    everything = with_changes(clean_environment(), environment)
    where = subprocess.run(
        [sys.executable, "-c", "import tidegate; print(tidegate.__file__)"],
        cwd=folder,
        env=everything,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    if not Path(where).is_relative_to(root):
        raise RuntimeError(f"Python imports {where}, not the code in {root}")
    subprocess.run([sys.executable, *arguments], cwd=folder, env=everything, stdout=subprocess.DEVNULL, check=True)


@contextlib.contextmanager
def one_core() -> Iterator[None]:
    """Processes that start within the context share one core; afterwards this process leaves it to them."""
    if not hasattr(os, "sched_setaffinity"):
        print("this system cannot bind processes to a core: the figures are noisier")
        yield
        return
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[-1:])
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores[:-1] or cores)


async def measure(before: Server, now: Server, rounds: int) -> dict[str, list[tuple[float, float]]]:
    """By measure and round: (microseconds of the other commit, of this checkout), each the mean of two takes."""
    figures: dict[str, list[tuple[float, float]]] = {name: [] for name in MEASURES}
    for number in range(rounds + 1):
        for name, take in MEASURES.items():
            first, second, third, fourth = [await take(server) for server in (before, now, now, before)]
            if number == 0:
                continue  # the first round warms both builds up
            figures[name].append(((first + fourth) / 2, (second + third) / 2))
            then, today = figures[name][-1]
            print(f"  round {number}/{rounds}  {name:<10}{then:>9.2f}{today:>9.2f}{today / then:>8.3f}", flush=True)
    return figures


def report(ref: str, figures: dict[str, list[tuple[float, float]]]) -> bool:
    """Print the table. Returns whether no measure is slower."""
    print(f"\n{platform.machine()}, Python {platform.python_version()}, {sysconfig.get_config_var('CONFIG_ARGS')}")
    print(
        f"gateway processor time in us, medians of {len(next(iter(figures.values())))} rounds; ratio = here / {ref}\n"
    )
    print(f"{'measure':<12}{ref[:12]:>13}{'here':>9}{'ratio':>9}{'95 % interval':>18}")
    good = True
    for name, pairs in figures.items():
        found = verdict([today / then for then, today in pairs])
        then, today = (statistics.median(side) for side in zip(*pairs, strict=True))
        good = good and not found.slower
        interval = f"{found.low:.3f} to {found.high:.3f}"
        mark = "  slower" if found.slower else ""
        print(f"{name:<12}{then:>13.2f}{today:>9.2f}{found.median:>9.3f}{interval:>18}{mark}")
    return good


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.compare",
        description="Measure this checkout against another commit. Exit code 1: a measure is slower.",
        epilog="example: python -m tests.bench.compare HEAD~1 --rounds 20",
    )
    parser.add_argument("ref", help="the commit to compare with: a branch, a tag or a hash")
    parser.add_argument("--rounds", type=int, default=12, help=f"at least {FEWEST_ROUNDS} (default: 12)")
    parser.add_argument(
        "--loop", choices=["asyncio", "uvloop"], default="asyncio", help="of this checkout; the other one has asyncio"
    )
    args = parser.parse_args()
    if args.rounds < FEWEST_ROUNDS:
        parser.error(f"--rounds: at least {FEWEST_ROUNDS}; fewer have no 95 % interval")
    with checkout(args.ref) as folder, contextlib.ExitStack() as stack:
        with one_core():
            before = stack.enter_context(gateway(args.ref, folder))
            now = stack.enter_context(gateway("here", ROOT, args.loop))
        figures = asyncio.run(measure(before, now, args.rounds))
    return 0 if report(args.ref, figures) else 1


if __name__ == "__main__":
    sys.exit(main())
