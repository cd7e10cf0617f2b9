"""What the gateway reports to systemd over a real socket, and that a gateway that hangs stops reporting."""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.gateway import GatewayProcess
from tests.support.wire import wire
from tidegate import systemd

PATIENCE_S = 60.0
BEAT_S = 0.02
"""Between two WATCHDOG=1 of the gateways here."""
SILENCE_S = 15 * BEAT_S

HANGING = """
import signal

from tidegate.handlers import Gateway

gateway = Gateway()


def hang(*_):
    with open("hanging", "w"):
        pass
    with open("release"):  # a FIFO: this blocks the main thread, and so the event loop, until the test opens it
        pass


signal.signal(signal.SIGUSR1, hang)
"""


class Manager:
    """The receiving side: a datagram socket, as systemd has."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._states: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        # At once, as systemd does: few datagrams fit into the queue of a socket.
        while state := self._socket.recv(4096):
            self._states.put(state.decode())

    def told(self) -> str:
        """Wait for the next state and return it."""
        return self._states.get(timeout=PATIENCE_S)

    def told_until(self, state: str) -> list[str]:
        states = [self.told()]
        while states[-1] != state:
            states.append(self.told())
        return states

    def told_so_far(self) -> list[str]:
        """Every state that was sent and not returned yet."""
        self._send(b"so far")
        return self.told_until("so far")[:-1]

    def silent(self) -> bool:
        """Whether no state arrives for many watchdog intervals. A slow machine can only make this true."""
        self.told_so_far()
        time.sleep(SILENCE_S)
        return self.told_so_far() == []

    def close(self) -> None:
        self._send(b"")  # which ends the reading
        self._reader.join()
        self._socket.close()

    def _send(self, datagram: bytes) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(datagram, self.address)


@pytest.fixture
def path() -> Iterator[str]:
    """Where a socket can be: the name of one has at most 103 bytes, and pytest's folders have long names."""
    with tempfile.TemporaryDirectory(prefix="tidegate-", dir="/tmp") as folder:
        yield f"{folder}/notify"


@pytest.fixture(params=["path", "abstract"])
def address(request: pytest.FixtureRequest, path: str) -> str:
    """NOTIFY_SOCKET, in both of its forms."""
    if request.param == "path":
        return path
    if sys.platform != "linux":
        pytest.skip("only Linux has abstract sockets")
    return f"@tidegate-test-{os.getpid()}{path}"


@pytest.fixture
def manager(path: str) -> Iterator[Manager]:
    receiver = Manager(path)
    yield receiver
    receiver.close()


def watched(tmp_path: Path, manager: Manager, *options: str, **more: str) -> GatewayProcess:
    """A gateway that `manager` watches as systemd would."""
    environment = {
        "NOTIFY_SOCKET": manager.address,
        "WATCHDOG_USEC": str(int(2 * BEAT_S * 1e6)),
        **more,
    }
    process = GatewayProcess(tmp_path, "--dev", *options, environment=environment)
    process.migrate()
    return process


def test_state_is_one_datagram_to_a_path_or_an_abstract_name(address: str) -> None:
    receiver = Manager("\0" + address[1:] if address.startswith("@") else address)
    try:
        systemd.notify(systemd.READY, {"NOTIFY_SOCKET": address})
        systemd.notify(systemd.STOPPING, {"NOTIFY_SOCKET": address})
        assert [receiver.told(), receiver.told()] == ["READY=1", "STOPPING=1"]
    finally:
        receiver.close()


def test_nothing_is_sent_without_a_socket_and_a_missing_socket_is_logged(
    path: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    systemd.notify(systemd.READY, {"NOTIFY_SOCKET": path})
    assert [(record.levelno, "READY=1" in record.message) for record in caplog.records] == [(logging.WARNING, True)]
    monkeypatch.setattr(socket, "socket", None)
    systemd.notify(systemd.READY, {})
    systemd.notify(systemd.READY, {"NOTIFY_SOCKET": ""})


def test_manager_that_reads_nothing_delays_the_gateway_for_a_bounded_time(
    path: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(systemd, "PATIENCE_S", 0.05)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind(path)
        while not caplog.records:
            systemd.notify(systemd.WATCHDOG, {"NOTIFY_SOCKET": path})


@pytest.mark.parametrize(
    ("environ", "interval"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid() + 1)}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_watchdog_interval_is_half_of_what_systemd_allows(environ: dict[str, str], interval: float | None) -> None:
    assert systemd.watchdog_interval({"NOTIFY_SOCKET": "@x", **environ}) == interval
    assert systemd.watchdog_interval(environ) is None


@pytest.mark.process
async def test_gateway_reports_ready_once_clients_can_connect_then_watchdog_then_stopping(
    tmp_path: Path, manager: Manager
) -> None:
    process = watched(tmp_path, manager)
    process.start()
    try:
        assert manager.told() == "READY=1"
        assert [manager.told() for _ in range(5)] == ["WATCHDOG=1"] * 5
        async with wire(process.url) as client:
            assert (await client.ask({"type": "ping"}))["type"] == "pong"
    finally:
        code = process.stop()
    assert code == 0
    assert set(manager.told_until("STOPPING=1")) <= {"WATCHDOG=1", "STOPPING=1"}


@pytest.mark.process
def test_gateway_that_cannot_start_never_reports_ready(tmp_path: Path, manager: Manager) -> None:
    process = watched(tmp_path, manager, "--database", "sqlite:///unmigrated.db")
    with pytest.raises(AssertionError, match="tidegate migrate"):
        process.start()
    assert manager.told_so_far() == []


@pytest.mark.process
def test_suspended_process_does_not_feed_the_watchdog(tmp_path: Path, manager: Manager) -> None:
    process = watched(tmp_path, manager)
    process.start()
    try:
        manager.told_until("WATCHDOG=1")
        os.kill(process.pid, signal.SIGSTOP)
        while psutil.Process(process.pid).status() != psutil.STATUS_STOPPED:
            pass
        assert manager.silent()
        os.kill(process.pid, signal.SIGCONT)
        assert manager.told() == "WATCHDOG=1"
    finally:
        os.kill(process.pid, signal.SIGCONT)
        process.stop()


@pytest.mark.process
async def test_event_loop_that_hangs_does_not_feed_the_watchdog(tmp_path: Path, manager: Manager) -> None:
    """The process lives and its other threads run; only its event loop is blocked."""
    (tmp_path / "hanging_app.py").write_text(HANGING)
    os.mkfifo(tmp_path / "release")
    process = watched(tmp_path, manager, "--handlers", "hanging_app:gateway")
    process.start()
    try:
        manager.told_until("WATCHDOG=1")
        os.kill(process.pid, signal.SIGUSR1)
        async with asyncio.timeout(PATIENCE_S):
            while not (tmp_path / "hanging").exists():  # noqa: ASYNC110  # another process makes it
                await asyncio.sleep(0.01)
        assert manager.silent()
        (tmp_path / "release").write_text("")
        assert manager.told() == "WATCHDOG=1"
    finally:
        process.stop()


@pytest.mark.process
def test_watchdog_of_another_process_is_not_fed(tmp_path: Path, manager: Manager) -> None:
    process = watched(tmp_path, manager, WATCHDOG_PID="1")
    process.start()
    try:
        assert manager.told() == "READY=1"
        assert manager.silent()
    finally:
        process.stop()
    assert manager.told() == "STOPPING=1"
