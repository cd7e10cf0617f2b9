"""The engine of durable rooms: the database keeps their messages, and another engine does everything else.

A message is delivered once it is committed. What other gateways have committed is read from the log: they call, and
messages that come out of order are read, too. So the database alone decides what a room's messages are, and presence
and all other rooms are the inner engine's.
Invariant: within a room and epoch, each message is delivered once, in the order of offsets, and only when it is on the
disk.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec

from tidegate.core.budgets.payer import Payer
from tidegate.core.errors import Refused
from tidegate.core.rooms.ports import Answer, Engine, EngineListener, HistoryPage, Occupancy, Opened, PresenceEntry
from tidegate.core.rooms.room import RoomRules
from tidegate.core.rooms.room_log import Kept, NewMessage, Record, Records, RoomLog
from tidegate.engines.following import Ask, Following
from tidegate.engines.inner_listener import InnerListener
from tidegate.engines.memory import DIGEST_BYTES, Ready
from tidegate.engines.texts import Encode, Halves, halves, whole
from tidegate_protocol import RoomPosition, Sender

log = logging.getLogger("tidegate.rooms")

RETRY_S = 0.5
"""Seconds until messages are read again that could not be read."""
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


class DurableEngine:
    """Implements `core.rooms.ports.Engine`. `inner` is another engine."""

    def __init__(self, inner: Engine, rooms: RoomLog, durable: Callable[[str], bool], encode: Encode) -> None:
        """`durable`: whether the room with this name is."""
        self._inner = inner
        self._log = rooms
        self._durable = durable
        self._encode = encode
        self._rules: dict[str, RoomRules] = {}
        """Of the rooms that are delivered here."""
        self._following: Following | None = None
        self._reading: dict[str, _Reading] = {}
        """By room: what came after its position is being read."""
        self._looking: asyncio.Task[None] | None = None

    @property
    def healthy(self) -> bool:
        return self._inner.healthy

    def listen(self, listener: EngineListener) -> None:
        self._following = Following(listener)
        self._inner.listen(InnerListener(listener, self._durable))
        self._log.watch(self._changed)

    def publish(
        self, room: str, rules: RoomRules, sender: Sender, data: Any, key: str | None, now: float, account: str
    ) -> Answer[RoomPosition]:
        if not rules.durable:
            return self._inner.publish(room, rules, sender, data, key, now, account)
        parts = halves(self._encode, room, sender, data)
        message = NewMessage(
            room=room,
            text=whole(parts, "-", 0, 0),
            time=int(now * 1000),
            size=rules.history_size,
            ttl=int(rules.history_ttl * 1000),
            user=sender.id,
            key=key,
            digest=b"" if key is None else _digest(data),
            known=None if self._following is None else self._following.known(room),
            payer=Payer(account, sender.id),
        )
        answer: asyncio.Future[RoomPosition] = asyncio.get_running_loop().create_future()
        # It is delivered also where no task waits for the answer any more.
        asyncio.ensure_future(self._log.append(message)).add_done_callback(partial(self._kept, room, parts, answer))
        return answer

    def open(self, room: str, rules: RoomRules, since: RoomPosition | None, now: float) -> Answer[Opened]:
        if not rules.durable:
            return self._inner.open(room, rules, since, now)
        following = self._following
        assert following is not None
        self._rules[room] = rules
        ask, inner = following.follow(room), self._inner.open(room, _without_history(rules), None, now)
        here = following.position(room)
        if here is not None and since in (None, here) and inner.done():
            return Ready(Opened(head=here, missed=None if since is None else ()))
        return asyncio.ensure_future(self._open(room, since, now, ask, inner))

    def history(self, room: str, rules: RoomRules, before: int | None, limit: int, now: float) -> Answer[HistoryPage]:
        if not rules.durable:
            return self._inner.history(room, rules, before, limit, now)
        return asyncio.ensure_future(_page(self._log.page(room, rules, before, limit, now)))

    def close(self, room: str, now: float) -> None:
        if self._following is not None:
            self._following.unfollow(room)
        self._rules.pop(room, None)
        self._inner.close(room, now)

    def present(self, room: str, user: str, entry: PresenceEntry | None) -> Answer[Occupancy]:
        return self._inner.present(room, user, entry)

    def tell(self, node: str | None, kind: str, text: str) -> None:
        self._inner.tell(node, kind, text)

    def user(self, user: str, text: bytes) -> None:
        self._inner.user(user, text)

    def forget(self, room: str) -> Answer[None]:
        return self._log.forget(room) if self._durable(room) else self._inner.forget(room)

    def leave(self) -> None:
        self._inner.leave()

    async def aclose(self) -> None:
        self._following = None
        for reading in self._reading.values():
            reading.task.cancel()
        if self._looking is not None:
            self._looking.cancel()
        await self._inner.aclose()

    # -- what was committed -----------------------------------------------------------------------------------------

    def _kept(
        self, room: str, parts: Halves, answer: asyncio.Future[RoomPosition], written: asyncio.Future[Kept]
    ) -> None:
        """A message has its outcome."""
        failure = None if written.cancelled() else written.exception()
        if written.cancelled() or failure is not None:
            if not answer.done():
                answer.cancel() if failure is None else answer.set_exception(failure)
            return
        kept = written.result()
        try:
            if kept.new:
                at = kept.position
                self._arrived(room, at, whole(parts, at.epoch, at.offset, kept.time))
        finally:
            if not answer.done():
                answer.set_result(kept.position)

    def _arrived(self, room: str, position: RoomPosition, text: bytes) -> None:
        """A message of this gateway is on the disk."""
        if self._following is not None:
            self._read(self._following.arrived(room, position.epoch, position.offset, text))

    def _changed(self, rooms: Sequence[str] | None) -> None:
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
            if self._following is not None and self._following.known(room) != head:
                self._read_on(room)

    # -- reading ----------------------------------------------------------------------------------------------------

    async def _open(
        self, room: str, since: RoomPosition | None, now: float, ask: Ask | None, inner: Answer[Opened]
    ) -> Opened:
        try:
            await inner
            found = await self._log.after(room, self._rules_of(room), since, now)
        except Refused:
            if ask is not None:
                self._read_later(room)
            raise
        if ask is not None and self._following is not None:
            self._read(self._following.answered(ask, found.head, ()))
        # What the answer has already is not to come once more.
        await self._reach(room, found.head)
        return Opened(head=found.head, missed=None if since is None else _texts(found))

    async def _reach(self, room: str, head: RoomPosition) -> None:
        """Have everything delivered up to `head`. Raises Refused."""
        for _ in range(ROUNDS):
            if self._following is None or room not in self._following:
                return
            known = self._following.position(room)
            if known is not None and (known.epoch != head.epoch or known.offset >= head.offset):
                return
            self._read_on(room)
            await asyncio.wait([self._reading[room].task])
        raise Refused("unavailable", "the room cannot be read at the moment; try again", retry_after=1.0)

    def _read_on(self, room: str) -> None:
        """There may be messages after the position of the room."""
        if (reading := self._reading.get(room)) is not None:
            reading.again = True
        elif self._following is not None:
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
            while (following := self._following) is not None and room in following:
                reading = self._reading[room]
                reading.again = False
                found = await self._log.follow(room, self._rules_of(room), ask.known, time.time())
                following_ask = following.answered(ask, found.head, _texts(found))
                if following_ask is None and reading.again:
                    following_ask = following.ask_again(room)
                if following_ask is None:
                    return
                ask = following_ask
        except Refused:
            self._read_later(room)
        except Exception:  # the boundary of the task: without it the room is silent for ever
            log.exception("messages could not be read", extra={"room": room})
            self._read_later(room)
        finally:
            del self._reading[room]

    def _rules_of(self, room: str) -> RoomRules:
        rules = self._rules.get(room)
        if rules is None:
            raise Refused("not_joined", "the connection left the room before it was in it", pointer="/room")
        return rules


async def _page(answer: Answer[Records]) -> HistoryPage:
    found = await answer
    texts = [_placed(record, found.head.epoch) for record in found.records or ()]
    return HistoryPage([text for text in texts if text is not None], found.more)


def _texts(found: Records) -> list[bytes] | None:
    """The messages with their places, in the epoch of today; None where they are not all there."""
    texts = [_placed(record, found.head.epoch) for record in found.records or ()]
    good = [text for text in texts if text is not None]
    return None if found.records is None or len(good) < len(texts) else good


def _placed(record: Record, epoch: str) -> bytes | None:
    """The message with its place; None for a text of another program."""
    head, place, tail = record.text.rpartition(PLACE)
    return whole(Halves(head, tail), epoch, record.offset, record.time) if place else None


def _digest(data: Any) -> bytes:
    return hashlib.blake2b(msgspec.json.encode(data), digest_size=DIGEST_BYTES).digest()


def _without_history(rules: RoomRules) -> RoomRules:
    return msgspec.structs.replace(rules, history_size=0, history_ttl=0.0)
