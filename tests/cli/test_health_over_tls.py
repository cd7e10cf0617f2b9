"""`tidegate health` and a gateway that speaks TLS, with and without certificates of clients."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.support.certificates import Authority
from tests.support.gateway import GatewayProcess, tidegate


class Secured(NamedTuple):
    """A gateway that takes only clients with a certificate of `clients`; its own is of another authority."""

    gateway: GatewayProcess
    url: str
    ca: str
    own: tuple[str, str]
    """The gateway's certificate and its key."""
    clients: Authority


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("gateway")
    servers, clients = Authority(tmp_path_factory.mktemp("servers")), Authority(tmp_path_factory.mktemp("clients"))
    cert, key = servers.sign("server")
    settings = {"TIDEGATE_TLS_CERT": cert, "TIDEGATE_TLS_KEY": key, "TIDEGATE_TLS_CLIENT_CA": clients.file}
    gateway = GatewayProcess(folder, environment={name: str(path) for name, path in settings.items()})
    gateway.migrate()
    gateway.start()
    yield Secured(gateway, f"https://127.0.0.1:{gateway.port}", str(servers.file), (str(cert), str(key)), clients)
    gateway.stop()


def health(secured: Secured, *arguments: str, **settings: str) -> tuple[int, str]:
    """The exit code and what is printed."""
    environment = {f"TIDEGATE_{name.upper()}": value for name, value in settings.items()}
    done = tidegate("health", *arguments, cwd=secured.gateway.folder, environment=environment)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def test_gateway_that_asks_for_a_certificate_is_ready_for_one_of_its_authority(secured: Secured) -> None:
    cert, key = map(str, secured.clients.sign("probe"))
    known = ("--cert", cert, "--key", key)
    assert health(secured, "--url", secured.url, "--ca", secured.ca, *known) == (0, f"ready: {secured.url}\n")
    code, line = health(secured, "--url", secured.url, *known)
    assert (code, "CERTIFICATE_VERIFY_FAILED" in line) == (1, True), line
    for other in ((), ("--cert", secured.own[0], "--key", secured.own[1])):
        code, line = health(secured, "--url", secured.url, "--ca", secured.ca, *other)
        assert (code, "tls_client_ca is set, show a certificate" in line) == (1, True), line


def test_settings_name_the_certificate_that_the_gateway_of_this_machine_is_shown(secured: Secured) -> None:
    cert, key = map(str, secured.clients.sign("both"))
    port, ca = str(secured.gateway.port), str(secured.clients.file)
    assert health(secured, port=port, tls_cert=cert, tls_key=key, tls_client_ca=ca) == (0, f"ready: {secured.url}\n")
    assert health(secured, "--cert", cert, "--key", key, port=port, tls_cert=cert)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--key", "k.pem"), "--key: goes with --cert"),
        (("--ca", "ca.pem"), "--ca: goes with --url"),
        (("--url", "https://localhost", "--ca", "missing.pem"), "missing.pem: No such file"),
        (("--url", "https://localhost", "--cert", "missing.pem"), "missing.pem, no key: No such file"),
    ],
)
def test_wrong_files_are_an_error_that_names_them(secured: Secured, arguments: tuple[str, ...], told: str) -> None:
    code, line = health(secured, *arguments)
    assert (code, told in line) == (2, True), line
