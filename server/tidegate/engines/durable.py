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
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec

from tidegate.core.budgets.payer import Payer
from tidegate.core.rooms.ports import (
    Answer,
    Engine,
    EngineListener,
    HistoryPage,
    Occupancy,
    Opened,
    OtherGateway,
    PresenceEntry,
)
from tidegate.core.rooms.room import RoomRules
from tidegate.core.rooms.room_log import Kept, NewMessage, Records, RoomLog
from tidegate.core.round_trips import RoundTrips
from tidegate.engines.durable_rooms import PLACE, DurableRooms, placed
from tidegate.engines.inner_listener import InnerListener
from tidegate.engines.memory import DIGEST_BYTES
from tidegate.engines.texts import Encode, Halves, halves, whole
from tidegate_protocol import RoomPosition, Sender


class DurableEngine:
    """Implements `core.rooms.ports.Engine`. `inner` is another engine."""

    def __init__(
        self,
        inner: Engine,
        rooms: RoomLog,
        durable: Callable[[str], bool],
        encode: Encode,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`durable`: whether the room with this name is."""
        self._clock = clock
        self._inner = inner
        self._log = rooms
        self._durable = durable
        self._encode = encode
        self._rooms: DurableRooms | None = None

    @property
    def node(self) -> str:
        return self._inner.node

    @property
    def healthy(self) -> bool:
        return self._inner.healthy

    @property
    def round_trips(self) -> RoundTrips | None:
        return self._inner.round_trips

    @property
    def pending(self) -> int:
        return self._inner.pending

    def listen(self, listener: EngineListener) -> None:
        self._inner.listen(InnerListener(listener, self._durable))
        self._rooms = DurableRooms(self._log, listener, self._clock)

    def publish(
        self, room: str, rules: RoomRules, sender: Sender, data: Any, key: str | None, now: float, account: str
    ) -> Answer[RoomPosition]:
        if not rules.durable:
            return self._inner.publish(room, rules, sender, data, key, now, account)
        parts = halves(self._encode, room, sender, data)
        message = NewMessage(
            room=room,
            text=parts.head + PLACE + parts.tail,
            time=int(now * 1000),
            size=rules.history_size,
            ttl=int(rules.history_ttl * 1000),
            user=sender.id,
            key=key,
            digest=b"" if key is None else _digest(data),
            known=None if self._rooms is None else self._rooms.known(room),
            payer=Payer(account, sender.id),
        )
        answer: asyncio.Future[RoomPosition] = asyncio.get_running_loop().create_future()
        # It is delivered also where no task waits for the answer any more.
        asyncio.ensure_future(self._log.append(message)).add_done_callback(partial(self._kept, room, parts, answer))
        return answer

    def open(self, room: str, rules: RoomRules, since: RoomPosition | None, now: float) -> Answer[Opened]:
        if not rules.durable:
            return self._inner.open(room, rules, since, now)
        assert self._rooms is not None
        inner = self._inner.open(room, _without_history(rules), None, now)
        return self._rooms.open(room, rules, since, now, inner)

    def history(self, room: str, rules: RoomRules, before: int | None, limit: int, now: float) -> Answer[HistoryPage]:
        if not rules.durable:
            return self._inner.history(room, rules, before, limit, now)
        return asyncio.ensure_future(_page(self._log.page(room, rules, before, limit, now)))

    def close(self, room: str, now: float) -> None:
        if self._rooms is not None:
            self._rooms.close(room)
        self._inner.close(room, now)

    def present(self, room: str, user: str, entry: PresenceEntry | None) -> Answer[Occupancy]:
        return self._inner.present(room, user, entry)

    def tell(self, node: str | None, kind: str, text: str) -> None:
        self._inner.tell(node, kind, text)

    def user(self, user: str, text: bytes) -> None:
        self._inner.user(user, text)

    def forget(self, room: str) -> Answer[None]:
        return self._log.forget(room) if self._durable(room) else self._inner.forget(room)

    def others(self) -> Sequence[OtherGateway]:
        return self._inner.others()

    def leave(self) -> None:
        self._inner.leave()

    async def aclose(self) -> None:
        if self._rooms is not None:
            self._rooms.end()
        await self._inner.aclose()

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
            if kept.new and self._rooms is not None:
                at = kept.position
                self._rooms.arrived(room, at, whole(parts, at.epoch, at.offset, kept.time))
        finally:
            if not answer.done():
                answer.set_result(kept.position)


async def _page(answer: Answer[Records]) -> HistoryPage:
    found = await answer
    texts = [placed(record, found.head.epoch) for record in found.records or ()]
    return HistoryPage([text for text in texts if text is not None], found.more)


def _digest(data: Any) -> bytes:
    return hashlib.blake2b(msgspec.json.encode(data), digest_size=DIGEST_BYTES).digest()


def _without_history(rules: RoomRules) -> RoomRules:
    return msgspec.structs.replace(rules, history_size=0, history_ttl=0.0)
