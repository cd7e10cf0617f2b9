"""The engine over Redis or Valkey: rooms that any number of gateways share.

One connection carries publishing and what is heard, so that a gateway that cannot hear cannot publish either. Over it,
every refill follows its subscription. Pages of history have another connection, which is made for the first page:
the server counts what waits on the first connection, and would cut it.
Invariant: nothing is told to the listener after `aclose`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec

from tidegate.core.rooms.ports import (
    Answer,
    EngineListener,
    HistoryPage,
    Occupancy,
    Opened,
    OtherGateway,
    PresenceEntry,
)
from tidegate.core.rooms.room import RoomRules
from tidegate.core.round_trips import RoundTrips
from tidegate.counted import Counted
from tidegate.engines.health import Health
from tidegate.engines.occupancy import OwnOccupancy
from tidegate.engines.redis.attendance import Attendance
from tidegate.engines.redis.connection import Connection, ConnectionLost
from tidegate.engines.redis.decisions import Decisions
from tidegate.engines.redis.greeting import NotNow, Server
from tidegate.engines.redis.keys import META, STREAM, hexadecimal, text_of
from tidegate.engines.redis.link import Link
from tidegate.engines.redis.lua import FORGET
from tidegate.engines.redis.nodes import Nodes
from tidegate.engines.redis.open_rooms import OpenRooms
from tidegate.engines.redis.pages import Pages
from tidegate.engines.redis.publisher import Publisher
from tidegate.engines.redis.relay import Relay
from tidegate.engines.redis.resp import Push, ReplyError
from tidegate.engines.redis.telling import Telling
from tidegate.engines.redis.urls import Target
from tidegate.engines.redis.welcome import welcome
from tidegate.engines.redis.wire import Wire, away, lives_ms, refuse
from tidegate.engines.setup import EngineSetup
from tidegate_protocol import RoomPosition, Sender

log = logging.getLogger("tidegate.engine")

EVICTS = Counted(
    log,
    logging.WARNING,
    "the engine's server deletes keys when it is full (maxmemory-policy %s), among them who is present in rooms; set "
    "maxmemory-policy noeviction, and messages are refused instead",
    name="engine_evicts",
)
START_S = 5.0
"""How long a gateway that starts waits for the server. Without it, it starts and is not ready."""
SWEEP_EVERY_S = 1.0
RENAME_S = 1.0
"""Seconds between two names, at least: a server that takes no new lease would ask for one again and again."""
DECIDE_S = 0.01
"""How long after the grace the server is asked what is to be told about rooms."""
CLOSE_S = 1.0
"""How long `aclose` waits until the server has what was sent last."""


class RedisEngine:
    """Implements `core.rooms.ports.Engine`. To be started with `start`."""

    def __init__(self, setup: EngineSetup, target: Target) -> None:
        self._setup = setup
        self._wire = wire = Wire(setup, target.database)
        self._health = Health(setup.clock)
        name = f"tidegate-{setup.node}"
        make = partial(Connection, self._heard, wire.round_trips)
        self._link = Link(target, name, make, self._welcome, self._up, self._down, self._health)
        self._pages = Pages(wire, target)
        self._relay = relay = Relay()
        self._occupancy = OwnOccupancy(wire.loop.time)
        self._decisions = Decisions(wire, self._occupancy)
        self._attendance = Attendance(wire, self._occupancy, self._given_up, self._decisions.left_open)
        self._nodes = Nodes(wire, relay, self._given_up, self._lost_everything, self._attendance.write)
        self._rooms = OpenRooms(wire, relay, self._nodes.mine, lambda: wire.loop.time() >= self._settled_at)
        self._publisher = Publisher(wire, self._rooms.following.reached)
        self._settled_at = 0.0
        self._renamed_at = float("-inf")
        self._renaming: asyncio.TimerHandle | None = None
        self._telling = Telling(wire)
        self._tasks: list[asyncio.Task[None]] = []
        """They end with `aclose`."""

    async def start(self) -> None:
        """Raises EngineError where the server cannot be used and a person has to mend that."""
        first: tuple[Connection, Server] | None = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_S):
                while first is None:
                    try:
                        first = await self._link.connect()
                    except NotNow as error:
                        self._link.failed(error)
                        await asyncio.sleep(0.2)
        loop = self._wire.loop
        self._tasks.append(loop.create_task(self._link.run(first)))
        self._tasks.append(loop.create_task(self._every(self._setup.times.beat, self._nodes.beat)))
        self._tasks.append(loop.create_task(self._every(SWEEP_EVERY_S, lambda: self._rooms.sweep(SWEEP_EVERY_S))))
        await asyncio.sleep(0)  # the first connection is used from here on

    # -- core.rooms.ports.Engine ------------------------------------------------------------------------------------

    @property
    def healthy(self) -> bool:
        return self._health.healthy

    @property
    def node(self) -> str:
        """How this gateway is named at present."""
        return self._wire.node

    @property
    def round_trips(self) -> RoundTrips:
        return self._wire.round_trips

    @property
    def pending(self) -> int:
        return 0 if self._wire.connection is None else self._wire.connection.unanswered

    def listen(self, listener: EngineListener) -> None:
        self._relay.listener = self._occupancy.listener = listener

    def publish(
        self, room: str, rules: RoomRules, sender: Sender, data: Any, key: str | None, now: float, account: str
    ) -> Answer[RoomPosition]:
        return self._publisher.publish(room, rules, sender, data, key)

    def open(self, room: str, rules: RoomRules, since: RoomPosition | None, now: float) -> Answer[Opened]:
        return self._rooms.open(room, rules, since)

    def history(self, room: str, rules: RoomRules, before: int | None, limit: int, now: float) -> Answer[HistoryPage]:
        return self._pages.read(room, rules, before, limit)

    def close(self, room: str, now: float) -> None:
        self._rooms.close(room)

    def present(self, room: str, user: str, entry: PresenceEntry | None) -> Answer[Occupancy]:
        return self._attendance.present(room, user, entry)

    def tell(self, node: str | None, kind: str, text: str) -> None:
        channel = self._wire.keys.everyone if node is None else self._wire.keys.told(node)
        self._telling.tell(channel, b"T" + msgspec.json.encode((kind, text)))

    def user(self, user: str, text: bytes) -> None:
        self._telling.tell(self._wire.keys.users, b"U" + hexadecimal(user) + b" " + text)

    def forget(self, room: str) -> Answer[None]:
        wire = self._wire
        connection = wire.connection
        if connection is None or connection.full:
            raise away()
        answer: asyncio.Future[None] = wire.loop.create_future()

        def forgotten(reply: Any) -> None:
            if isinstance(reply, Exception):
                refuse(answer, away())
            elif not answer.done():
                answer.set_result(None)

        keys = [wire.keys.of_room(room, META), wire.keys.of_room(room, STREAM)]
        lives = lives_ms(RoomRules(room))
        connection.ask(FORGET.call(keys, wire.new_epoch(), wire.history, lives), forgotten)
        return answer

    def others(self) -> Sequence[OtherGateway]:
        return self._nodes.others()

    def leave(self) -> None:
        self._attendance.leave()
        self._nodes.leave()

    async def aclose(self) -> None:
        self.leave()
        self._relay.listener = self._occupancy.listener = None
        connection = self._wire.connection
        if connection is not None:
            with contextlib.suppress(TimeoutError, ConnectionLost, ReplyError):
                async with asyncio.timeout(CLOSE_S):
                    await connection.request("PING")
        self._decisions.close()
        if self._renaming is not None:
            self._renaming.cancel()
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._publisher.close()
        self._rooms.down()
        await self._nodes.aclose()
        await self._pages.aclose()

    # -- the connection ---------------------------------------------------------------------------------------------

    async def _welcome(self, connection: Connection) -> None:
        """Every name of this gateway hears: others may not know the newest one yet. Raises as `welcome`."""
        await welcome(connection, self._wire, self._nodes.names)

    def _up(self, connection: Connection, server: Server) -> None:
        wire = self._wire
        lost = wire.history not in {"", server.history}
        wire.connection, wire.history = connection, server.history
        wire.round_trips.connections += 1
        if not server.history:
            log.warning(
                "the engine's server does not say which run it is (INFO): messages that a failover loses are noticed "
                "only by gateways with members in the room"
            )
        if server.evicts:
            EVICTS(server.evicts)
        if lost:
            # The server may lack what was said last, such as that a user left: nothing under the old name counts.
            self._nodes.let_go()
            self._nodes.rename()
            self._lost_everything()
        else:
            self._nodes.beat()
            if self._nodes.in_doubt:
                self._attendance.write_all()
            else:
                self._attendance.write()
        self._rooms.up(connection)
        self._telling.go_on()
        self._publisher.release()

    def _down(self) -> None:
        self._wire.connection = None
        self._nodes.down()
        self._attendance.down()
        self._rooms.down()

    def _given_up(self) -> None:
        """The others gave this gateway up: all is said again under another name, and the server may have lost more."""
        if self._renaming is None:
            wait = max(0.0, self._renamed_at + RENAME_S - self._wire.loop.time())
            if wait:
                self._renaming = self._wire.loop.call_later(wait, self._rename)
            else:
                self._rename()

    def _rename(self) -> None:
        self._renaming = None
        self._renamed_at = self._wire.loop.time()
        self._nodes.rename()
        self._unsettle()
        self._attendance.write_all()
        if self._wire.connection is not None:
            self._rooms.ask_all()

    def _lost_everything(self) -> None:
        """All is said again, and until the grace is over gateways say what was told about their rooms before."""
        self._unsettle()
        grace = self._setup.times.grace
        self._attendance.find_out(grace)
        self._decisions.after(grace + DECIDE_S)

    def _unsettle(self) -> None:
        """For the grace, who is not named by the server may be named by its gateway in a moment."""
        grace = self._setup.times.grace
        self._settled_at = self._wire.loop.time() + grace
        self._wire.loop.call_later(grace + 0.01, self._rooms.ask_all)

    def _heard(self, push: Push) -> None:
        if len(push) != 3 or push[0] != b"message":
            return
        _, channel, said = push
        kind = said[:1]
        if kind in (b"M", b"P"):
            self._rooms.heard(channel, said)
        elif kind == b"T":
            self._relay.told(*msgspec.json.decode(said[1:], type=tuple[str, str]))
        elif kind == b"U":
            user, _, text = said[1:].partition(b" ")
            self._relay.told_user(text_of(user), text)
        elif kind == b"L":
            self._nodes.heard_leave(said[1:].decode())

    async def _every(self, seconds: float, call: Callable[[], None]) -> None:
        while True:
            await asyncio.sleep(seconds)
            call()
