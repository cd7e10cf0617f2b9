"""`make bench-curves`: costs at several sizes, the model of each, and with `--write` the page in docs/benchmarks.

Each point is measured in a separate process and kept in build/bench/curves; `--resume` takes those that are there.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys

from tests.bench.curves.page import drawing, table
from tests.bench.curves.sizes import curves
from tests.support.gateway import ROOT
from tidegate import open_files

KEPT = ROOT / "build" / "bench" / "curves"
DOCS = ROOT / "docs" / "benchmarks"
START, END = "<!-- curves -->", "<!-- end of the curves -->"


def measured(name: str, size: int, resume: bool) -> float:
    """One point: from an earlier run, or from a new process."""
    file = KEPT / f"{name}-{size}.json"
    if not (resume and file.exists()):
        KEPT.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "tests.bench.curves", name, "--size", str(size)]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
        file.write_text(done.stdout, encoding="utf-8")
    found: float = json.loads(file.read_text(encoding="utf-8"))
    return found


def main() -> None:
    known = curves()
    parser = argparse.ArgumentParser(prog="python -m tests.bench.curves", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="CURVE", help=f"{', '.join(known)} (default: all)")
    parser.add_argument("--resume", action="store_true", help="take points that an earlier run has measured")
    parser.add_argument("--write", action="store_true", help="write curves.json, curves.svg and the page's table")
    parser.add_argument("--size", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if unknown := set(chosen.names) - set(known):
        parser.error(f"no curve {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    if chosen.write and chosen.names:
        parser.error("the page has all curves: leave the names out, or --write")
    if chosen.size is not None:
        open_files.fit(chosen.size)
        print(json.dumps(known[chosen.names[0]].measure(chosen.size)))
        return
    points: dict[str, list[tuple[int, float]]] = {}
    for name in chosen.names or known:
        points[name] = [(size, measured(name, size, chosen.resume)) for size in known[name].sizes]
        print(f"{name}: " + ", ".join(f"{size:,} {cost:.4g}" for size, cost in points[name]), flush=True)
    print(f"\n{table(known, points)}")
    if chosen.write:
        system = platform.release().partition("-")[0]
        machine = f"{platform.machine()}, Python {platform.python_version()}, Linux {system}."
        page = DOCS / "curves.md"
        before, _, rest = page.read_text(encoding="utf-8").partition(START)
        after = rest.partition(END)[2]
        page.write_text(f"{before}{START}\n{machine}\n\n{table(known, points)}\n{END}{after}", encoding="utf-8")
        (DOCS / "curves.json").write_text(json.dumps(points, indent=1) + "\n", encoding="utf-8")
        (DOCS / "curves.svg").write_text(drawing(known, points), encoding="utf-8")


if __name__ == "__main__":
    main()
