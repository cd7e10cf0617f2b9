"""`tidegate health` against real gateways and against other servers: one line and an exit code."""

from __future__ import annotations

import contextlib
import http.server
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import ROOT, GatewayProcess, clean_environment, tidegate


def health(
    folder: Path, *arguments: str, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return tidegate("health", *arguments, cwd=folder, environment=environment)


@contextlib.contextmanager
def silent_port() -> Iterator[int]:
    """A port that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def closed_port() -> int:
    with silent_port() as port:
        return port


def test_ready_gateway_is_found_by_its_url_and_by_the_settings(gateway: GatewayProcess) -> None:
    by_url = health(gateway.folder, "--url", gateway.http + "/")
    assert (by_url.returncode, by_url.stdout, by_url.stderr) == (0, f"ready: {gateway.http}\n", "")
    (gateway.folder / "other.toml").write_text(f'host = "0.0.0.0"\nport = {gateway.port}\n')
    for arguments, environment in (
        ((), {"TIDEGATE_HOST": "0.0.0.0", "TIDEGATE_PORT": str(gateway.port)}),
        (("--config", "other.toml"), {}),
    ):
        done = health(gateway.folder, *arguments, environment=environment)
        assert (done.returncode, done.stdout) == (0, f"ready: {gateway.http}\n"), done.stderr


def test_gateway_whose_database_has_a_new_epoch_is_alive_and_not_ready(gateway: GatewayProcess) -> None:
    """`/readyz` says so within a second or so."""
    assert tidegate("database", "new-epoch", cwd=gateway.folder).returncode == 0
    deadline = time.monotonic() + DEADLINE_S
    while (done := health(gateway.folder, "--url", gateway.http)).returncode == 0 and time.monotonic() < deadline:
        pass
    assert (done.returncode, done.stdout) == (1, "")
    why = "was replaced or given a new epoch while this gateway serves it; restart the gateway"
    assert done.stderr == f"not ready: {gateway.http}: the database {why}\n"


def test_port_where_no_server_listens_is_not_alive(tmp_path: Path) -> None:
    port = closed_port()
    for host, asked in (("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("127.0.0.1", "127.0.0.1")):
        done = health(tmp_path, environment={"TIDEGATE_HOST": host, "TIDEGATE_PORT": str(port)})
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(f"not alive: http://{asked}:{port}: ")
        assert done.stderr.count("\n") == 1


def test_gateway_that_does_not_answer_in_time_is_not_alive(tmp_path: Path) -> None:
    with silent_port() as port:
        done = health(tmp_path, "--url", f"http://127.0.0.1:{port}", "--timeout", "0.2")
    assert done.returncode == 1
    assert done.stderr == f"not alive: http://127.0.0.1:{port}: no answer within 0.2 s\n"


def test_another_web_server_is_not_alive(tmp_path: Path) -> None:
    class Nothing(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Nothing) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()
        try:
            done = health(tmp_path, "--url", f"http://127.0.0.1:{server.server_port}")
        finally:
            server.shutdown()
    assert done.returncode == 1
    assert "/readyz answers 404 and /healthz 404" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "environment", "told"),
    [
        (("--url", "127.0.0.1:8787"), {}, "http://127.0.0.1:8787"),
        (("--url", "http://[::1"), {}, "--url"),
        (("--url", "http://127.0.0.1:x"), {}, "--url"),
        (("--timeout", "0"), {}, "--timeout"),
        ((), {"TIDEGATE_PORT": "0"}, "--url"),
    ],
)
def test_unusable_address_is_an_error_without_a_traceback(
    tmp_path: Path, arguments: tuple[str, ...], environment: dict[str, str], told: str
) -> None:
    done = health(tmp_path, *arguments, environment=environment)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_health_command_does_not_import_the_gateway(gateway: GatewayProcess) -> None:
    """It runs every few seconds, so it must start fast."""
    program = f"""
import argparse, sys, types
commands = types.ModuleType("tidegate.cli")
commands.__path__ = [{str(ROOT / "server" / "tidegate" / "cli")!r}]
sys.modules["tidegate.cli"] = commands
from tidegate.cli import health
assert health.run(argparse.Namespace(url={gateway.http!r}, timeout=10.0, ca=None, cert=None, key=None)) == 0
print(*sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], env=clean_environment(), capture_output=True, text=True, check=True
    )
    ready, modules = done.stdout.splitlines()
    assert ready == f"ready: {gateway.http}"
    heavy = {"asyncio", "jsonschema_rs", "apsw", "peewee", "websockets", "jwt", "urllib.request", "tidegate.schema"}
    assert not heavy & set(modules.split())
