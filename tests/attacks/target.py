"""The gateway under attack: settings of production, a separate database, and what its process uses.

It is not in development mode, and trusts this machine as a proxy, so that each client has the public address that its
`X-Forwarded-For` names. What it uses is read from /proc (Linux).
"""

from __future__ import annotations

import os
import re
import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from tests.attacks import weakened
from tests.attacks.plan import Attack
from tests.attacks.wire import SECRET
from tests.support.gateway import ROOT, GatewayProcess, migrate
from tests.support.ports import free_port
from tests.support.postgres import PostgresServer
from tests.support.sqlite import foreign
from tidegate.admin.asking import Address

SETTINGS = {"secret": SECRET, "trusted_proxies": "127.0.0.1", "memory": "256 MiB"}
MIB = 1 << 20
LOG_LINE = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ (\w+)\s+(\S+)  (.*)$", re.M)
VARIES = re.compile(r"\d[\d.,]*|\b[0-9a-f]{8,}\b|c\d+")
FILES = "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, ({0}, {0}))\n"
FILL = """
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {rows})
INSERT INTO tasks (user_id, title, done, priority, tags, notes)
SELECT n % 6 + 1, 'task ' || n, {false}, n % 5 + 1, '[]', {notes} FROM numbers
"""
SQLITE_NOTES = "n || replace(hex(zeroblob(250)), '00', 'note')"
POSTGRES_NOTES = "n || repeat('note', 250)"


class Databases:
    """Makes a database for each attack, as a copy of one with the same number of rows."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server: PostgresServer | None = None
        self._templates: dict[int, str] = {}

    @contextmanager
    def lent(self, attack: Attack, folder: Path) -> Iterator[str]:
        """The URL of a database with the rows of `attack`."""
        if not attack.postgres:
            shutil.copy(self._sqlite(attack.rows), folder / "tidegate.db")
            yield f"sqlite:///{folder / 'tidegate.db'}"
            return
        if self._server is None:
            self._server = PostgresServer()
            self._server.start()
        with self._server.lent(self._postgres(self._server, attack.rows)) as url:
            yield url

    def close(self) -> None:
        if self._server is not None:
            self._server.close()

    def _sqlite(self, rows: int) -> Path:
        file = self._folder / f"rows-{rows}.db"
        if not file.exists():
            migrate(f"sqlite:///{file}", ROOT / "schema", seed=True)
            with foreign(file) as program:
                if rows:
                    program.execute(FILL.format(rows=rows, false="0", notes=SQLITE_NOTES))
            # The copy has everything in one file.
            with foreign(file) as program:
                program.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return file

    def _postgres(self, server: PostgresServer, rows: int) -> str:
        if rows not in self._templates:
            name = server.database()
            migrate(server.url(name), ROOT / "schema", seed=True)
            from tests.support.driver import psycopg

            with psycopg.connect(server.url(name)) as program:
                if rows:
                    program.execute(FILL.format(rows=rows, false="false", notes=POSTGRES_NOTES).encode())
            self._templates[rows] = name
        return self._templates[rows]


@contextmanager
def locked(url: str, table: str) -> Iterator[None]:
    """Another program has locked `table`; nothing if there is no table to lock."""
    if not table:
        yield
        return
    from tests.support.driver import psycopg

    with psycopg.connect(url) as program:
        program.execute(f"LOCK TABLE {table}".encode())
        yield
        program.rollback()


class Target(GatewayProcess):
    """The gateway, and its address for operators."""

    operators: Address


def gateway(folder: Path, url: str, attack: Attack, *, defended: bool) -> Target:
    """A gateway that is not started yet; not `defended`: without what holds the attack."""
    admin = {"admin": f"127.0.0.1:{free_port()}", "admin_secret": SECRET}
    chosen = {**SETTINGS, **admin, **attack.settings, **({} if defended else attack.without)}
    environment = {f"TIDEGATE_{name.upper()}": value for name, value in chosen.items()}
    program = FILES.format(attack.files) if attack.files else ""
    program += "" if defended else weakened.program(attack.patch)
    if program:
        # Python imports a module of this name by itself when it starts.
        (folder / "sitecustomize.py").write_text(program)
        environment["PYTHONPATH"] = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    target = Target(folder, "--database", url, environment=environment)
    target.operators = Address(admin["admin"], SECRET)
    return target


class Usage:
    """What a process uses: resident memory, open files, bytes on disk."""

    def __init__(self, pid: int, folder: Path) -> None:
        self._proc = Path(f"/proc/{pid}")
        self._folder = folder

    def memory(self) -> float:
        """MiB that are resident now."""
        return self._status("VmRSS")

    def peak(self) -> float:
        """MiB that were resident at most since `forget_peak`."""
        return self._status("VmHWM")

    def forget_peak(self) -> None:
        (self._proc / "clear_refs").write_text("5")

    def files(self) -> int:
        return len(list((self._proc / "fd").iterdir()))

    def disk(self) -> float:
        """MiB in the folder of the database, the log excepted."""
        sizes = (file.stat().st_size for file in self._folder.glob("tidegate.db*"))
        return sum(sizes) / MIB

    def _status(self, name: str) -> float:
        found = re.search(rf"^{name}:\s+(\d+) kB$", (self._proc / "status").read_text(), re.M)
        assert found is not None
        return int(found[1]) / 1024


def log_lines(text: str) -> Counter[str]:
    """How often each kind of line is in a log; lines of one kind differ in numbers alone. Tracebacks are no lines."""
    found: Counter[str] = Counter()
    for level, logger, told in LOG_LINE.findall(text):
        found[VARIES.sub("#", f"{level} {logger}: {told}")[:200]] += 1
    return found


def seconds_to_end(pid: int, patience: float) -> float:
    """Tell a process to stop; returns after how many seconds it has ended, or `patience`."""
    began, pause = time.monotonic(), threading.Event()
    process = psutil.Process(pid)
    process.terminate()
    with suppress(psutil.NoSuchProcess):
        while (took := time.monotonic() - began) < patience and process.status() != psutil.STATUS_ZOMBIE:
            pause.wait(0.02)
        return took
    return time.monotonic() - began


def wait_until_given_back(usage: Usage, memory: float, files: int, seconds: float) -> tuple[float, float, int]:
    """Wait until the process uses at most this; returns after how many seconds, and what it uses then."""
    began = time.monotonic()
    pause = threading.Event()
    while True:
        now, opened, took = usage.memory(), usage.files(), time.monotonic() - began
        if (now <= memory and opened <= files) or took > seconds:
            return took, now, opened
        pause.wait(0.1)
