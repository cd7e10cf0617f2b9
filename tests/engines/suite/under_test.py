"""What the suite needs of an engine: to start gateways on it, and to break it.

An engine's own tests implement `EngineUnderTest` for a real server, and run every case of `cases` over it. What an
engine cannot do, it says with a reason; the cases that need it are skipped with that reason.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Protocol

from tests.engines.suite.heard import Heard
from tidegate.core.rooms.ports import Engine, EngineListener, HistoryPage, Occupancy, Opened, PresenceEntry
from tidegate.core.rooms.room import RoomRules
from tidegate.engines.setup import LeaseTimes
from tidegate_protocol import RoomPosition, Sender

KEPT = RoomRules("kept-*", history_size=5, history_ttl=3600.0)
LONG = RoomRules("long-*", history_size=1000, history_ttl=3600.0)
FLEETING = RoomRules("fleeting-*")
SHORT = RoomRules("short-*", history_size=100, history_ttl=1.0)
NO_TIME = RoomRules("no-time-*", history_size=100, history_ttl=0.0)
ADA, BOB = Sender(id="1", name="Ada"), Sender(id="2", name="Bob")
APPLICATION = ("kept-*", "long-*", "fleeting-*", "short-*", "no-time-*")


class Ability(StrEnum):
    """What an engine may not be able to do in tests."""

    SEVERAL = "have several gateways"
    KILL = "lose a gateway without a goodbye"
    CUT = "cut a gateway off, and join it again"
    MISS = "miss messages in a short cut"
    LOSE = "lose the answer to a beat with its connection"
    LOSE_CHANGE = "lose the answer to a change of presence with its connection"
    EMPTY = "restart without what it kept"
    PROMOTE = "promote a replica that lacks acknowledged writes"
    PREFIX = "be shared by applications that a prefix tells apart"
    EXPIRE = "let time pass for histories"


class EngineUnderTest(Protocol):
    """One engine's server, with its gateways. `times` may be short; the suite waits for conditions, not for seconds."""

    name: str
    cannot: Mapping[Ability, str]
    """What the engine cannot do, with the reason that is printed."""
    times: LeaseTimes
    patience: float
    """Seconds after which a case fails that waits: `DEADLINE_S`, except where every case is known to be quick."""

    def clock(self) -> float:
        """Seconds, of the clock by which leases end."""

    async def start(self, listener: EngineListener, rooms: Sequence[str]) -> Engine:
        """A gateway's engine, whose application has these rooms. Raises EngineError."""

    def node(self, engine: Engine) -> str:
        """How the gateway is named at present."""

    async def turn(self) -> None:
        """Let a little time pass: beats are due, sockets are read."""

    async def pass_time(self, seconds: float) -> None:
        """Let time pass for histories and keys. The abilities say whether it can."""

    async def kill(self, engine: Engine) -> None:
        """The gateway's process ends without a goodbye; its engine is not used any more."""

    async def cut(self, engine: Engine) -> None:
        """The gateway's connections break, and it can make no others."""

    async def heal(self, engine: Engine) -> None:
        """It can make connections again."""

    def lose_beat(self, engine: Engine) -> None:
        """The server carries out the first beat of the gateway's next connection, which ends before it has answered."""

    def lose_change(self, engine: Engine) -> None:
        """The server carries out the gateway's next change of presence; the connection ends before it has answered.

        The gateway connects again.
        """

    async def restart_empty(self) -> None:
        """The server ends and comes back without anything."""

    async def promote(self, lost: Callable[[], Awaitable[None]]) -> None:
        """What `lost` does is acknowledged by the server, and lacks in the replica that takes its place afterwards."""


class Gateway:
    """One gateway of a case: its engine, what it heard, and short ways to ask."""

    def __init__(self, engine: Engine, heard: Heard, under: EngineUnderTest) -> None:
        self.engine = engine
        self.heard = heard
        self._under = under

    @property
    def node(self) -> str:
        return self._under.node(self.engine)

    async def publish(
        self,
        data: Any,
        room: str = "kept-1",
        rules: RoomRules = KEPT,
        sender: Sender = ADA,
        key: str | None = None,
    ) -> RoomPosition:
        answer = self.engine.publish(room, rules, sender, data, key, self._under.clock(), f"user {sender.id}")
        return await answer

    async def open(self, room: str = "kept-1", rules: RoomRules = KEPT, since: RoomPosition | None = None) -> Opened:
        opened = await self.engine.open(room, rules, since, self._under.clock())
        self.heard.opened(room, opened.head)
        return opened

    def close(self, room: str = "kept-1") -> None:
        self.engine.close(room, self._under.clock())
        self.heard.closed(room)

    async def page(
        self, before: int | None = None, limit: int = 100, room: str = "kept-1", rules: RoomRules = KEPT
    ) -> HistoryPage:
        return await self.engine.history(room, rules, before, limit, self._under.clock())

    async def present(self, user: str, connections: int = 1, room: str = "kept-1", **fields: Any) -> Occupancy:
        entry = PresenceEntry(f"User {user}", connections, "online", 1, **fields)
        return await self.engine.present(room, user, entry)

    async def absent(self, user: str, room: str = "kept-1") -> Occupancy:
        return await self.engine.present(room, user, None)

    def say(self, user: str, connections: int = 1, room: str = "kept-1") -> None:
        """Say that `user` is present; with no connections, that it is not. What it changes goes to `heard.changes`."""
        entry = PresenceEntry(f"User {user}", connections, "online", 1) if connections else None
        answer: Any = self.engine.present(room, user, entry)

        def told(answer: Any) -> None:
            if answer.exception() is None and answer.result() is not None:
                self.heard.changes.append((answer.result(), room))

        if isinstance(answer, asyncio.Future):
            answer.add_done_callback(told)
        elif answer.result() is not None:
            self.heard.changes.append((answer.result(), room))


class House:
    """The gateways of one case on one engine."""

    def __init__(self, under: EngineUnderTest) -> None:
        self.under = under
        self.gateways: list[Gateway] = []
        self._names = itertools.count(1)
        self._most_turns: float = getattr(under, "most_turns", math.inf)
        """A model needs no clock to know that it waited too long."""

    async def start(self, rooms: Sequence[str] = APPLICATION) -> Gateway:
        heard = Heard(f"gateway {next(self._names)}", self.under.clock)
        engine = await self.under.start(heard, rooms)
        gateway = Gateway(engine, heard, self.under)
        self.gateways.append(gateway)
        return gateway

    async def two(self) -> tuple[Gateway, Gateway]:
        return await self.start(), await self.start()

    async def until(self, condition: Callable[[], object], what: str) -> None:
        """Wait for `condition`; `what` says in a failure what did not come true."""

        async def holds() -> object:
            return condition()

        await self.until_async(holds, what)

    async def until_async(self, condition: Callable[[], Awaitable[object]], what: str) -> None:
        """As `until`, for a condition that asks the engine."""
        end = time.monotonic() + self.under.patience
        turns = 0
        while not await condition():
            assert time.monotonic() < end, f"not before the deadline: {what}"
            assert turns < self._most_turns, f"not within {turns} turns: {what}"
            await self.under.turn()
            turns += 1

    async def until_data(self, gateway: Gateway, data: Sequence[Any], room: str = "kept-1") -> None:
        """Wait until exactly this was delivered in a room."""
        try:
            await self.until(lambda: gateway.heard.data(room) == list(data), f"{gateway.heard.name}: {room} has {data}")
        except AssertionError as error:
            error.add_note(f"it has {gateway.heard.data(room)}")
            raise

    async def until_count(self, gateway: Gateway, count: int, room: str = "kept-1") -> None:
        """Wait until so many messages were delivered in a room."""
        await self.until(lambda: len(gateway.heard.data(room)) == count, f"{gateway.heard.name}: {count} in {room}")

    async def until_last(self, gateway: Gateway, data: Any, room: str = "kept-1") -> None:
        """Wait until this was delivered last."""
        await self.until(lambda: gateway.heard.data(room)[-1:] == [data], f"{gateway.heard.name}: {room}: {data} last")

    async def until_present(self, gateway: Gateway, users: Mapping[str, int], room: str = "kept-1") -> None:
        """Wait until exactly these are present elsewhere, each with its connections."""
        await self.until(lambda: gateway.heard.present(room) == users, f"{gateway.heard.name}: {room}: {users} present")

    async def until_changes(self, changes: Sequence[tuple[str, str]]) -> None:
        """Wait until exactly these changes of rooms were told, each to one gateway."""
        try:
            await self.until(lambda: self.changes() == sorted(changes), f"{changes} are told")
        except AssertionError as error:
            error.add_note(f"told was {self.changes()}")
            raise

    def changes(self) -> list[tuple[str, str]]:
        """What callers of `Gateway.say` and listeners were told, at all gateways."""
        return sorted(change for gateway in self.gateways for change in gateway.heard.changes)

    async def kill(self, gateway: Gateway) -> None:
        self.gateways.remove(gateway)
        await self.under.kill(gateway.engine)

    async def aclose(self) -> None:
        for gateway in self.gateways:
            await gateway.engine.aclose()

    @property
    def violations(self) -> list[str]:
        return [violation for gateway in self.gateways for violation in gateway.heard.violations]
