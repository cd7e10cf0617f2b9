"""The programs that `npm ci` puts below clients/typescript, for tests that need one.

Without them such a test is skipped, and the reason names the command that installs them. `make test` runs that command
first, so it skips none of these tests.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.gateway import ROOT

PACKAGES = ROOT / "clients/typescript/node_modules"


def node_program(name: str) -> Path:
    """The path of an installed program such as `tsc`. Skips the test where it is not installed."""
    return _installed(PACKAGES / ".bin" / name)


def node_packages() -> Path:
    """The folder of the installed packages. Skips the test where they are not installed."""
    _installed(PACKAGES / ".package-lock.json")
    return PACKAGES


def node() -> str:
    """The `node` command, for programs that import the installed packages. Skips the test where one is missing."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("Node is not installed: install Node 20 or newer, then make setup-node")
    node_packages()
    return found


def built_client() -> Path:
    """The folder of the built TypeScript client. Skips the test where it is not built."""
    built = ROOT / "clients/typescript/dist"
    if not (built / "index.js").exists():
        pytest.skip("the TypeScript client is not built: make test builds it")
    return built


def _installed(path: Path) -> Path:
    if not path.exists():
        pytest.skip("the TypeScript packages are not installed: make setup-node")
    return path
