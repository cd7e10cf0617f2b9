"""Workers over PostgreSQL: rooms are joined by the hub, or by the database as engine; the hub follows the log."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import psutil
import pytest

from tests.support.postgres import PostgresGateway, PostgresServer, started
from tests.support.waiting import until
from tests.support.wire import Wire, wire
from tidegate.store.postgres.changelog import SERVING_LOCK

pytestmark = [pytest.mark.process, pytest.mark.slow]

CLIENTS = 12


@pytest.mark.parametrize(
    "options",
    [(), pytest.param(("--engine", "database", "--engine-prefix", "workers"), marks=pytest.mark.long)],
    ids=["hub", "database"],
)
async def test_clients_of_both_workers_meet_in_rooms_and_see_all_rows(
    tmp_path: Path, postgres: PostgresServer, options: tuple[str, ...]
) -> None:
    with postgres.lent(postgres.sample()) as url:
        gateway = PostgresGateway(tmp_path, url, "--workers", "2", *options)
        gateway.start()
        try:
            members = psutil.Process(gateway.pid).children()
            assert len(members) == 3
            async with AsyncExitStack() as stack:
                clients = [await stack.enter_async_context(wire(gateway.url)) for _ in range(CLIENTS)]
                for client in clients:
                    await client.ask({"type": "join", "room": "chat-workers", "presence": "none"})
                    await client.ask({"type": "subscribe", "resource": "users", "snapshot": False})
                told = {"type": "message", "room": "chat-workers", "data": {"text": "to both"}}
                assert (await clients[0].ask(told))["type"] == "sent"
                made = await clients[0].ask(
                    {"type": "create", "resource": "users", "data": {"name": "Ada", "email": "ada@example.com"}}
                )
                assert made["type"] == "rows", made
                for client in clients:
                    assert (await client.heard_of("message"))["data"] == {"text": "to both"}
                    assert (await client.heard_of("update"))["data"]["name"] == "Ada"
        finally:
            assert gateway.stop() == 0


def hub_of(gateway: PostgresGateway) -> psutil.Process | None:
    """The process that runs now."""
    for each in psutil.Process(gateway.pid).children():
        with contextlib.suppress(psutil.NoSuchProcess, IndexError):  # it has just ended
            if '"kind":"hub"' in each.cmdline()[-1]:
                return each
    return None


def following(gateway: PostgresGateway) -> int:
    """How many connections of gateways follow the change log."""
    holders = "SELECT count(DISTINCT pid) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid"
    holders += f" FROM pg_database WHERE datname = current_database()) AND objid = {SERVING_LOCK & 0xFFFFFFFF}"
    ((count,),) = gateway.select(holders)
    return int(str(count))


@pytest.mark.long
async def test_three_workers_have_one_feed_also_after_the_hub_or_the_server_has_died(tmp_path: Path) -> None:
    """Clients stay connected, and hear each change once and in order, whatever program made it."""
    with started() as server:
        gateway = PostgresGateway(tmp_path, server.url(server.sample()), "--workers", "3")
        gateway.start()
        try:
            async with AsyncExitStack() as stack:
                clients = [await stack.enter_async_context(wire(gateway.url)) for _ in range(CLIENTS)]
                for client in clients:
                    await client.ask({"type": "subscribe", "resource": "users", "snapshot": False})
                made: list[str] = []
                await _write(gateway, clients, made)
                assert following(gateway) == 1

                await _kill_hub(gateway)
                made.append("by a program")
                gateway.execute("INSERT INTO users (name, email) VALUES (?, ?)", made[-1], "program@example.com")
                await _heard(clients, made)
                await _write(gateway, clients, made)
                assert following(gateway) == 1

                server.stop()
                await _kill_hub(gateway)  # another one waits for the server
                await until(lambda: "the database cannot be opened" in gateway.log_file.read_text())
                server.start()
                await until(lambda: following(gateway) == 1)
                await _write(gateway, clients, made)
                assert "already served" not in gateway.log_file.read_text(), "workers are one gateway"
        finally:
            assert gateway.stop() == 0


async def _kill_hub(gateway: PostgresGateway) -> None:
    before = hub_of(gateway)
    assert before is not None
    before.kill()
    await until(lambda: hub_of(gateway) not in {before, None})


async def _write(gateway: PostgresGateway, clients: Sequence[Wire], made: list[str]) -> None:
    """Write through some clients, and as a program; each client hears all that was ever made."""
    for client in clients[:4]:
        made.append(f"user-{len(made)}")
        row = {"name": made[-1], "email": f"{made[-1]}@example.com"}
        asked = {"type": "create", "resource": "users", "data": row, "key": made[-1]}
        while (answer := await client.ask(asked))["type"] == "error":
            assert answer["code"] == "unavailable", answer
            await asyncio.sleep(0.05)
    made.append(f"user-{len(made)}")
    gateway.execute("INSERT INTO users (name, email) VALUES (?, ?)", made[-1], f"{made[-1]}@example.com")
    await _heard(clients, made)


async def _heard(clients: Sequence[Wire], made: Sequence[str]) -> None:
    """Wait until each client was told all that was made, and nothing else."""
    for client in clients:
        while made[-1] not in (names := [each["data"]["name"] for each in client.heard if each["type"] == "update"]):
            await client.hear("update")
        assert names == made
