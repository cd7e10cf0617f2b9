"""`make bench-check`: fails where a path of the code costs more than the committed baseline allows.

On a kind of machine that the baseline knows, it compares with its figures. On another one it measures the commit that
last wrote the baseline in the same run. Without Git's history it compares with the figures of another machine, says so,
and finds only large slowdowns. `--write` measures and keeps the figures of this kind of machine.
"""

from __future__ import annotations

import argparse

from tests.bench.guard import baseline, history
from tests.bench.guard.history import RUNS, NoHistory, measure
from tests.bench.guard.paths import PATHS
from tests.bench.guard.verdicts import COARSE, LIMIT, Verdict, medians, table, verdict

HOW = "`make bench-check WRITE=1` writes new figures; commit them with the reason"


def check(slow: str | None = None, runs: int = RUNS) -> Verdict:
    """Measure and judge, and say against what. `slow`: a path that is slowed down, to try the guard."""
    known, here = baseline.read(), baseline.key()
    if here in known:
        print(f"compared with the baseline of: {here}")
        return _confirmed(known[here], LIMIT, slow, runs)
    print(f"the baseline has no figures of: {here}")
    try:
        commit = history.reference()
        print(f"compared with commit {commit[:12]}, which wrote the baseline, measured in this run", flush=True)
        return history.against(commit, slow)
    except NoHistory as missing:
        other = baseline.nearest(known, here)
        if other is None:
            raise SystemExit(f"there is no baseline: {HOW}") from missing
        print(f"{missing}; compared with the baseline of another machine: {other}")
        print(f"ONLY COARSE: a path may cost {COARSE} times as much here. To find less, fetch the history of Git.")
        return _confirmed(known[other], COARSE, slow, runs)


def _confirmed(expected: dict[str, float], limit: float, slow: str | None, runs: int) -> Verdict:
    """Paths that seem too slow are measured in as many further processes; the medians of all processes count."""
    found = [measure(slow=slow) for _ in range(runs)]
    judged = verdict(medians(found), expected, limit)
    if not judged.slower:
        return judged
    found += [measure(paths=judged.slower, slow=slow) for _ in range(runs)]
    return verdict(medians(found), expected, limit)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.guard", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help="keep the figures of this kind of machine")
    parser.add_argument("--slow", choices=PATHS, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.write:
        baseline.write(medians([measure() for _ in range(3 * RUNS)]), baseline.key())
        print(f"{baseline.FILE} has the figures of: {baseline.key()}")
        return
    judged = check(chosen.slow)
    print("\n".join(table(judged)))
    if judged.quicker:
        print(f"Quicker paths: {HOW}, so that the gain is kept.")
    if not judged.good:
        raise SystemExit(f"paths cost too much, or have no figure: {HOW}, or make them quicker")


if __name__ == "__main__":
    main()
