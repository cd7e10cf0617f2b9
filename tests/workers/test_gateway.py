"""A real gateway with two workers and a hub: replaced, killed and reloaded under clients that miss nothing."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import psutil
import pytest
from websockets.exceptions import ConnectionClosed

from tests.support.gateway import ROOT, GatewayProcess
from tests.support.waiting import until
from tests.support.wire import Wire, wire
from tests.workers.population import ROOM, Population
from tidegate.admin.asking import Address
from tidegate.auth.tokens import sign

pytestmark = [pytest.mark.process, pytest.mark.slow]

CLIENTS = int(os.environ.get("WORKERS_CLIENTS", "50"))
HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
STOPPING = "[worker 1] tidegate  stopping"
SECRET = "a secret of the tests of workers, long enough"


class WorkersGateway(GatewayProcess):
    """`tidegate serve --workers 2`, whose processes have names."""

    def members(self) -> dict[int, str]:
        """The names of the processes that run, by process id."""
        found: dict[int, str] = {}
        for each in psutil.Process(self.pid).children():
            with contextlib.suppress(psutil.NoSuchProcess):  # it has just ended
                if "--member" in (arguments := each.cmdline()):
                    found[each.pid] = "hub" if '"kind":"hub"' in arguments[-1] else "worker"
        return found

    def of(self, name: str) -> set[int]:
        return {pid for pid, found in self.members().items() if found == name}

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    async def logged(self, text: str, times: int = 1) -> None:
        await until(lambda: self.log.count(text) >= times)

    async def reload(self) -> None:
        times = self.log.count("reloaded: ")
        os.kill(self.pid, signal.SIGHUP)
        await self.logged("reloaded: ", times + 1)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkersGateway]:
    folder = tmp_path_factory.mktemp("workers")
    shutil.copytree(ROOT / "schema", folder / "schema")
    process = WorkersGateway(
        folder, "--workers", "2", "--schema", "schema",
        environment={
            "TIDEGATE_SECRET": SECRET, "TIDEGATE_WORKER_TIMEOUT": "5", "TIDEGATE_DRAIN": "1",
            "TIDEGATE_ADMIN": f"unix:{folder / 'admin'}",
        },
    )  # fmt: skip
    process.migrate(seed=True)
    process.start()
    yield process
    process.kill()


@pytest.fixture
async def population(gateway: WorkersGateway) -> AsyncIterator[Population]:
    found = Population(gateway.url, CLIENTS)
    await found.start()
    yield found
    await found.close()


async def write_until(gateway: WorkersGateway, population: Population, done: asyncio.Event) -> tuple[int, int]:
    """Write through whatever worker is there, until `done` and once more. Returns the last positions."""
    while True:
        last = done.is_set()
        async with wire(gateway.url) as writer:
            await writer.ask({"type": "join", "room": ROOM, "presence": "none"})
            if last:
                await writer.ask({"type": "subscribe", "resource": "tasks", "snapshot": False})
            title = await population.write(writer)
            if last:
                joined = await writer.ask({"type": "join", "room": ROOM, "presence": "none"})
                return joined["position"]["offset"], await seq_of(writer, title)
        await asyncio.sleep(0.05)


async def seq_of(subscriber: Wire, title: str) -> int:
    """The position of the row that was created with this title; its update may come after the reply to the write."""

    def is_it(message: dict[str, Any]) -> bool:
        return bool(message["type"] == "update" and message["data"].get("title") == title)

    update = next(filter(is_it, subscriber.heard), None) or await subscriber.hear(is_it)
    seq: int = update["position"]["seq"]
    return seq


async def test_operators_see_and_end_the_connections_of_all_workers_at_one_address(gateway: WorkersGateway) -> None:
    address = Address(f"unix:{gateway.folder / 'admin'}", None)

    def workers() -> set[int]:
        return {each["worker"] for each in address.get("/connections", {"limit": 100})["items"] if each["user"]}

    async with contextlib.AsyncExitStack() as stack:
        clients: list[Wire] = []
        while await asyncio.to_thread(workers) != {1, 2}:
            clients.append(await stack.enter_async_context(wire(gateway.url)))
        found = await asyncio.to_thread(address.get, "/connections", {"sort": "age", "limit": 1})
        assert found["silent"] == []
        nodes = (await asyncio.to_thread(address.get, "/nodes"))["items"]
        assert [node["worker"] for node in nodes if not node["silent"]] in ([1, 2], [2, 1]), "each of them once"
        assert {node["process"] for node in nodes} == gateway.of("worker")
        for client in clients:
            await client.ask({"type": "join", "room": ROOM})
        rooms = await asyncio.to_thread(address.get, "/rooms")
        assert [(each["room"], each["connections"]) for each in rooms["items"]] == [(ROOM, len(clients))]
        for each in (await asyncio.to_thread(address.get, "/connections", {"limit": 100}))["items"]:
            if each["user"]:
                await asyncio.to_thread(address.post, "/disconnect", {"connection": each["id"], "again": True})
        for client in clients:
            await client.connection.wait_closed()
            assert client.connection.close_code == 4200
    metrics = await asyncio.to_thread(address.text, "/metrics")
    assert 'tidegate_ready{worker="1"} 1' in metrics
    assert 'tidegate_hub_workers{worker="hub"} 2' in metrics
    assert 'tidegate_database_healthy{worker="hub"} 1' in metrics
    assert re.search(r'process_resident_memory_bytes{worker="hub"} \d{7}', metrics)
    assert re.search(r'tidegate_engine_seconds_count{worker="1",engine="hub"} [1-9]', metrics)
    assert 'tidegate_ready{worker="2"} 1' in metrics


async def test_revoked_user_is_sent_away_by_every_worker_and_refused_by_each(gateway: WorkersGateway) -> None:
    address = Address(f"unix:{gateway.folder / 'admin'}", None)
    headers = {"Authorization": f"Bearer {sign(SECRET, 'ada', 'Ada', [], time.time(), 600)}"}

    def workers() -> set[int]:
        return {each["worker"] for each in address.get("/connections", {"user": "ada", "limit": 100})["items"]}

    async with contextlib.AsyncExitStack() as stack:
        clients: list[Wire] = []
        while await asyncio.to_thread(workers) != {1, 2}:
            clients.append(await stack.enter_async_context(wire(gateway.url, additional_headers=headers)))
        await asyncio.to_thread(address.post, "/revoke", {"user": "ada"})
        for client in clients:
            await client.connection.wait_closed()
            assert client.connection.close_code == 4001
    for _ in range(4):
        with pytest.raises(ConnectionClosed):
            async with wire(gateway.url, additional_headers=headers):
                pass


async def test_workers_are_replaced_and_no_client_misses_anything(
    gateway: WorkersGateway, population: Population
) -> None:
    before, hub = gateway.of("worker"), gateway.of("hub")
    done = asyncio.Event()
    writing = asyncio.create_task(write_until(gateway, population, done))
    await gateway.reload()
    await population.settled()
    done.set()
    await population.whole(*await writing)
    assert population.lost == []
    assert not any(each.unrecovered for each in population.followers)
    assert {code for each in population.followers for code in each.codes} == {4200}
    assert not gateway.of("worker") & before
    assert gateway.of("hub") == hub
    assert "[worker 1]" in gateway.log
    assert "[worker 2]" in gateway.log


async def test_a_worker_that_leaves_serves_what_it_has_accepted(gateway: WorkersGateway) -> None:
    """Connections without a request yet, accepted by both workers: each becomes a client.

    A connection may be without a request for 5 s, and a busy machine needs longer to start the successor: so the
    connections are opened again and again until the worker leaves.
    """
    stopping = gateway.log.count(STOPPING) + 1
    reloading = asyncio.create_task(gateway.reload())
    opened: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    while gateway.log.count(STOPPING) < stopping:
        for _, writer in opened:
            writer.close()
        opened = [await asyncio.open_connection("127.0.0.1", gateway.port) for _ in range(20)]
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(gateway.logged(STOPPING, stopping), 1.0)
    for _, writer in opened:
        writer.write(HANDSHAKE)
    answers = [await reader.readline() for reader, _ in opened]
    for _, writer in opened:
        writer.close()
    await reloading
    assert answers == [b"HTTP/1.1 101 Switching Protocols\r\n"] * len(opened)


async def test_clients_of_a_worker_that_was_killed_resume(gateway: WorkersGateway, population: Population) -> None:
    killed = min(gateway.of("worker"))
    done = asyncio.Event()
    writing = asyncio.create_task(write_until(gateway, population, done))
    await asyncio.sleep(0)
    os.kill(killed, signal.SIGKILL)
    await until(lambda: len(gateway.of("worker")) == 2 and killed not in gateway.members())
    await population.settled()
    done.set()
    try:
        offset, seq = await writing
    except Exception:  # its own connection may have been one of those
        done.set()
        offset, seq = await write_until(gateway, population, done)
    await population.whole(offset, seq)
    assert population.lost == []
    assert not any(each.unrecovered for each in population.followers)


async def test_a_hub_that_was_killed_is_replaced_and_all_heals(gateway: WorkersGateway, population: Population) -> None:
    hub = gateway.of("hub")
    async with wire(gateway.url) as writer:
        await writer.ask({"type": "join", "room": ROOM, "presence": "none"})
        os.kill(min(hub), signal.SIGKILL)
        refused: set[str] = set()

        requests: list[dict[str, Any]] = [
            {"type": "message", "room": ROOM, "data": {"text": "after"}},
            {"type": "subscribe", "resource": "tasks", "snapshot": False},
            {"type": "create", "resource": "tasks", "data": {"title": "after", "user_id": 1}},
        ]
        for request in requests:
            while (answer := await writer.ask(request))["type"] == "error":
                refused.add(answer["code"])
                await asyncio.sleep(0.05)
        assert refused <= {"unavailable"}
        seq = await seq_of(writer, "after")
        await until(lambda: all(each.seqs[-1:] == [seq] for each in population.followers))
        assert not any(each.codes for each in population.followers), "connections stay"
    assert gateway.of("hub") != hub


async def test_a_schema_that_is_broken_or_does_not_fit_ends_the_reload(gateway: WorkersGateway) -> None:
    before = gateway.of("worker")
    file = gateway.folder / "schema" / "rooms" / "chat.schema.json"
    text = file.read_text()
    try:
        file.write_text(text.replace('"required": [', '"required": [ 7,'))
        os.kill(gateway.pid, signal.SIGHUP)
        await gateway.logged("the reload is given up: worker 1")
        assert "the schema is broken" in gateway.log
        file.write_text(text.replace('"maxLength": 2000', '"maxLength": 20'))
        os.kill(gateway.pid, signal.SIGHUP)
        await gateway.logged("the reload is given up: worker 1", times=2)
        assert "breaking: rooms/chat.schema.json" in gateway.log
        assert gateway.of("worker") == before
        async with wire(gateway.url) as client:
            contract = client.heard[0]["contract"]
        file.write_text(text.replace("A message in a chat room.", "Another text."))
        await gateway.reload()
        async with wire(gateway.url) as client:
            assert client.heard[0]["contract"] != contract
    finally:
        file.write_text(text)


async def test_a_stop_leaves_nothing_behind(gateway: WorkersGateway) -> None:
    members = gateway.members()
    assert sorted(members.values()) == ["hub", "worker", "worker"]
    async with wire(gateway.url) as client:
        stopped = asyncio.create_task(asyncio.to_thread(gateway.stop))
        goodbye = await client.hear("goodbye")
        assert goodbye["code"] == 4200
        assert await stopped == 0
    assert not any(psutil.pid_exists(pid) for pid in members)
    files = {path.name for path in gateway.folder.iterdir() if path.is_file()}
    assert all(name.startswith("tidegate.db") for name in files - {"gateway.log"}), files
    gateway.start()
    assert sorted(gateway.members().values()) == ["hub", "worker", "worker"]
