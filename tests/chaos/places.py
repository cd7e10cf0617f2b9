"""The database of a history, SQLite or PostgreSQL, as other programs see it.

A place connects programs, reads the log and the rows for the judge, and causes faults that only this database has. It
keeps every pruned change of the log, with the time of pruning, and it can make changes older.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from tests.chaos.programs import PostgresProgram, Program, Rows, SqliteProgram
from tests.chaos.queries import Row

LOG_AGE_S, LOG_ROWS = 60, 100
"""The settings of the gateways: the shortest log age, and so few changes that some are pruned."""
AN_HOUR_MS = 3_600_000
LOCKED_S = 0.5
LINES = "seq, resource, key, action, old, new"


class Entry(NamedTuple):
    """One line of the change log; the images are raw columns."""

    seq: int
    resource: str
    key: Any
    action: str
    old: Row | None
    new: Row | None
    gone_at: int | None
    """When it was pruned, in milliseconds since the Unix epoch."""


class Place(Protocol):
    """One database."""

    name: str
    url: str
    gateways: int
    """How many gateways may serve it at a time (docs/reference/databases.md)."""
    workers: int
    """The processes of each gateway that serve clients."""
    begin: str
    """The statement that begins a writing transaction."""
    long_s: float
    """The longest time that a transaction may stay open."""
    passing: tuple[type[Exception], ...]
    """Expected failures of a transaction, caused by concurrent ones. The transaction is rolled back."""
    disturbances: dict[str, Callable[[], int]]
    """Faults of the whole database, by name. Each function returns how often it caused the fault."""

    def archive(self) -> None:
        """Keep pruned changes from now on. The caller calls it once, before the first gateway starts."""

    def grow_old(self) -> int:
        """Make the changes in the log older, so that the gateways may prune them. Returns their number.

        The gateways prune by their own clocks, and their shortest log age is a minute.
        """

    def program(self, number: int) -> Program: ...

    def log(self) -> list[Entry]:
        """The whole log, with the pruned changes."""

    def select(self, statement: str) -> Rows: ...

    def head(self) -> int: ...


class SqlitePlace:
    """The database in `file`."""

    name = "sqlite"
    gateways = 1
    begin = "begin immediate"
    long_s = 0.05
    passing: tuple[type[Exception], ...] = ()

    def __init__(self, file: Path, workers: int = 1) -> None:
        self.workers = workers
        self._file = file
        self.url = f"sqlite:///{self._file}"
        self.disturbances: dict[str, Callable[[], int]] = {"database locked": self._lock}

    def archive(self) -> None:
        self._run(f"create table archive as select {LINES}, 0 as gone_at from tidegate_log where false")
        now = "cast((julianday('now') - 2440587.5) * 86400000 as integer)"
        old = ", ".join(f"old.{column}" for column in LINES.split(", "))
        self._run(
            "create trigger archive before delete on tidegate_log "
            f"begin insert into archive ({LINES}, gone_at) values ({old}, {now}); end"
        )

    def grow_old(self) -> int:
        # A gateway knows its database by the line that it noted last (docs/explanation/decisions/0016): a minute or
        # more that goes by within the two seconds between two notes would make it a restored backup's.
        noted = json.loads(self._file.with_name(self._file.name + "-tidegate").read_bytes())["seq"]
        older = f"update tidegate_log set time = time - {AN_HOUR_MS} where seq < ? and time > ("
        older += "select max(time) from tidegate_log) - ? returning seq"
        return len(self._run(older, noted, AN_HOUR_MS // 2))

    def program(self, number: int) -> Program:
        return SqliteProgram(self._file)

    def log(self) -> list[Entry]:
        lines = f"select {LINES}, null from tidegate_log union all select {LINES}, gone_at from archive order by seq"
        return _entries(self._run(lines))

    def select(self, statement: str) -> Rows:
        return self._run(statement)

    def head(self) -> int:
        return int(self._run("select max(seq) from tidegate_log")[0][0])

    def _lock(self) -> int:
        program = SqliteProgram(self._file)
        try:
            program.execute("begin immediate")
            time.sleep(LOCKED_S)
            program.execute("rollback")
        finally:
            program.close()
        return 1

    def _run(self, statement: str, *values: object) -> Rows:
        program = SqliteProgram(self._file)
        try:
            return program.execute(statement, *values)
        finally:
            program.close()


class PostgresPlace:
    """The database at `url`."""

    name = "postgresql"
    gateways = 2
    begin = "begin"
    long_s = 0.3
    passing: tuple[type[Exception], ...]
    """Deadlocks, serialization failures, cut connections, and keys that another program used first."""

    def __init__(self, url: str, workers: int = 1) -> None:
        from tests.support.driver import errors

        self.workers = workers
        self.passing = errors.OperationalError, errors.UniqueViolation
        self.url = url
        self.disturbances = {
            "tables emptied": self._truncate,
            "database connections cut": self._cut,
            "database server crashed": self._crash,
        }

    def archive(self) -> None:
        self._run(f"create table archive as select {LINES}, 0::bigint as gone_at from _tidegate.log where false")
        old = ", ".join(f"old.{column}" for column in LINES.split(", "))
        self._run(
            "create function archive() returns trigger language plpgsql as 'begin "
            f"insert into public.archive ({LINES}, gone_at) "
            f"values ({old}, extract(epoch from clock_timestamp()) * 1000); return old; end'"
        )
        self._run(
            "create trigger archive before delete on _tidegate.log "
            "for each row when (old.seq is not null) execute function archive()"
        )

    def grow_old(self) -> int:
        older = f"update _tidegate.log set time = time - {AN_HOUR_MS} where time > ("
        older += "select max(time) from _tidegate.log) - ? returning seq"
        return len(self._insist(older, AN_HOUR_MS // 2))

    def program(self, number: int) -> Program:
        return PostgresProgram(self.url, number)

    def log(self) -> list[Entry]:
        lines = f"select {LINES}, null from _tidegate.log union all select {LINES}, gone_at from archive order by seq"
        return _entries(self._run(lines))

    def select(self, statement: str) -> Rows:
        return self._run(statement)

    def head(self) -> int:
        return int(self._run("select max(seq) from _tidegate.log")[0][0])

    def _truncate(self) -> int:
        self._insist("truncate tasks")
        return 1

    def _cut(self) -> int:
        others = "datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'"
        ((count,),) = self._run(f"select count(pg_terminate_backend(pid)) from pg_stat_activity where {others}")
        return int(count)

    def _crash(self) -> int:
        """kill -9 of one backend: the server ends all connections and recovers. Returns when it answers again."""
        backends = "backend_type = 'client backend' and datname = current_database() and pid <> pg_backend_pid()"
        for (pid,) in self._run(f"select pid from pg_stat_activity where {backends} limit 1"):
            with suppress(ProcessLookupError):  # the connection has ended meanwhile
                os.kill(pid, signal.SIGKILL)
        PostgresProgram(self.url, 0).close()
        return 1

    def _insist(self, statement: str, *values: object) -> Rows:
        program = PostgresProgram(self.url, 0)
        try:
            while True:
                try:
                    return program.execute(statement, *values)
                except self.passing:  # a deadlock with writers
                    program.recover()
        finally:
            program.close()

    def _run(self, statement: str, *values: object) -> Rows:
        program = PostgresProgram(self.url, 0)
        try:
            return program.execute(statement, *values)
        finally:
            program.close()


def _entries(found: Rows) -> list[Entry]:
    return [
        Entry(
            seq, resource, json.loads(key).get("id"), action, old and json.loads(old), new and json.loads(new), gone_at
        )
        for seq, resource, key, action, old, new, gone_at in found
    ]
