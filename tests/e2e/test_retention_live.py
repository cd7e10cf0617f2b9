"""How far back a client can resume: as far as the settings keep the change log. Beyond it, the gateway says so."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import GatewayProcess
from tests.support.postgres import PostgresGateway, PostgresServer
from tests.support.sqlite import foreign
from tests.support.waiting import until
from tests.support.wire import Wire, wire
from tests.transport.inside import running
from tidegate.core.budgets.payer import GATEWAY, Payer
from tidegate.core.rows.feed_cursor import KEPT_CHANGES
from tidegate.core.rows.ports import Change
from tidegate.store import Retention
from tidegate.store.sqlite.connection import connect
from tidegate.store.sqlite.serving.log_note import read_note
from tidegate.store.sqlite.serving.retention import prune

KEPT = 5
SETTINGS = {"TIDEGATE_LOG_AGE": "60", "TIDEGATE_LOG_ROWS": str(KEPT)}
META = {"sqlite": "tidegate_meta", "postgresql": "_tidegate.meta"}
LOG = {"sqlite": "tidegate_log", "postgresql": "_tidegate.log"}


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.fixture
def gateway(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[GatewayProcess]:
    """A running gateway that keeps changes for a minute and only a few older ones. Its tables are empty."""
    with ExitStack() as until_the_end:
        if database == "sqlite":
            process = GatewayProcess(tmp_path, "--dev", environment=SETTINGS)
            process.migrate()
        else:
            server: PostgresServer = request.getfixturevalue("postgres")
            process = PostgresGateway(tmp_path, until_the_end.enter_context(server.lent(server.sample())), "--dev")
            process._environment = SETTINGS
        process.start()
        yield process
        process.stop()


def insert(gateway: GatewayProcess, *numbers: int) -> None:
    for number in numbers:
        gateway.execute("INSERT INTO users (name, email) VALUES (?, ?)", f"u{number}", f"u{number}@example.com")


async def subscribe(client: Wire, since: dict[str, Any] | None = None) -> dict[str, Any]:
    request = {"type": "subscribe", "resource": "users"}
    reply = await client.ask(request if since is None else {**request, "since": since})
    assert reply["type"] == "subscribed", reply
    return reply


async def noted(gateway: GatewayProcess, database: str, seq: int) -> None:
    """Wait until the gateway has noted how far the log is. Beside an SQLite file it does so every other second."""
    if database == "sqlite":
        await until(lambda: (note := read_note(gateway.database_file)) is not None and note.seq == seq)


async def pruned(gateway: GatewayProcess, database: str, upto: int) -> None:
    """Wait until the log is pruned up to this position."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            ((found,),) = await asyncio.to_thread(
                gateway.select, f"SELECT value FROM {META[database]} WHERE name = 'pruned_to'"
            )
            if int(str(found)) >= upto:
                return
            await asyncio.sleep(0.05)


async def test_a_resume_gets_updates_within_the_log_and_a_snapshot_beyond_it(
    gateway: GatewayProcess, database: str
) -> None:
    async with wire(gateway.url) as client:
        far = (await subscribe(client))["position"]
        insert(gateway, *range(7))
        updates = [await client.hear("update") for _ in range(7)]
    near = updates[-1]["position"]
    insert(gateway, 7, 8, 9)
    await noted(gateway, database, near["seq"] + 3)
    # A minute goes by, but not for the change that is noted: another one in its place would be another log.
    gateway.execute(f"UPDATE {LOG[database]} SET time = time - 61000 WHERE seq < ?", near["seq"] + 3)
    await pruned(gateway, database, near["seq"] - 2)
    gateway.stop()  # the gateway's recent changes in memory are gone
    gateway.start()
    async with wire(gateway.url) as client:
        assert (await subscribe(client, near))["mode"] == "recovered"
        assert [(await client.hear("update"))["data"]["name"] for _ in range(3)] == ["u7", "u8", "u9"]
    async with wire(gateway.url) as client:
        assert (await subscribe(client, far))["mode"] == "snapshot"
        page = await client.hear("snapshot")
        assert (page["reset"], page["done"]) == (True, True)
        assert [row["name"] for row in page["rows"]] == [f"u{number}" for number in range(10)]
        insert(gateway, 10)
        assert (await client.hear("update"))["data"]["name"] == "u10"


async def test_the_log_keeps_changes_for_their_time(gateway: GatewayProcess, database: str) -> None:
    async with wire(gateway.url) as client:
        since = (await subscribe(client))["position"]
    insert(gateway, *range(2 * KEPT))
    await noted(gateway, database, since["seq"] + 2 * KEPT)
    gateway.execute(f"UPDATE {LOG[database]} SET time = time - 61000 WHERE seq <= ?", since["seq"] + 1)
    await pruned(gateway, database, since["seq"] + 1)  # so the gateway has looked for changes to prune
    since["seq"] += 1
    gateway.stop()
    gateway.start()
    async with wire(gateway.url) as client:
        assert (await subscribe(client, since))["mode"] == "recovered"
        names = [(await client.hear("update"))["data"]["name"] for _ in range(1, 2 * KEPT)]
        assert names == [f"u{number}" for number in range(1, 2 * KEPT)]


async def test_a_replay_overtaken_by_pruning_becomes_a_snapshot(tmp_path: Path) -> None:
    count, later = KEPT_CHANGES + 600, int(time.time() * 1000) + 3_600_000
    path = tmp_path / "tidegate.db"
    async with running(tmp_path) as inside, wire(inside.url) as client:
        since = (await subscribe(client))["position"]
    with foreign(path) as program:
        rows = [(f"u{number}", f"u{number}@example.com") for number in range(count)]
        program.executemany("INSERT INTO users (name, email) VALUES (?, ?)", rows)
    async with running(tmp_path) as inside:
        changes, asked = inside.store.changes, 0

        def prune_all() -> None:
            connection = connect(path)
            while prune(connection, later, Retention(age_ms=0, rows=100)):
                pass
            connection.close()

        async def changes_until_pruned(after: int, upto: int, limit: int, payer: Payer = GATEWAY) -> Sequence[Change]:
            nonlocal asked
            asked += limit > 1
            if asked == 2:
                await asyncio.to_thread(prune_all)
            return await changes(after, upto, limit, payer)

        inside.store.changes = changes_until_pruned  # type: ignore[method-assign]  # the moment is the test's
        async with wire(inside.url) as client:
            assert (await subscribe(client, since))["mode"] == "recovered"
            copy: dict[int, str] = {}
            while (message := await client.hear(lambda heard: heard["type"] in {"update", "snapshot"})) is not None:
                if message["type"] == "update":
                    assert message["data"]["id"] not in copy
                    copy[message["data"]["id"]] = message["data"]["name"]
                    continue
                if message["reset"]:
                    assert list(copy.values()) == [f"u{number}" for number in range(500)]
                    copy.clear()
                copy |= {row["id"]: row["name"] for row in message["rows"]}
                if message["done"]:
                    break
    assert list(copy.values()) == [f"u{number}" for number in range(count)]
