"""The Python that runs the servers: `--python` (in `make`, BENCH_PYTHON) names another one than that of .venv.

The benchmark then runs by an environment of that Python in build/bench/, with the same packages. Servers and clients in
Python run by it, and Tidegate once more by the Python of .venv.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from tests.support.gateway import ROOT

OWN = ROOT / ".venv" / "bin" / "python"
FOLDER = ROOT / "build" / "bench"
LOCKS = ("requirements/run.lock", "requirements/dev.lock")
FACTS = """
import json, platform, sys, sysconfig, time
sys.path.insert(0, "")
from tests.bench.guard.calibration import calibrate
calibrate()
times = []
for _ in range(500):
    began = time.thread_time_ns()
    calibrate()
    times.append(time.thread_time_ns() - began)
found = {"version": platform.python_version(), "prefix": sys.base_prefix}
found["options"] = sysconfig.get_config_var("CONFIG_ARGS") or ""
print(json.dumps({**found, "calibration_us": sorted(times)[len(times) // 10] / 1000}))
"""
Facts = Mapping[str, str | float]
"""`version`, `prefix`, `options` (CONFIG_ARGS) and `calibration_us` of a Python."""


class Unusable(Exception):
    """The Python that was named cannot run the servers; the message says why."""


@cache
def facts(python: str = sys.executable) -> Facts:
    done = subprocess.run([python, "-c", FACTS], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unusable(f"{python}: {(done.stderr or done.stdout).strip()[-300:]}")
    found: Facts = json.loads(done.stdout)
    return found


def description(found: Facts) -> str:
    """The version and how it was configured, without the folders of this machine."""
    options = re.sub(r"(?<![\w./-])(?:-[LI])?/[^\s',]+", "...", str(found["options"]).replace("=/", "= /"))
    shown = " ".join(options.replace("= ", "=").split())
    return f"{found['version']}, CONFIG_ARGS: {shown or 'none'}"


def calibration(names: Mapping[str, str]) -> str:
    """One sentence: how long a fixed loop takes on each Python. `names`: programs by what the sentence calls them."""
    each = [f"{float(facts(python)['calibration_us']):.0f} us on {name}" for name, python in names.items()]
    return f"A fixed piece of plain Python (`tests/bench/guard/calibration.py`) takes {' and '.join(each)}."


def environment(python: str, folder: Path, install: Sequence[Sequence[str]]) -> Path:
    """Make an environment of `python`, which needs no ensurepip for it; `install`: arguments of `pip install`."""
    shutil.rmtree(folder, ignore_errors=True)
    _run([python, "-m", "venv", "--without-pip", str(folder)])
    made = folder / "bin" / "python"
    pip = [str(OWN if OWN.exists() else sys.executable), "-m", "pip", "--python", str(made), "--quiet"]
    for arguments in install:
        _run([*pip, "--disable-pip-version-check", "install", "--no-deps", *arguments])
    return made


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unusable(f"{' '.join(command[:4])}: {(done.stderr or done.stdout).strip()[-500:]}")


def prepared(python: str) -> Path:
    """The environment of `python` with all packages of the tests, made if it is not there. Raises Unusable."""
    found = shutil.which(python)
    if found is None:
        raise Unusable(f"there is no {python}")
    version = str(facts(found)["version"])
    if tuple(map(int, re.findall(r"\d+", version)[:2])) < (3, 11):
        raise Unusable(f"{python} is Python {version}; Tidegate needs 3.11 or newer")
    locks = [(ROOT / lock).read_text(encoding="utf-8") for lock in LOCKS]
    wanted = hashlib.sha256("\n".join([found, version, *locks]).encode()).hexdigest()
    folder = FOLDER / f"python-{version}-{hashlib.sha256(found.encode()).hexdigest()[:6]}"
    mark = folder / ".installed"
    if not mark.exists() or mark.read_text(encoding="utf-8") != wanted:
        print(f"  making an environment of {python}, {version}", flush=True)
        hashed = ["--require-hashes", *(part for lock in LOCKS for part in ("-r", lock))]
        environment(found, folder, [hashed, ["--no-build-isolation", "-e", ".", "-e", "clients/python"]])
        mark.write_text(wanted, encoding="utf-8")
    return folder / "bin" / "python"


def run_by(python: str, arguments: Sequence[str]) -> None:
    """Go on as `tests.bench.run` by `python`, with that of now as the other one. Returns if it is that of now."""
    made = prepared(python)
    if made.parent.parent == Path(sys.prefix):
        return
    command = [str(made), "-m", "tests.bench.run", *arguments, "--beside", sys.executable]
    os.chdir(ROOT)
    os.execv(made, command)
