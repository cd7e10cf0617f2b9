"""The suite on a hub and its workers, which talk over a real Unix socket."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from itertools import count

import pytest

from tests.engines.suite.cases import Case, every_case, play
from tests.engines.suite.under_test import Ability
from tests.support.deadlines import DEADLINE_S
from tests.support.hub import Hub
from tests.support.waiting import until
from tidegate.core.rooms.ports import Engine, EngineListener
from tidegate.engines.hub import messages as say
from tidegate.engines.hub.engine import HubEngine
from tidegate.engines.setup import LeaseTimes

GRACE_S = 0.4


class HubUnderTest:
    """Implements `EngineUnderTest`."""

    name = "the hub"
    cannot: Mapping[Ability, str] = {
        Ability.PROMOTE: "it has no replicas",
        Ability.LOSE: "it has no beat",
        Ability.PREFIX: "it is one application's",
    }
    times = LeaseTimes(lease=0.2, beat=0.05, grace=GRACE_S)
    patience = DEADLINE_S

    def __init__(self) -> None:
        self._passed = 0.0
        self.hub = Hub(grace=GRACE_S, clock=self.clock)
        self._nodes: dict[Engine, str] = {}
        self._names = count(1)

    def clock(self) -> float:
        return time.monotonic() + self._passed

    async def start(self, listener: EngineListener, rooms: Sequence[str]) -> Engine:
        node = f"worker {next(self._names)}"
        engine = HubEngine(self.hub.address, node, GRACE_S)
        self._nodes[engine] = node
        engine.listen(listener)
        await until(lambda: engine.connector.connected)
        return engine

    def node(self, engine: Engine) -> str:
        return self._nodes[engine]

    async def turn(self) -> None:
        await asyncio.sleep(0.002)

    async def pass_time(self, seconds: float) -> None:
        self._passed += seconds

    async def kill(self, engine: Engine) -> None:
        assert isinstance(engine, HubEngine)
        await engine.connector.aclose()

    async def cut(self, engine: Engine) -> None:
        assert isinstance(engine, HubEngine)
        engine.connector.address = "\0nobody listens here"
        engine.connector.cut()
        await asyncio.sleep(0)

    async def heal(self, engine: Engine) -> None:
        assert isinstance(engine, HubEngine)
        engine.connector.address = "\0" + self.hub.address[1:]

    def lose_beat(self, engine: Engine) -> None:
        raise NotImplementedError

    def lose_change(self, engine: Engine) -> None:
        assert isinstance(engine, HubEngine)
        does = engine._hearing._does
        counted = does[say.Counted]

        def lost(message: say.Counted) -> None:
            does[say.Counted] = counted
            engine.connector.cut()

        does[say.Counted] = lost

    async def restart_empty(self) -> None:
        await self.hub.stop()
        await self.hub.start()

    async def promote(self, lost: Callable[[], Awaitable[None]]) -> None:
        raise NotImplementedError


@pytest.fixture
async def under() -> AsyncIterator[HubUnderTest]:
    under = HubUnderTest()
    await under.hub.start()
    yield under
    await under.hub.stop()


@every_case
async def test_the_suite(played: Case, under: HubUnderTest) -> None:
    await play(played, under)
