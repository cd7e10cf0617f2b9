"""Two workers over PostgreSQL: rooms are joined by the hub, or by the database as engine; rows by the database."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import psutil
import pytest

from tests.support.postgres import PostgresGateway, PostgresServer
from tests.support.wire import wire

pytestmark = [pytest.mark.process, pytest.mark.slow]

CLIENTS = 12


@pytest.mark.parametrize(
    "options", [(), ("--engine", "database", "--engine-prefix", "workers")], ids=["hub", "database"]
)
async def test_clients_of_both_workers_meet_in_rooms_and_see_all_rows(
    tmp_path: Path, postgres: PostgresServer, options: tuple[str, ...]
) -> None:
    with postgres.lent(postgres.sample()) as url:
        gateway = PostgresGateway(tmp_path, url, "--workers", "2", *options)
        gateway.start()
        try:
            members = psutil.Process(gateway.pid).children()
            assert len(members) == (2 if options else 3)
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
