"""The engines that simulated gateways may have: how each is started, and what ends with the process of a gateway."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from tidegate.core.rooms.ports import Engine
from tidegate.engines.hub.engine import HubEngine
from tidegate.engines.redis.engine import RedisEngine
from tidegate.engines.redis.urls import read
from tidegate.engines.setup import EngineSetup


class EngineKind(Protocol):
    url: str

    async def start(self, setup: EngineSetup) -> Engine: ...

    def tasks(self, engine: Any) -> list[asyncio.Task[None]]:
        """What has to end with the process of the gateway."""


class OverRedis:
    url = "redis://server"

    async def start(self, setup: EngineSetup) -> Engine:
        engine = RedisEngine(setup, read(setup.url))
        await engine.start()
        return engine

    def tasks(self, engine: Any) -> list[asyncio.Task[None]]:
        return [*engine._tasks, *engine._nodes._burials.values()]


class OverHub:
    url = "hub://@hub"

    async def start(self, setup: EngineSetup) -> Engine:
        return HubEngine("@hub", setup.node, setup.times.grace)

    def tasks(self, engine: Any) -> list[asyncio.Task[None]]:
        return [engine.connector._task]
