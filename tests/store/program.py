"""Another program, in another process, that uses the standard library's SQLite.

Two copies of SQLite in one process do not see each other's locks (sqlite.org/howtocorrupt.html, section 2.2.1):
wherever the gateway's own is at work, others must be really elsewhere. It does what it is told, one by one.
"""

from __future__ import annotations

import pickle
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

Rows = list[tuple[Any, ...]]


class Result(Rows):
    """All rows of a statement, in the words of a cursor."""

    def fetchall(self) -> Rows:
        return self

    def fetchone(self) -> Any:
        return self[0] if self else None


class Program:
    """Stands for the `sqlite3.Connection` of the other process."""

    def __init__(self, path: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def execute(self, sql: str, parameters: Any = ()) -> Result:
        return self._ask("execute", sql, parameters)

    def executemany(self, sql: str, parameters: Sequence[Any]) -> Result:
        return self._ask("executemany", sql, parameters)

    def executescript(self, sql: str) -> Result:
        return self._ask("executescript", sql)

    def close(self) -> None:
        """Its input ends, and so it ends."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()

    def _ask(self, *request: Any) -> Result:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        pickle.dump(request, self._process.stdin)
        self._process.stdin.flush()
        answer = pickle.load(self._process.stdout)
        if isinstance(answer, Exception):
            raise answer
        return Result(answer)


def connect(path: str | Path) -> sqlite3.Connection:
    """A connection of a program without Tidegate, except that it can read text that is not UTF-8."""
    connection = sqlite3.connect(path, timeout=60, isolation_level=None)
    connection.text_factory = lambda text: text.decode(errors="replace")
    return connection


def serve(path: str) -> None:
    connection = connect(path)
    for method, *arguments in requests():
        try:
            answer: Rows | Exception = getattr(connection, method)(*arguments).fetchall()
        except sqlite3.Error as error:
            answer = error
        pickle.dump(answer, sys.stdout.buffer)
        sys.stdout.flush()


def requests() -> Iterator[tuple[Any, ...]]:
    while True:
        try:
            yield pickle.load(sys.stdin.buffer)
        except EOFError:
            return


if __name__ == "__main__":
    serve(sys.argv[1])
