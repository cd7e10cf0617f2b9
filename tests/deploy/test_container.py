"""A gateway as in a container: a read-only root, one folder for temporary files, process number 1."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from tests.support.gateway import READY, ROOT, clean_environment, tidegate
from tests.support.postgres import PostgresServer
from tests.support.sqlite import foreign

ROWS = 20_000
"""As a snapshot, several megabytes: more than the gateway keeps in memory and more than socket buffers hold."""
DEADLINE_S = 60.0

pytestmark = [
    pytest.mark.long,  # `make test-deploy` runs it, too
    pytest.mark.skipif(sys.platform != "linux", reason="containers are Linux: /proc, namespaces, capabilities"),
]


class Confined:
    """`tidegate` with an unwritable HOME and working directory, and a writable TMPDIR."""

    def __init__(self, folder: Path, url: str) -> None:
        self.home, self.spool, self.url = folder / "home", folder / "spool", url
        self.home.mkdir(mode=0o555)
        self.spool.mkdir(mode=0o700)
        self._process: subprocess.Popen[str] | None = None

    @property
    def prefix(self) -> list[str]:
        """Drop the capability with which root may write anywhere."""
        if os.geteuid():
            return []
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            pytest.skip("root can write to every folder here: there is no setpriv (util-linux) to take that right away")
        return [setpriv, "--inh-caps=-all", "--bounding-set=-dac_override,-dac_read_search,-fowner"]

    def command(self, *arguments: str, **variables: str) -> tuple[list[str], dict[str, str]]:
        environment = {
            **clean_environment(),
            "HOME": str(self.home),
            "TMPDIR": str(self.spool),
            "TIDEGATE_DATABASE": self.url,
            "TIDEGATE_SCHEMA": str(ROOT / "schema"),
            "PYTHONDONTWRITEBYTECODE": "1",
            **variables,
        }
        return [*self.prefix, sys.executable, "-m", "tidegate", *arguments], environment

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        command, environment = self.command(*arguments, **variables)
        return subprocess.run(
            command, cwd=self.home, env=environment, capture_output=True, text=True, timeout=DEADLINE_S, check=False
        )

    def start(self) -> str:
        command, environment = self.command("serve", "--port", "0")
        self._process = subprocess.Popen(command, cwd=self.home, env=environment, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        found = READY.search(self._process.stdout.readline())
        assert found is not None
        return f"ws://127.0.0.1:{found[1]}/ws"

    def open_files(self) -> list[str]:
        assert self._process is not None
        found = []
        for entry in Path(f"/proc/{self._process.pid}/fd").iterdir():
            try:
                found.append(str(entry.readlink()))
            except FileNotFoundError:
                continue  # closed meanwhile
        return found

    def stop(self) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        process.terminate()
        process.communicate(timeout=DEADLINE_S)
        return process.returncode


@pytest.fixture(params=["sqlite", "postgresql"])
def confined(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Confined]:
    """Over each database: the SQLite file lies in a separate folder, which is writable."""
    with ExitStack() as until_the_end:
        if request.param == "sqlite":
            (tmp_path / "data").mkdir()
            url = f"sqlite:///{tmp_path / 'data' / 'app.db'}"
        else:
            server: PostgresServer = request.getfixturevalue("postgres")
            url = until_the_end.enter_context(server.lent())
        gateway = Confined(tmp_path, url)
        yield gateway
        gateway.stop()


def fill(url: str) -> None:
    names = [(f"n{number}", f"{number}@{'long' * 40}.example.com") for number in range(ROWS)]
    if url.startswith("sqlite"):
        with foreign(Path(url.removeprefix("sqlite:///"))) as program:
            program.executemany("INSERT INTO users (name, email) VALUES (?, ?)", names)
    else:
        from tests.support.driver import psycopg

        with psycopg.connect(url) as postgres:
            postgres.cursor().executemany("INSERT INTO users (name, email) VALUES (%s, %s)", names)


async def test_the_gateway_writes_only_to_tmpdir(confined: Confined) -> None:
    with pytest.raises(AssertionError):
        probe(confined)
    migrated = confined.run("migrate")
    assert migrated.returncode == 0, migrated.stderr
    fill(confined.url)
    url = confined.start()
    async with asyncio.timeout(DEADLINE_S):
        while not await spooled(confined, url):
            pass
    assert confined.stop() == 0
    assert list(confined.home.iterdir()) == []
    # The files have no names, so that none remains after any end of the gateway.
    assert list(confined.spool.iterdir()) == []


async def spooled(confined: Confined, url: str) -> bool:
    """Whether a snapshot waits in TMPDIR for a client that reads nothing.

    The gateway cuts such a client off after three seconds: on a busy machine that may be before the test looks.
    """
    async with connect(url, compression=None, max_queue=1) as client:
        await client.send('{"type": "subscribe", "resource": "users", "snapshot": true, "ref": 1}')
        for _ in range(100):
            if any(name.startswith(f"{confined.spool}/") for name in confined.open_files()):
                break
            await asyncio.sleep(0.02)
        else:
            return False
        client.transport.abort()
    return True


def probe(confined: Confined) -> None:
    """Raises AssertionError if the confinement works."""
    done = subprocess.run([*confined.prefix, "touch", confined.home / "probe"], capture_output=True, check=False)
    assert done.returncode == 0


def test_serve_reports_a_missing_folder_for_temporary_files(tmp_path: Path) -> None:
    """The gateway reports it at its start, before any large snapshot. The test hides the other temporary folders."""
    (tmp_path / "data").mkdir()
    gateway = Confined(tmp_path, f"sqlite:///{tmp_path / 'data' / 'app.db'}")
    assert gateway.run("migrate").returncode == 0
    program = "import sys, tempfile\ntempfile._candidate_tempdir_list = lambda: ['/nowhere']\n"
    program += "from tidegate.cli import main\nsys.exit(main(['serve', '--port', '0']))"
    _, environment = gateway.command()
    done = subprocess.run(
        [*gateway.prefix, sys.executable, "-c", program],
        cwd=gateway.home,
        env=environment,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == 2
    assert "set TMPDIR" in done.stderr
    assert "Traceback" not in done.stderr


def test_process_number_1_stops_at_sigterm(tmp_path: Path) -> None:
    """The kernel gives process 1 of a container no default action for a signal: the gateway needs its own."""
    namespace = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child"]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*namespace, "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("this machine lets no process have process numbers of its own (unshare --user --pid)")
    assert tidegate("migrate", "--schema", str(ROOT / "schema"), cwd=tmp_path).returncode == 0
    command = [sys.executable, "-m", "tidegate", "serve", "--port", "0", "--schema", str(ROOT / "schema")]
    # `exec`, as an ENTRYPOINT in exec form: the shell that says its number becomes the gateway.
    script = 'echo "process $$"; exec "$@"'
    process = subprocess.Popen(
        [*namespace, "sh", "-c", script, "sh", *command],
        cwd=tmp_path,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "process 1\n"
        assert READY.search(process.stdout.readline())
        (inside,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(inside), signal.SIGTERM)
        assert process.wait(DEADLINE_S) == 0
    finally:
        process.kill()
        process.communicate()
