"""Durable rooms over real gateways: kill -9 under load, two gateways on one database, restored backups, migrations."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_restored_backups import backup, overwritten
from tests.e2e.test_rooms_live import bearer, joined, token
from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import ROOT, GatewayProcess, tidegate
from tests.support.postgres import PostgresGateway, PostgresServer
from tests.support.sqlite import foreign
from tests.support.wire import Message, Wire, wire

pytestmark = pytest.mark.process
ROOM = "chat-1"
SENDERS = 4
KEPT = 1000


def durable_schema(folder: Path) -> Path:
    """The sample's schema, whose rooms `chat-*` are durable."""
    schema = folder / "durable"
    if not schema.exists():
        shutil.copytree(ROOT / "schema", schema)
        file = schema / "rooms" / "chat.schema.json"
        rules = json.loads(file.read_text())
        rules["x-room"]["history"] = {"size": KEPT, "ttl": 3600, "durable": True}
        file.write_text(json.dumps(rules))
    return schema


def serving(folder: Path, url: str | None, *more: str) -> GatewayProcess:
    folder.mkdir(exist_ok=True)
    how = () if "--workers" in more else ("--dev",)
    options = *how, "--schema", str(durable_schema(folder)), *more
    if url is not None:
        return PostgresGateway(folder, url, *options)
    process = GatewayProcess(folder, *options)
    process.migrate()
    return process


@pytest.fixture(params=["sqlite", "postgresql"])
def durable(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[GatewayProcess]:
    """A running gateway with durable rooms; once with each database."""
    with ExitStack() as until_the_end:
        url = None
        if request.param == "postgresql":
            server: PostgresServer = request.getfixturevalue("postgres")
            url = until_the_end.enter_context(server.lent(server.sample()))
        process = serving(tmp_path, url, *(("--workers", "2") if request.param == "workers" else ()))
        process.start()
        yield process
        process.stop()


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Iterator[GatewayProcess]:
    process = serving(tmp_path, None)
    process.start()
    yield process
    process.stop()


async def history(client: Wire) -> list[Message]:
    """All messages of the room, oldest first."""
    found: list[Message] = []
    before: dict[str, int] = {}
    more = True
    while more:
        page = await client.ask({"type": "history", "room": ROOM, **before})
        found[:0] = page["messages"]
        before, more = {"before": found[0]["position"]["offset"]} if found else {}, page["more"]
    return found


async def said(client: Wire, text: str, **more: Any) -> Message:
    return await client.ask({"type": "message", "room": ROOM, "data": {"text": text}, **more})


def place(message: Message) -> tuple[str, int]:
    return message["position"]["epoch"], message["position"]["offset"]


async def talk(url: str, name: str, stop: asyncio.Event, acknowledged: dict[str, tuple[str, int]]) -> None:
    """Say one thing after the other, eight at a time, until the gateway is gone."""
    try:
        async with wire(url, close_timeout=0.1) as client:
            await joined(client, ROOM, presence="none")
            for number in range(10_000):
                texts = [f"{name} {number}.{part}" for part in range(8)]
                for text in texts:
                    await client.say({"type": "message", "room": ROOM, "data": {"text": text}, "ref": text})
                for _ in texts:
                    sent = await client.hear("sent")
                    acknowledged[sent["ref"]] = place(sent)
                if len(acknowledged) > 300:
                    stop.set()
    except (OSError, EOFError, asyncio.IncompleteReadError, Exception) as error:  # the gateway was killed
        assert stop.is_set(), error


# With two workers it takes ten seconds more: `make chaos` does it.
@pytest.mark.parametrize(
    "durable", ["sqlite", "postgresql", *(["workers"] if "CHAOS_FAULTS" in os.environ else [])], indirect=True
)
async def test_kill_9_loses_no_acknowledged_message(durable: GatewayProcess) -> None:
    acknowledged: dict[str, tuple[str, int]] = {}
    stop = asyncio.Event()
    async with asyncio.timeout(DEADLINE_S):
        talking = [asyncio.create_task(talk(durable.url, f"s{n}", stop, acknowledged)) for n in range(SENDERS)]
        await stop.wait()
        durable.kill()
        await asyncio.gather(*talking)
    durable.start()
    async with wire(durable.url) as client:
        reply = await joined(client, ROOM)
        found = await history(client)
        offsets = [message["position"]["offset"] for message in found]
        assert offsets == list(range(offsets[0], reply["position"]["offset"] + 1))
        by_text = {message["data"]["text"]: place(message) for message in found}
        assert len(by_text) == len(found), "a message is there twice"
        assert {text: by_text.get(text) for text in acknowledged} == acknowledged
        for sender in range(SENDERS):
            own = [text for text in by_text if text.startswith(f"s{sender} ")]
            assert own == sorted(own, key=lambda text: [int(part) for part in text.split()[1].split(".")])


async def test_a_client_recovers_what_it_missed_across_a_restart(durable: GatewayProcess) -> None:
    async with wire(durable.url) as bob:
        position = (await joined(bob, ROOM))["position"]
        assert position["offset"] == 0
        for text in "abc":
            await said(bob, text)
    durable.stop()
    durable.start()
    async with wire(durable.url) as bob:
        reply = await joined(bob, ROOM, since=position)
        assert (reply["recovered"], reply["replayed"]) == (True, 3)
        await bob.settle()
        told = [each for each in bob.heard if each["type"] == "message"]
        assert [(each["data"]["text"], each["position"]["offset"]) for each in told] == [("a", 1), ("b", 2), ("c", 3)]
        assert {each["position"]["epoch"] for each in told} == {position["epoch"]}
        assert (await said(bob, "d"))["position"] == {"epoch": position["epoch"], "offset": 4}


async def test_a_message_with_a_key_is_published_once_across_kill_9(durable: GatewayProcess) -> None:
    person = bearer(token(durable, "7"))
    async with wire(durable.url, close_timeout=0.1, **person) as client:
        await joined(client, ROOM)
        first = await said(client, "a", key="k")
        assert (await said(client, "a", key="k"))["position"] == first["position"]
        durable.kill()
    durable.start()
    async with wire(durable.url, **person) as client:
        await joined(client, ROOM)
        assert (await said(client, "a", key="k"))["position"] == first["position"]
        refused = await said(client, "b", key="k")
        assert (refused["code"], refused["pointer"]) == ("conflict", "/key")
        assert [each["data"]["text"] for each in await history(client)] == ["a"]


@pytest.mark.long
async def test_clients_of_two_gateways_get_all_messages_in_one_order(postgres: PostgresServer, tmp_path: Path) -> None:
    with ExitStack() as until_the_end:
        url = until_the_end.enter_context(postgres.lent(postgres.sample()))
        gateways = [serving(tmp_path / name, url) for name in ("one", "two")]
        for each in gateways:
            each.start()
            until_the_end.callback(each.stop)
        count = 100
        async with wire(gateways[0].url) as ada, wire(gateways[1].url) as bob:
            for client in (ada, bob):
                await joined(client, ROOM, presence="none")

            async def speak(client: Wire, name: str) -> None:
                for number in range(count):
                    message = {"type": "message", "room": ROOM, "data": {"text": f"{name}{number}"}, "key": str(number)}
                    await client.say(message)

            async def listen(client: Wire) -> list[tuple[str, int, str]]:
                heard = [await client.hear("message") for _ in range(2 * count)]
                return [(*place(each), each["data"]["text"]) for each in heard]

            both = await asyncio.gather(speak(ada, "a"), speak(bob, "b"), listen(ada), listen(bob))
            assert both[2] == both[3]
            assert [offset for _, offset, _ in both[2]] == list(range(1, 2 * count + 1))
            for name in "ab":
                own = [text for *_, text in both[2] if text.startswith(name)]
                assert own == [f"{name}{number}" for number in range(count)]
            gateways[0].kill()
            assert [each["data"]["text"] for each in (await history(bob))[-3:]] == [text for *_, text in both[2][-3:]]


@pytest.mark.long
@pytest.mark.slow
async def test_clients_of_workers_over_sqlite_get_all_messages_in_one_order(tmp_path: Path) -> None:
    process = serving(tmp_path, None, "--workers", "2")
    process.start()
    try:
        async with AsyncExitStack() as clients:
            members = [await clients.enter_async_context(wire(process.url)) for _ in range(8)]
            for client in members:
                await joined(client, ROOM, presence="none")

            async def speak(client: Wire, name: int) -> None:
                for number in range(20):
                    message = {"type": "message", "room": ROOM, "data": {"text": f"{name}.{number}"}}
                    await client.say(message)

            async def listen(client: Wire) -> list[tuple[str, int, str]]:
                heard = [await client.hear("message") for _ in range(160)]
                return [(*place(each), each["data"]["text"]) for each in heard]

            said_by_each = [speak(client, name) for name, client in enumerate(members)]
            heard = (await asyncio.gather(*said_by_each, *map(listen, members)))[8:]
            assert all(each == heard[0] for each in heard)
            assert [offset for _, offset, _ in heard[0] or ()] == list(range(1, 161))
    finally:
        process.stop()


async def test_a_restored_backup_begins_a_new_epoch_also_where_only_messages_were_written(
    on_sqlite: GatewayProcess,
) -> None:
    async with wire(on_sqlite.url) as client:
        await joined(client, ROOM)
        await said(client, "a")
    copy = backup(on_sqlite)
    async with wire(on_sqlite.url) as client:
        await joined(client, ROOM)
        since = (await said(client, "lost"))["position"]
    on_sqlite.stop()
    overwritten(on_sqlite, copy)
    on_sqlite.start()
    async with wire(on_sqlite.url) as client:
        reply = await joined(client, ROOM, since=since)
        assert (reply["recovered"], reply["position"]["offset"]) == (False, 1)
        assert reply["position"]["epoch"] != since["epoch"]
        (message,) = await history(client)
        assert (message["data"]["text"], message["position"]) == ("a", reply["position"])
        assert (await said(client, "other"))["position"] == {**reply["position"], "offset": 2}


async def test_a_database_without_the_tables_is_refused_with_what_to_type(tmp_path: Path) -> None:
    process = serving(tmp_path, None)
    with foreign(process.database_file) as program:
        for table in ("rooms", "messages", "message_keys"):
            program.execute(f"DROP TABLE tidegate_{table}")
    database = "--database", process.database_url
    schema = "--schema", str(durable_schema(tmp_path))
    refused = tidegate("serve", "--dev", "--port", "0", *schema, *database, cwd=tmp_path)
    assert refused.returncode != 0
    assert "create table tidegate_rooms" in refused.stderr
    assert "type: tidegate migrate" in refused.stderr
    other = GatewayProcess(tmp_path, "--dev")  # without durable rooms it needs none
    other.start()
    other.stop()
    assert tidegate("migrate", *schema, *database, cwd=tmp_path).returncode == 0
    process.start()
    async with wire(process.url) as client:
        await joined(client, ROOM)
        assert (await said(client, "a"))["position"]["offset"] == 1
    process.stop()


async def test_other_rooms_are_as_before(durable: GatewayProcess) -> None:
    async with wire(durable.url) as client:
        await joined(client, "other")
        sent = await client.ask({"type": "message", "room": "other", "data": {"text": "hi"}})
        assert sent["position"]["offset"] == 1
    durable.kill()
    durable.start()
    async with wire(durable.url) as client:
        assert (await joined(client, "other", since=sent["position"]))["recovered"] is False
