"""Workers and hubs that do not read, and memory that is used up: what is special to the hub."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from tests.engines.suite.heard import Heard
from tests.engines.suite.under_test import ADA, KEPT, LONG
from tests.support.hub import Hub
from tests.support.waiting import until
from tidegate.core.errors import Refused
from tidegate.core.rooms.room import RoomRules
from tidegate.engines.hub import engine as hub_engine
from tidegate.engines.hub.engine import HubEngine
from tidegate.hub.line import Line

BIG = "x" * 100_000


class Worker:
    """A worker's engine and what it heard."""

    def __init__(self, hub: Hub, number: int) -> None:
        self.heard = Heard(f"worker {number}", lambda: 0.0)
        self.engine = HubEngine(hub.address, f"worker {number}")
        self.engine.listen(self.heard)

    @property
    def line(self) -> Line:
        line = self.engine._line
        assert line is not None
        return line

    def pause_reading(self) -> None:
        assert self.line._transport is not None
        self.line._transport.pause_reading()

    async def open(self, room: str, rules: RoomRules) -> None:
        opened = await self.engine.open(room, rules, None, 0.0)
        self.heard.opened(room, opened.head)


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    hub = Hub(backlog=1 << 20)
    await hub.start()
    yield hub
    await hub.stop()


@pytest.fixture
async def workers(hub: Hub) -> AsyncIterator[tuple[Worker, Worker]]:
    found = Worker(hub, 1), Worker(hub, 2)
    await until(lambda: all(worker.engine.connector.connected for worker in found))
    yield found
    for worker in found:
        await worker.engine.aclose()
        assert worker.heard.violations == []


async def test_a_worker_that_does_not_read_is_cut_off_and_refilled(workers: tuple[Worker, Worker]) -> None:
    one, two = workers
    for worker in workers:
        await worker.open("long-1", LONG)
    line = two.line
    two.pause_reading()
    for number in range(40):
        await one.engine.publish("long-1", LONG, ADA, [number, BIG], None, 0.0, "user 1")
    await until(lambda: two.engine._line is not line)
    await until(lambda: len(two.heard.data("long-1")) == 40)
    assert [number for number, _ in two.heard.data("long-1")] == list(range(40))
    assert two.heard.restarts == {}


async def test_the_others_do_not_wait_for_a_worker_that_does_not_read(workers: tuple[Worker, Worker]) -> None:
    one, two = workers
    for worker in workers:
        await worker.open("kept-1", KEPT)
    two.pause_reading()
    for number in range(60):
        await one.engine.publish("kept-1", KEPT, ADA, [number, BIG], None, 0.0, "user 1")
    assert len(one.heard.data("kept-1")) == 60
    await until(lambda: two.heard.restarts.get("kept-1"))
    await one.engine.publish("kept-1", KEPT, ADA, "after", None, 0.0, "user 1")
    await until(lambda: two.heard.data("kept-1")[-1:] == ["after"])


async def test_answers_do_not_cut_a_worker_off(hub: Hub, workers: tuple[Worker, Worker]) -> None:
    """A history of several times the backlog is replayed whole to who comes back."""
    one, two = workers
    await one.open("long-1", LONG)
    first = await one.engine.publish("long-1", LONG, ADA, 0, None, 0.0, "user 1")
    for number in range(1, 50):
        await one.engine.publish("long-1", LONG, ADA, [number, BIG], None, 0.0, "user 1")
    line = two.line
    opened = await two.engine.open("long-1", LONG, first, 0.0)
    assert [json.loads(text)["position"]["offset"] for text in opened.missed or ()] == list(range(2, 51))
    assert two.line is line


async def test_the_memory_of_histories_is_that_of_the_hub(hub: Hub, workers: tuple[Worker, Worker]) -> None:
    one, _ = workers
    hub.ledger.limit, hub.ledger.share = 80_000, 10_000
    with pytest.raises(Refused) as caught:
        await one.engine.publish("long-1", LONG, ADA, "x" * 20_000, None, 0.0, "user 1")
    assert (caught.value.code, caught.value.retry_after is not None) == ("limit_reached", True)
    await one.engine.publish("long-1", LONG, ADA, "x", None, 0.0, "user 1")
    assert hub.ledger.of_account("user 1") > 0, "the account came with the request"


async def test_a_hub_that_hangs_is_not_sent_more_than_it_may_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_engine, "UNREAD_BYTES", 1 << 20)
    hub = Hub()
    await hub.start()
    worker = Worker(hub, 1)
    await until(lambda: worker.engine.connector.connected)
    assert hub._server is not None
    for line in hub._server._lines:
        assert line._transport is not None
        line._transport.pause_reading()
    answers = []
    with pytest.raises(Refused) as caught:
        for _ in range(400):
            answers.append(worker.engine.publish("kept-1", KEPT, ADA, BIG, None, 0.0, "user 1"))
            await asyncio.sleep(0)
    assert caught.value.code == "unavailable"
    await worker.engine.aclose()
    for answer in answers:
        with pytest.raises(Refused):
            await answer
    await hub.stop()
