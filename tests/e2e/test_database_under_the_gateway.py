"""The database is changed under a running gateway: it says what is true, and no client keeps old rows."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import ROOT, GatewayProcess
from tests.support.wire import wire
from tidegate import schema
from tidegate.contract import Contract
from tidegate.store import backends
from tidegate.store.errors import CHANGED_TABLES


def migrate_by_hand(gateway: GatewayProcess, folder: Path) -> None:
    """Run a manual migration that changes rows."""
    folder.mkdir()
    (folder / "0001_shout.py").write_text(
        'def up(migrator, db):\n    db.execute_sql("UPDATE users SET name = upper(name)")\n'
    )
    resources = Contract(schema.bundle(schema.load(ROOT / "schema"))).resources
    backends.migrations(gateway.database_url).apply(gateway.database_url, resources, folder)


async def readiness(gateway: GatewayProcess) -> tuple[int, str]:
    def asked() -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"{gateway.http}/readyz", timeout=DEADLINE_S) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    return await asyncio.to_thread(asked)


async def test_after_a_manual_migration_the_gateway_says_why_it_is_not_ready_and_keeps_no_subscriber(
    any_gateway: GatewayProcess, tmp_path: Path
) -> None:
    any_gateway.execute("INSERT INTO users (name, email) VALUES (?, ?)", "ada", "ada@example.com")
    async with wire(any_gateway.url) as client, asyncio.timeout(DEADLINE_S):
        await client.ask({"type": "subscribe", "resource": "users"})
        assert await readiness(any_gateway) == (200, "ready\n")
        await asyncio.to_thread(migrate_by_hand, any_gateway, tmp_path / "migrations")
        goodbye = await client.hear("goodbye")
        assert (goodbye["code"], goodbye["reason"]) == (4200, "this gateway takes no more clients")
    status, why = await readiness(any_gateway)
    assert status == 503
    assert why == ("the database was replaced or given a new epoch while this gateway serves it; restart the gateway\n")
    assert "restart the gateway" in any_gateway.log_file.read_text()

    async with wire(any_gateway.url) as client, asyncio.timeout(DEADLINE_S):
        for request in (
            {"type": "subscribe", "resource": "users", "snapshot": True},
            {"type": "list", "resource": "users"},
            {"type": "create", "resource": "users", "data": {"name": "bob", "email": "bob@example.com"}},
        ):
            error = await client.ask(request)
            assert (error["type"], error["code"], error["temporary"]) == ("error", "unavailable", True)
            assert "restarted" in error["message"]
        assert (await client.ask({"type": "join", "room": "chat-1"}))["type"] == "joined"

    any_gateway.stop()
    any_gateway.start()
    assert await readiness(any_gateway) == (200, "ready\n")
    async with wire(any_gateway.url) as client, asyncio.timeout(DEADLINE_S):
        rows = (await client.ask({"type": "list", "resource": "users", "filters": {"email": "ada@example.com"}}))[
            "rows"
        ]
        assert [row["name"] for row in rows] == ["ADA"], json.dumps(rows)


async def test_the_owner_renames_a_column_and_subscribers_learn_that_their_rows_are_stale(tmp_path: Path) -> None:
    gateway = GatewayProcess(tmp_path, "--dev")
    gateway.migrate()
    gateway.start()
    subscribe = {"type": "subscribe", "resource": "users"}
    try:
        async with wire(gateway.url) as client, wire(gateway.url) as other, asyncio.timeout(DEADLINE_S):
            await client.ask(subscribe)
            gateway.execute("ALTER TABLE users RENAME COLUMN name TO title")
            with pytest.raises(ConnectionClosed):
                await client.hear("never")
            assert client.connection.close_code == 4100
            status, why = await readiness(gateway)
            assert (status, why) == (503, f"{CHANGED_TABLES}\n")
            for request in (subscribe, {"type": "list", "resource": "users"}):
                error = await other.ask(request)
                assert (error["type"], error["code"]) == ("error", "unavailable")
            assert "lacks the column users.name" in gateway.log_file.read_text()
            gateway.execute("ALTER TABLE users RENAME COLUMN title TO name")
            while (await other.ask(subscribe))["type"] == "error":
                pass  # until the gateway looked again
            assert await readiness(gateway) == (200, "ready\n")
    finally:
        gateway.stop()
