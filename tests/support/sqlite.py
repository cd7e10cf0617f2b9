"""Another program's connection to a SQLite file: the standard library's, which knows nothing of the gateway.

`with sqlite3.connect(...)` commits and leaves the connection open, which Python 3.13 warns of. Tests use this module.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tests.support.deadlines import DEADLINE_S


@contextmanager
def foreign(file: Path) -> Iterator[sqlite3.Connection]:
    """A connection that waits for other writers. It commits at the end, or rolls back after an error, and closes."""
    with closing(sqlite3.connect(file, timeout=DEADLINE_S)) as connection, connection:
        yield connection
