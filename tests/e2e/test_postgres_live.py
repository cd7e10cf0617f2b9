"""A gateway over PostgreSQL: cases that only this database has."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.test_rows_live import create, subscribe, updates
from tests.support.driver import psycopg
from tests.support.gateway import ROOT, GatewayProcess, tidegate
from tests.support.postgres import PostgresGateway, PostgresServer
from tests.support.wire import wire


@pytest.fixture
def gateway(postgres_gateway: PostgresGateway) -> PostgresGateway:
    return postgres_gateway


async def test_subscribers_of_a_truncated_table_get_a_new_snapshot(gateway: PostgresGateway) -> None:
    async with wire(gateway.url) as reader, wire(gateway.url) as other, wire(gateway.url) as late:
        since = (await subscribe(reader))["position"]
        await other.ask({"type": "subscribe", "resource": "tasks", "filters": {"title": "x"}})
        await create(reader, "ada")
        gateway.execute("TRUNCATE users CASCADE")
        page = await reader.hear("snapshot")
        assert (page["rows"], page["reset"], page["done"]) == ([], True, True)
        assert (await other.hear("snapshot"))["reset"]  # tasks refer to users
        row = await create(other, "bob")
        assert await updates(reader, 1) == [("create", row)]

        # A client with an older position gets the snapshot too, without the deleted rows.
        await late.say({"type": "subscribe", "resource": "users", "since": since})
        page = await late.hear("snapshot")
        assert (page["rows"], page["reset"], page["done"]) == ([row], True, True)
        assert [message for message in late.heard if message["type"] == "update"] == []


async def test_a_copy_from_after_a_reset_resumes_from_its_position(gateway: PostgresGateway) -> None:
    add = "INSERT INTO users (name, email) SELECT '{}', i || '@example.com' FROM generate_series(1, {}) AS i"
    async with wire(gateway.url) as client:
        since = (await subscribe(client))["position"]
    gateway.execute(add.format("old", 600))
    gateway.execute("TRUNCATE users CASCADE")
    async with wire(gateway.url) as client:
        await client.say({"type": "subscribe", "resource": "users", "since": since, "ref": 1})
        page = await client.hear("snapshot")
        assert (page["rows"], page["done"], page["position"]["seq"] > since["seq"] + 600) == ([], True, True)
    gateway.execute(add.format("new", 2_100))  # more than it keeps in memory: the gateway reads the log in steps
    async with wire(gateway.url) as client:
        request = {"type": "subscribe", "resource": "users", "since": page["position"]}
        assert (await client.ask(request))["mode"] == "recovered"
        heard = await updates(client, 2_100)
        assert {(action, row["name"]) for action, row in heard} == {("create", "new")}


async def test_a_gateway_sends_changes_written_by_another_gateway(gateway: PostgresGateway, tmp_path: Path) -> None:
    folder = tmp_path / "second"
    folder.mkdir()
    second = GatewayProcess(folder, "--dev", "--database", gateway.database_url)
    second.start()
    try:
        async with wire(gateway.url) as writer, wire(second.url) as reader:
            await subscribe(reader)
            for number in range(3):
                row = await create(writer, f"user{number}")
                assert await updates(reader, 1) == [("create", row)]
    finally:
        second.stop()


async def test_new_rows_get_keys_after_the_sample_rows(gateway: PostgresGateway) -> None:
    gateway.migrate(seed=True)
    async with wire(gateway.url) as client:
        seeded = (await client.ask({"type": "list", "resource": "users"}))["rows"]
        assert len(seeded) == 6
        assert (await create(client, "ada"))["id"] == 7
        gateway.execute("INSERT INTO users (id, name, email) VALUES (8, 'x', 'x@example.com')")  # counts by itself
        assert (await create(client, "bob"))["id"] == 9


def test_serve_reports_an_unready_database_without_its_password(postgres: PostgresServer, tmp_path: Path) -> None:
    url = postgres.url(postgres.database()).replace("tidegate@", "tidegate:sesame@")
    done = tidegate("serve", "--schema", str(ROOT / "schema"), "--database", url, "--port", "0", cwd=tmp_path)
    assert done.returncode != 0
    assert "tidegate migrate" in done.stderr
    migrated = tidegate("migrate", "--schema", str(ROOT / "schema"), "--database", url, cwd=tmp_path)
    assert migrated.returncode == 0, migrated.stderr
    again = tidegate("migrate", "--plan", "--schema", str(ROOT / "schema"), "--database", url, cwd=tmp_path)
    assert again.stdout == "nothing to do\n"
    for output in (done, migrated, again):
        assert "sesame" not in output.stdout + output.stderr
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT count(*) FROM users").fetchone()
    assert found == (0,)
