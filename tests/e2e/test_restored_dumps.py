"""A dump is loaded into the PostgreSQL database that it came from: same server and database, another change log.

The tests use pg_dump and pg_restore. A client with an older position gets a snapshot.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.cli.test_database import ready
from tests.e2e.test_restored_backups import insert, seen
from tests.support.deadlines import DEADLINE_S
from tests.support.postgres import PostgresGateway, PostgresServer


@pytest.fixture
def gateway(postgres_gateway: PostgresGateway) -> PostgresGateway:
    return postgres_gateway


def dumped(server: PostgresServer, gateway: PostgresGateway) -> Any:
    """Dump the database. Returns the function that loads the dump into it."""
    name = gateway.database_url.rpartition("/")[2]
    server.tool("pg_dump", "--format=custom", f"--file={name}.dump", gateway.database_url)
    load = ("pg_restore", "--clean", "--if-exists", "--dbname", gateway.database_url, f"{name}.dump")
    return lambda: server.tool(*load)


async def test_a_client_with_an_old_position_gets_a_snapshot(
    postgres: PostgresServer, gateway: PostgresGateway
) -> None:
    insert(gateway, "ada")
    restore = dumped(postgres, gateway)
    insert(gateway, "bob", "cleo")
    _, since, names = await seen(gateway)
    assert names == ["ada", "bob", "cleo"]
    gateway.stop()
    restore()
    insert(gateway, "dora", "emil", "fritz")  # the log is now longer than before the restore
    gateway.start()
    mode, position, names = await seen(gateway, since)
    assert position["seq"] > since["seq"]
    assert (mode, names) == ("snapshot", ["ada", "dora", "emil", "fritz"])
    gateway.stop()
    insert(gateway, "gerd")
    gateway.start()
    assert (await seen(gateway, position))[::2] == ("recovered", ["gerd"])


async def test_a_gateway_that_runs_during_a_restore_must_be_restarted(
    postgres: PostgresServer, gateway: PostgresGateway
) -> None:
    restore = dumped(postgres, gateway)
    assert await ready(gateway) == 200
    await asyncio.to_thread(restore)
    async with asyncio.timeout(DEADLINE_S):
        while await ready(gateway) != 503:  # noqa: ASYNC110  # another process sees it in its own time
            await asyncio.sleep(0.05)
    gateway.stop()
    assert "was replaced" in gateway.log_file.read_text()
    gateway.start()
    assert await ready(gateway) == 200
