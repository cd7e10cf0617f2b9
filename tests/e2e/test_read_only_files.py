"""An SQLite file that the gateway's user may only read: no write is accepted until it may be written again.

Root may write to any file, so the gateway runs without that right here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.test_database_under_the_gateway import readiness
from tests.support.fork_server import ORDINARY
from tests.support.gateway import ROOT, GatewayProcess, tidegate
from tests.support.wire import Wire, wire

pytestmark = pytest.mark.process


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[GatewayProcess]:
    """Migrated, and not started."""
    process = GatewayProcess(tmp_path, "--dev", environment={ORDINARY: "1"})
    process.migrate()
    yield process
    process.stop()


async def ready(gateway: GatewayProcess, status: int) -> str:
    """Wait until `/readyz` answers so. Returns what it says."""
    while (found := await readiness(gateway))[0] != status:  # noqa: ASYNC110  # there is no event
        await asyncio.sleep(0.02)
    return found[1]


async def create(client: Wire, name: str) -> str:
    row = {"name": name, "email": f"{name}@example.com"}
    answer = await client.ask({"type": "create", "resource": "users", "data": row})
    return str(answer.get("code", answer["type"]))


async def names(client: Wire) -> list[str]:
    return [row["name"] for row in (await client.ask({"type": "list", "resource": "users"}))["rows"]]


async def test_no_write_is_accepted_while_the_file_is_read_only(gateway: GatewayProcess) -> None:
    gateway.start()
    async with wire(gateway.url) as client:
        assert await create(client, "a") == "rows"
        gateway.database_file.chmod(0o444)
        assert "read-only" in await ready(gateway, 503)
        assert await create(client, "b") == "unavailable"
        assert await names(client) == ["a"]
        gateway.database_file.chmod(0o644)
        await ready(gateway, 200)
        assert await create(client, "b") == "rows"
        assert await names(client) == ["a", "b"]
    assert gateway.select("select name from users") == [("a",), ("b",)]


def test_a_gateway_does_not_start_on_a_file_that_it_may_only_read(gateway: GatewayProcess) -> None:
    gateway.database_file.chmod(0o444)
    command = ("serve", "--port", "0", "--schema", str(ROOT / "schema"))
    done = tidegate(*command, cwd=gateway.folder, environment={ORDINARY: "1"})
    assert done.returncode == 2
    assert "readonly database" in done.stderr
    assert "Traceback" not in done.stderr
    gateway.database_file.chmod(0o644)
    gateway.start()
