"""A simulated gateway whose rooms ask for rows, with a judge at the place where it sends.

No message of a room goes to a user for which the rule does not hold, as of the dispatched position or later.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Collection
from typing import Any

import msgspec

from tests.simulate.database import Database
from tests.simulate.gateway import SimulatedGateway, contract
from tests.simulate.loop import SimulatedLoop
from tests.simulate.queries import KINDS, OWNERS
from tests.simulate.store import SimulatedStore, Tempo, unavailable
from tidegate import room_engine
from tidegate.core.budgets.payer import GATEWAY, Payer
from tidegate.core.filters.predicate import predicate
from tidegate.core.protocol import Protocol
from tidegate.core.rooms.room import RoomRules
from tidegate.core.rows.ports import ReadQuery, ReadResult
from tidegate.core.session import Session
from tidegate.gateway.sender import Sender
from tidegate_protocol import Left, Messages

rules = room_engine.rules(contract())


class Reading(SimulatedStore):
    """A store that answers reads, and whose database can be away."""

    down_since: float | None = None

    def __init__(self, loop: SimulatedLoop, database: Database, chance: random.Random, tempo: Tempo) -> None:
        super().__init__(loop, database, chance, tempo)
        self.read_at: dict[tuple[str, str], int] = {}
        """By kind and user: the log's head when the rows of the user's rule were read last."""

    @property
    def lag(self) -> float:
        return 0.0 if self.down_since is None or not self.feed.gate.following else self._loop.time() - self.down_since

    def failure(self) -> Exception | None:
        if self.down_since is not None:
            self.feed.thread._until = self._loop.time() + 0.005  # it is tried again a little later
            return unavailable()
        return super().failure()

    async def read(self, query: ReadQuery, payer: Payer = GATEWAY) -> ReadResult:
        found = await self._job(self._soon(), lambda: self._found(query))
        if self._chance.random() < 0.1:  # the answer takes as long as a change takes to be dispatched, or longer
            await asyncio.sleep(2 * self.tempo.notice * self._chance.expovariate(1.0))
        meets = predicate(query.where)
        for kind, owner in itertools.product(KINDS, OWNERS):
            if meets({"kind": kind, "owner": owner}):
                self.read_at[kind, owner] = found.seq
        return found

    def _found(self, query: ReadQuery) -> ReadResult:
        meets = predicate(query.where)
        rows = [row for _, row in sorted(self.database.tables[query.resource].items()) if meets(row)]
        return ReadResult(rows[: query.limit], self.database.head)


class Judge:
    """Knows the rule of the rooms a second time, and says where a gateway breaks it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.violations: list[str] = []
        self.messages = 0

    def holds(self, room: str, user: str, seq: int) -> bool:
        """Whether `user` may be in `room` where the log ends at `seq`."""
        kind = room.split("-")[1]
        return any(row["kind"] == kind and row["owner"] == user for row in self.database.states[seq]["items"].values())

    def removes(self, user: str, room: str, read_at: int | None) -> None:
        """A gateway ends a membership because of a change of rows: one after what it read, at `read_at`."""
        now = self.database.head
        if read_at is not None and all(self.holds(room, user, seq) for seq in range(read_at, now + 1)):
            self.violations.append(f"{user} was removed from {room}, whose rule held from {read_at} to {now}")

    def sends(self, protocol: Protocol, session: Session, room: str) -> None:
        """A gateway sends a message of `room` to `session`. What a join read may be newer than what was dispatched."""
        self.messages += 1
        seqs = range(protocol.watches.seq, self.database.head + 1)
        if not any(self.holds(room, session.user.id, seq) for seq in seqs):
            self.violations.append(f"{session.user.id} gets a message of {room} at {protocol.watches.seq}")


class JudgedSender(Sender):
    """Shows the judge what is sent."""

    judge: Judge
    protocol: Protocol
    store: Reading

    def push_text(self, sinks: Collection[Any], text: bytes) -> None:
        self._look(text, [sink.owner for sink in sinks])
        super().push_text(sinks, text)

    def send_text(self, session: Session, text: bytes) -> None:
        self._look(text, [session])
        super().send_text(session, text)

    def send(self, session: Session, message: msgspec.Struct | dict[str, Any]) -> None:
        if isinstance(message, Messages):
            self.judge.sends(self.protocol, session, message.room)
        if isinstance(message, Left) and message.reason == "removed":
            read_at = self.store.read_at.get((message.room.split("-")[1], session.user.id))
            self.judge.removes(session.user.id, message.room, read_at)
        super().send(session, message)

    def _look(self, text: bytes, sessions: list[Session]) -> None:
        message = msgspec.json.decode(text)
        if message["type"] == "message":
            for session in sessions:
                self.judge.sends(self.protocol, session, message["room"])


class AccessGateway(SimulatedGateway):
    """Its rooms have rules about rows."""

    store_type = Reading
    sender_type = JudgedSender

    @staticmethod
    def room_rules(name: str) -> RoomRules | None:
        return rules(name)

    def judged_by(self, judge: Judge) -> None:
        sender = self._sender
        assert isinstance(sender, JudgedSender)
        sender.judge, sender.protocol = judge, self._protocol
        assert isinstance(self.store, Reading)
        sender.store = self.store

    def members(self) -> list[tuple[str, str]]:
        """(user, room) of every membership."""
        return [
            (session.user.id, room.name)
            for session in self._sessions
            for room in self._protocol.rooms.rooms_of(session)
        ]

    def users(self) -> set[str]:
        """The users of its connections."""
        return {session.user.id for session in self._sessions}
