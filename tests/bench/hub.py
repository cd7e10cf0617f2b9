"""`python -m tests.bench.hub`: the processor time of messages and writes through a hub, against one process.

Two workers and a hub, each a process. Every message is delivered by both workers; none has clients, so that what is
measured is what the hub adds. One process does the same in the same run, with the engine and the store of one process.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import msgspec

from tests.store.application import RESOURCES, created
from tests.store.mutations import create
from tests.support.hub import Hub
from tidegate.core.budgets.ledger import Ledger
from tidegate.core.rooms.ports import Engine
from tidegate.core.rooms.room import RoomRules
from tidegate.core.rows.ports import Store
from tidegate.engines.hub.engine import HubEngine
from tidegate.engines.memory import MemoryEngine
from tidegate.store import open_store
from tidegate.store.hub.store import HubStore
from tidegate_protocol import Sender

MESSAGES, WRITES, ROOMS = 20_000, 3_000, 50
DATA = {"text": "x" * 150, "x": 12.5, "y": 7}
RULES = RoomRules("chat-*", history_size=100, history_ttl=60.0)
WORKERS = 2


class Counting:
    """Implements `EngineListener`: counts what is delivered."""

    def __init__(self) -> None:
        self.count = 0

    def delivered(self, room: str, offset: int, text: bytes) -> None:
        self.count += 1

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *arguments: None


async def in_flight(number: int, count: int, one: Callable[[int], Awaitable[object]]) -> None:
    """Do `one` so often, `number` at a time."""
    left = iter(range(count))

    async def go_on() -> None:
        for each in left:
            await one(each)

    await asyncio.gather(*(go_on() for _ in range(number)))


async def publish(engine: Engine, heard: Counting, number: int, expected: int) -> None:
    sender = Sender(id="1", name="Ada")

    async def one(each: int) -> None:
        answer = engine.publish(f"chat-{each % ROOMS}", RULES, sender, DATA, None, 0.0, "user 1")
        answer.result() if answer.done() else await answer

    await in_flight(number, MESSAGES, one)
    while heard.count < expected:  # noqa: ASYNC110  # there is no event
        await asyncio.sleep(0.001)


async def open_rooms(engine: Engine) -> None:
    for room in range(ROOMS):
        await engine.open(f"chat-{room}", RULES, None, 0.0)


async def write(store: Store, name: str, number: int) -> None:
    async def one(each: int) -> None:
        await store.write(create({"code": f"{name}{number}-{each}", "harbour": f"{name}{number}-{each}"}))

    await in_flight(number, WRITES, one)


async def hub(pipe: Connection, file: Path) -> None:
    found = Hub()
    await found.start(f"sqlite:///{file}", RESOURCES)
    pipe.send(found.address)
    await steps(pipe, {})
    await found.stop()


async def worker(pipe: Connection, file: Path, number: int, address: str) -> None:
    heard = Counting()
    engine = HubEngine(address, f"worker {number}")
    engine.listen(heard)
    store = await HubStore.open(f"sqlite:///{file}", RESOURCES, address, f"worker {number}")
    store.follow(lambda changes, head: None)
    await open_rooms(engine)
    total = [0]

    async def messages(in_flight: int) -> None:
        total[0] += WORKERS * MESSAGES
        await publish(engine, heard, in_flight, total[0])

    await steps(pipe, {"publish": messages, "write": lambda in_flight: write(store, f"w{number}-", in_flight)})
    await engine.aclose()
    await store.close()


async def alone(pipe: Connection, file: Path) -> None:
    heard = Counting()
    engine = MemoryEngine(msgspec.json.encode, "e", Ledger())
    engine.listen(heard)
    store = await open_store(f"sqlite:///{file}", RESOURCES)
    store.follow(lambda changes, head: None)
    await open_rooms(engine)
    total = [0]

    async def messages(in_flight: int) -> None:
        total[0] += MESSAGES
        await publish(engine, heard, in_flight, total[0])

    await steps(pipe, {"publish": messages, "write": lambda in_flight: write(store, "a-", in_flight)})
    await engine.aclose()
    await store.close()


async def steps(pipe: Connection, does: Mapping[str, Callable[[int], Awaitable[None]]]) -> None:
    """Do what the pipe says, and answer with the processor time and the time on the clock that it took."""
    loop = asyncio.get_running_loop()
    began, used = time.perf_counter(), time.process_time()
    while (told := await loop.run_in_executor(None, pipe.recv)) is not None:
        what, number = told
        if what == "time":
            pipe.send((time.process_time() - used, 0.0))
            used = time.process_time()
            continue
        began, used = time.perf_counter(), time.process_time()
        await does[what](number)
        pipe.send((time.process_time() - used, time.perf_counter() - began))


def _run(body: Callable[..., Any], *arguments: Any) -> None:
    asyncio.run(body(*arguments))


def started(body: Callable[..., Any], *arguments: Any) -> Connection:
    ours, theirs = multiprocessing.Pipe()
    multiprocessing.get_context("fork").Process(target=_run, args=(body, theirs, *arguments), daemon=True).start()
    return ours


def asked(pipes: list[Connection], *what: object) -> list[tuple[float, float]]:
    for pipe in pipes:
        pipe.send(what)
    return [pipe.recv() for pipe in pipes]


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / "shared.db", Path(folder) / "alone.db"]
        for file in files:
            created(file)
        of_hub = started(hub, files[0])
        address = of_hub.recv()
        workers = [started(worker, files[0], number, address) for number in range(WORKERS)]
        one = started(alone, files[1])
        print("processor time in us: one process | worker | hub (an operation), elapsed ratio of hub to one process")
        for what, count in (("publish", MESSAGES), ("write", WRITES)):
            for number in (1, 16, 64):
                ((used, took),) = asked([one], what, number)
                asked([of_hub], "time", 0)
                found = asked(workers, what, number)
                ((hub_used, _),) = asked([of_hub], "time", 0)
                all_of_them = WORKERS * count
                print(
                    f"{what:8} {number:3} in flight: {used / count * 1e6:6.1f} | "
                    f"{sum(each for each, _ in found) / all_of_them * 1e6:6.1f} | {hub_used / all_of_them * 1e6:6.1f}"
                    f"   {max(each for _, each in found) / took / WORKERS:5.2f}",
                    flush=True,
                )
        for pipe in (of_hub, one, *workers):
            pipe.send(None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
