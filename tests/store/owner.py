"""A program that registers a collation and a function with SQLite, as an owner's program may do.

It runs in another process, with the standard library's SQLite: `python owner.py FILE STATEMENT ...` prints what each
statement returned.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path


def executed(path: Path, *statements: str) -> None:
    """Execute the statements as the owner's program. Raises CalledProcessError where one fails."""
    subprocess.run([sys.executable, "-I", "-S", __file__, str(path), *statements], check=True, capture_output=True)


def _compared(one: str, other: str) -> int:
    return (one.lower() > other.lower()) - (one.lower() < other.lower())


def main(path: str, *statements: str) -> None:
    connection = sqlite3.connect(path, timeout=60, isolation_level=None)
    connection.create_collation("unicase", _compared)
    connection.create_function("twice", 1, lambda value: None if value is None else str(value) * 2, deterministic=True)
    connection.create_function("title_sort", 1, lambda title: title.removeprefix("The "), deterministic=True)
    for statement in statements:
        connection.execute(statement)


if __name__ == "__main__":
    main(*sys.argv[1:])
