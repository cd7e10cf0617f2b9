"""The owner's program on an SQLite file: a process with the standard library's SQLite, and any number of sessions.

Two copies of SQLite in one process do not see each other's locks (sqlite.org/howtocorrupt.html, section 2.2.1), and the
process of a test may have the gateway's. The program executes what it is told, one request after another.
"""

from __future__ import annotations

import pickle
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

BUSY_S = 0.05
"""How long a session waits for a lock."""


def unicase(one: str, two: str) -> int:
    """A collation of the program, as Anki has one."""
    left, right = one.casefold(), two.casefold()
    return (left > right) - (left < right)


def title_sort(title: str | None) -> str | None:
    """A function of the program, as Calibre has one."""
    return title[4:] + ", The" if title and title.startswith("The ") else title


class Sessions:
    def __init__(self, path: str) -> None:
        self._path = path
        self._sessions: dict[str, sqlite3.Connection] = {}

    def run(self, name: str, sql: str, values: Any) -> tuple[Any, ...]:
        """What the statement answers, and what the session then says of itself."""
        session = self._session(name)
        rows, count, error = None, -1, ""
        try:
            cursor = session.execute(sql, values)
            rows, count = cursor.fetchall(), cursor.rowcount
            rows = rows if cursor.description is not None else None
        except (sqlite3.Error, sqlite3.Warning, OverflowError) as failure:
            error = f"{getattr(failure, 'sqlite_errorname', type(failure).__name__)} {failure}"
        changes = last = None
        try:
            ((changes, last),) = session.execute("select changes(), last_insert_rowid()").fetchall()
        except sqlite3.Error as failure:
            changes = str(failure)
        return rows, f"{count} {changes} {'in' if session.in_transaction else 'no'} transaction", str(last), error

    def select(self, sql: str) -> list[tuple[Any, ...]]:
        return self._session("judge").execute(sql).fetchall()

    def leave(self, name: str) -> str:
        if name in self._sessions:
            self._sessions.pop(name).close()
        return ""

    def limit(self, name: str, category: int, value: int) -> str:
        """A program that lowers one of SQLite's limits."""
        self._session(name).setlimit(category, value)
        return ""

    def dump_and_load(self, table: str) -> str:
        """The table's lines of a dump, into the emptied table: what `.dump` and `.read` do."""
        session = self._session("owner")
        lines = [line for line in session.iterdump() if line.startswith(f'INSERT INTO "{table}"')]
        session.execute("begin")
        session.execute(f'delete from "{table}"')
        for line in lines:
            session.execute(line)
        session.execute("commit")
        return str(len(lines))

    def vacuum_into(self) -> str:
        """A copy of the file by VACUUM INTO, which is sound."""
        copy = Path(f"{self._path}.copy")
        copy.unlink(missing_ok=True)
        self._session("owner/tool").execute("vacuum into ?", (str(copy),))
        with closing(sqlite3.connect(copy)) as session:
            return str(session.execute("pragma integrity_check").fetchall())

    def backup(self) -> str:
        """A copy of the file by the backup API, which is sound."""
        with closing(sqlite3.connect(":memory:")) as copy:
            self._session("owner/tool").backup(copy)
            return str(copy.execute("pragma integrity_check").fetchall())

    def close_all(self) -> None:
        for session in self._sessions.values():
            session.close()
        self._sessions.clear()

    def _define(self, session: sqlite3.Connection) -> None:
        session.create_collation("unicase", unicase)
        session.create_function("title_sort", 1, title_sort, deterministic=True)

    def _session(self, name: str) -> sqlite3.Connection:
        if name not in self._sessions:
            session = sqlite3.connect(self._path, timeout=BUSY_S, isolation_level=None, cached_statements=0)
            session.text_factory = lambda text: text.decode(errors="surrogateescape")
            self._sessions[name] = session
            self._define(session)
            if name == "judge":
                session.execute("pragma busy_timeout = 60000")
        return self._sessions[name]


def serve(path: str) -> None:
    sessions = Sessions(path)
    while True:
        try:
            method, arguments = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            answer = getattr(sessions, method)(*arguments)
        except Exception as error:
            answer = error
        pickle.dump(answer, sys.stdout.buffer)
        sys.stdout.flush()


if __name__ == "__main__":
    serve(sys.argv[1])
