"""What a worker asks while the hub is away waits for it for a moment, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.engines.suite.heard import Heard
from tests.engines.suite.under_test import KEPT
from tests.support.deadlines import DEADLINE_S
from tests.support.hub import Hub
from tests.support.waiting import until
from tidegate.core.errors import Refused
from tidegate.engines.hub import engine as hub_engine
from tidegate.engines.hub.engine import HubEngine
from tidegate.engines.untold import LOST

ROOM = "kept-1"


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    """A hub that is not there yet."""
    hub = Hub()
    yield hub
    if hub.rooms is not None:
        await hub.stop()


@asynccontextmanager
async def looking_for(hub: Hub, heard: Heard | None = None) -> AsyncIterator[HubEngine]:
    """A worker that has begun to look for the hub."""
    engine = HubEngine(hub.address, "worker")
    engine.listen(heard or Heard("worker", lambda: 0.0))
    try:
        yield engine
    finally:
        await engine.aclose()


async def test_what_is_asked_before_the_first_hub_is_refused_when_it_does_not_come(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_engine, "HOLD_S", 0.01)
    async with looking_for(hub) as worker:
        answer = worker.open(ROOM, KEPT, None, 0.0)
        with pytest.raises(Refused, match="rooms cannot be reached"):
            await answer
        with pytest.raises(Refused, match="rooms cannot be reached"):
            worker.open(ROOM, KEPT, None, 0.0)


async def test_a_room_that_is_closed_before_the_hub_is_there_is_closed_at_the_hub(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_engine, "HOLD_S", DEADLINE_S)
    async with looking_for(hub) as worker:
        opened = worker.open(ROOM, KEPT, None, 0.0)
        worker.close(ROOM, 0.0)
        await hub.start()
        await opened
        rooms = hub.rooms
        assert rooms is not None
        await until(lambda: not rooms.open_rooms)
        await worker.open(ROOM, KEPT, None, 0.0)
        assert rooms.open_rooms == 1


async def test_what_is_told_to_all_workers_waits_for_the_hub_and_requests_push_nothing_of_it_out(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_engine, "HOLD_S", 0.01)
    monkeypatch.setattr(hub_engine, "HELD", 3)
    monkeypatch.setattr(hub_engine, "LIMIT", 2)
    lost, heard = LOST.total, Heard("worker", lambda: 0.0)
    async with looking_for(hub, heard) as worker:
        answers = [worker.forget(ROOM) for _ in range(3)]
        for text in ("first", "second", "third"):
            worker.tell(None, "kind", text)
        for answer in answers:
            with pytest.raises(Refused, match="rooms cannot be reached"):
                await answer
        await hub.start()
        await until(lambda: heard.told_kinds == [("kind", "first"), ("kind", "second")])
    assert LOST.total - lost == 1
