"""The durable rooms that sessions of this gateway are in: what is delivered of each, read from its log.

What this gateway commits is delivered where it is next in its room; everything else is read: what other gateways have
committed, and what came in another order. `following` has the rules. It knows no other engine.
Invariant: within a room and epoch, each message is delivered once, in the order of offsets, and only when it is on the
disk.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from tidegate.core.errors import Refused
from tidegate.core.rooms.ports import Answer, EngineListener, Opened, Ready
from tidegate.core.rooms.room import RoomRules
from tidegate.core.rooms.room_log import Record, Records, RoomLog
from tidegate.engines.following import Ask, Following
from tidegate.engines.texts import Halves, whole
from tidegate_protocol import RoomPosition

log = logging.getLogger("tidegate.rooms")

RETRY_S = 0.5
"""Seconds until messages are read again that could not be read."""
LAST = 100
"""The number of newest messages that members get where messages before them are lost."""
ROUNDS = 3
"""How often it is read on until a room is where it should be."""
PLACE = whole(Halves(b"", b""), "-", 0, 0)
"""Stands in a kept text for its position and its time."""


class _Reading:
    """Of one room."""

    __slots__ = ("again", "task")

    def __init__(self, task: asyncio.Task[None]) -> None:
        self.task = task
        self.again = False
        """There may be more than what is being read."""


class _Opening:
    """Of one room that is new here: its first answer decides from where on messages are delivered."""

    __slots__ = ("again", "ask", "done")

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        self.done = asyncio.Event()
        self.again = False
        """There may be more than what is being read."""


class DurableRooms:
    """Belongs to the loop's thread."""

    def __init__(self, rooms: RoomLog, listener: EngineListener, clock: Callable[[], float]) -> None:
        self._log = rooms
        self._clock = clock
        self._rules: dict[str, RoomRules] = {}
        """Of the rooms that are delivered here."""
        self._following = Following(listener)
        self._opening: dict[str, _Opening] = {}
        self._reading: dict[str, _Reading] = {}
        """By room: what came after its position is being read."""
        self._looking: asyncio.Task[None] | None = None
        self._closed = False
        rooms.watch(self.changed)

    def known(self, room: str) -> RoomPosition | None:
        """What was delivered last."""
        return self._following.known(room)

    def open(
        self, room: str, rules: RoomRules, since: RoomPosition | None, now: float, inner: Answer[Opened]
    ) -> Answer[Opened]:
        """A session joins. `inner`: what it waits for besides."""
        self._rules[room] = rules
        ask = self._following.follow(room)
        opening = None
        if ask is not None:
            opening = self._opening[room] = _Opening(ask)
        here = self._following.position(room)
        if here is not None and since in (None, here) and inner.done():
            inner.result()  # raises what it failed with
            return Ready(Opened(head=here, missed=None if since is None else []))
        return asyncio.ensure_future(self._open(room, since, now, opening, inner))

    def close(self, room: str) -> None:
        self._following.unfollow(room)
        self._rules.pop(room, None)
        self._opening.pop(room, None)

    def end(self) -> None:
        """Deliver nothing more."""
        self._closed = True
        for room in list(self._rules):
            self.close(room)
        for reading in self._reading.values():
            reading.task.cancel()
        if self._looking is not None:
            self._looking.cancel()

    def arrived(self, room: str, position: RoomPosition, text: bytes) -> None:
        """A message of this gateway is on the disk."""
        self._read(self._following.arrived(room, position.epoch, position.offset, text))

    def changed(self, rooms: Sequence[str] | None) -> None:
        """Other gateways have committed something in these rooms, or in any."""
        if rooms is not None:
            for room in rooms:
                self._read_on(room)
        elif self._rules and self._looking is None:
            self._looking = asyncio.get_running_loop().create_task(self._look())

    async def _look(self) -> None:
        """Read on in the rooms whose newest message was not delivered."""
        try:
            heads = await self._log.heads(list(self._rules))
        except Refused:
            return  # it is looked again soon
        finally:
            self._looking = None
        for room, head in heads.items():
            if room in self._rules and self._following.known(room) != head:
                self._read_on(room)

    # -- reading ----------------------------------------------------------------------------------------------------

    async def _open(
        self, room: str, since: RoomPosition | None, now: float, opening: _Opening | None, inner: Answer[Opened]
    ) -> Opened:
        if opening is not None:
            found = await self._opened(room, since, now, opening, inner)
        else:
            await inner
            if (first := self._opening.get(room)) is not None:
                await first.done.wait()
            found = await self._log.after(room, self._rules_of(room), since, now)
            # What the answer has already is not to come once more.
            await self._reach(room, found.head)
        return Opened(head=found.head, missed=None if since is None else texts_of(found))

    async def _opened(
        self, room: str, since: RoomPosition | None, now: float, opening: _Opening, inner: Answer[Opened]
    ) -> Records:
        """The first answer for a room: what comes after its head is delivered."""
        failed = True
        try:
            await inner
            found = await self._log.after(room, self._rules_of(room), since, now)
            failed = False
        finally:
            opening.done.set()
            if self._opening.get(room) is opening:
                del self._opening[room]
                if failed:
                    self._read_later(room)
        self._read(self._following.answered(opening.ask, found.head, ()))
        if opening.again:
            self._read_on(room)
        return found

    async def _reach(self, room: str, head: RoomPosition) -> None:
        """Have everything delivered up to `head`. Raises Refused."""
        for _ in range(ROUNDS):
            if room not in self._following:
                return
            known = self._following.known(room)
            if known is not None and (known.epoch != head.epoch or known.offset >= head.offset):
                return
            self._read_on(room)
            if (reading := self._reading.get(room)) is not None:
                await asyncio.wait([reading.task])
        raise Refused("unavailable", "the room cannot be read at the moment; try again", retry_after=1.0)

    def _read_on(self, room: str) -> None:
        """There may be messages after the position of the room."""
        waiting = self._opening.get(room) or self._reading.get(room)
        if waiting is not None:
            waiting.again = True
        elif not self._closed:
            self._read(self._following.ask_again(room))

    def _read_later(self, room: str) -> None:
        asyncio.get_running_loop().call_later(RETRY_S, self._read_on, room)

    def _read(self, ask: Ask | None) -> None:
        if ask is None:
            return
        if (reading := self._reading.get(ask.room)) is not None:
            reading.again = True
        else:
            task = asyncio.get_running_loop().create_task(self._answer(ask))
            self._reading[ask.room] = _Reading(task)

    async def _answer(self, first: Ask) -> None:
        """Answer questions about a room until there is none left."""
        room, ask = first.room, first
        try:
            while room in self._following:
                reading, following = self._reading[room], self._following
                reading.again = False
                found = await self._log.follow(room, ask.known)
                if found.records is None:
                    await self._hold_the_last(room)
                if (opening := self._opening.get(room)) is not None:  # it was closed, and is new
                    opening.again = True
                    return
                next_ask = following.answered(ask, found.head, texts_of(found))
                if next_ask is None and reading.again:
                    next_ask = following.ask_again(room)
                if next_ask is None:
                    return
                ask = next_ask
        except Refused:
            self._read_later(room)
        except Exception:  # the boundary of the task: without it the room is silent for ever
            log.exception("messages could not be read", extra={"room": room})
            self._read_later(room)
        finally:
            del self._reading[room]

    async def _hold_the_last(self, room: str) -> None:
        """What a room lost is told in front of the messages that are still there."""
        found = await self._log.page(room, self._rules_of(room), None, LAST, self._clock())
        for record in found.records or ():
            text = placed(record, found.head.epoch)
            if text is not None:
                self._following.arrived(room, found.head.epoch, record.offset, text)

    def _rules_of(self, room: str) -> RoomRules:
        rules = self._rules.get(room)
        if rules is None:
            raise Refused("not_joined", "the connection left the room before it was in it", pointer="/room")
        return rules


def texts_of(found: Records) -> list[bytes] | None:
    """The messages with their places, in the epoch of today; None where they are not all there."""
    texts = [placed(record, found.head.epoch) for record in found.records or ()]
    good = [text for text in texts if text is not None]
    return None if found.records is None or len(good) < len(texts) else good


def placed(record: Record, epoch: str) -> bytes | None:
    """The message with its place; None for a text of another program."""
    head, place, tail = record.text.rpartition(PLACE)
    return whole(Halves(head, tail), epoch, record.offset, record.time) if place else None
