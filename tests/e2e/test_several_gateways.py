"""Two gateways, each a process with a database, joined by one engine: what their clients see of each other."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import ROOT, GatewayProcess, tidegate
from tests.support.postgres import PostgresGateway, PostgresServer
from tests.support.redis import RedisServer, free_prefix, running
from tests.support.waiting import until
from tests.support.wire import Wire, wire

SECRET = "hunter2-of-the-engine"


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with running("valkey") as found:
        yield found


Two = Callable[[Path], contextlib.AbstractContextManager[tuple[GatewayProcess, GatewayProcess]]]


@pytest.fixture(params=["valkey", "postgresql"])
def two(request: pytest.FixtureRequest) -> Two:
    """Makes two gateways in a folder that share an engine: one that is Valkey's, one that is their database itself."""
    fixture = "server" if request.param == "valkey" else "postgres"
    server = request.getfixturevalue(fixture)
    return functools.partial(_over_redis if fixture == "server" else _over_their_database, server)


@contextlib.contextmanager
def _over_redis(server: RedisServer, folder: Path) -> Iterator[tuple[GatewayProcess, GatewayProcess]]:
    prefix = free_prefix()
    with contextlib.ExitStack() as stack:
        gateways = []
        for name in ("one", "two"):
            (folder / name).mkdir()
            gateway = GatewayProcess(folder / name, "--dev", "--engine", server.url, "--engine-prefix", prefix)
            gateway.migrate()
            gateway.start()
            stack.callback(gateway.kill)
            gateways.append(gateway)
        yield gateways[0], gateways[1]


@contextlib.contextmanager
def _over_their_database(server: PostgresServer, folder: Path) -> Iterator[tuple[GatewayProcess, GatewayProcess]]:
    with server.lent(server.sample()) as url, contextlib.ExitStack() as stack:
        gateways = []
        for name in ("one", "two"):
            (folder / name).mkdir()
            gateway = PostgresGateway(folder / name, url, "--dev", "--engine", "database", "--engine-prefix", "shop")
            gateway.start()
            stack.callback(gateway.kill)
            gateways.append(gateway)
        yield gateways[0], gateways[1]


def user(gateway: GatewayProcess, name: str) -> dict[str, Any]:
    token = gateway.token(name, "--name", f"User {name}")
    return {"additional_headers": {"Authorization": f"Bearer {token}"}}


async def join(client: Wire, **fields: Any) -> dict[str, Any]:
    reply = await client.ask({"type": "join", "room": "chat-1", "presence": "diff", **fields})
    assert reply["type"] == "joined", reply
    return reply


async def hears(client: Wire, found: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """The first message that is so."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            for message in client.heard:
                if found(message):
                    return message
            await client.settle()


def connections(reply: dict[str, Any]) -> dict[str, int]:
    return {member["id"]: member["connections"] for member in reply["users"]}


async def sees(client: Wire, members: dict[str, int]) -> None:
    """Until a list has these members: what other gateways say comes a moment after their clients were answered."""
    while connections(await client.ask({"type": "presence", "room": "chat-1"})) != members:
        await client.hear("presence_diff")


def difference(what: str, name: str) -> Callable[[dict[str, Any]], object]:
    return lambda message: message["type"] == "presence_diff" and name in [member["id"] for member in message[what]]


def ready(gateway: GatewayProcess) -> int:
    try:
        with urllib.request.urlopen(f"{gateway.http}/readyz", timeout=DEADLINE_S) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


async def test_clients_of_two_gateways_share_rooms(two: Two, tmp_path: Path) -> None:
    with two(tmp_path) as (one, two_):
        assert ready(one) == ready(two_) == 200
        async with wire(one.url, **user(one, "ada")) as ada, wire(two_.url, **user(two_, "bob")) as bob:
            start = (await join(ada))["position"]
            await join(bob)
            await sees(bob, {"ada": 1, "bob": 1})
            await sees(ada, {"ada": 1, "bob": 1})
            sent = await bob.ask({"type": "message", "room": "chat-1", "key": "k", "data": {"text": "hi"}})
            message = await hears(ada, lambda said: said["type"] == "message")
            assert (message["data"], message["position"]) == ({"text": "hi"}, sent["position"])
            again = await ada.ask({"type": "history", "room": "chat-1"})
            assert [said["data"] for said in again["messages"]] == [{"text": "hi"}]
            async with wire(two_.url, **user(two_, "ada")) as ada_again:
                reply = await join(ada_again, since=start)
                assert (reply["recovered"], reply["replayed"]) == (True, 1)
                assert connections(reply) == {"ada": 2, "bob": 1}


async def test_a_user_whose_gateway_stops_and_who_comes_back_at_the_other_one_never_left(
    two: Two, tmp_path: Path
) -> None:
    with two(tmp_path) as (one, two_):
        async with wire(two_.url, **user(two_, "bob")) as bob:
            await join(bob)
            async with wire(one.url, **user(one, "ada")) as ada:
                await join(ada)
                await hears(bob, difference("joined", "ada"))
                bob.heard.clear()
                assert await asyncio.to_thread(one.stop) == 0
            async with wire(two_.url, **user(two_, "ada")) as ada:
                reply = await join(ada)
                assert connections(reply) == {"ada": 1, "bob": 1}, (
                    "the ghost of the gateway that stopped does not count"
                )
                await bob.settle()
                assert not [m for m in bob.heard if m["type"] == "presence_diff" and (m["joined"] or m["left"])]


@pytest.mark.long
@pytest.mark.slow
async def test_members_stay_connected_while_the_engine_is_away_and_are_told_what_is_lost(
    server: RedisServer, tmp_path: Path
) -> None:
    with _over_redis(server, tmp_path) as (one, two):
        async with wire(one.url, **user(one, "ada")) as ada, wire(two.url, **user(two, "bob")) as bob:
            for client in (ada, bob):
                before = (await join(client))["position"]
            server.kill()
            try:
                refused = await ada.ask({"type": "message", "room": "chat-1", "data": {"text": "lost"}})
                assert (refused["type"], refused["code"]) == ("error", "unavailable")
                assert refused["retry_after"] > 0
                async with wire(one.url) as stranger:
                    assert (await stranger.ask({"type": "join", "room": "chat-1"}))["code"] == "unavailable"
                assert (await ada.ask({"type": "list", "resource": "users"}))["type"] == "rows", "rows go on"
                await until(lambda: ready(one) == ready(two) == 503)
            finally:
                server.start()
            for client in (ada, bob):
                told = await hears(client, lambda said: said["type"] == "joined" and "ref" not in said)
                assert not told["recovered"] and told["position"]["epoch"] != before["epoch"]
            await until(lambda: ready(one) == ready(two) == 200)
            sent = await ada.ask({"type": "message", "room": "chat-1", "data": {"text": "found"}})
            assert sent["type"] == "sent", sent
            assert (await hears(bob, lambda said: said["type"] == "message"))["data"] == {"text": "found"}
            await sees(bob, {"ada": 1, "bob": 1})


def test_an_engine_that_cannot_be_used_is_refused_at_start_without_its_password(
    server: RedisServer, tmp_path: Path
) -> None:
    for options, text in (
        (("--engine", f"redis://u:{SECRET}@127.0.0.1:{server.port}"), "--engine-prefix"),
        (("--engine", f"kafka://u:{SECRET}@h", "--engine-prefix", "p"), "names no engine"),
        (("--engine", "database", "--engine-prefix", "p"), "PostgreSQL"),
        (("--engine", f"redis://u:{SECRET}@127.0.0.1:{server.port}", "--engine-prefix", "p"), "127.0.0.1"),
    ):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        gateway = GatewayProcess(folder)
        gateway.migrate()
        done = tidegate("serve", "--dev", "--port", "0", "--schema", str(ROOT / "schema"), *options, cwd=folder)
        assert done.returncode == 2, done.stderr
        assert text in done.stderr
        for secret in (SECRET, "Traceback"):
            assert secret not in done.stderr + done.stdout
