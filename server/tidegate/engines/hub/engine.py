"""A worker's side of the hub's engine. Implements `core.rooms.ports.Engine`.

It keeps what the hub has to be told again after one of the two was away: who is present through this worker, and which
rooms are open. Requests wait for `HOLD_S` while the hub is away; those that it had, and that may have been carried
out, are refused as `unavailable`. A hub that was started again has no messages: every room begins a new epoch.
Invariant: whatever is sent to the hub is sent in the order of the calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from tidegate.core.errors import Refused
from tidegate.core.rooms.ghosts import GRACE_S
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
from tidegate.engines.following import Ask, Following
from tidegate.engines.hub import messages as say
from tidegate.engines.hub.hearing import Hearing
from tidegate.engines.hub.own_presence import OwnPresence
from tidegate.engines.memory import NOTHING_CHANGED
from tidegate.engines.untold import LIMIT, LOST
from tidegate.hub.calls import Calls
from tidegate.hub.connector import Connector
from tidegate.hub.line import Line
from tidegate.hub.messages import encode
from tidegate_protocol import RoomPosition, Sender

HOLD_S = 1.0
"""How long requests wait for a hub that is away."""
HELD = 1000
"""Requests that wait for it, at most."""
UNANSWERED = 16_384
"""Requests that the hub has not answered, at most."""
UNREAD_BYTES = 16 << 20
"""Bytes of requests that a hub which hangs has not taken, at most."""
RETRY_S = 1.0


def away() -> Refused:
    return Refused("unavailable", "rooms cannot be reached at the moment; try again", retry_after=RETRY_S)


class HubEngine:
    """Connected from `listen` to `aclose`."""

    def __init__(self, address: str, node: str, grace: float = GRACE_S) -> None:
        """`grace`: seconds within which every worker is back at a hub that was started again."""
        loop = asyncio.get_running_loop()
        self._loop = loop
        self.node = node
        self.connector = Connector(address, "rooms", node, self)
        self.round_trips = RoundTrips("hub")
        self._calls = Calls(loop, self.round_trips)
        self._grace = grace
        self._line: Line | None = None
        self._held: list[tuple[bytes, bool]] = []
        """What waits for the hub. True: it is said to other workers, and waits for as long as the hub is away."""
        self._untold = 0
        """How much of it is said to other workers."""
        self._opening: set[str] = set()
        """Rooms that some of it opens."""
        self._giving_up: asyncio.TimerHandle | None = None
        """When what waits is given up; None where nothing may wait."""
        self._presence = OwnPresence(self._calls, node, loop.time)
        self._leaving = False
        self._open: dict[str, None] = {}
        self._look: asyncio.TimerHandle | None = None

    def listen(self, listener: EngineListener) -> None:
        """Connect. What is asked before the hub is there waits for it."""
        self._hold()
        self.connector.start()
        self._following = Following(listener)
        of_presence: dict[type, Callable[[Any], None]] = {
            say.Welcome: self._presence.welcome,
            say.Counted: self._presence.counted,
            say.Changed: self._changed,
        }
        self._hearing = Hearing(self._calls, listener, self._following, self._follow, of_presence)
        self._presence.occupancy.listener = listener

    @property
    def healthy(self) -> bool:
        return self.connector.healthy

    @property
    def pending(self) -> int:
        return len(self._calls)

    # -- Engine -----------------------------------------------------------------------------------------------------

    def publish(
        self, room: str, rules: RoomRules, sender: Sender, data: Any, key: str | None, now: float, account: str
    ) -> Answer[RoomPosition]:
        id, answer = self._begin()
        text = msgspec.json.encode(data)
        size, ttl = rules.history_size, rules.history_ttl
        self._send(encode(say.Publish(id, room, size, ttl, sender.id, sender.name, text, key, account)))
        return answer

    def open(self, room: str, rules: RoomRules, since: RoomPosition | None, now: float) -> Answer[Opened]:
        id, answer = self._begin()
        self._open[room] = None
        ask = self._following.follow(room)
        if ask is not None:
            self._hearing.expects(id, ask)
        epoch, offset = (None, 0) if since is None else (since.epoch, since.offset)
        if self._line is None:
            self._opening.add(room)
        self._send(encode(say.Open(id, room, rules.history_size, rules.history_ttl, epoch, offset)))
        return answer

    def history(self, room: str, rules: RoomRules, before: int | None, limit: int, now: float) -> Answer[HistoryPage]:
        id, answer = self._begin()
        self._send(encode(say.ReadPage(id, room, rules.history_size, rules.history_ttl, before, limit)))
        return answer

    def close(self, room: str, now: float) -> None:
        self._open.pop(room, None)
        self._following.unfollow(room)
        if self._line is not None:
            self._line.answer(encode(say.Close(room)))
        elif room in self._opening:
            self._held.append((encode(say.Close(room)), False))

    def present(self, room: str, user: str, entry: PresenceEntry | None) -> Answer[Occupancy]:
        if self._leaving:
            return NOTHING_CHANGED
        self._presence.set(room, user, entry)
        if self._line is None:  # it is told when the hub is there
            return NOTHING_CHANGED
        said, answer = self._presence.said(room, user, entry)
        self._send(encode(said))
        return answer

    def tell(self, node: str | None, kind: str, text: str) -> None:
        self._tell(encode(say.Tell(node, kind, text)))

    def user(self, user: str, text: bytes) -> None:
        self._tell(encode(say.ToUser(user, text)))

    def forget(self, room: str) -> Answer[None]:
        id, answer = self._begin()
        self._send(encode(say.Forget(id, room)))
        return answer

    def others(self) -> Sequence[OtherGateway]:
        return [OtherGateway(node, standing, None) for node, standing in self._hearing.standings.items()]

    def leave(self) -> None:
        self._leaving = True
        if self._line is not None:
            self._line.answer(encode(say.Leave()))

    async def aclose(self) -> None:
        if self._look is not None:
            self._look.cancel()
        await self.connector.aclose()
        if self._giving_up is not None:
            self._giving_up.cancel()
        self._calls.fail(away())
        self._presence.occupancy.listener = None

    # -- asking -----------------------------------------------------------------------------------------------------

    def _begin(self) -> tuple[int, asyncio.Future[Any]]:
        """A number and an answer for the next request. Raises Refused(unavailable) where too much waits already."""
        line = self._line
        if len(self._calls) >= UNANSWERED or (not self._may_hold() if line is None else line.unread > UNREAD_BYTES):
            raise away()
        return self._calls.begin()

    def _may_hold(self) -> bool:
        return len(self._held) - self._untold < HELD and self._giving_up is not None

    def _send(self, payload: bytes) -> None:
        """Say what `_begin` allowed, or what is said only to a hub that is there."""
        if self._line is not None:
            self._line.answer(payload)
        else:
            self._held.append((payload, False))

    def _tell(self, payload: bytes) -> None:
        if self._line is not None:
            self._line.answer(payload)
        elif self._untold < LIMIT:
            self._untold += 1
            self._held.append((payload, True))
        else:
            LOST()

    def _follow(self, ask: Ask) -> None:
        """Ask the hub for what a room lacks. While it is away nothing is asked: everything is when it is back."""
        if self._line is None:
            return
        id, _ = self._calls.begin()
        epoch, offset = (None, 0) if ask.known is None else (ask.known.epoch, ask.known.offset)
        self._hearing.expects(id, ask)
        self._line.answer(encode(say.Follow(id, ask.room, epoch, offset)))

    def _changed(self, changed: say.Changed) -> None:
        has = self._presence.changed(changed)
        if has is not None:
            self._send(encode(has))

    # -- connector.User ---------------------------------------------------------------------------------------------

    def connected(self, line: Line) -> None:
        self._line = line
        if self._giving_up is not None:
            self._giving_up.cancel()
            self._giving_up = None
        self.round_trips.connections += 1
        for said in self._presence.said_again():
            line.answer(encode(said))
        if self._leaving:
            line.answer(encode(say.Leave()))
        for ask in self._following.again():
            self._follow(ask)
        self._opening.clear()
        held, self._held, self._untold = self._held, [], 0
        for payload, _ in held:
            line.answer(payload)
        self._look = self._loop.call_later(self._grace, self._list_present, line)

    def received(self, payload: bytes) -> None:
        self._hearing.heard(payload)

    def lost(self) -> None:
        self._line = None
        self._hold()
        if self._look is not None:
            self._look.cancel()
        self._hearing.lost()
        self._presence.lost()
        self._calls.fail(away())

    def _hold(self) -> None:
        """Requests wait for the hub from now on."""
        self._giving_up = self._loop.call_later(HOLD_S, self._give_up_held)

    def _give_up_held(self) -> None:
        self._giving_up = None
        self._held = [each for each in self._held if each[1]]
        self._opening.clear()
        self._hearing.lost()
        self._calls.fail(away())

    def _list_present(self, line: Line) -> None:
        """Every worker is back at the hub by now, or gone: its list of members is whole."""
        self._hearing.end_unnamed()
        self._presence.settled()
        for room in self._open:
            line.answer(encode(say.ListPresent(room)))
