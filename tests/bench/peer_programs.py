"""The peers: servers of other projects (`tests/bench/peers/NAME/`), installed on demand into `build/bench/`.

Each has a lock of its exact packages, and is left out with a printed reason where it cannot be had.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from tests.bench import pythons
from tests.bench.generator import BUILD
from tests.bench.measures import Server
from tests.bench.transport import program
from tests.support.gateway import ROOT

PEERS = ROOT / "tests" / "bench" / "peers"
INSTALL_S = 600


@dataclass(frozen=True)
class Peer:
    """`kind`: a name of KINDS. `package`: whose version is printed. `dialect`: a name of c/dialects.h."""

    name: str
    folder: str
    kind: str
    package: str
    dialect: str = "tidegate"

    @property
    def source(self) -> Path:
        return PEERS / self.folder

    def start(self, command: list[str]) -> AbstractContextManager[Server]:
        return program(self.name, *command, dialect=self.dialect)

    def version(self) -> str:
        """From the file that pins it."""
        name = re.escape(self.package)
        if self.kind == "go":
            text, pattern = (self.source / "go.mod").read_text(encoding="utf-8"), rf"{name} v(\S+)"
        elif self.kind == "python":
            text, pattern = (self.source / "requirements.lock").read_text(encoding="utf-8"), rf"(?m)^{name}==(\S+)"
        else:
            text, pattern = (self.source / "package.json").read_text(encoding="utf-8"), rf'"{name}": "([^"]+)"'
        found = re.search(pattern, text)
        assert found is not None, f"{self.source} pins no {self.package}"
        return found[1]

    def prepare(self) -> list[str]:
        """The command that starts it, after it is installed. RuntimeError says why it cannot be had."""
        return KINDS[self.kind](self)


def _run(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=INSTALL_S)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"{command[0]} was not done after {INSTALL_S} seconds") from None
    if done.returncode:
        raise RuntimeError((done.stderr or done.stdout).strip()[-500:])


def _needs(tool: str) -> str:
    found = shutil.which(tool)
    if found is None:
        raise RuntimeError(f"there is no {tool} here")
    return found


def _installed(peer: Peer, lock: str, install: Callable[[Path], None], suffix: str = "") -> Path:
    """A copy of the peer's folder with its packages, installed again when the lock is another one."""
    folder = BUILD / "peers" / f"{peer.folder}{suffix}"
    mark, wanted = folder / ".installed", (peer.source / lock).read_text(encoding="utf-8")
    if not mark.exists() or mark.read_text(encoding="utf-8") != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(peer.source, folder)
        print(f"  installing {peer.name} {peer.version()}", flush=True)
        install(folder)
        mark.write_text(wanted, encoding="utf-8")
    shutil.copytree(peer.source, folder, dirs_exist_ok=True)
    return folder


def _go(peer: Peer) -> list[str]:
    _needs("go")
    built = BUILD / f"peer-{peer.folder}"
    _run(["go", "build", "-o", str(built), "."], peer.source)
    return [str(built)]


def _npm_folder(peer: Peer) -> Path:
    _needs("node")
    command = [_needs("npm"), "ci", "--no-audit", "--no-fund", "--loglevel=error"]
    return _installed(peer, "package-lock.json", lambda folder: _run(command, folder))


def _node(peer: Peer) -> list[str]:
    return ["node", str(_npm_folder(peer) / "server.js")]


def _workerd(peer: Peer) -> list[str]:
    folder = _npm_folder(peer)
    # The script in `.bin` would start the program as a child, whose processor time would not be counted.
    found = sorted(folder.glob("node_modules/@cloudflare/workerd-*/bin/workerd"))
    if not found:
        raise RuntimeError("workerd has no program for this machine")
    return [str(found[0]), "serve", str(folder / "config.capnp"), "--control-fd=1"]


def _python(peer: Peer) -> list[str]:
    """By the Python that runs the benchmark, in an environment for each of them."""

    def install(folder: Path) -> None:
        try:
            lock = folder / "requirements.lock"
            pythons.environment(sys.executable, folder / "venv", [["--require-hashes", "-r", str(lock)]])
        except pythons.Unusable as reason:
            raise RuntimeError(str(reason)) from None

    by = hashlib.sha256(sys.prefix.encode()).hexdigest()[:6]
    folder = _installed(peer, "requirements.lock", install, f"-{by}")
    return [str(folder / "venv/bin/python"), str(folder / "server.py")]


KINDS = {"go": _go, "node": _node, "workerd": _workerd, "python": _python}

GORILLA = Peer("Go, gorilla", "gorilla", "go", "github.com/gorilla/websocket")
ALL = (
    Peer("Go, centrifuge", "centrifuge", "go", "github.com/centrifugal/centrifuge", "centrifuge"),
    GORILLA,
    Peer("nats-server", "nats", "go", "github.com/nats-io/nats-server/v2", "nats"),
    Peer("uWebSockets.js", "uws", "node", "@trufflesuite/uws-js-unofficial"),
    Peer("npm ws", "ws", "node", "ws"),
    Peer("Socket.IO", "socketio", "node", "socket.io", "socketio"),
    Peer("workerd", "workerd", "workerd", "workerd"),
    Peer("FastAPI", "fastapi", "python", "fastapi"),
    Peer("python-socketio", "python-socketio", "python", "python-socketio", "socketio"),
    Peer("chanx", "chanx", "python", "chanx", "chanx"),
)
"""All peers but websockets' own server, which is in the environment of the tests."""
