"""A client that joins again before it is answered, in random orders of answers, messages and lost connections.

The rules of rooms and the engine's pure parts are real. The server, its line and the client's line are queues. The
client is the view of the simulations: it finds gaps, duplicates and disorder that it was not told.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import msgspec
import pytest

from tests.simulate.rooms.view import Message, RoomView
from tidegate.core import effects as fx
from tidegate.core.budgets.ledger import Ledger
from tidegate.core.errors import Refused
from tidegate.core.rooms import effects as room_fx
from tidegate.core.rooms.limits import RoomLimits
from tidegate.core.rooms.ports import Opened
from tidegate.core.rooms.room import Held, RoomRules
from tidegate.core.rooms.rooms import Rooms
from tidegate.core.session import Session
from tidegate.engines.following import Ask, Following
from tidegate.engines.redis.followed import FollowedRoom, Opening
from tidegate.engines.redis.wire import away
from tidegate_protocol import Joined, JoinRequest, LeaveRequest, Principal, RoomPosition

ROOM, EPOCH = "chat", "e"
OPEN = RoomRules("chat", access={"join": "anyone", "send": "anyone"})
STEPS, WALKS = 400, 120
JOINS = 3
"""Unanswered, at most."""


def at(offset: int) -> RoomPosition:
    return RoomPosition(epoch=EPOCH, offset=offset)


class Walk:
    """One session of one gateway. `kept`: how many messages the server keeps."""

    def __init__(self, seed: int, kept: int, loop: asyncio.AbstractEventLoop) -> None:
        self.wrong: list[str] = []
        self._chance = random.Random(seed)
        self._kept = kept
        self._loop = loop
        self._rooms = Rooms({ROOM: OPEN}.get, RoomLimits(rooms=10, history=30), Ledger())
        self._session = Session("c", "sink", Principal(id="1", name="ada", roles=[], anonymous=False))
        self._following = Following(self)
        self._room = FollowedRoom(OPEN, b"")
        self._connected = True
        self._head = 0
        self._to_server: deque[Callable[[], None]] = deque()
        self._from_server: deque[Callable[[], None]] = deque()
        self._joins: list[tuple[room_fx.JoinReplay, Held, asyncio.Future[Opened]]] = []
        self._to_client: deque[Callable[[], None]] = deque()
        self._from_client: deque[Callable[[], None]] = deque()
        self._view = RoomView(ROOM, "full", self.wrong.append)
        self._pending: dict[Any, Message | None] = {}
        self._refs = 0
        self._leaves = False
        ask = self._following.follow(ROOM)
        assert ask is not None
        self._ask(ask)

    def step(self) -> None:
        steps: list[tuple[float, Callable[[], None]]] = [
            (5, self._publish),
            (6, lambda: _next(self._to_server)),
            (7, lambda: _next(self._from_server)),
            (6, self._answer),
            (5, lambda: _next(self._to_client)),
            (4, lambda: _next(self._from_client)),
            (3, self._join),
            (0.3, self._leave),
            (0.6, self._down),
            (2, self._up),
        ]
        self._chance.choices([do for _, do in steps], [weight for weight, _ in steps])[0]()

    # -- the server and the connection to it --------------------------------------------------------------------------

    def _publish(self) -> None:
        self._head += 1
        if self._connected:
            offset = self._head
            self._from_server.append(lambda: self._ask(self._following.arrived(ROOM, EPOCH, offset, b"%d" % offset)))

    def _ask(self, ask: Ask | None) -> None:
        if ask is not None:
            self._to_server.append(lambda: self._reply(ask.known, lambda *said: self._asked(ask, *said)))

    def _read(self, opening: Opening, since: RoomPosition) -> None:
        self._to_server.append(lambda: self._reply(since, lambda *said: self._was_read(opening, *said)))

    def _reply(self, since: RoomPosition | None, then: Callable[[RoomPosition, list[bytes] | None], None]) -> None:
        head, missed = self._head, None
        if since is not None and 0 <= head - since.offset <= self._kept:
            missed = [b"%d" % offset for offset in range(since.offset + 1, head + 1)]
        self._from_server.append(lambda: then(at(head), missed))

    def _down(self) -> None:
        self._connected = False
        self._to_server.clear()
        self._from_server.clear()
        self._room.refuse()
        self._answer()

    def _up(self) -> None:
        if not self._connected:
            self._connected = True
            for ask in self._following.again():
                self._ask(ask)

    # -- the gateway ------------------------------------------------------------------------------------------------

    def delivered(self, room: str, offset: int, text: bytes) -> None:
        known = self._rooms.delivered(room, offset, text)
        if known is not None and self._session.sink in known.sinks:
            self._send_texts([text])

    def restarted(self, room: str, head: RoomPosition) -> None:
        for push in self._rooms.restarted(room, head):
            if self._session.sink in push.sinks:
                self._send(push.message)

    def _asked(self, ask: Ask, head: RoomPosition, missed: list[bytes] | None) -> None:
        self._ask(self._following.answered(ask, head, missed))
        self._settle()

    def _was_read(self, opening: Opening, head: RoomPosition, missed: list[bytes] | None) -> None:
        further = opening.take(head, missed)
        if further is not None:
            self._read(opening, further)
        self._settle()

    def _settle(self) -> None:
        for opening, on in self._room.settle(self._following.position(ROOM), self._following.began(ROOM)):
            self._read(opening, on)

    def _open(self, join: room_fx.JoinReplay) -> None:
        if not self._connected:
            self._run(self._rooms.not_opened(join))
            raise away()
        position, since = self._following.position(ROOM), join.since
        if position is not None and (since is None or since == position):
            self._run(self._rooms.opened(join, Opened(position, [] if since == position else None)))
            return
        opening = Opening(since, self._loop.create_future())
        self._room.openings.append(opening)
        self._joins.append((join, self._rooms.hold(join), opening.answer))
        if since is not None:
            self._read(opening, since)

    def _answer(self) -> None:
        """The tasks that wait for the engine go on."""
        for each in [each for each in self._joins if each[2].done()]:
            self._joins.remove(each)
            join, held, answer = each
            try:
                if answer.exception() is not None:
                    self._run(self._rooms.not_opened(join, held))
                self._run(self._rooms.opened(join, answer.result(), held))
            except Refused:
                self._refuse(join.ref)

    def _run(self, effects: Iterable[fx.Effect]) -> None:
        for effect in effects:
            if isinstance(effect, fx.SendEncoded):
                self._send_texts(effect.texts)
            elif isinstance(effect, fx.Reply):
                self._send(effect.message)
            elif isinstance(effect, room_fx.JoinReplay):
                self._open(effect)

    def _receive(self, request: JoinRequest | LeaveRequest) -> None:
        try:
            if isinstance(request, JoinRequest):
                self._run(self._rooms.join(self._session, request, 0.0))
            else:
                self._run(self._rooms.leave(self._session, request, 0.0))
        except Refused:
            self._refuse(request.ref)

    def _send_texts(self, texts: Iterable[bytes]) -> None:
        for text in texts:
            self._to_client.append(partial(self._hear_text, {"epoch": EPOCH, "offset": int(text)}))

    def _send(self, message: Any) -> None:
        self._to_client.append(lambda: self._hear(message))

    def _refuse(self, ref: Any) -> None:
        self._to_client.append(lambda: self._hear_refusal(ref))

    # -- the client -------------------------------------------------------------------------------------------------

    def _join(self) -> None:
        if self._view.joined or self._leaves or len(self._pending) >= JOINS:
            return
        self._refs += 1
        since = self._view.position if self._chance.random() < 0.8 else None
        self._pending[self._refs] = since
        known = msgspec.UNSET if since is None else RoomPosition(**since)
        request = JoinRequest(room=ROOM, ref=self._refs, presence="none", since=known)
        self._from_client.append(lambda: self._receive(request))

    def _leave(self) -> None:
        if self._view.joined and not self._leaves:
            self._leaves = True
            self._refs += 1
            request = LeaveRequest(room=ROOM, ref=self._refs)
            self._from_client.append(lambda: self._receive(request))

    def _hear_text(self, position: Message) -> None:
        if not self._leaves:
            self._view.heard(position)

    def _hear_refusal(self, ref: Any) -> None:
        self._pending.pop(ref, None)

    def _hear(self, message: Any) -> None:
        if not isinstance(message, Joined):
            self._leaves, self._view = False, RoomView(ROOM, "full", self.wrong.append)
            return
        heard = msgspec.to_builtins(message)
        since = self._pending.pop(heard.get("ref"), None)
        if self._leaves:
            return
        if "ref" in heard:
            self._view.answered(heard, since)
        else:
            self._view.restarted(heard)


def _next(waiting: deque[Callable[[], None]]) -> None:
    if waiting:
        waiting.popleft()()


@pytest.mark.parametrize("kept", [0, 3])
def test_a_client_that_joins_again_and_again_is_told_every_gap(kept: int) -> None:
    loop = asyncio.new_event_loop()
    try:
        for seed in range(WALKS):
            walk = Walk(seed, kept, loop)
            for _ in range(STEPS):
                walk.step()
                assert not walk.wrong, f"seed {seed}: {walk.wrong}"
    finally:
        loop.close()
