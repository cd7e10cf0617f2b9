"""A real PostgreSQL server for tests, and a gateway over one of its databases.

A process of tests has one server, on a free port of 127.0.0.1 and with a folder for its files; each test gets a new
database, copied from a template. `postgres_programs` knows where the server's programs are and which user runs them.
"""

from __future__ import annotations

import itertools
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import ROOT, GatewayProcess, migrate
from tests.support.ports import free_port
from tests.support.postgres_programs import Unusable, identity, missing, programs, server_folder

with suppress(ImportError):  # modules of tests for several databases import this one; then `PostgresServer()` complains
    import psycopg
    from psycopg import sql

START_S = DEADLINE_S
SETTINGS = {
    # A test kills processes, not the machine: data that the operating system has stays.
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_wal_size": "64MB",  # the folder may be in memory
    "max_connections": "200",
    "deadlock_timeout": "200ms",
    "max_prepared_transactions": "20",
    "wal_level": "logical",
    "timezone": "Asia/Kathmandu",  # +05:45: reveals times that are not rendered in UTC
    "unix_socket_directories": "",
    "listen_addresses": "127.0.0.1",
}


NEEDS_POSTGRES = pytest.mark.skipif(missing() is not None, reason=str(missing()))
"""Marks tests and cases that need psycopg and no server."""


class PostgresServer:
    """Owns its folder and its process from `start` to `close`."""

    def __init__(self, *initdb: str, **settings: str) -> None:
        """`initdb`: further options of that command. Raises Unusable."""
        if (reason := missing()) is not None:
            raise Unusable(reason)
        self._settings = SETTINGS | settings
        self._numbers = itertools.count()
        self._sample: str | None = None
        self._programs = programs()
        self._folder = server_folder()
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self._make(initdb)

    def _make(self, initdb: Sequence[str]) -> None:
        options = ("-U", "tidegate", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync", *initdb)
        self._run("initdb", "-D", str(self._data), *options)

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def url(self, database: str = "postgres", user: str = "tidegate") -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start, or start again on the same port. Returns when it answers."""
        options = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        with (self._folder / "server.log").open("a") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self._data, "-p", str(self.port), *options],
                cwd=self._folder,
                stdout=log,
                stderr=log,
                **identity(),
            )
        deadline = time.monotonic() + START_S
        while True:
            try:
                psycopg.connect(self.url(), connect_timeout=2).close()
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError((self._folder / "server.log").read_text()[-4000:]) from None
                time.sleep(0.02)
            else:
                return

    def stop(self) -> None:
        """Stop at once, as in a crash: connections break, and the next start recovers."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            self._run("pg_ctl", "stop", "-D", str(self._data), "-m", "immediate", "-w")
            process.wait(START_S)

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self._folder)

    def database(self, template: str = "template1") -> str:
        """A new database, a copy of `template`; returns its name."""
        name = f"test_{next(self._numbers)}"
        self.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
        return name

    def sample(self) -> str:
        """The name of a database with the sample's tables, to make others from: a copy takes less than a migration."""
        if self._sample is None:
            self._sample = self.database()
            migrate(self.url(self._sample), ROOT / "schema")
        return self._sample

    @contextmanager
    def lent(self, template: str = "template1") -> Iterator[str]:
        """The URL of a new database, which is deleted afterwards: each needs eight megabytes."""
        name = self.database(template)
        yield self.url(name)
        self.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def execute(self, statement: sql.Composed | sql.SQL) -> None:
        """One statement of the administrator's, outside every test's database."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement)

    def script(self, text: str) -> None:
        """Statements of the administrator's, as text that a test wrote."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(text.encode())

    def limit_files(self, size: int | None) -> None:
        """No file of the server can grow beyond `size` bytes: the kernel refuses it. None lifts the limit."""
        assert self._process is not None
        server = psutil.Process(self._process.pid)
        for process in (server, *server.children()):
            subprocess.run(
                ["prlimit", "--pid", str(process.pid), f"--fsize={'unlimited' if size is None else size}:"],
                cwd=self._folder,
                check=False,  # it may have ended meanwhile
                **identity(),
            )

    def tool(self, command: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs, in the server's folder, to its end."""
        self._run(command, *arguments)

    def _run(self, command: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._programs / command, *arguments],
            cwd=self._folder,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
            **identity(),
        )
        assert done.returncode == 0, done.stdout + done.stderr


class PostgresStandby(PostgresServer):
    """A standby of a server that runs, with all that it has now."""

    def __init__(self, primary: PostgresServer) -> None:
        self._primary = primary
        super().__init__()

    def promote(self) -> None:
        """It becomes a primary server. Returns when it is one."""
        self._run("pg_ctl", "promote", "-D", str(self._data), "-w")

    def _make(self, initdb: Sequence[str]) -> None:
        source = f"host=127.0.0.1 port={self._primary.port} user=tidegate"
        self._run("pg_basebackup", "-D", str(self._data), "-d", source, "-R", "-c", "fast", "--no-sync")


@contextmanager
def started(*initdb: str, **settings: str) -> Iterator[PostgresServer]:
    """A server until the block ends. Skips the test if there is no PostgreSQL."""
    if (reason := missing()) is not None:
        pytest.skip(reason)
    server = PostgresServer(*initdb, **settings)
    try:
        server.start()
        yield server
    finally:
        server.close()


class PostgresGateway(GatewayProcess):
    """One `tidegate serve` over the database at `url`."""

    def __init__(self, folder: Path, url: str, *options: str, environment: dict[str, str] | None = None) -> None:
        self._url = url
        super().__init__(folder, "--database", url, *options, environment=environment)

    @property
    def database_url(self) -> str:
        return self._url

    def execute(self, statement: str, *parameters: object) -> None:
        """Write to the database as any other program would. `?` stands for a parameter."""
        with psycopg.connect(self.database_url) as connection:
            connection.execute(_marked(statement), parameters or None)

    def select(self, statement: str, *parameters: object) -> list[tuple[object, ...]]:
        with psycopg.connect(self.database_url) as connection:
            return connection.execute(_marked(statement), parameters or None).fetchall()


def _marked(statement: str) -> bytes:
    return statement.replace("?", "%s").encode()
