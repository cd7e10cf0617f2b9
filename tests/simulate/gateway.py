"""One simulated gateway: the product's parts over a simulated store, put together as `tidegate.app` does it.

Several of them may serve one database. It decides by chance what settings it has; it knows no client.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from functools import cache
from pathlib import Path

from tests.simulate.database import Database
from tests.simulate.loop import SimulatedLoop
from tests.simulate.queries import TOKENS
from tests.simulate.remains import remains
from tests.simulate.store import EPOCH, SimulatedStore, Tempo
from tests.simulate.wire import Message, Pace, Wire
from tidegate import schema
from tidegate.auth import row_access
from tidegate.contract import Contract
from tidegate.core.budgets.ledger import Ledger
from tidegate.core.closes import SLOW_CONSUMER
from tidegate.core.errors import Refused
from tidegate.core.identities import NO_PROOF, GivenIdentity, VerifiedIdentity
from tidegate.core.protocol import Protocol, SessionLimits
from tidegate.core.rooms.room import RoomRules
from tidegate.core.rows.feed_cursor import FeedCursor
from tidegate.core.rows.permissions import ResourceRules
from tidegate.core.sessions import Greeting, Sessions
from tidegate.engines.memory import MemoryEngine
from tidegate.gateway.assembly import Parts, assemble
from tidegate.gateway.sender import Sender
from tidegate.handlers import Gateway as Handlers
from tidegate.transport import CloseReason, Connection, ConnectionContext, Outbox, Routes, Tickers, TransportSettings
from tidegate_protocol import Limits, Principal

SCHEMA = Path(__file__).parent / "schema"
LIMITS = Limits(max_message=65536, max_rooms=10, max_subscriptions=100, max_page=100, max_history=100, max_ids=100)


class Identities:
    """Implements core.identities.Identities: a token is a name. All gateways of a history share it."""

    def __init__(self, now: Callable[[], float], chance: random.Random) -> None:
        self._guests = 0
        self._now = now
        self._chance = chance

    def anonymous(self) -> Principal:
        self._guests += 1
        return Principal(id=f"guest-{self._guests}", name="Guest", roles=[], anonymous=True)

    @property
    def lets_anonymous_in(self) -> bool:
        return True

    def identity(self, user: Principal, first: float | None, now: float) -> GivenIdentity:
        return GivenIdentity(user.id, NO_PROOF)

    def check(self, token: str) -> VerifiedIdentity:
        viewer = TOKENS.get(token)
        if viewer is None:
            raise Refused("unauthenticated", "the token is not good")
        user = Principal(id=viewer.id, name=viewer.id, roles=["clerk"] if viewer.clerk else [], anonymous=False)
        ends = self._now() + 0.2 * self._chance.random() if self._chance.random() < 0.1 else None
        return VerifiedIdentity(user, ends, {} if viewer.team is None else {"team": viewer.team})


@cache
def _parts() -> tuple[Contract, dict[str, ResourceRules]]:
    contract = Contract(schema.bundle(schema.load(SCHEMA)))
    access = row_access.of_resources(contract, {})
    return contract, {
        name: ResourceRules(name, resource.key, access[name]) for name, resource in contract.resources.items()
    }


def contract() -> Contract:
    return _parts()[0]


class SimulatedGateway:
    """Runs from `start` until its task group ends."""

    store_type = SimulatedStore
    sender_type = Sender

    @staticmethod
    def room_rules(name: str) -> RoomRules | None:
        """The rules of a room: there are no rooms in histories of rows."""
        return None

    def __init__(
        self,
        name: str,
        loop: SimulatedLoop,
        database: Database,
        identities: Identities,
        chance: random.Random,
        tempo: Tempo,
    ) -> None:
        self.store = self.store_type(loop, database, chance, tempo)
        self._name = name
        self._loop = loop
        self._chance = chance
        self._connections = 0
        served, resources = _parts()
        self._protocol = Protocol(
            resources,
            self.room_rules,
            FeedCursor(EPOCH, database.head, keep=chance.choice((1, 3, 6, 15, 2000))),
            SessionLimits(subscriptions=chance.choice((2, 100, 100))),
        )
        self._identities = identities
        self._outbox, self._tickers = Outbox(loop), Tickers(loop)
        greeting = Greeting(chance.choice((0.02, 0.1)), LIMITS, served.hash)
        self._sender = self.sender_type(served, self._outbox, check=chance.random() < 0.03)
        self._sessions = Sessions(self._protocol, greeting, identities.identity, loop.time())
        settings = TransportSettings(
            max_backlog=chance.choice((1000, 1 << 20)),
            slow_window=chance.choice((0.05, 3.0)),
            close_timeout=0.05,
            slow_consumer=CloseReason(SLOW_CONSUMER, "too slow"),
        )
        self._context = ConnectionContext(settings, Routes(), self._outbox, loop.time)
        self._gateway: Parts

    def start(self, tasks: asyncio.TaskGroup) -> None:
        self._gateway = assemble(
            contract=contract(),
            sessions=self._sessions,
            handlers=Handlers(),
            sender=self._sender,
            engine=MemoryEngine(self._sender.encode, "r1", Ledger()),
            store=self.store,
            identities=self._identities,
            tasks=tasks,
            clock=self._loop.time,
        )
        self._tickers.every(self._chance.choice((0.02, 0.05)), self._tick)

    def dial(self, pace: Pace, heard: Callable[[Message], None], closed: Callable[[int | None], None]) -> Wire:
        """A new line to a client."""
        self._connections += 1
        name = f"{self._name}-c{self._connections}"
        connection = Connection(self._context, self._gateway.handler, name)
        return Wire(self._loop, connection, self._chance, pace, heard, closed)

    def remains(self) -> list[str]:
        """What it keeps of clients that are gone; there should be nothing."""
        return [f"{self._name}: {what}" for what in remains(self._gateway, self._context, self.store)]

    def close(self) -> None:
        self._tickers.close()

    def _tick(self) -> None:
        self._gateway.tick()
        now = self._loop.time()
        for connection in self._context.connections:
            connection.sweep(now)
