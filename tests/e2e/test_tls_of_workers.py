"""TLS on the port of workers, with each event loop, and both clients with a certificate of a private authority."""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.support.certificates import Authority
from tests.support.gateway import GatewayProcess
from tests.support.node import built_client, node
from tests.support.waiting import until
from tests.support.wire import wire
from tidegate.admin.asking import Address
from tidegate_client import connect

pytestmark = pytest.mark.process

PROGRAM = """
import {{ createRequire }} from "node:module";
import {{ connect }} from "{client}/index.js";
const WebSocket = createRequire("{client}/")("ws");  // Node 20 has none
const client = connect("{url}", {{ WebSocket }});
const first = await new Promise((resolve) =>
  client.on("status", ({{ status }}) => status !== "connecting" && resolve(status)));
if (first === "open") console.log(first, (await client.ping()) >= 0);
else console.log(first);
client.close();
"""


class Secured:
    """A gateway with two workers that speak TLS."""

    def __init__(self, folder: Path, loop: str) -> None:
        self.authority = Authority(folder)
        cert, key = self.authority.sign("before", stem="site")
        self.admin = Address(f"unix:{folder / 'admin'}", None)
        self.gateway = GatewayProcess(
            folder, "--workers", "2",
            environment={
                "TIDEGATE_TLS_CERT": str(cert), "TIDEGATE_TLS_KEY": str(key), "TIDEGATE_LOOP": loop,
                "TIDEGATE_ADMIN": self.admin.admin, "TIDEGATE_DRAIN": "0",
            },
        )  # fmt: skip
        self.gateway.migrate(seed=True)
        self.gateway.start()
        self.url = f"wss://127.0.0.1:{self.gateway.port}/ws"
        self.trust = ssl.create_default_context(cafile=str(self.authority.file))

    def workers(self) -> set[int]:
        """Those that have a client."""
        return {each["worker"] for each in self.admin.get("/connections", {"limit": 100})["items"] if each["user"]}

    def served(self) -> str:
        return ssl.get_server_certificate(("127.0.0.1", self.gateway.port))


@pytest.fixture(scope="module", params=["uvloop", pytest.param("asyncio", marks=pytest.mark.long)])
def secured(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    if request.param == "uvloop":
        pytest.importorskip("uvloop", reason="this Python has no uvloop; `make setup-tests` installs it")
    found = Secured(tmp_path_factory.mktemp("tls"), request.param)
    yield found
    assert found.gateway.stop() == 0


@pytest.fixture
async def clients() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def test_every_worker_speaks_tls_and_takes_a_new_certificate(secured: Secured, clients: AsyncExitStack) -> None:
    while await asyncio.to_thread(secured.workers) != {1, 2}:
        client = await clients.enter_async_context(wire(secured.url, ssl=secured.trust))
        await client.ask({"type": "join", "room": "lobby"})
    before = await asyncio.to_thread(secured.served)
    cert, _ = secured.authority.sign("after", stem="site")
    os.kill(secured.gateway.pid, signal.SIGHUP)
    await until(lambda: "reloaded: " in secured.gateway.log_file.read_text())
    assert before != cert.read_text()
    for _ in range(4):
        assert await asyncio.to_thread(secured.served) == cert.read_text()


async def test_both_clients_trust_a_private_authority_that_they_are_given(secured: Secured) -> None:
    async with connect(secured.url, ssl=secured.trust) as client:
        assert len(await client.resource("users").list()) > 0
    program = PROGRAM.format(client=built_client().as_uri(), url=secured.url)
    for given, said in (({"NODE_EXTRA_CA_CERTS": str(secured.authority.file)}, "open true\n"), ({}, "reconnecting\n")):
        process = await asyncio.create_subprocess_exec(
            node(), "--input-type=module", "-e", program, stdout=asyncio.subprocess.PIPE, env={**os.environ, **given}
        )
        printed, _ = await process.communicate()
        assert printed.decode() == said, given
