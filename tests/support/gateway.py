"""A real gateway in a separate process, on a separate database, for tests and benchmarks.

It starts the `tidegate` command as a user would, waits for the line that says where it serves, and can be killed or
restarted on the same port. It does not know the messages. Migrations and tokens are made in the process of the test,
because a process for each would take longer than most tests. Tests of the commands themselves call `tidegate`.
"""

from __future__ import annotations

import io
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path
from typing import IO
from unittest import mock

from tests.support import chosen_loop, forked, sample_database
from tests.support.deadlines import DEADLINE_S
from tests.support.ports import free_port
from tests.support.sqlite import foreign
from tidegate import cli, schema
from tidegate.contract import Contract
from tidegate.store import backends
from tidegate.store.sqlite.connection import sqlite_path

ROOT = Path(__file__).parents[2]
READY = re.compile(r"serving on https?://[^:]+:(\d+)")
START_S = DEADLINE_S


def tidegate(*arguments: str, cwd: Path, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run one `tidegate` command to its end."""
    return forked.run(arguments, cwd, {**clean_environment(), **(environment or {})})


def python(code: str, *arguments: str, cwd: Path | None = None) -> str:
    """Run a Python program to its end, in which a warning is an error. Returns its output; fails if it fails."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *arguments],
        cwd=cwd,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def clean_environment() -> dict[str, str]:
    """This process's environment without settings that a developer may have set for a gateway, but with the event loop
    of this run.

    Containers often tell Python to keep no bytecode. Each start would compile all modules, which doubles its time.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TIDEGATE_")}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return {**kept, "TIDEGATE_LOOP": chosen_loop.name()}


def with_changes(environment: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    """`environment` with other values; None takes a variable away."""
    return {name: value for name, value in {**environment, **changes}.items() if value is not None}


def migrate(url: str, folder: Path, *, seed: bool = False) -> None:
    """Give the database at `url` the tables of the schema files in `folder`."""
    of_sample = folder == ROOT / "schema"
    resources = sample().resources if of_sample else _contract(folder).resources
    if of_sample and url.startswith("sqlite:") and not sqlite_path(url).exists():
        sample_database.copied(sqlite_path(url), _migrate_sample)
    else:
        backends.migrations(url).apply(url, resources, folder / "migrations")
    if seed:
        backends.seed(url, resources, json.loads((folder / "seed.json").read_text(encoding="utf-8")))


def _migrate_sample(url: str) -> None:
    backends.migrations(url).apply(url, sample().resources)


@cache
def sample() -> Contract:
    """The contract of the sample application, which never changes."""
    return _contract(ROOT / "schema")


def _contract(folder: Path) -> Contract:
    return Contract(schema.bundle(schema.load(folder)))


class GatewayProcess:
    """One `tidegate serve`. `folder` holds its database and its log."""

    def __init__(self, folder: Path, *options: str, environment: Mapping[str, str | None] | None = None) -> None:
        self.folder = folder
        self.port = 0
        self.log_file = folder / "gateway.log"
        self.forks = True
        """It may be a fork of a process that has imported the gateway. Measures of memory want a new Python."""
        self._options = options
        self._environment = environment or {}
        self._process: forked.Forked | subprocess.Popen[bytes] | None = None
        self._output: IO[str] | None = None

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws"

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def database_file(self) -> Path:
        return self.folder / "tidegate.db"

    @property
    def database_url(self) -> str:
        return f"sqlite:///{self.database_file}"

    @property
    def schema(self) -> Path:
        """The folder of its schema files: the value of `--schema`, or the sample's."""
        if "--schema" not in self._options:
            return ROOT / "schema"
        return self.folder / self._options[self._options.index("--schema") + 1]

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def migrate(self, *, seed: bool = False) -> None:
        """Do what `tidegate migrate` does, with the sample rows if `seed`."""
        migrate(self.database_url, self.schema, seed=seed)

    def token(self, user: str, *options: str) -> str:
        """A token as `tidegate token --dev` prints it."""
        with mock.patch.dict(os.environ, clean_environment(), clear=True), redirect_stdout(io.StringIO()) as printed:
            assert cli.main(["token", "--dev", "--user", user, *options]) == 0
        return printed.getvalue().strip()

    def start(self) -> None:
        """Start, or start again on the port it had. Returns when clients can connect."""
        self.port = self.port or free_port()
        command = ["serve", "--port", str(self.port), *self._options]
        if "--schema" not in self._options:
            command += ["--schema", str(ROOT / "schema")]
        environment = with_changes(clean_environment(), self._environment)
        reads, writes = os.pipe()
        self._output = os.fdopen(reads)
        with Path(os.devnull).open() as nothing, self.log_file.open("a") as log, os.fdopen(writes, "w") as output:
            self._process = forked.start(command, self.folder, environment, (nothing, output, log), fork=self.forks)
        assert int(self._first_line(self._process, self._output)) == self.port

    def kill(self) -> None:
        """kill -9: no goodbye, no flush."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM: the graceful stop. Returns the exit code."""
        return self._end(signal.SIGTERM)

    def execute(self, sql: str, *parameters: object) -> None:
        """Write to the database as any other program would: with the standard library's SQLite."""
        with foreign(self.database_file) as program:
            program.execute(sql, parameters)

    def select(self, sql: str, *parameters: object) -> list[tuple[object, ...]]:
        with foreign(self.database_file) as program:
            return program.execute(sql, parameters).fetchall()

    def _end(self, signum: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(signum)
        assert self._output is not None
        try:
            return process.wait(timeout=DEADLINE_S)
        finally:
            process.kill()
            process.wait()
            self._output.close()

    def _first_line(self, process: forked.Forked | subprocess.Popen[bytes], output: IO[str]) -> str:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if select.select([output], [], [], 0.1)[0]:
                found = READY.search(output.readline())
                if found:
                    return found[1]
            if process.poll() is not None:
                break
        self._end(signal.SIGKILL)
        raise AssertionError(f"the gateway did not start; its log:\n{self.log_file.read_text()[-4000:]}")
