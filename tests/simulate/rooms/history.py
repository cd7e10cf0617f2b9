"""One simulated history of a cluster: gateways, clients, a Redis server or a hub and its bad days; then the verdict.

Everything that chance decides comes from one seed. In the end all calms down: then each client must be in its rooms
with the newest message, see exactly who is present, and find all that was acknowledged in the history.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager

from tests.simulate.history import Outcome, heard_log
from tests.simulate.loop import NeverEnds
from tests.simulate.rooms.client import RoomClient
from tests.simulate.rooms.ending import check, settle
from tests.simulate.rooms.gateway import RoomGateway
from tests.simulate.rooms.hub import SimulatedHub
from tests.simulate.rooms.judge import RoomJudge
from tests.simulate.rooms.kinds import EngineKind, OverHub, OverRedis
from tests.simulate.rooms.network import Network, NetworkedLoop
from tests.simulate.rooms.redis_server import RedisServer
from tests.simulate.rooms.remains import of_server
from tests.simulate.wire import Wire
from tidegate.engines.redis.wire import SWEEP_S
from tidegate.engines.setup import LeaseTimes

ROOMS = ("kept-1", "kept-2 {x} é", "brief-1", "forgetful-1")
USERS = ("ada", "bob", "clerk")
SETTLE_S = LeaseTimes().lease + LeaseTimes().grace + 8.0
"""After so long without bad days, a gateway that died is buried, and all who were there say so."""
STEPS = 400_000
RARE = 0.1
"""The share of histories in which single messages are lost, and of those in which clients lie about what they have."""
LOST, LIES = 0.03, 0.2
HASTY = 0.2
"""The share of histories in which clients are in haste; some of them lie, too."""
HUBS = 0.3
"""The share of histories with a hub instead of Redis."""
RESTLESS = 0.15
"""The share of histories in which a room without a history begins again and again, over a slow network."""
UNHEARD = 0.5
"""The share of these in which the hub may die before a gateway has its last answers."""


class RoomHistory:
    """The parts of one history."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.chance = chance = random.Random(seed)
        self.loop = NetworkedLoop(chance, chance.choice((0.0, 1e-5, 1e-4)), STEPS)  # type: ignore[abstract]  # as above
        self.server: RedisServer | SimulatedHub
        self._kind: EngineKind
        if chance.random() < HUBS:
            self.server, self._kind = SimulatedHub(self.loop, self._wall), OverHub()
        else:
            self.server, self._kind = RedisServer(self._wall, chance), OverRedis()
        self.network = self.loop.network = Network(self.loop, self.server, chance, chance.choice((1e-4, 1e-3, 2e-2)))
        self.judge = RoomJudge()
        self.gateways: list[RoomGateway] = []
        self._born = 0
        self._quiet = chance.choice((0.2, 1.0, 4.0))
        """Seconds between two bad days, on average."""
        self.rooms = chance.sample(ROOMS, chance.choice((1, 2, 3)))
        self.clients = [
            RoomClient(f"client {number}", chance.choice(USERS), self.loop, chance, self.judge, self._dial)
            for number in range(chance.choice((2, 3, 4)))
        ]
        bad_days = BAD_DAYS if isinstance(self.server, SimulatedHub) else BAD_DAYS + BAD_DAYS_OF_REDIS
        self._bad_days = chance.sample(bad_days, chance.choice((0, 1, 2, 3)))
        unheard = random.Random(f"answers not heard: {seed}")
        if isinstance(self.server, SimulatedHub) and unheard.random() < UNHEARD:
            self._bad_days.append("_down_unheard")
        if isinstance(self.server, RedisServer) and random.Random(f"first replica: {seed}").random() < RARE:
            self._bad_days.append("_first_replica")
        rare = random.Random(f"rare: {seed}")  # leaves the course of the other histories as it is
        self._loses = isinstance(self.server, RedisServer) and rare.random() < RARE
        if self._loses:
            self._redis.loses = lambda: rare.random() < LOST
        if rare.random() < RARE:
            for client in self.clients:
                client.lies = lambda: rare.random() < LIES
        haste = random.Random(f"in haste: {seed}")  # leaves the course of the histories of `test_simulate` as it is
        hasty = haste.random() < HASTY
        restless = random.Random(f"room begins again: {seed}").random() < RESTLESS
        if restless and isinstance(self.server, RedisServer):
            self.rooms, self._bad_days, hasty = ["forgetful-1"], ["_flush"], True
            self._quiet, self.network.delay = 0.5, 2e-2
        if hasty:
            for client in self.clients:
                client.haste, client.lies = haste, lambda: haste.random() < LIES

    def play(self) -> Outcome:
        outcome = Outcome(self.seed, violations=[])
        with heard_log(exceptions_only=True) as log, _seeded(self.seed):
            try:
                self.loop.run(self._main())
            except NeverEnds as error:
                self.judge.wrong(self.clients[0].name, f"the simulation never ends: {error}")
        failures = self.loop.failures
        if isinstance(self.server, RedisServer):
            failures = [*failures, *self.server.failures]
            self.server.close()
        for found in (*log, *failures):
            self.judge.wrong(self.clients[0].name, found)
        outcome.steps, outcome.callbacks, outcome.messages = self.loop.steps, self.loop.callbacks, self.judge.heard
        outcome.changes = len(self.judge.acknowledged)
        if self.judge.violations:
            outcome.violations = [f"{whose}: {what}" for whose, what in self.judge.violations]
            whose = self.judge.violations[0][0]
            outcome.trace = next(client.trace for client in self.clients if client.name == whose)
        return outcome

    def _dial(self, client: RoomClient) -> Wire | None:
        """To any gateway that serves, as a balancer would."""
        ready = [gateway for gateway in self.gateways if gateway.ready]
        if not ready:
            return None
        return self.chance.choice(ready).dial(client.pace, client.hear, client.closed)

    async def _main(self) -> None:
        for _ in range(self.chance.choice((1, 2, 2, 3))):
            self._start()
        for client in self.clients:
            client.begin()
        end = self.loop.time() + self.chance.choice((2.0, 5.0, 20.0))
        trouble = self.loop.create_task(self._trouble(end))
        while self.loop.time() < end:
            await asyncio.sleep(self.chance.choice((0.001, 0.02, 0.1, 0.4)))
            self.chance.choice(self.clients).act(self.chance.choice(self.rooms))
        await trouble
        if self._loses:
            self._redis.loses = lambda: False
            await asyncio.sleep(SWEEP_S)
        await asyncio.sleep(SETTLE_S)
        await settle(self.clients, self.judge)
        await check(self.clients, self.judge)
        if isinstance(self.server, RedisServer) and not set(self._bad_days) & LOSE_EPOCHS:
            self.judge.check_epochs(self.clients[0].name)
        self._check_occupied({room for client in self.clients for room in client.rooms})
        await self._end_clients()
        self._check_occupied(set())
        for gateway in self.gateways:
            if gateway.alive:
                await gateway.drain()

    def _check_occupied(self, rooms: set[str]) -> None:
        """Changes that end with a gateway are told to none."""
        if not set(self._bad_days) & LOSE_OCCUPANCY:
            self.judge.check_occupied(self.clients[0].name, rooms)

    async def _end_clients(self) -> None:
        """All clients go for good: once their grace is over, nothing of them may be left."""
        for client in self.clients:
            client.retire()
        await asyncio.sleep(SETTLE_S)
        left = [what for gateway in self.gateways if gateway.alive for what in gateway.remains()]
        for what in (*left, *of_server(self.server)):
            self.judge.wrong(self.clients[0].name, f"left behind: {what}")

    def _wall(self) -> float:
        """Seconds since the Unix epoch."""
        return 1_000_000.0 + self.loop.time()

    def _start(self) -> None:
        self._born += 1
        gateway = RoomGateway(
            f"g{self._born}",
            self._kind,
            self.loop,
            self.chance,
            lambda what: self.judge.wrong(self.clients[0].name, what),
            self.judge.happened,
        )
        self.gateways.append(gateway)
        gateway.start()

    @property
    def _redis(self) -> RedisServer:
        assert isinstance(self.server, RedisServer)
        return self.server

    # -- bad days ---------------------------------------------------------------------------------------------------

    async def _trouble(self, end: float) -> None:
        while self._bad_days:
            await asyncio.sleep(self._quiet * self.chance.expovariate(1.0))
            if self.loop.time() > end:
                return
            await getattr(self, self.chance.choice(self._bad_days))()

    async def _kill(self) -> None:
        living = [gateway for gateway in self.gateways if gateway.ready]
        if living:
            self._start()
            await self.chance.choice(living).kill()

    async def _drain(self) -> None:
        living = [gateway for gateway in self.gateways if gateway.ready]
        if living:
            self._start()
            await asyncio.sleep(0.5)
            gateway = self.chance.choice(living)
            if gateway.ready:
                await gateway.drain()

    async def _cut_lines(self) -> None:
        if isinstance(self.server, RedisServer) and self.chance.random() < 0.5:
            self.server.cut_one()
        else:
            self.server.cut_all()

    async def _freeze(self) -> None:
        """DEBUG SLEEP, or a network that says nothing."""
        self.network.freeze()
        await asyncio.sleep(self.chance.choice((0.5, 2.0, 5.0, 30.0)))
        self.network.thaw()

    async def _one_way(self) -> None:
        """What the server says to one gateway does not arrive, or what it says to the server."""
        up = self.chance.random() < 0.5
        lines = self.network.of(self.chance.choice(self.gateways).name)
        for line in lines:
            line.block(up=up, down=not up)
        await asyncio.sleep(self.chance.choice((0.5, 5.0, 40.0)))
        for line in lines:
            line.heal()

    async def _down(self) -> None:
        """The server is gone for a while, and comes back empty."""
        self.server.down = True
        self.server.cut_all()
        await asyncio.sleep(self.chance.choice((0.1, 3.0, 20.0)))
        self.server.restart_empty()
        self.server.down = False

    async def _down_unheard(self) -> None:
        """The hub is gone before its last answers have reached one gateway."""
        for line in self.network.of(self.chance.choice(self.gateways).name):
            line.block(down=True)
        await asyncio.sleep(self.chance.choice((0.02, 0.2, 2.0)))
        await self._down()

    async def _promotion(self) -> None:
        self._redis.replicate()
        await asyncio.sleep(self.chance.choice((0.05, 0.5)))
        self._redis.promote()

    async def _flush(self) -> None:
        self._redis.flush()

    async def _first_replica(self) -> None:
        self._redis.first_replica()

    async def _forget_scripts(self) -> None:
        self._redis.forget_scripts()


BAD_DAYS = (
    "_kill",
    "_drain",
    "_cut_lines",
    "_freeze",
    "_one_way",
    "_down",
)
BAD_DAYS_OF_REDIS = ("_promotion", "_flush", "_forget_scripts")
LOSE_EPOCHS = {"_promotion", "_flush", "_down", "_first_replica"}
LOSE_OCCUPANCY = {"_kill", "_drain"}


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """The product's own chance, such as how long it waits before it connects again."""
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)


def play(seed: int) -> Outcome:
    """The history of this seed; the same each time."""
    return RoomHistory(seed).play()
