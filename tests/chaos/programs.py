"""Programs that write to the database without a gateway: with the standard library's SQLite, and with psycopg."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tests.support.deadlines import DEADLINE_S

if TYPE_CHECKING:
    import psycopg

Rows = list[tuple[Any, ...]]


class Program(Protocol):
    """The connection of another program. It begins transactions explicitly."""

    def execute(self, statement: str, *values: object) -> Rows:
        """`?` stands for a value."""

    def replace_tasks(self, tasks: Rows) -> None:
        """Write whole tasks (id, user_id, title, done, priority), with a statement that only this database has."""

    def recover(self) -> None:
        """After an expected failure: leave the transaction, and reconnect if necessary."""

    def close(self) -> None: ...


class SqliteProgram:
    """The standard library's SQLite."""

    def __init__(self, file: Path) -> None:
        self._connection = sqlite3.connect(file, timeout=30, isolation_level=None, check_same_thread=False)
        self._connection.execute("pragma foreign_keys = on")

    def execute(self, statement: str, *values: object) -> Rows:
        return self._connection.execute(statement, values).fetchall()

    def replace_tasks(self, tasks: Rows) -> None:
        self._connection.executemany(
            "insert or replace into tasks (id, user_id, title, done, priority) values (?, ?, ?, ?, ?)", tasks
        )

    def recover(self) -> None:
        raise AssertionError("nothing of SQLite's passes")

    def close(self) -> None:
        self._connection.close()


class PostgresProgram:
    """psycopg. Every second program uses another isolation level, so that some transactions see no new rows."""

    def __init__(self, url: str, number: int) -> None:
        self._url = url
        self._level = ("read committed", "repeatable read")[number % 2]
        self._connection = self._connected()

    def execute(self, statement: str, *values: object) -> Rows:
        cursor = self._connection.execute(statement.replace("?", "%s").encode(), values or None)
        return cursor.fetchall() if cursor.description else []

    def replace_tasks(self, tasks: Rows) -> None:
        self.execute(f"delete from tasks where id in ({', '.join(str(task[0]) for task in tasks)})")
        with self._connection.cursor().copy("copy tasks (id, user_id, title, done, priority) from stdin") as copy:
            for task in tasks:
                copy.write_row(task)

    def recover(self) -> None:
        from tests.support.driver import psycopg

        try:
            self._connection.execute("rollback")
        except psycopg.OperationalError:
            self._connection.close()
            self._connection = self._connected()

    def close(self) -> None:
        self._connection.close()

    def _connected(self) -> psycopg.Connection[tuple[Any, ...]]:
        from tests.support.driver import psycopg

        options = f"-c default_transaction_isolation={self._level.replace(' ', chr(92) + ' ')}"
        deadline = time.monotonic() + DEADLINE_S
        while True:
            try:
                return psycopg.connect(self._url, autocommit=True, options=options)
            except psycopg.OperationalError:  # the server recovers from a crash
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
