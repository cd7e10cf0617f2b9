"""An engine over the model of a server, made of the parts that real engines use: following, leases, texts, health.

What the server answers and pushes arrives later, in its order; where `reply_first`, the answer to a publish comes
before the push of the message, as newer servers do it.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from tests.engines.suite.fake_server import Server
from tests.engines.suite.under_test import Ability
from tests.support.deadlines import DEADLINE_S
from tidegate.core.budgets.ledger import Ledger
from tidegate.core.errors import Refused
from tidegate.core.rooms.ports import (
    Answer,
    EngineListener,
    HistoryPage,
    Occupancy,
    Opened,
    OtherGateway,
    PresenceEntry,
    Standing,
)
from tidegate.core.rooms.room import RoomRules
from tidegate.engines.following import Ask, Following
from tidegate.engines.health import RETRY_S, Health
from tidegate.engines.leases import Leases
from tidegate.engines.occupancy import OwnOccupancy
from tidegate.engines.setup import EngineSetup, LeaseTimes
from tidegate.engines.texts import halves
from tidegate_protocol import RoomPosition, Sender

Joining = tuple[str, RoomRules, RoomPosition | None, "asyncio.Future[Opened]"]


class FakeEngine:
    """One gateway's engine. Implements `Engine`, and `fake_server.Gateway`."""

    def __init__(self, server: Server, setup: EngineSetup, faults: frozenset[str], *, reply_first: bool) -> None:
        self._server = server
        self._setup = setup
        self._faults = faults
        self._reply_first = reply_first
        self._loop = asyncio.get_running_loop()
        self._health = Health(lambda: server.now)
        self._leases = Leases(setup.node, server.times)
        self._rules: dict[str, RoomRules] = {}
        self._own: dict[tuple[str, str], PresenceEntry] = {}
        self._unsaid: dict[tuple[str, str], None] = {}
        self._numbers = itertools.count()
        self._in_doubt: dict[int, str] = {}
        """Changes of presence whose answer was lost, with their rooms."""
        self.loses_change = False
        self._occupancy = OwnOccupancy(lambda: server.now)
        self._unanswered: set[asyncio.Future[Any]] = set()
        self._waiting: list[Joining] = []
        self._line = 0
        """Changes with each connection: what an earlier one carried is lost."""
        self._gathered: list[Callable[[], None]] | None = None
        """What the server pushes while it carries out a request of this gateway."""
        self._cut = self._leaves = False
        self._generation = server.generation
        self._listener: EngineListener
        self._following: Following
        self._next_beat = self._beaten_at = server.now
        self.dead = False
        server.join(setup)
        server.gateways[setup.node] = self

    @property
    def node(self) -> str:
        return self._leases.node

    @property
    def names(self) -> Sequence[str]:
        """What it is named, or was."""
        return self._leases.names

    @property
    def healthy(self) -> bool:
        return self._health.healthy

    @property
    def round_trips(self) -> None:
        """What the suite asks of round trips needs a server."""

    @property
    def pending(self) -> int:
        return len(self._unanswered)

    def listen(self, listener: EngineListener) -> None:
        self._listener = listener
        if "changes told to no one" not in self._faults:
            self._occupancy.listener = listener
        self._following = Following(listener)

    # -- the port ---------------------------------------------------------------------------------------------------

    def publish(
        self, room: str, rules: RoomRules, sender: Sender, data: Any, key: str | None, now: float, account: str
    ) -> Answer[RoomPosition]:
        digest = hashlib.blake2b(msgspec.json.encode(data)).digest()
        named = f"{sender.id} {key}" if "keys with spaces" in self._faults else (sender.id, key)
        remembered = None if key is None or "keys forgotten" in self._faults else (named, digest)
        text = halves(self._setup.encode, room, sender, data)
        known = self._following.known(room)
        return self._ask(lambda: self._server.publish(room, rules, text, remembered, known))

    def open(self, room: str, rules: RoomRules, since: RoomPosition | None, now: float) -> Answer[Opened]:
        self._online()
        answer: asyncio.Future[Opened] = self._loop.create_future()
        ask = self._following.follow(room)
        if ask is not None:
            self._rules[room] = rules
            self._refill(ask, (room, rules, since, answer))
        else:
            self._waiting.append((room, rules, since, answer))
            self._answer_waiting()
        return answer

    def history(self, room: str, rules: RoomRules, before: int | None, limit: int, now: float) -> Answer[HistoryPage]:
        return self._ask(lambda: self._server.page(room, rules, before, limit))

    def close(self, room: str, now: float) -> None:
        self._following.unfollow(room)
        self._answer_waiting()
        if not self._cut:
            self._server.unsubscribe(self.node, room)

    def present(self, room: str, user: str, entry: PresenceEntry | None) -> Answer[Occupancy]:
        if self._leaves:
            return self._ready(None)
        if entry is None:
            self._own.pop((room, user), None)
        else:
            self._own[room, user] = entry
        if self._cut:
            self._unsaid[room, user] = None
            return self._ready(None)
        number = next(self._numbers)
        self._keep_open(room)
        self._occupancy.took(room, user, present=entry is not None)
        answer = self._ask(lambda: self._server.present_once(number, room, self.node, user, entry))
        self._left_open(room)
        if self.loses_change:
            self.loses_change = False
            self._in_doubt[number] = room
            self.cut()
            self._loop.call_soon(self.heal)
        return answer

    def tell(self, node: str | None, kind: str, text: str) -> None:
        self._server.tell(node, kind, text)

    def user(self, user: str, text: bytes) -> None:
        self._server.user(user, text)

    def forget(self, room: str) -> Answer[None]:
        return self._ask(lambda: self._server.forget(room))

    def others(self) -> list[OtherGateway]:
        return self._leases.others(self._server.now - self._beaten_at)

    def leave(self) -> None:
        self._leaves = "leaves with a storm" not in self._faults
        self._server.leave(self.node)

    async def aclose(self) -> None:
        self.die()

    # -- what happens to it -----------------------------------------------------------------------------------------

    def die(self) -> None:
        self.dead = True
        for _, _, _, answer in self._waiting:
            answer.cancel()
        self._line += 1
        self._server.gateways.pop(self.node, None)

    def cut(self) -> None:
        self._line += 1
        for answer in list(self._unanswered):
            if not answer.done():
                answer.set_exception(_away())
        self._cut = True
        self._health.lost()
        self._server.gateways.pop(self.node, None)
        for names in self._server.subscribed.values():
            names.pop(self.node, None)

    def heal(self) -> None:
        self._cut = False
        self._server.gateways[self.node] = self
        self._health.back()
        self._next_beat = self._server.now
        lost, self._generation = self._generation != self._server.generation, self._server.generation
        if lost and "all rooms are occupied again" not in self._faults:
            self._unsaid.update(dict.fromkeys(sorted(self._occupancy.find_out(self._server.times.grace))))
        self.tick()
        for number, room in self._in_doubt.items():
            if "lost answers stay lost" not in self._faults:
                self._occupancy.came(room, self._server.changes.get((self.node, number)))
        self._in_doubt.clear()
        for room, user in self._unsaid:
            self._say_again(room, user)
        self._unsaid.clear()
        if "no refill" in self._faults:
            for room in self._rules:
                self._server.subscribe(self.node, room)
            return
        for ask in self._following.again():
            self._refill(ask)

    def tick(self) -> None:
        """Beat where that is due."""
        if self.dead or self._cut or self._leaves or self._server.now < self._next_beat:
            return
        self._next_beat = self._server.now + self._server.times.beat
        self._beaten_at = self._server.now
        beat = self._leases.beaten(*self._server.beat(self.node))
        self._stand(beat.changes)
        if beat.given_up and "stays given up" not in self._faults:
            self._begin_again()
        for node in beat.bury:
            self._server.bury(node, self._leases.due)
        for room in self._occupancy.to_decide() if "losses are left open" not in self._faults else ():
            decided, change = self._server.decide(room)
            if decided:
                self._occupancy.decided(room, change)

    def _stand(self, changes: Mapping[str, Standing]) -> None:
        for node, standing in changes.items():
            self._listener.gateway(node, standing)

    def _begin_again(self) -> None:
        before = self.node
        del self._server.gateways[before]
        self._leases.renamed(self._setup.new_node())
        self._server.gateways[self.node] = self
        self._server.leases.pop(before, None)
        for names in self._server.subscribed.values():
            if before in names:
                names[self.node] = names.pop(before)
        self._server.beat(self.node)
        for room, user in self._own:
            self._say_again(room, user)

    def _say_again(self, room: str, user: str) -> None:
        entry = self._own.get((room, user))
        self._occupancy.took(room, user, present=entry is not None)
        self._keep_open(room)
        change = self._server.present(room, self.node, user, entry)
        self._left_open(room)
        self._occupancy.came(room, change)

    def _left_open(self, room: str) -> None:
        if self._server.is_open(room):
            self._occupancy.left_open(room)

    def _keep_open(self, room: str) -> None:
        left, occupied = self._occupancy.said(room)
        if left:
            known = occupied and "what was told is not said" not in self._faults
            self._server.keep_open(room, left / 1000, occupied=known)

    # -- pushes -----------------------------------------------------------------------------------------------------

    def message(self, room: str, epoch: str, offset: int, text: bytes) -> None:
        if "loses messages" in self._faults and offset % 5 == 0:
            return
        self._later(lambda: self._arrived(room, epoch, offset, text))

    def entry(self, room: str, node: str, user: str, entry: PresenceEntry | None) -> None:
        def heard() -> None:
            if room in self._following:
                self._listener.present_elsewhere(room, node, user, entry)

        if "members of one gateway" not in self._faults:
            self._later(heard)

    def control(self, kind: str, *values: Any) -> None:
        if kind == "ended":
            self.cut()
            self._loop.call_soon(self.heal)
        elif kind == "left":
            self._later(lambda: self._stand(self._leases.left(values[0])))
        elif kind == "vacated":
            self._later(lambda: self._listener.vacated(*values))
        elif kind == "told":
            self._later(lambda: self._listener.told(*values))
        else:
            self._later(lambda: self._listener.told_user(*values))

    # -- within -----------------------------------------------------------------------------------------------------

    def _arrived(self, room: str, epoch: str, offset: int, text: bytes) -> None:
        if "delivers at once" in self._faults:
            self._listener.delivered(room, offset, text)
        elif (ask := self._following.arrived(room, epoch, offset, text)) is not None:
            self._refill(ask)

    def _refill(self, ask: Ask, joining: Joining | None = None) -> None:
        """Ask what a room is like, for the gateway itself or for the first session that joins."""
        if joining is not None:
            self._waiting.append(joining)
        if self._cut:
            return
        rules = self._rules[ask.room]
        self._server.subscribe(self.node, ask.room)
        head, missed = self._server.after(ask.room, rules, ask.known, ask.known)
        members = self._server.members(ask.room, self.node)
        if joining is not None and "since is known" in self._faults:
            self._server.after(ask.room, rules, joining[2], None)

        def answered() -> None:
            if ask.room in self._following and "members of one gateway" not in self._faults:
                self._listener.members_elsewhere(ask.room, members)
            again = self._following.answered(ask, head, missed)
            if again is not None:
                self._refill(again)
            self._answer_waiting()

        self._later(answered)

    def _answer_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for joining in waiting:
            room, rules, since, answer = joining
            if answer.done():
                continue
            position = self._following.position(room)
            if room not in self._following:
                answer.set_exception(_away())
            elif position is None:
                self._waiting.append(joining)
            elif since is None or since == position:
                answer.set_result(Opened(position, None if since is None else []))
            elif self._cut:
                answer.set_exception(_away())
            else:
                head, missed = self._server.after(room, rules, since, self._following.known(room))
                self._later(partial(_answer, answer, Opened(head, missed)))

    def _ask(self, what: Callable[[], Any]) -> Answer[Any]:
        self._online()
        answer: asyncio.Future[Any] = self._loop.create_future()
        self._unanswered.add(answer)
        answer.add_done_callback(self._unanswered.discard)
        pushes: list[Callable[[], None]] = []
        self._gathered = pushes
        try:
            result = what()
        finally:
            self._gathered = None
        reply: Callable[[], None] = partial(_answer, answer, result)

        for step in [reply, *pushes] if self._reply_first else [*pushes, reply]:
            self._later(step)
        return answer

    def _later(self, step: Callable[[], None]) -> None:
        if self._gathered is not None:
            self._gathered.append(step)
            return
        line = self._line

        def arrive() -> None:
            if line == self._line:
                step()

        self._loop.call_soon(arrive)

    def _online(self) -> None:
        if self._cut:
            raise _away()

    def _ready(self, value: Any) -> Answer[Any]:
        answer: asyncio.Future[Any] = self._loop.create_future()
        answer.set_result(value)
        return answer


def _answer(answer: asyncio.Future[Any], value: object) -> None:
    if not answer.done():
        answer.set_result(value)


def _away() -> Refused:
    return Refused("unavailable", "the engine cannot be reached", retry_after=RETRY_S)


class FakeUnderTest:
    """Implements `EngineUnderTest`."""

    def __init__(self, faults: frozenset[str] = frozenset(), *, reply_first: bool = False) -> None:
        self.name = "the model"
        self.cannot: Mapping[Ability, str] = {Ability.LOSE: "its server answers in the same moment"}
        self.times = LeaseTimes()
        self.patience = DEADLINE_S
        self.most_turns = 500
        self.server = Server(self.times, faults)
        self._faults = faults
        self._reply_first = reply_first
        self._engines: list[FakeEngine] = []
        self._nodes = 0

    def clock(self) -> float:
        return self.server.now

    async def start(self, listener: EngineListener, rooms: Any) -> FakeEngine:
        setup = EngineSetup(
            url="model://",
            prefix="p",
            node=self._node(),
            new_node=self._node,
            new_epoch=str,
            rooms=rooms,
            encode=msgspec.json.encode,
            ledger=Ledger(),
            clock=self.clock,
        )
        engine = FakeEngine(self.server, setup, self._faults, reply_first=self._reply_first)
        engine.listen(listener)
        self._engines.append(engine)
        engine.tick()
        return engine

    def _node(self) -> str:
        self._nodes += 1
        return f"n{self._nodes}"

    def node(self, engine: Any) -> str:
        return str(engine.node)

    async def turn(self) -> None:
        self.server.now += self.times.beat / 4
        for engine in self._engines:
            engine.tick()
        for _ in range(3):
            await asyncio.sleep(0)

    async def pass_time(self, seconds: float) -> None:
        end = self.server.now + seconds
        while self.server.now < end:
            await self.turn()

    async def kill(self, engine: Any) -> None:
        engine.die()

    async def cut(self, engine: Any) -> None:
        engine.cut()

    async def heal(self, engine: Any) -> None:
        engine.heal()

    def lose_beat(self, engine: Any) -> None:
        raise NotImplementedError

    def lose_change(self, engine: Any) -> None:
        engine.loses_change = True

    async def restart_empty(self) -> None:
        self.server.empty()

    async def promote(self, lost: Any) -> None:
        copied = self.server.copy()
        await lost()
        self.server.promoted(copied)
