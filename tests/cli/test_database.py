"""`tidegate database new-epoch` on each database: what it prints and does, and how a running gateway reacts."""

from __future__ import annotations

import asyncio
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import GatewayProcess, tidegate
from tests.support.postgres import PostgresGateway, PostgresServer
from tests.support.wire import wire


@pytest.fixture(params=["sqlite", "postgresql"])
def gateway(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[GatewayProcess]:
    """A gateway that was not started, over a database that was not migrated."""
    with ExitStack() as until_the_end:
        if request.param == "sqlite":
            process = GatewayProcess(tmp_path, "--dev")
        else:
            server: PostgresServer = request.getfixturevalue("postgres")
            process = PostgresGateway(tmp_path, until_the_end.enter_context(server.lent()), "--dev")
        yield process
        process.stop()


def url(gateway: GatewayProcess) -> str:
    return gateway.database_url


def new_epoch(gateway: GatewayProcess) -> tuple[str, str]:
    """Run the command; returns the epochs that it prints."""
    done = tidegate("database", "new-epoch", "--database", url(gateway), cwd=gateway.folder)
    assert done.returncode == 0, done.stderr
    found = re.search(r": epoch (\S+) -> (\S+)\n", done.stdout)
    assert found is not None
    assert "snapshots" in done.stdout
    assert "Restart the gateways" in done.stdout
    return found[1], found[2]


async def ready(gateway: GatewayProcess) -> int:
    def get() -> int:
        try:
            with urllib.request.urlopen(f"{gateway.http}/readyz", timeout=DEADLINE_S) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code

    return await asyncio.to_thread(get)


async def test_clients_with_older_positions_start_from_snapshots(gateway: GatewayProcess) -> None:
    gateway.migrate(seed=True)
    gateway.start()
    async with wire(gateway.url) as client:
        since = (await client.ask({"type": "subscribe", "resource": "users"}))["position"]
    gateway.stop()
    epochs = new_epoch(gateway)
    assert epochs[0] == since["epoch"] != epochs[1]
    gateway.start()
    async with wire(gateway.url) as client:
        reply = await client.ask({"type": "subscribe", "resource": "users", "since": since})
        assert (reply["mode"], reply["position"]["epoch"]) == ("snapshot", epochs[1])  # the start began no other epoch
        assert len((await client.hear("snapshot"))["rows"]) == 6


async def test_a_running_gateway_says_that_it_must_be_restarted(gateway: GatewayProcess) -> None:
    gateway.migrate()
    gateway.start()
    assert await ready(gateway) == 200
    new_epoch(gateway)
    async with asyncio.timeout(DEADLINE_S):
        while await ready(gateway) != 503:  # noqa: ASYNC110  # no event tells when the other process notices
            await asyncio.sleep(0.05)
    gateway.stop()
    assert "restart" in gateway.log_file.read_text()
    gateway.start()
    assert await ready(gateway) == 200


def test_a_database_that_was_not_migrated_is_refused(gateway: GatewayProcess) -> None:
    done = tidegate("database", "new-epoch", "--database", url(gateway), cwd=gateway.folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"tidegate: .*; type: tidegate migrate --database .*\n", done.stderr)
    assert not gateway.database_file.exists()


def test_a_database_of_another_program_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.db").write_bytes(b"")
    done = tidegate("database", "new-epoch", "--database", "sqlite:///other.db", cwd=tmp_path)
    assert done.returncode == 2
    assert "was not migrated" in done.stderr
