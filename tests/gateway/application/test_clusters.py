"""Gateways that share an engine: what the code of one sends reaches the clients of all, and one learns of each room."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.gateway.application.shop import Shop, bearer, open_shop, schema
from tests.support.gateway import GatewayProcess
from tests.support.redis import free_prefix
from tests.support.redis import running as running_redis
from tests.support.waiting import until
from tests.support.wire import Wire, wire
from tests.transport.inside import Inside
from tidegate.handlers import APPLICATION, EVERYONE, Call

pytestmark = pytest.mark.process
Two = Callable[[Path, Shop, Shop], contextlib.AbstractAsyncContextManager[tuple[Inside, Inside]]]


@pytest.fixture(params=["valkey", pytest.param("postgresql", marks=pytest.mark.long)])
def two(request: pytest.FixtureRequest) -> Two:
    """Opens two gateways over one engine: over Valkey with a database each, or over PostgreSQL with one for both."""

    @contextlib.asynccontextmanager
    async def opened(folder: Path, one: Shop, other: Shop) -> AsyncIterator[tuple[Inside, Inside]]:
        (folder / "one").mkdir()
        (folder / "other").mkdir()
        with contextlib.ExitStack() as servers:
            if request.param == "valkey":
                server = servers.enter_context(running_redis("valkey"))
                shared: dict[str, Any] = {"engine": server.url, "engine_prefix": free_prefix()}
                url = None
            else:
                url = servers.enter_context(request.getfixturevalue("postgres").lent())
                shared = {"engine": "database", "engine_prefix": "shop"}
            async with (
                open_shop(folder / "one", one, url, **shared) as first,
                open_shop(folder / "other", other, url, **shared) as second,
            ):
                await until(lambda: first.gateway.engine.healthy and second.gateway.engine.healthy)
                yield first, second

    return opened


async def news(client: Wire, text: str) -> None:
    while not any(message.get("text") == text for message in client.heard):
        await client.hear("news")


def texts_of(client: Wire) -> list[str]:
    return sorted(message["text"] for message in client.heard if message["type"] == "news")


async def test_what_one_gateway_sends_reaches_clients_of_both(tmp_path: Path, two: Two) -> None:
    one, other = Shop(), Shop()
    told: list[tuple[str, str]] = []
    for shop in (one, other):
        shop.gateway.room_occupied(lambda room: told.append(("occupied", room)))
        shop.gateway.room_vacated(lambda room: told.append(("vacated", room)))

    @one.action
    async def send(_: Any, call: Call) -> Any:
        gateway = one.gateway
        await gateway.push({"type": "news", "text": "to all"}, to=EVERYONE)
        await gateway.user("ada").send({"type": "news", "text": "to ada"})
        await gateway.room("chat-1").push({"type": "news", "text": "to the room"})
        first = await gateway.room("chat-1").send({"text": "said"}, key="k")
        again = await gateway.room("chat-1").send({"text": "said"}, key="k")
        return first == again

    async with two(tmp_path, one, other) as (first, second):
        async with (
            wire(first.url, **bearer("ada")) as here,
            wire(second.url, **bearer("ada")) as there,
            wire(second.url, **bearer("bob")) as bob,
        ):
            await bob.ask({"type": "join", "room": "chat-1"})
            await until(lambda: told)
            await here.ask({"type": "join", "room": "chat-1"})
            assert (await here.ask({"type": "waits", "what": "send"}))["result"] is True
            for client, texts in ((here, {"to all", "to ada", "to the room"}), (there, {"to all", "to ada"})):
                for text in texts:
                    await news(client, text)
            await news(bob, "to all")
            await news(bob, "to the room")
            message = await bob.heard_of("message")
            assert (message["data"], message["from"]) == ({"text": "said"}, APPLICATION.id)
            await there.settle()
            await bob.settle()
            heard = [
                [message["text"] for message in client.heard if message["type"] == "news"] for client in (there, bob)
            ]
            assert [sorted(texts) for texts in heard] == [["to ada", "to all"], ["to all", "to the room"]]
            await here.ask({"type": "leave", "room": "chat-1"})
            await bob.ask({"type": "leave", "room": "chat-1"})
            await until(lambda: len(told) == 2)
        assert told == [("occupied", "chat-1"), ("vacated", "chat-1")], "each once, at one of them"


MODULE = """
from pathlib import Path

from tidegate.handlers import EVERYONE, SYSTEM, Gateway

gateway = Gateway()


def note(text):
    with Path("told").open("a") as file:
        file.write(text + "\\n")


gateway.room_occupied(lambda room: note(f"occupied {room}"))
gateway.room_vacated(lambda room: note(f"vacated {room}"))


@gateway.on("plain")
def plain(message, call):
    call.db.notes.create(owner=message["what"], text="by the database")
    return {"result": call.db.notes.select().count()}


@gateway.on("waits")
async def waits(message, call):
    await gateway.rows("notes", as_user=SYSTEM).create({"owner": message["what"], "text": "by the gateway"})
    await gateway.push({"type": "news", "text": message["what"]}, to=EVERYONE)
    await gateway.room("chat-1").send({"text": message["what"]})
    return {"result": await gateway.rows("notes", as_user=SYSTEM).count()}
"""


@pytest.mark.long
async def test_workers_with_a_hub_do_the_same(tmp_path: Path) -> None:
    schema(tmp_path)
    (tmp_path / "shop_of_workers.py").write_text(MODULE)
    environment = {"TIDEGATE_SECRET": "a secret of the tests of workers, long enough"}
    options = ("--workers", "2", "--schema", "schema", "--handlers", "shop_of_workers:gateway")
    process = GatewayProcess(tmp_path, *options, environment=environment)
    process.migrate()
    process.start()
    try:
        async with contextlib.AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(wire(process.url)) for _ in range(8)]
            for client in clients:
                await client.ask({"type": "join", "room": "chat-1"})
            kinds = ("plain", "waits")
            asked = [(kinds[number % 2], f"note {number}", client) for number, client in enumerate(clients * 2)]
            answers = await asyncio.gather(
                *(client.ask({"type": kind, "what": what}) for kind, what, client in asked[:8]),
            )
            answers += await asyncio.gather(
                *(client.ask({"type": kind, "what": what}) for kind, what, client in asked[8:]),
            )
            assert {answer["type"] for answer in answers} == {"done"}, answers
            assert max(answer["result"] for answer in answers) == 16
            sent = sorted(what for kind, what, _ in asked if kind == "waits")
            for client in clients:
                for what in sent:
                    await news(client, what)
                await client.settle()
                assert texts_of(client) == sent
        told = tmp_path / "told"
        await until(lambda: told.exists() and told.read_text().count("\n") == 2)
        assert told.read_text() == "occupied chat-1\nvacated chat-1\n"
    finally:
        process.kill()


async def test_user_is_sent_away_by_every_gateway_and_comes_back_at_none(tmp_path: Path, two: Two) -> None:
    async with two(tmp_path, Shop(), Shop()) as (first, second):
        async with (
            wire(first.url, **bearer("ada")) as here,
            wire(second.url, **bearer("ada")) as there,
            wire(second.url, **bearer("bob")) as bob,
        ):
            first.gateway.removal.disconnect(connection=(await bob.heard_of("welcome"))["connection"])
            await bob.connection.wait_closed()
            assert bob.connection.close_code == 4003
            old = bearer("ada")
            await first.gateway.removal.revoke(user="ada")
            for client in (here, there):
                await client.connection.wait_closed()
                assert client.connection.close_code == 4001
        for gateway in (first, second):
            with pytest.raises(ConnectionClosed) as refused:
                async with wire(gateway.url, **old):
                    pass
            assert refused.value.rcvd is not None
            assert refused.value.rcvd.code == 4001
