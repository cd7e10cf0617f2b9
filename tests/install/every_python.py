"""Runs the Python tests on each Python of this machine that Tidegate supports, in an environment of the locks.

`python -m tests.install.every_python [PYTEST OPTION ...]` looks for python3.11 and newer on the path and where pyenv
keeps versions. It prints what it found and each run's last line, and ends with 1 if a run failed.
It decides nothing about the tests.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.gateway import ROOT

MINORS = range(11, 15)
SAY = "import sys; print('.'.join(map(str, sys.version_info[:3])))"


def pythons() -> dict[str, str]:
    """A working interpreter for each minor version, by its full version."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found: dict[str, str] = {}
    for minor in MINORS:
        name = f"python3.{minor}"
        places = [shutil.which(name), *sorted(map(str, pyenv.glob(f"3.{minor}.*/bin/{name}")), reverse=True)]
        for place in filter(None, places):
            told = subprocess.run([place, "-c", SAY], capture_output=True, text=True, check=False)
            if told.returncode == 0:
                found[told.stdout.strip()] = place
                break
    return found


def run(python: str, options: list[str]) -> tuple[int, str]:
    """Install and test with one interpreter; returns pytest's exit code and its last line."""
    with tempfile.TemporaryDirectory(prefix="tidegate-python-") as folder:
        own = f"{folder}/environment/bin/python"
        install = [own, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([python, "-m", "venv", f"{folder}/environment"], check=True)
        subprocess.run([*install, "--require-hashes", "-r", "requirements/dev.lock"], cwd=ROOT, check=True)
        subprocess.run([*install, "--no-build-isolation", "-e", ".", "-e", "clients/python"], cwd=ROOT, check=True)
        command = [own, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
        last = ""
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as tests:
            assert tests.stdout is not None
            for line in tests.stdout:
                print(line, end="", flush=True)
                last = line.strip() or last
        return tests.returncode, last


def main(options: list[str]) -> int:
    found = pythons()
    missing = [f"3.{minor}" for minor in MINORS if not any(re.match(rf"3\.{minor}\.", version) for version in found)]
    print(f"testing on Python {', '.join(found)}; not on this machine: {', '.join(missing) or 'none'}", flush=True)
    ended = {}
    for version, python in found.items():
        print(f"\n== Python {version} ({python})", flush=True)
        ended[version] = run(python, options)
    for version, (code, last) in ended.items():
        print(f"Python {version}: {'ok' if code == 0 else 'FAILED'}: {last}")
    return max(code for code, _ in ended.values())


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
