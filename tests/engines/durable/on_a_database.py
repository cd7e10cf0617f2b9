"""The engine of durable rooms for the suite, over a real database; presence and the rest are those of the model.

All rooms of the suite are durable. On PostgreSQL each gateway has its own line to the server, which can be cut.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec

from tests.engines.suite.fake_engine import FakeUnderTest
from tests.engines.suite.under_test import Ability
from tests.support.deadlines import DEADLINE_S
from tests.support.hub import Hub
from tests.support.tcp_line import TcpLine
from tidegate.core.rooms.ports import Answer, Engine, EngineListener, HistoryPage, Opened
from tidegate.core.rooms.room import RoomRules
from tidegate.engines.durable import DurableEngine
from tidegate.hub.connector import Hub as Address
from tidegate.store import open_store
from tidegate_protocol import RoomPosition, Sender


class AllDurable(DurableEngine):
    """Every room is durable, whatever its rules say."""

    def publish(
        self, room: str, rules: RoomRules, sender: Sender, data: Any, key: str | None, now: float, account: str
    ) -> Answer[RoomPosition]:
        return super().publish(room, durable(rules), sender, data, key, now, account)

    def open(self, room: str, rules: RoomRules, since: RoomPosition | None, now: float) -> Answer[Opened]:
        return super().open(room, durable(rules), since, now)

    def history(self, room: str, rules: RoomRules, before: int | None, limit: int, now: float) -> Answer[HistoryPage]:
        return super().history(room, durable(rules), before, limit, now)


def durable(rules: RoomRules) -> RoomRules:
    return msgspec.structs.replace(rules, durable=True)


class DatabaseUnderTest:
    """Implements `EngineUnderTest`. Its gateways share `url`, through a line of each where `port` says where to."""

    patience = DEADLINE_S

    def __init__(self, url: str, port: int | None) -> None:
        self.name = "PostgreSQL" if port else "SQLite"
        self.cannot: Mapping[Ability, str] = {
            Ability.EMPTY: "a database keeps what it has",
            Ability.LOSE: "durable rooms have no beat",
            Ability.PROMOTE: "a database without acknowledged writes has a new epoch",
            Ability.MISS: "a database keeps what was missed",
            Ability.PREFIX: "a database has one application",
        }
        if port is None:
            alone = dict.fromkeys((Ability.SEVERAL, Ability.KILL), "an SQLite file has one gateway")
            self.cannot = {**self.cannot, **alone, Ability.CUT: "a file is not away"}
        self._url = url
        self._port = port
        self._model = FakeUnderTest()
        self.times = self._model.times
        self._inner: dict[int, Any] = {}
        self._stores: dict[int, Any] = {}
        self._lines: dict[int, TcpLine] = {}

    def clock(self) -> float:
        return self._model.clock()

    async def start(self, listener: EngineListener, rooms: Sequence[str]) -> Engine:
        inner = await self._model.start(listener, rooms)
        url = self._url
        line: TcpLine | None = None
        if self._port is not None:
            line = await TcpLine.open(self._port)
            url = url.replace(f":{self._port}/", f":{line.port}/")
        store = await self._store(url)
        engine = AllDurable(inner, store.rooms, lambda room: True, msgspec.json.encode, self.clock)
        engine.listen(listener)
        self._inner[id(engine)], self._stores[id(engine)] = inner, store
        if line is not None:
            self._lines[id(engine)] = line
        return engine

    async def _store(self, url: str) -> Any:
        return await open_store(url, {}, durable=True)

    def node(self, engine: Engine) -> str:
        return self._model.node(self._inner[id(engine)])

    async def turn(self) -> None:
        await self._model.turn()
        await asyncio.sleep(0.001)

    async def pass_time(self, seconds: float) -> None:
        await self._model.pass_time(seconds)

    async def kill(self, engine: Engine) -> None:
        self._lines[id(engine)].cut()
        await self._model.kill(self._inner[id(engine)])

    async def cut(self, engine: Engine) -> None:
        self._lines[id(engine)].cut()
        await self._model.cut(self._inner[id(engine)])

    async def heal(self, engine: Engine) -> None:
        self._lines[id(engine)].heal()
        await self._model.heal(self._inner[id(engine)])

    def lose_beat(self, engine: Engine) -> None:
        raise NotImplementedError

    def lose_change(self, engine: Engine) -> None:
        self._model.lose_change(self._inner[id(engine)])

    async def restart_empty(self) -> None:
        raise NotImplementedError

    async def promote(self, lost: Callable[[], Awaitable[None]]) -> None:
        raise NotImplementedError

    async def close(self) -> None:
        for store in self._stores.values():
            await store.close(0.5)
        for line in self._lines.values():
            await line.close()


class WorkersUnderTest(DatabaseUnderTest):
    """Workers over one database, and their hub."""

    def __init__(self, url: str) -> None:
        super().__init__(url, None)
        self.name = f"{'SQLite' if url.startswith('sqlite:') else 'PostgreSQL'} of workers"
        uncut = dict.fromkeys((Ability.KILL, Ability.CUT), "workers have no line that a test could cut")
        self.cannot = {need: why for need, why in self.cannot.items() if need is not Ability.SEVERAL} | uncut
        self._hub = Hub()

    async def _store(self, url: str) -> Any:
        if self._hub.store is None:
            await self._hub.start(url, {})
        hub = Address(self._hub.address, f"worker {len(self._stores)}")
        return await open_store(url, {}, hub=hub, durable=True)

    async def close(self) -> None:
        await super().close()
        if self._hub.store is not None:
            await self._hub.stop()
