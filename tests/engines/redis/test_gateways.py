"""Real gateways on a real server: a drain without a storm, and a server that goes and comes back under its clients."""

from __future__ import annotations

import asyncio
import contextlib
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import GatewayProcess
from tests.support.redis import RedisServer, free_prefix, running
from tests.support.waiting import until
from tests.support.wire import Wire, wire

pytestmark = [pytest.mark.process, pytest.mark.slow]
ROOM = "chat-1"


@pytest.fixture
def gateways(tmp_path: Path) -> Iterator[tuple[RedisServer, GatewayProcess, GatewayProcess]]:
    """Two gateways over one Valkey."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(running("valkey"))
        prefix = free_prefix()
        started = []
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            options = ("--dev", "--engine", server.socket_url, "--engine-prefix", prefix)
            gateway = GatewayProcess(tmp_path / name, *options)
            gateway.migrate()
            gateway.start()
            stack.callback(gateway.kill)
            started.append(gateway)
        yield server, started[0], started[1]


@contextlib.asynccontextmanager
async def member(gateway: GatewayProcess, name: str, **fields: Any) -> AsyncIterator[Wire]:
    headers = {"Authorization": f"Bearer {gateway.token(name, '--name', name)}"}
    async with wire(gateway.url, additional_headers=headers) as client:
        joined = await client.ask({"type": "join", "room": ROOM, "presence": "diff", **fields})
        assert joined["type"] == "joined", joined
        yield client


def ready(gateway: GatewayProcess) -> int:
    try:
        with urllib.request.urlopen(f"{gateway.http}/readyz", timeout=DEADLINE_S) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


async def present(client: Wire) -> set[str]:
    answer = await client.ask({"type": "presence", "room": ROOM})
    return {user["id"] for user in answer["users"]}


async def test_a_gateway_that_drains_makes_no_storm(
    gateways: tuple[RedisServer, GatewayProcess, GatewayProcess],
) -> None:
    _, one, two = gateways
    names = [f"user{number}" for number in range(12)]
    async with contextlib.AsyncExitStack() as stack:
        watcher = await stack.enter_async_context(member(two, "watcher"))
        for name in names:
            await stack.enter_async_context(member(one, name, presence="none"))
        while await present(watcher) != {"watcher", *names}:
            await watcher.hear("presence_diff")
        heard = len(watcher.heard)
        assert await asyncio.to_thread(one.stop) == 0
        for name in names:
            await stack.enter_async_context(member(two, name, presence="none"))
        assert await present(watcher) == {"watcher", *names}
        await watcher.settle()
        storm = [
            (kind, user["id"])
            for message in watcher.heard[heard:]
            if message["type"] == "presence_diff"
            for kind in ("joined", "left")
            for user in message[kind]
        ]
        assert storm == []


@pytest.mark.long
async def test_a_server_that_ends_and_comes_back_costs_no_connection(
    gateways: tuple[RedisServer, GatewayProcess, GatewayProcess],
) -> None:
    server, one, two = gateways
    say = {"type": "message", "room": ROOM, "data": {"text": "hi"}}
    async with member(one, "ada") as ada, member(two, "bob") as bob:
        before = (await ada.ask(say))["position"]
        await bob.hear("message")
        server.kill()
        refused = await ada.ask(say)
        assert (refused["type"], refused["code"], refused["retry_after"]) == ("error", "unavailable", 1.0)
        other = await ada.ask({"type": "join", "room": "chat-2"})
        assert (other["type"], other["code"]) == ("error", "unavailable"), "no room beside the shared one"
        assert (await ada.ask({"type": "ping"}))["type"] == "pong"
        await until(lambda: ready(one) == ready(two) == 503)
        server.start()
        await until(lambda: ready(one) == ready(two) == 200)
        for client in (ada, bob):
            told = await client.hear(lambda message: message["type"] == "joined" and "ref" not in message)
            assert (told["recovered"], told["position"]["epoch"] != before["epoch"]) == (False, True)
        after = await ada.ask(say)
        assert after["type"] == "sent", after
        assert (await bob.hear("message"))["position"] == after["position"]
        for client in (ada, bob):
            while await present(client) != {"ada", "bob"}:
                await client.hear("presence_diff")
