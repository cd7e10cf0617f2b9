"""The two forms of the Autobahn test suite: the original, for Python 2.7, and its cases in the package `kosoku`.

Each is installed once, into a folder of the checkout that git ignores, from a lock with hashes.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".venv-autobahn"
RUN = "import site, sys; site.addsitedir(sys.argv.pop(1)); from autobahntestsuite.wstest import run; run()"


class Verdict(NamedTuple):
    """What the suite says of one case: of the messages, and of the closing handshake."""

    case: str
    messages: str
    close: str


def python27(given: str | None) -> str | None:
    """A Python 2.7 that runs: the given one, or one of the PATH or of pyenv."""
    places = [given] if given else ["python2.7", *map(str, Path.home().glob(".pyenv/versions/2.7*/bin/python2.7"))]
    for place in places:
        found = shutil.which(place)
        if (
            found
            and subprocess.run([found, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0
        ):
            return found
    return None


def install(python: str, lock: str) -> Path:
    """The folder with the packages of `requirements/LOCK.lock`."""
    folder, file = FOLDER / lock, ROOT / "requirements" / f"{lock}.lock"
    ready = folder / ".ready"
    if not ready.exists() or ready.read_bytes() != file.read_bytes():
        print(f"installing the packages of requirements/{lock}.lock into {folder.relative_to(ROOT)}", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-compile", "--require-hashes"]
        command = [python, "-m", "pip", "install", *options, "--target", str(folder), "-r", str(file)]
        subprocess.run(command, check=True)
        ready.write_bytes(file.read_bytes())
    return folder


async def original(python: str, url: str, cases: Sequence[str]) -> list[Verdict]:
    """The verdicts of the suite by Crossbar.io, as it comes."""
    packages = install(python, "autobahn-original")
    with tempfile.TemporaryDirectory() as folder:
        servers = [{"url": url, "agent": "tidegate"}]
        spec = {
            "outdir": folder,
            "servers": servers,
            "cases": list(cases),
            "exclude-cases": [],
            "exclude-agent-cases": {},
        }
        (Path(folder) / "spec.json").write_text(json.dumps(spec))
        command = [python, "-c", RUN, str(packages), "-m", "fuzzingclient", "-s", f"{folder}/spec.json"]
        process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert process.stdout is not None
        output = b""
        async for line in process.stdout:
            output = (output + line)[-4000:]
            if line.startswith(b"Running test case ID"):
                print(f"\r{line.split()[4].decode():<8}", end="", flush=True)
        print("\r", end="")
        if await process.wait() or not (Path(folder) / "index.json").exists():
            raise RuntimeError(f"the suite failed:\n{output.decode(errors='replace')}")
        found: dict[str, Any] = json.loads((Path(folder) / "index.json").read_text())["tidegate"]
    return [Verdict(case, each["behavior"], each["behaviorClose"]) for case, each in found.items()]


async def port(url: str, cases: Sequence[str]) -> list[Verdict]:
    """The verdicts of `kosoku`, which runs the original's cases."""
    sys.path.append(str(install(sys.executable, "autobahn")))
    kosoku = importlib.import_module("kosoku")
    try:
        results = await kosoku.run_fuzzingclient(url, cases=list(cases))
    except kosoku.FailureError as failed:
        results = failed.results
    return [Verdict(each.case_id, each.behavior.value, each.behavior_close.value) for each in results]
