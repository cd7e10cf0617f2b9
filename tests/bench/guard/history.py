"""Figures of this checkout beside those of the commit that last wrote the baseline, both made in this run.

That needs the history of Git, and the packages of today to fit that commit. Each is a process for each measure; they
take turns, A B B A, so that a drift of the machine's speed affects both.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.bench.compare import PACKAGES, checkout
from tests.bench.guard.baseline import FILE
from tests.bench.guard.verdicts import Verdict, medians, verdict
from tests.support.gateway import ROOT, clean_environment

RUNS = 3
MODULE = "tests.bench.guard.figures"


class NoHistory(Exception):
    """Why there is no commit to compare with."""


class Unmeasurable(Exception):
    """The code cannot run the paths; the message ends with what Python said."""


def measure(root: Path = ROOT, paths: Sequence[str] = (), slow: str | None = None) -> dict[str, float]:
    """The figures of the code in `root`, made in a process with a fixed order of its sets. Raises Unmeasurable."""
    environment = {**clean_environment(), "PYTHONHASHSEED": "0"}
    environment["PYTHONPATH"] = os.pathsep.join(str(root / package) for package in (".", *PACKAGES))
    command = [sys.executable, "-m", MODULE, *paths, *(["--slow", slow] if slow else [])]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unmeasurable(f"the code in {root} cannot be measured:\n{done.stderr.strip()}")
    found: dict[str, float] = json.loads(done.stdout)
    return found


def reference(root: Path = ROOT) -> str:
    """The commit that last wrote the baseline. Raises NoHistory."""
    if _git(root, "rev-parse", "--is-shallow-repository") != "false":
        raise NoHistory("this is no Git checkout with its history")
    commit = _git(root, "log", "-1", "--format=%H", "--", FILE.relative_to(ROOT).as_posix())
    if not commit:
        raise NoHistory("no commit has the baseline yet")
    return commit


def against(commit: str, slow: str | None = None) -> Verdict:
    """This checkout against `commit`. Raises NoHistory where `commit` does not fit the packages of today."""
    ours: list[dict[str, float]] = []
    theirs: list[dict[str, float]] = []
    with checkout(commit, "tests") as folder:
        for number in range(2 * RUNS):
            if number % 4 in {0, 3}:
                ours.append(measure(slow=slow))
            else:
                theirs.append(_earlier(commit, folder))
    return verdict(medians(ours), medians(theirs))


def _earlier(commit: str, folder: Path) -> dict[str, float]:
    try:
        return measure(folder)
    except Unmeasurable as error:
        raise NoHistory(f"commit {commit[:12]} does not run with the packages of today") from error


def _git(root: Path, *arguments: str) -> str:
    """What Git prints; nothing where it fails, or is not installed."""
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip()
