"""SIGHUP: a service takes new settings, and a gateway stops when its terminal closes."""

from __future__ import annotations

import os
import pty
import signal
import ssl
import subprocess
import sys
import time
from pathlib import Path

from tests.support.certificates import Authority
from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import READY, ROOT, GatewayProcess, clean_environment, tidegate
from tests.support.waiting import until
from tests.support.wire import wire
from tidegate.auth.tokens import sign


async def test_a_service_takes_new_settings_and_loses_no_connection(tmp_path: Path) -> None:
    authority, settings, secret = Authority(tmp_path), tmp_path / "tidegate.toml", tmp_path / "secret"
    secret.write_text("o" * 40)
    cert, key = authority.sign("before", stem="site")
    settings.write_text(f'tls_cert = "{cert}"\ntls_key = "{key}"\nsecret_file = "{secret}"\n')
    gateway = GatewayProcess(tmp_path, environment={"TIDEGATE_TRUSTED_PROXIES": "127.0.0.1"})
    gateway.migrate()
    gateway.start()
    trust, url = ssl.create_default_context(cafile=str(authority.file)), f"wss://127.0.0.1:{gateway.port}/ws"

    async def reload(text: str, line: str) -> None:
        settings.write_text(f'tls_cert = "{cert}"\ntls_key = "{key}"\nsecret_file = "{secret}"\n{text}')
        os.kill(gateway.pid, signal.SIGHUP)
        await until(lambda: line in gateway.log_file.read_text())

    from_afar = {"X-Forwarded-For": "192.0.2.7"}
    async with wire(url, ssl=trust, additional_headers=from_afar) as client:
        authority.sign("after", stem="site")
        secret.write_text("n" * 40)
        token = sign("n" * 40, "7", "Ann", [], time.time(), 60)
        assert (await client.ask({"type": "authenticate", "token": token}))["type"] == "error"
        await reload('origins = ["https://app.example"]\nheartbeat = 9', "reloaded: origins")
        assert "restart the gateway for heartbeat" in gateway.log_file.read_text()
        async with wire(url, ssl=trust, origin="https://app.example") as page:
            assert (await page.ask({"type": "ping"}))["type"] == "pong"
            assert (await page.ask({"type": "authenticate", "token": token}))["type"] == "authenticated"
        served = ssl.get_server_certificate(("127.0.0.1", gateway.port))
        assert served == cert.read_text()
        bad = {"type": "authenticate", "token": "x.y.z"}
        assert (await client.ask(bad))["code"] == "unauthenticated"
        await reload("token_attempts = 1", "reloaded: origins, token_attempts")
        assert (await client.ask(bad))["code"] == "rate_limited", "the new rate holds for this address, too"
        asked = tidegate("health", cwd=tmp_path, environment={"TIDEGATE_PORT": str(gateway.port)})
        assert asked.returncode == 0, asked.stderr
        await reload("prot = 1", "the reload is given up: tidegate.toml: prot: no such setting")
        assert (await client.ask({"type": "ping"}))["type"] == "pong"
        await reload('log_level = "warning"\nheartbeat = 8', "restart the gateway for heartbeat")
    assert gateway.stop() == 0
    assert "stopping" not in gateway.log_file.read_text(), "that is no warning"


def test_a_gateway_stops_gracefully_when_its_terminal_closes(tmp_path: Path) -> None:
    assert tidegate("migrate", "--schema", str(ROOT / "schema"), cwd=tmp_path).returncode == 0
    outside, terminal = pty.openpty()
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "tidegate", "serve", "--port", "0", "--schema", str(ROOT / "schema")],
            cwd=tmp_path,
            env=clean_environment(),
            stdin=terminal,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert READY.search(process.stdout.readline())
        process.send_signal(signal.SIGHUP)
        _, log = process.communicate(timeout=DEADLINE_S)
    finally:
        os.close(outside)
        os.close(terminal)
    assert process.returncode == 0
    assert "stopping" in log
