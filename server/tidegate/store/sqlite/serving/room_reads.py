"""Reading messages of durable rooms from SQLite, in the threads of a `Reader`. It writes nothing.

Invariant: what one look returns was all true at one moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any, TypeVar

import apsw
import msgspec

from tidegate.core.rooms.room_log import Record
from tidegate.store.serving.room_log import RoomLook
from tidegate.store.serving.room_state import GENERATION, RoomState
from tidegate.store.sqlite.changelog import META
from tidegate.store.sqlite.room_tables import MESSAGES, ROOMS
from tidegate.store.sqlite.serving.reader import Reader
from tidegate.store.sqlite.serving.statements import Statements, one_value

T = TypeVar("T")

STATE = f"SELECT generation, head, gone, time, ttl, due FROM {ROOMS} WHERE room = ?"
NEW_STATE = f"SELECT value FROM {META} WHERE name = '{GENERATION}'"
# Values as +?, because there is one plan: see `clauses.LIMIT_OF_ONE_PLAN`.
# Text as bytes: a foreign program may have written text that is not UTF-8.
SHOWN = f"SELECT number, time, CAST(text AS BLOB) FROM {MESSAGES} WHERE room = +? AND generation = +? AND number > +?"
AFTER = f"{SHOWN} AND number <= +? ORDER BY number"
BEFORE = f"{SHOWN} AND number < +? AND time >= ? ORDER BY number DESC LIMIT +?"
HEADS = f"SELECT room, generation, head FROM {ROOMS} WHERE room IN (SELECT value FROM json_each(?))"


def room_state(connection: Statements, room: str) -> RoomState:
    """What is kept of `room`, or how it begins."""
    found: Any = connection.execute(STATE, (room,)).fetchone()
    return RoomState(int(one_value(connection, NEW_STATE))) if found is None else RoomState(*found)


class Look:
    """Implements `store.serving.room_log.RoomLook`, within a transaction."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def state(self, room: str) -> RoomState:
        return room_state(self._connection, room)

    def after(self, room: str, generation: int, number: int, upto: int) -> Iterator[Record]:
        return self._records(AFTER, room, generation, number, upto)

    def before(self, room: str, generation: int, first: int, number: int, oldest: int, limit: int) -> Iterator[Record]:
        return self._records(BEFORE, room, generation, first, number, oldest, limit)

    def _records(self, sql: str, *values: Any) -> Iterator[Record]:
        with closing(self._connection.cursor()) as cursor:  # an unfinished statement would keep the transaction open
            for found in cursor.execute(sql, values):
                yield Record(*found)


class RoomReads:
    """Implements `store.serving.room_log.RoomReader`."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def look(self, work: Callable[[RoomLook], T]) -> T:
        with self._reader.transaction() as connection:
            return work(Look(connection))

    def heads(self, rooms: Sequence[str]) -> Mapping[str, tuple[int, int]]:
        with self._reader.transaction() as connection:
            found: list[Any] = connection.execute(HEADS, (msgspec.json.encode(rooms).decode(),)).fetchall()
            return {room: (generation, head) for room, generation, head in found}
