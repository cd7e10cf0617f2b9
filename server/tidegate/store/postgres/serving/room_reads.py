"""Reading messages of durable rooms from PostgreSQL, in the threads of a `Reader`. It writes nothing.

Invariant: what one look returns was all true at one moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from tidegate.core.rooms.room_log import Record
from tidegate.store.postgres.changelog import META
from tidegate.store.postgres.connection import Connection
from tidegate.store.postgres.room_tables import MESSAGES, ROOMS, without_nul
from tidegate.store.postgres.serving.reader import Reader, one_value
from tidegate.store.serving.room_log import RoomLook
from tidegate.store.serving.room_state import GENERATION, RoomState

T = TypeVar("T")

STATE = f"SELECT generation, head, gone, time, ttl, due FROM {ROOMS} WHERE room = $1"
NEW = f"SELECT value::bigint FROM {META} WHERE name = '{GENERATION}'"
SHOWN = f"SELECT number, time, text FROM {MESSAGES} WHERE room = $1 AND generation = $2 AND number > $3"
AFTER = f"{SHOWN} AND number <= $4 ORDER BY number LIMIT $5"
BEFORE = f"{SHOWN} AND number < $4 AND time >= $5 ORDER BY number DESC LIMIT $6"
HEADS = f"SELECT room, generation, head FROM {ROOMS} WHERE room = ANY($1)"
AT_A_TIME = 100
"""Messages that are read at once: what is too much for one answer is not all read."""


class Look:
    """Implements `store.serving.room_log.RoomLook`, within a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def state(self, room: str) -> RoomState:
        found: list[Any] = self._connection.execute(STATE, [without_nul(room)]).fetchall()
        return RoomState(*found[0]) if found else RoomState(one_value(self._connection.execute(NEW)))

    def after(self, room: str, generation: int, number: int, upto: int) -> Iterator[Record]:
        while number < upto:
            found = self._records(AFTER, room, generation, number, upto, AT_A_TIME)
            yield from found
            if len(found) < AT_A_TIME:
                return
            number = found[-1].offset

    def before(self, room: str, generation: int, first: int, number: int, oldest: int, limit: int) -> Iterator[Record]:
        while limit > 0:
            found = self._records(BEFORE, room, generation, first, number, oldest, min(limit, AT_A_TIME))
            yield from found
            if len(found) < AT_A_TIME:
                return
            number, limit = found[-1].offset, limit - AT_A_TIME

    def _records(self, sql: str, room: str, *values: int) -> list[Record]:
        found = self._connection.execute(sql, [without_nul(room), *values]).fetchall()
        return [Record(number, time, text.encode()) for number, time, text in found]


class RoomReads:
    """Implements `store.serving.room_log.RoomReader`."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def look(self, work: Callable[[RoomLook], T]) -> T:
        return self._reader.transaction(lambda connection: work(Look(connection)))

    def heads(self, rooms: Sequence[str]) -> Mapping[str, tuple[int, int]]:
        names = {without_nul(room): room for room in rooms}

        def read(connection: Connection) -> Mapping[str, tuple[int, int]]:
            found = connection.execute(HEADS, [list(names)]).fetchall()
            return {names[room]: (generation, head) for room, generation, head in found}

        return self._reader.transaction(read)
