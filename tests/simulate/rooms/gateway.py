"""One simulated gateway of a cluster: the product's rooms over one of the product's engines, in virtual time.

It runs as one task, which is cancelled as `kill -9` would end a process: nothing more is said to clients or to the
server. A gateway that is drained says so first. It has no rows.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

from tests.simulate.database import Database
from tests.simulate.gateway import LIMITS, Identities
from tests.simulate.rooms.kinds import EngineKind
from tests.simulate.rooms.network import NetworkedLoop
from tests.simulate.rooms.remains import of_gateway
from tests.simulate.store import EPOCH, SimulatedStore, Tempo
from tests.simulate.wire import Message, Pace, Wire
from tidegate import room_engine, schema
from tidegate.contract import Contract
from tidegate.core.budgets.ledger import Ledger
from tidegate.core.closes import DRAIN
from tidegate.core.protocol import Protocol, SessionLimits
from tidegate.core.rooms.ports import Engine
from tidegate.core.rows.feed_cursor import FeedCursor
from tidegate.core.sessions import Greeting, Sessions
from tidegate.engines.setup import EngineSetup
from tidegate.gateway.assembly import Parts, assemble
from tidegate.gateway.lifecycle import Happened
from tidegate.gateway.sender import Sender
from tidegate.handlers import Gateway as Handlers
from tidegate.transport import Connection, ConnectionContext, Outbox, Routes, Tickers, TransportSettings

SCHEMA = Path(__file__).parent / "schema"


@cache
def contract() -> Contract:
    return Contract(schema.bundle(schema.load(SCHEMA)))


class RoomGateway:
    """Runs from `start` until `kill` or `drain`."""

    def __init__(
        self,
        name: str,
        kind: EngineKind,
        loop: NetworkedLoop,
        chance: random.Random,
        failed: Callable[[str], None],
        happened: Callable[[Happened], None],
    ) -> None:
        """`failed` is told why a gateway ended that should not. `happened`: what an application is told."""
        self.name = name
        self.ready = False
        """It takes clients."""
        self.alive = True
        self._kind = kind
        self._loop = loop
        self._chance = chance
        self._failed = failed
        self._happened = happened
        self._wires: list[Wire] = []
        self._connections = 0
        self._names = 0
        self._identities = Identities(loop.time, chance)
        self._outbox, self._tickers = Outbox(loop), Tickers(loop)
        self._context = ConnectionContext(TransportSettings(close_timeout=0.05), Routes(), self._outbox, loop.time)
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._engine: Engine | None = None
        self._parts: Parts

    def start(self) -> None:
        self._task = self._loop.create_task(self._run())

    def dial(self, pace: Pace, heard: Callable[[Message], None], closed: Callable[[int | None], None]) -> Wire:
        """A new line to a client."""
        self._connections += 1
        connection = Connection(self._context, self._parts.handler, f"{self.name}-c{self._connections}")
        wire = Wire(self._loop, connection, self._chance, pace, heard, closed)
        self._wires.append(wire)
        return wire

    def remains(self) -> list[str]:
        """What it keeps of clients that are gone; there should be nothing."""
        return [f"{self.name}: {what}" for what in of_gateway(self._parts, self._context, self._engine)]

    async def kill(self) -> None:
        """The process is gone at once. Its clients notice."""
        self.ready = self.alive = False
        self._loop.network.forget(self.name)
        assert self._task is not None
        self._task.cancel()
        if self._engine is not None:
            for task in self._kind.tasks(self._engine):
                task.cancel()
        self._tickers.close()
        for wire in self._wires:
            wire.perish()
        with suppress(asyncio.CancelledError):
            await self._task

    async def drain(self) -> None:
        """The process ends in good order."""
        self.ready = self.alive = False
        self._stop.set()
        assert self._task is not None
        await self._task

    async def _run(self) -> None:
        try:
            self._loop.network.caller.set(self.name)
            async with asyncio.TaskGroup() as tasks:
                await self._serve(tasks)
        except Exception as error:  # it is told, and ends the history
            self._failed(f"{self.name} ended: {error!r}")
            raise

    async def _serve(self, tasks: asyncio.TaskGroup) -> None:
        loop, chance = self._loop, self._chance
        database = Database()
        protocol = Protocol({}, room_engine.rules(contract()), FeedCursor(EPOCH, 0), SessionLimits(), Ledger())
        sender = Sender(contract(), self._outbox, check=chance.random() < 0.03)
        greeting = Greeting(25.0, LIMITS, contract().hash)
        sessions = Sessions(protocol, greeting, self._identities.identity, loop.time())
        self._engine = engine = await self._kind.start(self._setup(sender))
        self._parts = assemble(
            contract=contract(),
            sessions=sessions,
            handlers=Handlers(),
            sender=sender,
            engine=engine,
            store=SimulatedStore(
                loop, database, chance, Tempo(thread=1e-3, jobs=1e-3, notice=1e-3, batch=10, failures=0.0)
            ),
            identities=self._identities,
            tasks=tasks,
            clock=loop.time,
        )
        self._parts.lifecycle.listen(self._happened)
        self._tickers.every(0.1, self._tick)
        self.ready = True
        await self._stop.wait()
        engine.leave()
        self._parts.handler.send_away(DRAIN, lambda: 0.0)
        await asyncio.sleep(0.2)
        await engine.aclose()
        self._tickers.close()
        for wire in self._wires:
            wire.perish()

    def _setup(self, sender: Sender) -> EngineSetup:
        return EngineSetup(
            url=self._kind.url,
            prefix="simulated",
            node=self._node(),
            new_node=self._node,
            new_epoch=self._node,
            rooms=[room.pattern for room in contract().rooms.values()],
            encode=sender.encode,
            ledger=Ledger(),
            clock=self._loop.time,
        )

    def _node(self) -> str:
        self._names += 1
        return f"{self.name}x{self._names}"

    def _tick(self) -> None:
        self._parts.tick()
        now = self._loop.time()
        for connection in self._context.connections:
            connection.sweep(now)
