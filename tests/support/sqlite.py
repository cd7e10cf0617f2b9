"""Another program's connection to a SQLite file: the standard library's, which knows nothing of the gateway.

`with sqlite3.connect(...)` commits and leaves the connection open, which Python 3.13 warns of. Tests use this module.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tests.support.deadlines import DEADLINE_S


@contextmanager
def foreign(file: Path) -> Iterator[sqlite3.Connection]:
    """A connection that waits for other writers. It commits at the end, or rolls back after an error, and closes.

    Raises RuntimeError while this process has the file open with the gateway's SQLite. Two copies of SQLite in one
    process do not see each other's locks: this one would take itself for the last user of the file and cut the shared
    memory off, which kills the process (sqlite.org/howtocorrupt.html, section 2.2.1).
    """
    if is_open_here(file):
        raise RuntimeError(f"this process has {file.name} open: write with tests.store.program.Program instead")
    with closing(sqlite3.connect(file, timeout=DEADLINE_S)) as connection, connection:
        yield connection


def is_open_here(file: Path) -> bool:
    """Whether this process has `file` open, on systems that tell (/proc)."""
    wanted, descriptors = os.path.realpath(file), Path("/proc/self/fd")
    if not descriptors.is_dir():
        return False
    return any(os.path.realpath(descriptor) == wanted for descriptor in descriptors.iterdir())
