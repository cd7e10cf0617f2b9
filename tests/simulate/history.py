"""One simulated history: gateways of real parts over one simulated database, clients and writers, and the verdict.

Everything that chance decides comes from one seed: how fast what is, how often it fails, and who does what. When all
have done what they wanted, everything calms down, or all go away at once; before, the copies must be the tables, and
afterwards nothing of any client may be left.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from tests.simulate.client import Client, Plan
from tests.simulate.database import Database, change_something
from tests.simulate.gateway import Identities, SimulatedGateway
from tests.simulate.habits import Habits
from tests.simulate.judge import Judge
from tests.simulate.loop import NeverEnds, SimulatedLoop
from tests.simulate.queries import QUERIES, RESOURCES
from tests.simulate.store import Planned, Tempo
from tests.simulate.wire import Pace, Wire
from tidegate.core.errors import Refused
from tidegate.core.rows import catch_up_actions
from tidegate.gateway import catch_up, snapshot_frames, work
from tidegate.store.serving import spool

PATIENCE = 100
"""Looks, a little while apart, at whether all clients have settled."""


class Outcome(msgspec.Struct):
    """What became of a history."""

    seed: int
    steps: int = 0
    callbacks: int = 0
    changes: int = 0
    messages: int = 0
    violations: list[str] = []
    trace: str = ""
    """The last events of the client that the first violation is of."""


class History:
    """The parts of one history."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.chance = chance = random.Random(seed)
        cost = chance.choice((0.0, 1e-5, 1e-4, 5e-4))
        self.loop = SimulatedLoop(chance, cost)  # type: ignore[abstract]  # what it leaves out is not called
        self.database = Database()
        self.judge = Judge(self.database)
        for _ in range(chance.randrange(12)):
            change_something(self.database, chance)
        self.database.prune(chance.randrange(self.database.head + 1))
        self._tempo = Tempo(
            thread=chance.choice((1e-4, 1e-3, 1e-2)),
            jobs=chance.choice((1e-4, 1e-3, 1e-2, 3e-2)),
            notice=chance.choice((1e-4, 3e-3, 3e-2, 0.1)),
            batch=chance.choice((1, 3, 100)),
            failures=chance.choice((0.0, 0.0, 0.0, 0.02)),
        )
        self.judge.failures = self._tempo.failures > 0
        self.sizes = {
            (catch_up_actions, "BATCH"): chance.choice((1, 2, 5, 500)),
            (catch_up, "CHUNK_BYTES"): chance.choice((0, 300, 262144)),
            (catch_up, "SHARED_FRAMES"): chance.choice((0, 1, 64, 64)),
            (work, "PENDING_LIMIT"): chance.choice((2, 256)),
            (snapshot_frames, "FRAME_BYTES"): chance.choice((200, 262144)),
            (spool, "PAGE_ROWS"): chance.choice((1, 2, 200)),
        }
        """Limits of the product, small enough to matter."""
        identities = Identities(self.loop.time, chance)
        self.gateways = [
            SimulatedGateway(f"g{number}", self.loop, self.database, identities, chance, self._tempo)
            for number in range(chance.choice((1, 1, 2)))
        ]
        self._habits = Habits.of(chance)
        queries = chance.sample(QUERIES, chance.choice((1, 1, 1, 2, 3, 5)))
        paces = [
            Pace(delay=delay, portion=portion, high=high)
            for delay in (1e-4, 2e-3)
            for portion, high in ((0, 65536), (0, 65536), (0, 200), (300, 400), (100, 1000))
        ]
        self._busy = chance.choice((2e-3, 5e-3, 2e-2))
        """Seconds between two actions of a client."""
        self.clients = [
            Client(
                f"client {number}",
                self.loop,
                chance,
                self.judge,
                self._dial,
                Plan(
                    paces=chance.sample(paces, 2),
                    queries=queries,
                    habits=self._habits,
                    gap=self._busy * chance.choice((0.5, 1.0, 2.0)),
                    actions=chance.choice((3, 6, 10)),
                ),
            )
            for number in range(chance.choice((1, 2, 2, 3, 3)))
        ]
        self._to_write = chance.choice((4, 8, 16))

    def _dial(self, client: Client, pace: Pace) -> Wire:
        """To any gateway, as a balancer would."""
        return self.chance.choice(self.gateways).dial(pace, client.hear, client.closed)

    # -- playing ----------------------------------------------------------------------------------------------------

    def play(self) -> Outcome:
        outcome = Outcome(self.seed, violations=[])
        with _sizes(self.sizes), heard_log() as log:
            try:
                self.loop.run(self._main())
            except NeverEnds as error:
                self.judge.wrong(self.clients[0].name, f"the simulation never ends: {error}")
        for found in (*log, *self.loop.failures):
            self.judge.wrong(self.clients[0].name, found)
        outcome.steps, outcome.callbacks = self.loop.steps, self.loop.callbacks
        outcome.changes, outcome.messages = self.database.head, sum(client.heard for client in self.clients)
        if self.judge.violations:
            outcome.violations = [f"{whose}: {what}" for whose, what in self.judge.violations]
            whose = self.judge.violations[0][0]
            outcome.trace = next(client.trace() for client in self.clients if client.name == whose)
        return outcome

    async def _main(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for gateway in self.gateways:
                gateway.start(tasks)
            for client in self.clients:
                client.begin()
            self.loop.in_thread(self.loop.time(), self._write)
            if self.chance.random() < 0.7:
                await self._done()
                await self._settle()
                for client in self.clients:
                    client.check()
            else:
                await asyncio.sleep(self._busy * 10 * self.chance.random())
            for client in self.clients:
                client.abandon()
                client.leave()
            self._to_write = 0
            await self._rest()
            for gateway in self.gateways:
                gateway.close()

    async def _done(self) -> None:
        """All clients have done what they wanted."""
        while self._to_write > 0 or any(client.left > 0 for client in self.clients):  # noqa: ASYNC110  # time is free
            await asyncio.sleep(self._busy)

    def _write(self) -> None:
        """What other programs do, and what becomes of the log."""
        self._to_write -= 1
        chance, database = self.chance, self.database
        if self._to_write <= 0:
            return
        match self._habits.event(chance):
            case "empty":
                database.empty(chance.choice(RESOURCES))
            case "stranger":
                database.stranger()
            case "prune":
                database.prune(database.head - int(10 * chance.random()))
            case "crowd":
                for client in self.clients:
                    client.cut()
        for _ in range(chance.choice((1, 1, 1, 2, 8))):
            change_something(database, chance)
        database.committed()
        self.loop.in_thread(self.loop.time() + self._busy * chance.expovariate(1.0), self._write)

    async def _settle(self) -> None:
        """Nothing fails and no client changes anything any more: all clients catch up."""
        tempo = self._tempo
        tempo.failures, tempo.thread, tempo.batch = 0.0, min(tempo.thread, 1e-3), 100
        for _ in range(PATIENCE):
            for client in self.clients:
                if not client.settled:
                    client.calm_down()
            await asyncio.sleep(0.05)
            if all(client.settled for client in self.clients):
                return

    async def _rest(self) -> None:
        """The clients are gone: wait until nothing is going on, then look at what there still is."""
        left: list[str] = []
        for _ in range(PATIENCE):
            await asyncio.sleep(0.05)
            left = [what for gateway in self.gateways for what in gateway.remains()]
            if self.loop.idle and not left:
                return
        for what in left:
            self.judge.wrong(self.clients[0].name, f"left behind: {what}")


@contextmanager
def _sizes(sizes: dict[tuple[Any, str], int]) -> Iterator[None]:
    before = {(module, name): getattr(module, name) for module, name in sizes}
    try:
        for (module, name), size in sizes.items():
            setattr(module, name, size)
        yield
    finally:
        for (module, name), size in before.items():
            setattr(module, name, size)


class _Log(logging.Handler):
    def __init__(self, *, exceptions_only: bool) -> None:
        super().__init__(logging.ERROR)
        self._exceptions_only = exceptions_only
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is None and self._exceptions_only:
            return
        if isinstance(error, Planned) or (isinstance(error, Refused) and error.code == "unavailable"):  # it was meant
            return
        self.found.append(f"{record.name}: {record.getMessage()}: {record.exc_info and record.exc_info[1]!r}")


@contextmanager
def heard_log(*, exceptions_only: bool = False) -> Iterator[list[str]]:
    """The errors that the gateway logs."""
    handler, logger = _Log(exceptions_only=exceptions_only), logging.getLogger("tidegate")
    logger.addHandler(handler)
    before, logger.propagate = logger.propagate, False
    try:
        yield handler.found
    finally:
        logger.removeHandler(handler)
        logger.propagate = before


def play(seed: int) -> Outcome:
    """The history of this seed; the same each time."""
    return History(seed).play()
