"""What the supervisor and a gateway without workers have to do with systemd: sockets that it makes, what it is told."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import ROOT, clean_environment, migrate
from tests.support.ports import free_port
from tests.workers.supervised import Supervised
from tidegate import activation

ACTIVATOR = [sys.executable, str(Path(__file__).parent / "activator.py")]


class Manager:
    """The receiving end of NOTIFY_SOCKET."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(path)
        self._socket.settimeout(DEADLINE_S)

    def told(self) -> str:
        """The next state that is not WATCHDOG=1."""
        while (state := self._socket.recv(4096).decode()) == "WATCHDOG=1":
            pass
        return state

    def told_alive(self) -> bool:
        return self._socket.recv(4096) == b"WATCHDOG=1"

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager() -> Iterator[Manager]:
    with tempfile.TemporaryDirectory(prefix="tidegate-", dir="/tmp") as folder:
        receiver = Manager(f"{folder}/notify")
        yield receiver
        receiver.close()


@pytest.mark.process
async def test_the_supervisor_alone_tells_its_state(tmp_path: Path, manager: Manager) -> None:
    supervised = Supervised(tmp_path)
    supervised.start(environment={"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "100000"})
    try:
        assert manager.told() == "READY=1"
        assert all(manager.told_alive() for _ in range(3))
        supervised.signal(signal.SIGHUP)
        told = await asyncio.to_thread(manager.told)
        assert re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=\d+", told)
        assert await asyncio.to_thread(manager.told) == "READY=1"
        supervised.behave("worker 1", "refuses")
        supervised.signal(signal.SIGHUP)
        assert "RELOADING" in await asyncio.to_thread(manager.told)
        assert await asyncio.to_thread(manager.told) == "READY=1"
        supervised.signal(signal.SIGTERM)
        assert await asyncio.to_thread(manager.told) == "STOPPING=1"
        assert supervised.ended() == 0
    finally:
        supervised.close()


@pytest.mark.process
@pytest.mark.parametrize("count", [1, 2])
async def test_workers_serve_on_the_sockets_of_systemd(tmp_path: Path, count: int) -> None:
    """Connections that wait since before the start are answered, and after a worker was replaced."""
    supervised = Supervised(tmp_path)
    supervised.start([*ACTIVATOR, "tcp", str(count), str(supervised.port)])
    try:
        answers = await asyncio.gather(*(supervised.ask() for _ in range(40)))
        assert {answer.partition(" ")[0] for answer in answers} == {"worker"}
        if count == 2:
            assert {answer.rpartition(" ")[0] for answer in answers} == {"worker 1", "worker 2"}
        supervised.signal(signal.SIGHUP)
        await supervised.logged("reloaded")
        assert await supervised.ask()
    finally:
        supervised.signal(signal.SIGTERM)
        assert supervised.ended() == 0
        supervised.close()


@pytest.mark.process
@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_one_process_serves_on_the_socket_of_systemd(tmp_path: Path, kind: str) -> None:
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="tidegate-", dir="/tmp") as folder:
        address = str(port) if kind == "tcp" else f"{folder}/tidegate.sock"
        migrate(f"sqlite:///{tmp_path}/app.db", ROOT / "schema")
        gateway = [sys.executable, "-m", "tidegate", "serve", "--dev", "--schema", str(ROOT / "schema")]
        process = subprocess.Popen(
            [*ACTIVATOR, kind, "1", address, *gateway, "--database", f"sqlite:///{tmp_path}/app.db"],
            cwd=tmp_path,
            env=clean_environment(),
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert f":{port}" in line if kind == "tcp" else "Unix socket of systemd" in line
            with socket.socket(socket.AF_INET if kind == "tcp" else socket.AF_UNIX) as client:
                client.settimeout(DEADLINE_S)
                client.connect(("127.0.0.1", port) if kind == "tcp" else address)
                client.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                assert client.recv(1024).startswith(b"HTTP/1.1 200")
        finally:
            process.terminate()
            process.stdout.close()  # type: ignore[union-attr]  # it is there, see above
            assert process.wait(DEADLINE_S) == 0


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"LISTEN_FDS": "1"},
        {"LISTEN_FDS": "1", "LISTEN_PID": "1"},
        {"LISTEN_FDS": "one", "LISTEN_PID": str(os.getpid())},
        {"LISTEN_FDS": "0", "LISTEN_PID": str(os.getpid())},
    ],
)
def test_sockets_for_another_process_are_left_alone(environ: dict[str, str]) -> None:
    assert activation.sockets(environ) == []
    assert environ == {}


def test_a_descriptor_that_is_no_listening_socket_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    left, right = socket.socketpair()
    with left, right:
        monkeypatch.setattr(activation, "FIRST", os.dup(left.fileno()))
        with pytest.raises(OSError, match="no listening stream socket"):
            activation.sockets({"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())})
