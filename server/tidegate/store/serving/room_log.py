"""The log of durable rooms over either database: what is read of a room, and how its reads and writes take turns.

A database's own module asks its tables (`RoomReader`, `RoomLook`); what clients may see of the answers is decided here,
once. It knows no SQL.
Invariant: the messages after a position are all of them or none, and never those of another epoch.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Protocol, TypeVar

import msgspec

from tidegate.core.budgets.payer import Payer
from tidegate.core.rooms.history import PAGE_BYTES
from tidegate.core.rooms.ports import Answer
from tidegate.core.rooms.room import RoomRules
from tidegate.core.rooms.room_log import Changed, ForgetRoom, Kept, NewMessage, Record, Records
from tidegate.store.serving.room_state import RoomState
from tidegate_protocol import RoomPosition

log = logging.getLogger("tidegate.store")

T = TypeVar("T")
MISSED = 1_000
"""A client that missed more messages, or more than `PAGE_BYTES` of them, reads pages of the history instead."""


class RoomLook(Protocol):
    """What a room's tables say, all at one moment."""

    def state(self, room: str) -> RoomState:
        """Also of a room that never had a message."""

    def after(self, room: str, generation: int, number: int, upto: int) -> Iterable[Record]:
        """Messages of a generation with number < their number <= upto, oldest first."""

    def before(self, room: str, generation: int, first: int, number: int, oldest: int, limit: int) -> Iterable[Record]:
        """Messages of a generation with first < their number < number, no older than `oldest`, newest first."""


class RoomReader(Protocol):
    """Reads one database, in any thread but the loop's. Both methods raise Refused, Interrupted and Blocked."""

    def look(self, work: Callable[[RoomLook], T]) -> T:
        """What `work` finds."""

    def heads(self, rooms: Sequence[str]) -> Mapping[str, tuple[int, int]]:
        """The generation and the newest number of each room that ever had a message."""


class Serving(Protocol):
    """The store that the log belongs to."""

    epoch: str

    def keep(self, work: NewMessage | ForgetRoom) -> asyncio.Future[Kept]:
        """Have it written. Raises Refused."""

    def look(self, work: Callable[[], T], payer: Payer) -> Awaitable[T]:
        """Have a thread read. Raises Refused."""


class DatabaseRoomLog:
    """Implements core.rooms.room_log.RoomLog."""

    def __init__(self, store: Serving, reader: RoomReader, calls: Callable[[Changed], None] | None = None) -> None:
        """`calls` begins to tell what other gateways have written; None where no other one writes."""
        self._store = store
        self._reader = reader
        self._calls = calls

    @property
    def shared(self) -> bool:
        return self._calls is not None

    def append(self, message: NewMessage) -> Answer[Kept]:
        return self._store.keep(message)

    def after(self, room: str, rules: RoomRules, since: RoomPosition | None, now: float) -> Answer[Records]:
        return self._look(room, partial(after, self._store.epoch, room, rules, since, now))

    def follow(self, room: str, known: RoomPosition | None) -> Answer[Records]:
        return self._look(room, partial(follow, self._store.epoch, room, known))

    def page(self, room: str, rules: RoomRules, before: int | None, limit: int, now: float) -> Answer[Records]:
        return self._look(room, partial(page, self._store.epoch, room, rules, before, limit, now))

    def heads(self, rooms: Sequence[str]) -> Answer[Mapping[str, RoomPosition]]:
        return asyncio.ensure_future(self._heads(rooms))

    def forget(self, room: str) -> Answer[None]:
        return asyncio.ensure_future(self._forget(room))

    def watch(self, changed: Changed) -> None:
        if self._calls is not None:
            self._calls(changed)

    def _look(self, room: str, work: Callable[[RoomLook], Records]) -> Answer[Records]:
        # Each room is a connection of the gateway's account: they take turns.
        return asyncio.ensure_future(self._store.look(partial(self._reader.look, work), Payer("", room)))

    async def _heads(self, rooms: Sequence[str]) -> Mapping[str, RoomPosition]:
        epoch = self._store.epoch
        found = await self._store.look(partial(self._reader.heads, rooms), Payer("", ""))
        return {name: RoomPosition(epoch=f"{epoch}.{of}", offset=head) for name, (of, head) in found.items()}

    async def _forget(self, room: str) -> None:
        await self._store.keep(ForgetRoom(room=room))


def after(epoch: str, room: str, rules: RoomRules, since: RoomPosition | None, now: float, look: RoomLook) -> Records:
    """The messages after `since`."""
    state = look.state(room)
    head = state.position(epoch)
    if since is None:
        return Records(head, ())
    missed = _missed(head, since, state.first(rules.history_size) if rules.history_ttl else head.offset)
    if missed is None or missed > MISSED:
        return Records(head, None)
    found, whole = _first(look, room, state.generation, since.offset, missed)
    fresh = not found or found[0].time >= _oldest(rules, now)
    return Records(head, found if whole and fresh and len(found) == missed else None)


def follow(epoch: str, room: str, known: RoomPosition | None, look: RoomLook) -> Records:
    """The next messages after `known`, also those that the room does not keep any more and that are there still."""
    state = look.state(room)
    head = state.position(epoch)
    missed = 0 if known is None else _missed(head, known, state.gone)
    if known is None or missed is None:
        return Records(head, None if known is not None else ())
    found, whole = _first(look, room, state.generation, known.offset, min(missed, MISSED))
    return Records(head, found if whole else None)


def _missed(head: RoomPosition, since: RoomPosition, first: int) -> int | None:
    """How many messages there are after `since`; None where some up to `first` are missing, or it is no position."""
    missed = head.offset - since.offset
    if since.epoch != head.epoch or missed < 0 or since.offset < first:
        return None
    return missed


def _first(look: RoomLook, room: str, generation: int, number: int, count: int) -> tuple[list[Record], bool]:
    """The first of `count` messages after `number`, as many as fit into a page; whether none is missing before them."""
    found: list[Record] = []
    size = 0
    for record in look.after(room, generation, number, number + count) if count else ():
        size += len(record.text)
        if found and size > PAGE_BYTES:
            return found, True
        if record.offset != number + len(found) + 1 or not _readable(record):
            return found, False
        found.append(record)
    return found, len(found) == count


def page(
    epoch: str, room: str, rules: RoomRules, before: int | None, limit: int, now: float, look: RoomLook
) -> Records:
    """The newest messages below `before`."""
    state = look.state(room)
    upto = state.head + 1 if before is None else min(before, state.head + 1)
    found: list[Record] = []
    size = 0
    more = False
    if not rules.history_ttl:
        return Records(state.position(epoch), found)
    for record in look.before(
        room, state.generation, state.first(rules.history_size), upto, _oldest(rules, now), limit + 1
    ):
        size += len(record.text)
        if len(found) == limit or (found and size > PAGE_BYTES):
            more = True
            break
        found.append(record)
    found.reverse()
    return Records(state.position(epoch), [record for record in found if _readable(record)], more)


def _oldest(rules: RoomRules, now: float) -> int:
    """The time of the oldest message that may be seen."""
    return int((now - rules.history_ttl) * 1000)


def _readable(record: Record) -> bool:
    """Whether it is a message. Another program may have written something else."""
    try:
        msgspec.json.decode(record.text, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError):
        log.error("a message in the database is none, and is left out", extra={"offset": record.offset})
        return False
    return True
