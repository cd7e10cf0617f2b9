"""A second gateway over a database that a gateway serves: refused on an SQLite file, told in the log on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import ROOT, GatewayProcess, tidegate
from tests.support.postgres import PostgresGateway, PostgresServer
from tests.support.sqlite import foreign
from tests.support.wire import wire

SCHEMA = "--schema", str(ROOT / "schema")
WARNING = "already served by"


def lock_file(gateway: GatewayProcess) -> Path:
    return gateway.database_file.with_name("tidegate.db-tidegate-lock")


async def epoch(gateway: GatewayProcess) -> str:
    async with wire(gateway.url) as client:
        reply = await client.ask({"type": "subscribe", "resource": "users", "snapshot": True})
        found: str = reply["position"]["epoch"]
        return found


@pytest.mark.parametrize("by_another_name", [False, True])
async def test_a_second_gateway_on_one_sqlite_file_is_refused(
    gateway: GatewayProcess, tmp_path: Path, by_another_name: bool
) -> None:
    before = await epoch(gateway)
    url = gateway.database_url
    if by_another_name:
        (tmp_path / "link.db").symlink_to(gateway.database_file)
        url = f"sqlite:///{tmp_path / 'link.db'}"
    second = tidegate("serve", "--dev", "--port", "0", *SCHEMA, "--database", url, cwd=tmp_path)
    assert second.returncode != 0
    assert "serving on" not in second.stdout
    assert f"is already served by another gateway (process {gateway.pid} on " in second.stderr
    assert "Traceback" not in second.stderr
    assert await epoch(gateway) == before


async def test_a_gateway_that_was_killed_or_stopped_leaves_no_lock(gateway: GatewayProcess) -> None:
    before = await epoch(gateway)
    gateway.kill()
    gateway.start()
    assert await epoch(gateway) == before
    assert gateway.stop() == 0
    assert lock_file(gateway).read_bytes() == b""
    gateway.start()
    assert await epoch(gateway) == before


async def test_the_lock_hinders_no_command_and_no_program(gateway: GatewayProcess, tmp_path: Path) -> None:
    database = "--database", gateway.database_url
    migrated = tidegate("migrate", *SCHEMA, *database, cwd=tmp_path)
    assert migrated.returncode == 0, migrated.stderr
    with foreign(gateway.database_file) as program:
        program.execute("INSERT INTO users (name, email) VALUES ('ada', 'ada@example.com')")
    async with wire(gateway.url) as client:
        assert len((await client.ask({"type": "list", "resource": "users"}))["rows"]) == 1
    renewed = tidegate("database", "new-epoch", *database, cwd=tmp_path)
    assert renewed.returncode == 0, renewed.stderr


def test_databases_in_one_folder_have_a_gateway_each(gateway: GatewayProcess, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'other.db'}"
    assert tidegate("migrate", *SCHEMA, "--database", url, cwd=tmp_path).returncode == 0
    (tmp_path / "other").mkdir()
    other = GatewayProcess(tmp_path / "other", "--dev", "--database", url)
    other.start()
    assert other.stop() == 0


def test_a_lock_that_cannot_be_taken_is_told_and_stops_no_gateway(tmp_path: Path) -> None:
    gateway = GatewayProcess(tmp_path, "--dev")
    gateway.migrate()
    lock_file(gateway).mkdir()
    gateway.start()
    assert gateway.stop() == 0
    assert gateway.log_file.read_text().count("cannot keep other gateways from serving the database") == 1


@contextmanager
def over(url: str, folder: Path) -> Iterator[PostgresGateway]:
    folder.mkdir()
    process = PostgresGateway(folder, url, "--dev")
    process.start()
    try:
        yield process
    finally:
        process.stop()


async def followed(gateway: GatewayProcess) -> str:
    """The gateway's log, once its feed has delivered a change: it has looked for others before that."""
    async with asyncio.timeout(DEADLINE_S), wire(gateway.url) as client:
        await client.ask({"type": "subscribe", "resource": "users"})
        gateway.execute("INSERT INTO users (name, email) VALUES ('x', gen_random_uuid() || '@example.com')")
        await client.hear("update")
    return gateway.log_file.read_text()


async def test_a_second_gateway_on_one_postgresql_database_warns(postgres: PostgresServer, tmp_path: Path) -> None:
    with ExitStack() as until_the_end:
        url = until_the_end.enter_context(postgres.lent(postgres.sample()))
        other_url = until_the_end.enter_context(postgres.lent(postgres.sample()))
        first = until_the_end.enter_context(over(url, tmp_path / "first"))
        assert WARNING not in await followed(first)
        until_the_end.enter_context(over(other_url, tmp_path / "other"))
        with over(url, tmp_path / "second") as second:
            (line,) = (line for line in (await followed(second)).splitlines() if WARNING in line)
            assert "WARNING" in line
            assert "already served by 1 other gateway: clients of different gateways meet in rooms only" in line
            assert "tidegate@" not in line
            with over(url, tmp_path / "third") as third:
                assert "already served by 2 other gateways" in await followed(third)
        first.kill()
        first.start()
        assert WARNING not in await followed(first)
