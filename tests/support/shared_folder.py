"""One folder for all processes of a test run, gone when the run ends.

The first process that asks makes the folder and removes it at its exit. Processes that it starts find the folder
through the environment: the workers of pytest-xdist ask after their controller did. This module does not know what is
kept there. Invariant: `made_once` makes each thing once, however many processes ask for it at the same time.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

VARIABLE = "TESTS_OF_TIDEGATE_SHARE"


def shared_folder(parent: Callable[[], str | None] = lambda: None) -> Path:
    """The folder of this run. `parent` says below which folder a new one is made; None is the usual place."""
    known = os.environ.get(VARIABLE)
    if known is not None and Path(known).is_dir():
        return Path(known)
    folder = Path(tempfile.mkdtemp(prefix="tidegate-tests-", dir=parent()))
    os.environ[VARIABLE] = str(folder)
    atexit.register(_remove, folder, os.getpid())
    return folder


def made_once(path: Path, make: Callable[[Path], None]) -> Path:
    """`path`, a folder that `make` has filled. Other processes wait until it is whole, or make it if that failed."""
    with path.with_name(f"{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            half = path.with_name(f"{path.name}.half")
            shutil.rmtree(half, ignore_errors=True)
            half.mkdir()
            make(half)
            half.rename(path)
    return path


def _remove(folder: Path, owner: int) -> None:
    if os.getpid() == owner:  # a fork inherits the exit handlers
        shutil.rmtree(folder, ignore_errors=True)
