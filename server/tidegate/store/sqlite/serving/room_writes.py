"""Messages of durable rooms inside a transaction of SQLite, and pruning them in small steps.

It begins and ends no transaction, but for a step of the sweep. `store.serving.room_state` says what becomes of a room.
Invariant: a message that is kept, its number and its idempotency key are committed together.
"""

from __future__ import annotations

import logging
import time
from typing import Any

import apsw

from tidegate.core.budgets.daily import DailyBudget
from tidegate.core.rooms.room_log import ForgetRoom, Kept, NewMessage
from tidegate.store.serving import refusals
from tidegate.store.serving.answers import BYTES_A_DAY, ENTRY_BYTES, NUMBER_A_DAY
from tidegate.store.serving.retention import REQUESTS_KEEP_MS
from tidegate.store.serving.room_state import COUNT, GENERATION, STEP, RoomState
from tidegate.store.sqlite.changelog import META
from tidegate.store.sqlite.room_tables import KEYS, MESSAGES, ROOM_TABLES, ROOMS
from tidegate.store.sqlite.serving.room_reads import room_state
from tidegate.store.sqlite.serving.statements import Statements, one_value
from tidegate_protocol import RoomPosition

log = logging.getLogger("tidegate.store")

# Values as +?, because there is one plan: see `clauses.LIMIT_OF_ONE_PLAN`.
NEWEST = f"SELECT max(number) FROM {MESSAGES} WHERE room = +? AND generation = +?"
KEEP_STATE = f"""INSERT INTO {ROOMS} (room, generation, head, gone, time, ttl, due) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (room) DO UPDATE SET generation = excluded.generation, head = excluded.head, gone = excluded.gone,
  time = excluded.time, ttl = excluded.ttl, due = excluded.due"""
KEEP = f"INSERT INTO {MESSAGES} (room, generation, number, time, text) VALUES (?, ?, ?, ?, ?)"
DROP = f"DELETE FROM {MESSAGES} WHERE room = +? AND generation = +? AND number <= +?"
DROP_FORMER = f"""DELETE FROM {MESSAGES} WHERE rowid IN (
  SELECT rowid FROM {MESSAGES} WHERE room = +? AND generation < +? LIMIT +?)"""
KEY = f"SELECT digest, generation, number, time FROM {KEYS} WHERE room = ? AND actor = ? AND key = ?"
KEEP_KEY = f"""INSERT OR REPLACE INTO {KEYS} (room, actor, key, digest, generation, number, time)
VALUES (?, ?, ?, ?, ?, ?, ?)"""
COUNTED = f"UPDATE {META} SET value = value + ? WHERE name = '{COUNT}'"
NEXT_GENERATION = f"UPDATE {META} SET value = value + 1 WHERE name = '{GENERATION}' RETURNING value"
DUE = f"SELECT room, generation, head, gone, time, ttl, due FROM {ROOMS} WHERE due <= +? ORDER BY due LIMIT +?"
FIRST = f"""SELECT max(number), count(*) FROM (
  SELECT number, time FROM {MESSAGES} WHERE room = +? AND generation = +? ORDER BY number LIMIT +?)
WHERE time < ? OR number <= ?"""
OLDEST = f"SELECT time FROM {MESSAGES} WHERE room = +? ORDER BY generation, number LIMIT 1"
OLD_KEYS = f"DELETE FROM {KEYS} WHERE id IN (SELECT id FROM {KEYS} ORDER BY id LIMIT +?) AND time < ?"
ROOMS_A_STEP = 50


class RoomWrites:
    """Of one database. For the writer's thread."""

    def __init__(self) -> None:
        self.epoch = ""
        """Of the change log. Set when the writer's connection is there."""
        self._budget = DailyBudget(BYTES_A_DAY, NUMBER_A_DAY)
        self.kept = 0
        """Messages in the transaction under way."""

    def carry_out(self, connection: Statements, work: NewMessage | ForgetRoom) -> Kept:
        """Keep a message or forget a room, in a transaction of the caller. Raises Refused."""
        try:
            return self._append(connection, work) if isinstance(work, NewMessage) else self._forget(connection, work)
        except apsw.SQLError as error:
            if not lacks_tables(connection):
                raise
            log.warning("a message cannot be kept while a table is gone: %s", error)
            raise refusals.unavailable() from error

    def finish(self, connection: Statements) -> None:
        """To be called before the transaction is committed."""
        if self.kept:
            connection.execute(COUNTED, (self.kept,))

    def _append(self, connection: Statements, message: NewMessage) -> Kept:
        room = message.room
        state = room_state(connection, room)
        if state.lost(self.epoch, message.known):
            log.error("the database has lost messages of the room %r: a new epoch begins there", room)
            state.begin(_next_generation(connection))
        if message.key is not None:
            found: Any = connection.execute(KEY, (room, message.user, message.key)).fetchone()
            if (earlier := state.earlier(message, self.epoch, found)) is not None:
                return earlier
            self._budget.check(message.payer.account, time.monotonic())
        kept = state.append(message, self.epoch)
        try:
            connection.execute(KEEP, (room, state.generation, state.head, kept.time, message.text.decode()))
        except apsw.ConstraintError:  # a message of another program
            state.head = max(state.head, one_value(connection, NEWEST, room, state.generation) or 0) + 1
            kept = Kept(state.position(self.epoch), kept.time)
            connection.execute(KEEP, (room, state.generation, state.head, kept.time, message.text.decode()))
        if (upto := state.too_many(message.size)) is not None:
            connection.execute(DROP, (room, state.generation, upto))
            state.gone = upto
        _keep_state(connection, room, state)
        if message.key is not None:
            named = (room, message.user, message.key, message.digest, state.generation, state.head, message.time)
            connection.execute(KEEP_KEY, named)
            self._budget.add(message.payer.account, ENTRY_BYTES, time.monotonic())
        self.kept += 1
        return kept

    def _forget(self, connection: Statements, work: ForgetRoom) -> Kept:
        state = room_state(connection, work.room)
        if state.head:
            state.begin(_next_generation(connection))
            _keep_state(connection, work.room, state)
        return Kept(RoomPosition(epoch=f"{self.epoch}.{state.generation}", offset=state.head), state.time)


def lacks_tables(connection: Statements) -> bool:
    """Whether a table of durable rooms is not there."""
    marks = ", ".join("?" * len(ROOM_TABLES))
    sql = f"SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN ({marks})"
    return bool(one_value(connection, sql, *ROOM_TABLES) < len(ROOM_TABLES))


def sweep(connection: apsw.Connection, now_ms: int) -> bool:
    """One step: drop messages that are too old, rooms without messages, and old keys; whether more is left."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        more = _sweep(connection, now_ms)
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    return more


def _sweep(connection: apsw.Connection, now_ms: int) -> bool:
    due: list[Any] = connection.execute(DUE, (now_ms, ROOMS_A_STEP)).fetchall()
    left, idle = STEP, []
    for room, *values in due:
        state = RoomState(*values)
        connection.execute(DROP_FORMER, (room, state.generation, left))
        former = connection.changes()
        asked = (room, state.generation, left - former, now_ms - state.ttl, state.gone)
        found: Any = connection.execute(FIRST, asked).fetchone()
        last, seen = found[0], found[1] + former
        if last is not None:
            connection.execute(DROP, (room, state.generation, last))
            state.gone = max(state.gone, last)
        oldest: Any = connection.execute(OLDEST, (room,)).fetchone()
        if oldest is None and state.idle(now_ms):
            idle.append(room)
            continue
        state.swept(oldest and oldest[0], more=seen >= left, now=now_ms)
        _keep_state(connection, room, state)
        if (left := left - seen) <= 0:
            break
    if idle:
        _next_generation(connection)
        connection.executemany(f"DELETE FROM {ROOMS} WHERE room = ?", [(room,) for room in idle])
    connection.execute(OLD_KEYS, (STEP, now_ms - REQUESTS_KEEP_MS))
    return left <= 0 or len(due) == ROOMS_A_STEP or connection.changes() == STEP


def _keep_state(connection: Statements, room: str, state: RoomState) -> None:
    values = (room, state.generation, state.head, state.gone, state.time, state.ttl, state.due)
    connection.execute(KEEP_STATE, values)


def _next_generation(connection: Statements) -> int:
    found: Any = connection.execute(NEXT_GENERATION).fetchall()
    return int(found[0][0])
