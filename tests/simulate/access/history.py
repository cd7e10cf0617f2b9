"""One simulated history of rooms that rows decide about: joins, changes of rows, a database that is away, restarts."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from unittest import mock

from tests.simulate.access.client import ROOMS, Client
from tests.simulate.access.gateway import AccessGateway, Judge, Reading
from tests.simulate.database import Database, change_something
from tests.simulate.gateway import Identities
from tests.simulate.history import Outcome, heard_log
from tests.simulate.loop import NeverEnds, SimulatedLoop
from tests.simulate.store import Tempo
from tests.simulate.wire import Message, Pace, Wire
from tidegate.gateway import watched_rooms

SURE_S = 0.1
"""How long a gateway takes its rules for true while the database is away."""
AWAY_S = 0.3
"""A longer absence."""


class History:
    """The parts of one history."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.chance = chance = random.Random(seed)
        self.loop = SimulatedLoop(chance, chance.choice((0.0, 1e-5, 1e-4)))  # type: ignore[abstract]  # as in rows
        self.database = Database()
        self.judge = Judge(self.database)
        for _ in range(chance.randrange(12)):
            change_something(self.database, chance)
        self.tempo = Tempo(
            thread=chance.choice((1e-4, 1e-3, 1e-2)),
            jobs=chance.choice((1e-4, 1e-3, 3e-2)),
            notice=chance.choice((1e-4, 3e-3, 0.1)),
            batch=chance.choice((1, 3, 100)),
            failures=chance.choice((0.0, 0.0, 0.02)),
        )
        self._identities = Identities(self.loop.time, chance)
        self._started = 0
        self._tasks: asyncio.TaskGroup
        self.gateway: AccessGateway
        self._wires: list[Wire] = []
        self._busy = chance.choice((2e-3, 5e-3, 2e-2))
        self.clients = [Client(self.loop, chance, self._dial, self._busy) for _ in range(chance.choice((1, 2, 3)))]
        self._to_write = chance.choice((20, 40))
        self._old: list[AccessGateway] = []

    def play(self) -> Outcome:
        outcome = Outcome(self.seed, violations=[])
        with heard_log() as log, mock.patch.object(watched_rooms, "AWAY_S", SURE_S):
            try:
                self.loop.run(self._main())
            except NeverEnds as error:
                self.judge.violations.append(f"the simulation never ends: {error}")
        outcome.violations = [*self.judge.violations, *log, *self.loop.failures]
        outcome.steps, outcome.callbacks = self.loop.steps, self.loop.callbacks
        outcome.changes, outcome.messages = self.database.head, self.judge.messages
        return outcome

    def _dial(self, pace: Pace, heard: Callable[[Message], None], closed: Callable[[int | None], None]) -> Wire:
        wire = self.gateway.dial(pace, heard, closed)
        self._wires.append(wire)
        return wire

    def _start(self) -> None:
        self._started += 1
        name = f"g{self._started}"
        self.gateway = AccessGateway(name, self.loop, self.database, self._identities, self.chance, self.tempo)
        self.gateway.judged_by(self.judge)
        self.gateway.start(self._tasks)
        self._old.append(self.gateway)

    async def _main(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            self._start()
            for client in self.clients:
                client.begin()
            self.loop.in_thread(self.loop.time(), self._write)
            while self._to_write > 0:  # noqa: ASYNC110  # time is free
                await asyncio.sleep(self._busy)
            await self._settle()
            for gateway in self._old:
                gateway.close()

    def _write(self) -> None:
        self._to_write -= 1
        if self._to_write <= 0:
            return
        pause, dice = self._busy * self.chance.expovariate(1.0), self.chance.random()
        if dice < 0.03:
            self.database.empty("items")
        elif dice < 0.05:
            self.database.prune(self.database.head - int(10 * self.chance.random()))
        elif dice < 0.13:
            pause += self._away()
        elif dice < 0.15:
            self._restart()
        for _ in range(self.chance.choice((1, 1, 2, 8))):
            change_something(self.database, self.chance)
        self.database.committed()
        self.loop.in_thread(self.loop.time() + pause, self._write)

    def _away(self) -> float:
        """The database is away. When a gateway has had time to notice, no rule is known to hold."""
        store, gateway = self.gateway.store, self.gateway
        assert isinstance(store, Reading)
        store.down_since = self.loop.time()
        seconds = self.chance.choice((SURE_S / 2, AWAY_S))

        def back() -> None:
            if seconds == AWAY_S and gateway is self.gateway and gateway.members():
                self.judge.violations.append("memberships outlive the absence of the database")
            store.down_since = None
            store.feed.wake()

        self.loop.in_thread(self.loop.time() + seconds, back)
        return seconds

    def _restart(self) -> None:
        """The gateway's process is killed, and another one takes its place."""
        for wire in self._wires:
            wire.perish()
        self._wires.clear()
        self._start()

    async def _settle(self) -> None:
        """Nothing fails and no row changes any more: a client is in a room exactly if the rule holds."""
        self.tempo.failures, self.tempo.batch, self.tempo.jobs = 0.0, 100, 1e-3
        for client in self.clients:
            client.active = False
        for seconds in (3.0, 3.0):  # what was asked before may be answered late, and what was away may refuse once
            await asyncio.sleep(seconds)
            for client in self.clients:
                client.ask_for_all()
        await asyncio.sleep(3.0)
        head = self.database.head
        for user, room in self.gateway.members():
            if not self.judge.holds(room, user, head):
                self.judge.violations.append(f"{user} is still in {room}")
        may = {(user, room) for user in ("ada", "bob") for room in ROOMS if self.judge.holds(room, user, head)}
        users = self.gateway.users()
        missing = {(user, room) for user, room in may if user in users} - set(self.gateway.members())
        self.judge.violations += [f"{user} was not let into {room}" for user, room in sorted(missing)]


def play(seed: int) -> Outcome:
    """The history of this seed; the same each time."""
    return History(seed).play()
