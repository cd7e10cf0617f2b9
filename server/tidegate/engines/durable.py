"""The engine of durable rooms: their messages are kept in the gateway's database, and everything else by another engine.

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
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

import msgspec

from tidegate.core.budgets.payer import Payer
from tidegate.core.errors import Refused
from tidegate.core.rooms.ports import Answer, Engine, EngineListener, HistoryPage, Occupancy, Opened, PresenceEntry
from tidegate.core.rooms.room import RoomRules
from tidegate.core.rooms.room_log import Kept, NewMessage, Records, RoomLog
from tidegate.engines.inner_listener import InnerListener
from tidegate.engines.memory import DIGEST_BYTES
from tidegate.engines.texts import Encode, Halves, halves, whole
from tidegate_protocol import RoomPosition, Sender

log = logging.getLogger("tidegate.rooms")

RETRY_S = 0.5
"""Seconds until messages are read again that could not be read."""
PLACE = whole(Halves(b"", b""), "-", 0, 0)
"""Stands in a kept text for its position and its time."""


class _Followed:
    """A room that sessions of this gateway are in."""

    __slots__ = ("again", "head", "reading", "rules")

    def __init__(self, rules: RoomRules) -> None:
        self.rules = rules
        self.head: RoomPosition | None = None
        """The newest message that was delivered; None until the log was read for the first time."""
        self.reading = asyncio.Lock()
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
        self._followed: dict[str, _Followed] = {}
        self._listener: EngineListener | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def healthy(self) -> bool:
        return self._inner.healthy

    def listen(self, listener: EngineListener) -> None:
        self._listener = listener
        self._inner.listen(InnerListener(listener, self._durable))
        self._log.watch(self._changed)

    def publish(
        self, room: str, rules: RoomRules, sender: Sender, data: Any, key: str | None, now: float, account: str
    ) -> Answer[RoomPosition]:
        if not rules.durable:
            return self._inner.publish(room, rules, sender, data, key, now, account)
        parts = halves(self._encode, room, sender, data)
        followed = self._followed.get(room)
        message = NewMessage(
            room=room,
            text=whole(parts, "-", 0, 0),
            time=int(now * 1000),
            size=rules.history_size,
            ttl=int(rules.history_ttl * 1000),
            user=sender.id,
            key=key,
            digest=b"" if key is None else _digest(data),
            known=None if followed is None else followed.head,
            payer=Payer(account, sender.id),
        )
        answer: asyncio.Future[RoomPosition] = asyncio.get_running_loop().create_future()
        # It is delivered also where nobody waits for the answer any more.
        asyncio.ensure_future(self._log.append(message)).add_done_callback(partial(self._kept, room, parts, answer))
        return answer

    def open(self, room: str, rules: RoomRules, since: RoomPosition | None, now: float) -> Answer[Opened]:
        if not rules.durable:
            return self._inner.open(room, rules, since, now)
        followed = self._followed.setdefault(room, _Followed(rules))
        inner = self._inner.open(room, _without_history(rules), None, now)
        return asyncio.ensure_future(self._open(room, followed, since, now, inner))

    def history(self, room: str, rules: RoomRules, before: int | None, limit: int, now: float) -> Answer[HistoryPage]:
        if not rules.durable:
            return self._inner.history(room, rules, before, limit, now)
        return asyncio.ensure_future(_page(self._log.page(room, rules, before, limit, now)))

    def close(self, room: str, now: float) -> None:
        self._followed.pop(room, None)
        self._inner.close(room, now)

    def present(self, room: str, user: str, entry: PresenceEntry | None) -> Answer[Occupancy]:
        return self._inner.present(room, user, entry)

    def tell(self, node: str | None, kind: str, text: str) -> None:
        self._inner.tell(node, kind, text)

    def user(self, user: str, text: bytes) -> None:
        self._inner.user(user, text)

    def forget(self, room: str) -> Answer[None]:
        return self._log.forget(room) if self._durable(room) else self._inner.forget(room)

    async def aclose(self) -> None:
        self._listener = None
        self._followed.clear()
        for task in tuple(self._tasks):
            task.cancel()
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
        followed = self._followed.get(room)
        if followed is None:
            return
        if followed.head is not None and position.offset == followed.head.offset + 1:
            self._deliver(room, followed, position, text)
        elif followed.head is None or position.offset > followed.head.offset or position.epoch != followed.head.epoch:
            self._catch_up_soon(room, followed)

    def _deliver(self, room: str, followed: _Followed, position: RoomPosition, text: bytes) -> None:
        followed.head = position
        if self._listener is not None:
            self._listener.delivered(room, position.offset, text)

    def _changed(self, rooms: Sequence[str] | None) -> None:
        """Other gateways have committed something in these rooms, or in any."""
        if rooms is None:
            if self._followed:
                self._spawn(self._look())
            return
        for room in rooms:
            if (followed := self._followed.get(room)) is not None:
                self._catch_up_soon(room, followed)

    async def _look(self) -> None:
        """Read on in the rooms whose newest message was not delivered."""
        try:
            heads = await self._log.heads(list(self._followed))
        except Refused:
            return  # it is looked again soon
        for room, head in heads.items():
            followed = self._followed.get(room)
            if followed is not None and followed.head is not None and followed.head != head:
                self._catch_up_soon(room, followed)

    # -- reading ----------------------------------------------------------------------------------------------------

    async def _open(
        self, room: str, followed: _Followed, since: RoomPosition | None, now: float, inner: Answer[Opened]
    ) -> Opened:
        members = (await inner).members
        found = await self._log.after(room, followed.rules, since, now)
        if followed.head is None:
            followed.head = found.head
            if followed.again:
                self._catch_up_soon(room, followed)
        elif followed.head != found.head:
            # What the answer has already is not to come again.
            await self._catch_up(room, followed)
        missed = None if since is None or found.records is None else _texts(found)
        return Opened(head=found.head, missed=missed, members=members)

    def _catch_up_soon(self, room: str, followed: _Followed) -> None:
        followed.again = True
        if followed.head is not None and not followed.reading.locked():
            self._spawn(self._catch_up_guarded(room, followed))

    async def _catch_up_guarded(self, room: str, followed: _Followed) -> None:
        try:
            while followed.again and self._followed.get(room) is followed:
                await self._catch_up(room, followed)
        except Refused:
            asyncio.get_running_loop().call_later(RETRY_S, self._catch_up_soon, room, followed)

    async def _catch_up(self, room: str, followed: _Followed) -> None:
        """Deliver what is committed by now. Raises Refused."""
        async with followed.reading:
            more = True
            while more and followed.head is not None and self._followed.get(room) is followed:
                followed.again = False
                found = await self._log.follow(room, followed.rules, followed.head, time.time())
                if self._followed.get(room) is followed:
                    self._take(room, followed, found)
                more = found.more

    def _take(self, room: str, followed: _Followed, found: Records) -> None:
        head = followed.head
        if found.records is None:
            if head is not None and head.epoch == found.head.epoch and head.offset <= found.head.offset:
                log.warning("messages of a room are gone before they were delivered", extra={"room": room})
            followed.head = found.head
            if self._listener is not None:
                self._listener.restarted(room, found.head)
            return
        for record, text in zip(found.records, _texts(found), strict=True):
            if followed.head is None or record.offset > followed.head.offset:
                at = RoomPosition(epoch=found.head.epoch, offset=record.offset)
                self._deliver(room, followed, at, text)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _page(answer: Answer[Records]) -> HistoryPage:
    found = await answer
    return HistoryPage(_texts(found), found.more)


def _texts(found: Records) -> list[bytes]:
    """The messages with their places, in the epoch of today."""
    return [
        whole(_halves(record.text), found.head.epoch, record.offset, record.time) for record in found.records or ()
    ]


def _halves(text: bytes) -> Halves:
    at = text.rfind(PLACE)
    return Halves(text[:at], text[at + len(PLACE) :])


def _digest(data: Any) -> bytes:
    return hashlib.blake2b(msgspec.json.encode(data), digest_size=DIGEST_BYTES).digest()


def _without_history(rules: RoomRules) -> RoomRules:
    return msgspec.structs.replace(rules, history_size=0, history_ttl=0.0)
