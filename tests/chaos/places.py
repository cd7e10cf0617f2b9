"""Where a history takes place: a database of SQLite or of PostgreSQL, as programs see it that know no gateway.

A place connects those programs, reads the log and the rows for the judge, and does what only such a database can do
to a gateway.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import psycopg

from tests.chaos.wishes import Row

Rows = list[tuple[Any, ...]]


class Entry(NamedTuple):
    """One line of the change log; the images are raw columns."""

    seq: int
    key: Any
    action: str
    old: Row | None
    new: Row | None


class Program(Protocol):
    """A connection of another program's. A transaction begins when it says so."""

    def execute(self, statement: str, *values: object) -> Rows:
        """`?` stands for a value."""

    def replace_tasks(self, tasks: Rows) -> None:
        """Write whole tasks (id, user_id, title, done, priority), in a way that only this database has."""

    def recover(self) -> None:
        """After a failure of `Place.passing`: be outside of any transaction, with a connection that works."""

    def close(self) -> None: ...


class Place(Protocol):
    """One database."""

    name: str
    url: str
    begin: str
    """How a transaction begins that means to write."""
    long_s: float
    """How long a transaction may stay open."""
    passing: tuple[type[Exception], ...]
    """Failures of a transaction that others at work explain; nothing of it is left."""
    disturbances: dict[str, Callable[[], int]]
    """What can be done to everybody at the database, by what it is called; each returns how often it did it."""

    def program(self, number: int) -> Program: ...

    def log_of(self, resource: str) -> list[Entry]: ...

    def select(self, statement: str) -> Rows: ...

    def head(self) -> int: ...


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


class SqlitePlace:
    """The database in `file`."""

    name = "sqlite"
    begin = "begin immediate"
    long_s = 0.05
    passing: tuple[type[Exception], ...] = ()

    def __init__(self, file: Path) -> None:
        self._file = file
        self.url = f"sqlite:///{self._file}"
        self.disturbances: dict[str, Callable[[], int]] = {}

    def program(self, number: int) -> Program:
        return SqliteProgram(self._file)

    def log_of(self, resource: str) -> list[Entry]:
        sql = "select seq, key, action, old, new from tidegate_log where resource = ? order by seq"
        return _entries(self._run(sql, resource))

    def select(self, statement: str) -> Rows:
        return self._run(statement)

    def head(self) -> int:
        return int(self._run("select max(seq) from tidegate_log")[0][0])

    def _run(self, statement: str, *values: object) -> Rows:
        program = SqliteProgram(self._file)
        try:
            return program.execute(statement, *values)
        finally:
            program.close()


class PostgresProgram:
    """psycopg. Every other program works at another isolation level, so that some transactions see nothing new."""

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
        try:
            self._connection.execute("rollback")
        except psycopg.OperationalError:
            self._connection.close()
            self._connection = self._connected()

    def close(self) -> None:
        self._connection.close()

    def _connected(self) -> psycopg.Connection[tuple[Any, ...]]:
        options = f"-c default_transaction_isolation={self._level.replace(' ', chr(92) + ' ')}"
        return psycopg.connect(self._url, autocommit=True, options=options)


class PostgresPlace:
    """The database at `url`."""

    name = "postgresql"
    begin = "begin"
    long_s = 0.3
    passing: tuple[type[Exception], ...] = (psycopg.OperationalError, psycopg.errors.UniqueViolation)
    """Deadlocks, changes under a repeatable read, cut connections; a key that somebody else gave first."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.disturbances = {"tables emptied": self._truncate, "database connections cut": self._cut}

    def program(self, number: int) -> Program:
        return PostgresProgram(self.url, number)

    def log_of(self, resource: str) -> list[Entry]:
        sql = "select seq, key, action, old, new from _tidegate.log where resource = ? order by seq"
        return _entries(self._run(sql, resource))

    def select(self, statement: str) -> Rows:
        return self._run(statement)

    def head(self) -> int:
        return int(self._run("select max(seq) from _tidegate.log")[0][0])

    def _truncate(self) -> int:
        program = PostgresProgram(self.url, 0)
        try:
            while True:
                try:
                    program.execute("truncate tasks")
                except self.passing:  # a deadlock with those who write
                    program.recover()
                else:
                    return 1
        finally:
            program.close()

    def _cut(self) -> int:
        others = "datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'"
        ((count,),) = self._run(f"select count(pg_terminate_backend(pid)) from pg_stat_activity where {others}")
        return int(count)

    def _run(self, statement: str, *values: object) -> Rows:
        program = PostgresProgram(self.url, 0)
        try:
            return program.execute(statement, *values)
        finally:
            program.close()


def _entries(found: Rows) -> list[Entry]:
    return [
        Entry(seq, json.loads(key).get("id"), action, old and json.loads(old), new and json.loads(new))
        for seq, key, action, old, new in found
    ]
