"""The engine over PostgreSQL: one gateway's part of it. Implements `core.rooms.ports.Engine`.

Everything that a gateway writes goes through one queue (`Outgoing`), everything that others wrote comes from one cursor
(`News`); this module connects both with the rooms that are open here (`OpenRooms`). The database decides positions,
epochs, times, occupancy and leases.
Invariant: after each connection the database has the presence that this gateway was told last.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
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
    Ready,
)
from tidegate.core.rooms.room import RoomRules
from tidegate.core.round_trips import RoundTrips
from tidegate.engines import texts
from tidegate.engines.leases import Beat, Leases
from tidegate.engines.memory import DIGEST_BYTES
from tidegate.engines.occupancy import OwnOccupancy
from tidegate.engines.postgres import entries, values
from tidegate.engines.postgres.attaching import Attached
from tidegate.engines.postgres.calls import calls
from tidegate.engines.postgres.cleaning import OUTBOX_MS
from tidegate.engines.postgres.decisions import Decisions
from tidegate.engines.postgres.news import News, tell
from tidegate.engines.postgres.open_room import message
from tidegate.engines.postgres.outcomes import came
from tidegate.engines.postgres.outgoing import Outgoing, own_outcomes
from tidegate.engines.postgres.own_presence import OwnPresence
from tidegate.engines.postgres.pages import page
from tidegate.engines.postgres.rooms import OpenRooms
from tidegate.engines.postgres.upkeep import Upkeep
from tidegate.engines.postgres.values import Row
from tidegate.engines.postgres.wishes import (
    CLOSE,
    DECIDE,
    FORGET,
    LEAVE,
    MESSAGE,
    PRESENCE,
    STATE,
    TELL,
    USER,
    Wish,
    unavailable,
)
from tidegate.engines.setup import EngineSetup
from tidegate_protocol import RoomPosition, Sender

CLOSE_S = 2.0
"""How long an end waits for what is on its way."""
OVERHEAD = 200
"""What a message that waits takes beside its text."""


class PostgresEngine:
    """One gateway's engine, from `start` to `aclose`."""

    def __init__(self, setup: EngineSetup) -> None:
        self._setup = setup
        self._calls = calls(setup.prefix)
        self._leases = Leases(setup.node, setup.times)
        self._upkeep = Upkeep(
            setup, self._calls, self._leases, self._attached, self._detached, self._beaten, self._tick
        )
        unknown = partial(self._upkeep.drop, "the other gateways gave this one up")
        failed = self._upkeep.failed
        self._out = Outgoing(self._calls.apply, setup.new_epoch, setup.clock, self._came, unknown, failed)
        self._news = News(self._calls.news, self._told, self._was_read)
        self._upkeep.notified = self._news.wake
        self._rooms: OpenRooms | None = None
        self._listener: EngineListener | None = None
        self._at: Attached | None = None
        self._presence = OwnPresence()
        self._occupancy = OwnOccupancy(setup.clock)
        self._decisions = Decisions(self._occupancy, self._out.add)

    async def start(self) -> None:
        """Raises EngineError."""
        await self._upkeep.start()

    # -- core.rooms.ports.Engine ------------------------------------------------------------------------------------

    @property
    def node(self) -> str:
        """How the other gateways know this one at present."""
        return self._leases.node

    @property
    def healthy(self) -> bool:
        return self._upkeep.health.healthy

    @property
    def round_trips(self) -> RoundTrips:
        return self._upkeep.round_trips

    @property
    def pending(self) -> int:
        return self._upkeep.pending

    def listen(self, listener: EngineListener) -> None:
        self._listener = self._occupancy.listener = listener
        self._rooms = OpenRooms(self._calls, listener, self._setup.new_epoch, self._setup.clock)
        if self._at is not None:
            self._rooms.connect(self._at.to_cold, self._leases.names, all_again=True)
            self._news.connect(self._at.to_hot, self._leases.names)

    def publish(
        self, room: str, rules: RoomRules, sender: Sender, data: Any, key: str | None, now: float, account: str
    ) -> Answer[RoomPosition]:
        wish = message(room, rules, sender.id, texts.halves(self._setup.encode, room, sender, data))
        if key is not None:
            wish.key = key
            wish.digest = hashlib.blake2b(msgspec.json.encode(data), digest_size=DIGEST_BYTES).digest()
        size = wish.parts.size + OVERHEAD
        self._setup.ledger.take(account, "histories", size)
        answer: asyncio.Future[RoomPosition] = asyncio.get_running_loop().create_future()
        answer.add_done_callback(lambda _: self._setup.ledger.give(account, "histories", size))
        wish.answer = answer
        try:
            self._out.add(wish)
        except BaseException:
            answer.cancel()
            raise
        return answer

    def open(self, room: str, rules: RoomRules, since: RoomPosition | None, now: float) -> Answer[Opened]:
        assert self._rooms is not None
        return self._rooms.open(room, rules, since)

    def history(self, room: str, rules: RoomRules, before: int | None, limit: int, now: float) -> Answer[HistoryPage]:
        if self._at is None:
            raise unavailable()
        return page(self._at.cold, self._calls.page, room, rules, before, limit)

    def close(self, room: str, now: float) -> None:
        ticket = None if self._rooms is None else self._rooms.close(room)
        if ticket is None:
            return
        self._say(Wish(CLOSE, room, ttl=ticket))

    def present(self, room: str, user: str, entry: PresenceEntry | None) -> Answer[Occupancy]:
        if self._upkeep.leaving:
            return Ready(None)
        wish = self._presence.set(room, user, b"" if entry is None else entries.encoded(entry))
        answer: asyncio.Future[Occupancy] = asyncio.get_running_loop().create_future()
        wish.answer = answer
        self._say(wish)
        return answer

    def tell(self, node: str | None, kind: str, text: str) -> None:
        mine = node in self._leases.names
        if not mine and node != "":  # an empty name would mean all
            self._out.add(Wish(TELL, "", node or "", texts.Halves(text.encode(), b""), key=kind))
        if self._listener is not None and (node is None or mine):
            self._listener.told(kind, text)

    def user(self, user: str, text: bytes) -> None:
        self._out.add(Wish(USER, "", user, texts.Halves(text, b"")))
        if self._listener is not None:
            self._listener.told_user(user, text)

    def forget(self, room: str) -> Answer[None]:
        wish = Wish(FORGET, room)
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        wish.answer = answer
        self._out.add(wish)
        return answer

    def others(self) -> Sequence[OtherGateway]:
        return self._upkeep.others()

    def leave(self) -> None:
        if not self._upkeep.leaving:
            self._upkeep.leaving = True
            self._presence.forget()
            self._out.add(Wish(LEAVE, ""))

    async def aclose(self) -> None:
        self.leave()
        end = self._setup.clock() + CLOSE_S
        while self._at is not None and not self._out.idle and self._setup.clock() < end:  # noqa: ASYNC110  # there is no event
            await asyncio.sleep(0.005)
        await self._upkeep.aclose()
        for wish in self._out.take((MESSAGE, FORGET)):
            wish.fail(unavailable())
        self._rooms, self._listener, self._occupancy.listener = None, None, None

    # -- what the database tells ------------------------------------------------------------------------------------

    def _came(self, wish: Wish, outcome: Sequence[str], now: int) -> None:
        """A wish was carried out."""
        if wish.kind == DECIDE:
            self._decisions.came(wish, outcome)
        else:
            came(wish, outcome, now, self._rooms, self._news, self._occupancy)

    def _told(self, row: Row) -> None:
        if self._rooms is not None and self._listener is not None:
            tell(row, self._rooms, self._listener, self._leases)

    def _was_read(self, number: int) -> None:
        if self._rooms is not None:
            self._rooms.read(number)

    def _beaten(self, beat: Beat) -> None:
        if self._listener is not None:
            for node, standing in beat.changes.items():
                self._listener.gateway(node, standing)

    # -- the connection ---------------------------------------------------------------------------------------------

    def _attached(self, at: Attached) -> None:
        first = self._news.read_at == 0
        cursor = self._news.cursor
        goes_on = at.goes_on and at.now - self._news.read_at < OUTBOX_MS * 3 // 4
        if at.emptied:
            self._presence.lost(self._occupancy.find_out(self._setup.times.grace))
        if not goes_on:
            self._news.cursor = at.top
            self._news.read_at = at.now
        if first or not at.goes_on:
            self._connected(at, goes_on=False, own={})
        else:
            arguments = [at.node.encode(), values.int8(cursor)]
            at.hot.ask(self._calls.own, arguments, lambda rows: self._back(at, rows, goes_on=goes_on))

    def _back(self, at: Attached, rows: Sequence[Row] | Exception, *, goes_on: bool) -> None:
        """The database still knows this gateway. `rows`: what it wrote last; `goes_on`: nothing was missed."""
        if isinstance(rows, Exception):
            self._upkeep.drop("the connection broke again")
            return
        self._connected(at, goes_on=goes_on, own=own_outcomes(rows))

    def _connected(self, at: Attached, *, goes_on: bool, own: Mapping[int, tuple[str, int]]) -> None:
        self._at = at
        if self._rooms is not None:
            self._rooms.connect(at.to_cold, self._leases.names, all_again=not goes_on)
        if goes_on:
            self._out.recover(own)
        else:
            self._out.give_up(own)
        self._out.connect(at.to_hot)
        if self._rooms is not None:
            self._news.connect(at.to_hot, self._leases.names)
        for wish in self._presence.said_again(everything=not goes_on):
            self._add(wish)

    def _say(self, wish: Wish) -> None:
        """Presence, or the end of an opening."""
        if self._at is None:
            self._presence.later(wish, had=self._occupancy.had(wish.room, wish.who))
        else:
            self._add(wish)

    def _add(self, wish: Wish) -> None:
        if wish.kind == PRESENCE:
            wish.ttl, known = self._occupancy.said(wish.room)
            wish.key = "1" if known else ""
        self._out.add(wish)

    def _detached(self) -> None:
        self._at = None
        self._out.disconnect()
        self._news.disconnect()
        if self._rooms is not None:
            self._rooms.disconnect()
        for wish in self._out.take(STATE):
            self._presence.later(wish)

    def _tick(self, second: bool) -> None:
        self._out.refuse_late()
        if self._out.overfull:  # while there is no connection, of each user and room only what is so now waits
            self._upkeep.drop("the database refuses what the gateway says")
        if self._rooms is not None:
            self._rooms.refuse_late()
        if self._out.stuck or self._upkeep.silent:
            self._upkeep.health.lost(self._upkeep.unanswered)
        elif self._at is not None:
            self._upkeep.health.back()
        if second:
            self._news.wake()
            self._decisions.ask()
            if self._out.stuck:
                self._out.probe()
