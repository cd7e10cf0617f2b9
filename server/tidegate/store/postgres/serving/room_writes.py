"""One transaction of PostgreSQL that keeps messages of durable rooms, and the sweep of old ones, step by step.

The rows of the rooms are locked in the order of their names, so that gateways wait for each other and never in a
circle. `store.serving.room_state` says what becomes of a room; a batch takes few statements, however many messages.
Invariant: an outcome counts if and only if `carry_out` returned.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterable, Sequence
from typing import Any

import psycopg

from tidegate.core.budgets.daily import DailyBudget
from tidegate.core.errors import Refused
from tidegate.core.rooms.room_log import ForgetRoom, Kept, NewMessage
from tidegate.store.postgres.changelog import META
from tidegate.store.postgres.connection import LOCK_TIMEOUT_MS, Connection, connect
from tidegate.store.postgres.room_tables import KEYS, MESSAGES, ROOMS, without_nul
from tidegate.store.serving.answers import ENTRY_BYTES
from tidegate.store.serving.retention import REQUESTS_KEEP_MS
from tidegate.store.serving.room_state import GENERATION, NEVER, STEP, KeyFound, RoomState

log = logging.getLogger("tidegate.store")

LEAST_MS = 50
"""What a statement gets, however late it is."""
ROOMS_A_STEP = 50

LIMITS = """SELECT set_config('lock_timeout', $1, true), set_config('statement_timeout', $1, true),
CASE WHEN current_setting('synchronous_commit') = 'off' THEN set_config('synchronous_commit', 'on', true) END"""
"""An acknowledged message is on the disk, whatever the database's own setting."""
_STATE = "room, generation, head, gone, time, ttl, due"
LOCKED = f"SELECT {_STATE} FROM {ROOMS} WHERE room = ANY($1) ORDER BY room FOR UPDATE"
# FOR SHARE: a sweep that takes rooms away has counted up before a room of that name is there again.
BEGIN_ROOMS = f"""WITH g AS MATERIALIZED (
  SELECT value::bigint AS value FROM {META} WHERE name = '{GENERATION}' FOR SHARE)
INSERT INTO {ROOMS} ({_STATE}) SELECT name, g.value, 0, 0, 0, 0, {NEVER} FROM unnest($1::text[]) name, g ORDER BY name
ON CONFLICT DO NOTHING"""
NEWEST = f"""SELECT m.room, max(m.number) FROM {MESSAGES} m JOIN {ROOMS} r USING (room, generation)
WHERE m.room = ANY($1) GROUP BY m.room"""
NEXT_GENERATION = f"UPDATE {META} SET value = (value::bigint + 1)::text WHERE name = '{GENERATION}' RETURNING value"
KEEP_STATES = f"""UPDATE {ROOMS} r SET generation = s.generation, head = s.head, gone = s.gone, time = s.time,
  ttl = s.ttl, due = s.due
FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[]) s ({_STATE})
WHERE r.room = s.room"""
KEEP = f"""INSERT INTO {MESSAGES} (room, generation, number, time, text)
SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[])"""
DROP = f"DELETE FROM {MESSAGES} WHERE room = $1 AND generation = $2 AND number <= $3"
DROP_FORMER = f"""DELETE FROM {MESSAGES} WHERE (room, generation, number) IN (
  SELECT room, generation, number FROM {MESSAGES} WHERE room = $1 AND generation < $2 LIMIT $3)"""
# OFFSET 0: each is looked up in the index, also by a plan that was made when there were few.
FOUND_KEYS = f"""SELECT a.room, a.actor, a.key, k.digest, k.generation, k.number, k.time
FROM unnest($1::text[], $2::text[], $3::text[]) a (room, actor, key), LATERAL (SELECT digest, generation, number, time
  FROM {KEYS} WHERE room = a.room AND actor = a.actor AND key = a.key OFFSET 0) k"""
KEEP_KEYS = f"""INSERT INTO {KEYS} (room, actor, key, digest, generation, number, time)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::bigint[], $6::bigint[], $7::bigint[])
ON CONFLICT (room, actor, key) DO UPDATE SET digest = excluded.digest, generation = excluded.generation,
  number = excluded.number, time = excluded.time"""
DUE = f"SELECT {_STATE} FROM {ROOMS} WHERE due <= $1 ORDER BY due LIMIT $2 FOR UPDATE SKIP LOCKED"
FIRST = f"""SELECT max(number), count(*) FROM (
  SELECT number, time FROM {MESSAGES} WHERE room = $1 AND generation = $2 ORDER BY number LIMIT $3) m
WHERE time < $4 OR number <= $5"""
OLDEST = f"SELECT time FROM {MESSAGES} WHERE room = $1 ORDER BY generation, number LIMIT 1"
OLD_KEYS = f"""DELETE FROM {KEYS} WHERE (room, actor, key) IN (
  SELECT room, actor, key FROM {KEYS} WHERE time < $1 ORDER BY time LIMIT $2)"""

KeyName = tuple[str, str, str]
Work = NewMessage | ForgetRoom


class RoomTransaction:
    """Of some messages, in their order."""

    def __init__(self, epoch: str, work: Sequence[Work], budget: DailyBudget, until: float, *, heal: bool) -> None:
        """`until`: when the first of them is late, on the clock of `time.monotonic`. `heal`: another program has
        written messages, so that numbers are looked up.
        """
        self.committing = False
        """COMMIT may have been sent: if the connection breaks now, its outcome is unknown."""
        self._epoch = epoch
        self._work = work
        self._budget = budget
        self._until = until
        self._heal = heal
        self._states: dict[str, RoomState] = {}
        self._keys: dict[KeyName, KeyFound] = {}
        self._new_keys: dict[KeyName, str] = {}
        """With the account that pays."""
        self._new: list[tuple[str, int, int, int, str]] = []
        self._drops: dict[str, tuple[int, int]] = {}
        """By room: the generation, and up to where its messages go."""

    def carry_out(self, connection: Connection) -> list[Kept | Refused]:
        """The outcome of each. Raises psycopg.Error."""
        try:
            with connection.pipeline() as pipeline:
                connection.execute("BEGIN")
                self._read(connection)
                outcomes = [self._one(connection, each) for each in self._work]
                self._write(connection)
                self.committing = True
                connection.execute("COMMIT")
                pipeline.sync()
        finally:
            if not connection.closed:
                connection.rollback()  # does nothing after COMMIT
        for account in self._new_keys.values():
            self._budget.add(account, ENTRY_BYTES, time.monotonic())
        return outcomes

    def _read(self, connection: Connection) -> None:
        left = LOCK_TIMEOUT_MS if self._until == math.inf else math.ceil((self._until - time.monotonic()) * 1000)
        connection.execute(LIMITS, [str(max(LEAST_MS, left))])
        rooms = {without_nul(each.room) for each in self._work}
        asked = {_key_name(each) for each in self._work if each.key is not None}
        locked = connection.execute(LOCKED, [list(rooms)])
        keys = connection.execute(FOUND_KEYS, _columns(asked, 3)) if asked else None
        newest = connection.execute(NEWEST, [list(rooms)]) if self._heal else None
        self._states = {room: RoomState(*values) for room, *values in locked.fetchall()}
        if missing := rooms - self._states.keys():
            connection.execute(BEGIN_ROOMS, [list(missing)])
            begun = connection.execute(LOCKED, [list(missing)])
            self._states |= {room: RoomState(*values) for room, *values in begun.fetchall()}
            # Another gateway may have begun the room meanwhile, with these keys.
            keys = connection.execute(FOUND_KEYS, _columns(asked, 3)) if asked else None
        for room, actor, key, *found in keys.fetchall() if keys else ():
            self._keys[room, actor, key] = (found[0], found[1], found[2], found[3])
        for room, number in newest.fetchall() if newest else ():
            self._states[room].head = max(self._states[room].head, number)

    def _one(self, connection: Connection, work: Work) -> Kept | Refused:
        room = without_nul(work.room)
        state = self._states[room]
        if isinstance(work, ForgetRoom):
            if state.head:
                state.begin(_next_generation(connection))
            return Kept(state.position(self._epoch), state.time)
        if state.lost(self._epoch, work.known):
            log.error("the database has lost messages of the room %r: a new epoch begins there", work.room)
            state.begin(_next_generation(connection))
        try:
            return self._append(room, state, work)
        except Refused as refused:
            return refused

    def _append(self, room: str, state: RoomState, message: NewMessage) -> Kept:
        name = _key_name(message)
        if message.key is not None:
            if (earlier := state.earlier(message, self._epoch, self._keys.get(name))) is not None:
                return earlier
            self._budget.check(message.payer.account, time.monotonic())
        kept = state.append(message, self._epoch)
        self._new.append((room, state.generation, state.head, kept.time, message.text.decode()))
        if (upto := state.too_many(message.size)) is not None:
            state.gone = upto
            self._drops[room] = state.generation, upto
        if message.key is not None:
            self._keys[name] = message.digest, state.generation, state.head, message.time
            self._new_keys[name] = message.payer.account
        return kept

    def _write(self, connection: Connection) -> None:
        if self._new:
            connection.execute(KEEP, _columns(self._new, 5))
        _keep_states(connection, self._states)
        if self._new_keys:
            connection.execute(KEEP_KEYS, _columns([(*name, *self._keys[name]) for name in self._new_keys], 7))
        for room, (generation, upto) in self._drops.items():
            connection.execute(DROP, [room, generation, upto])


def sweep_all(url: str, now_ms: int) -> None:
    """Drop messages that are too old, rooms without messages, and old keys. Raises psycopg.Error."""
    with connect(url) as connection:
        while sweep(connection, now_ms):
            pass


def sweep(connection: Connection, now_ms: int) -> bool:
    """One step; returns whether more is left."""
    with connection.transaction():
        due = connection.execute(DUE, [now_ms, ROOMS_A_STEP]).fetchall()
        left, idle, swept = STEP, [], {}
        for room, *values in due:
            state = RoomState(*values)
            former = connection.execute(DROP_FORMER, [room, state.generation, left]).rowcount
            asked = [room, state.generation, left - former, now_ms - state.ttl, state.gone]
            ((last, seen),) = connection.execute(FIRST, asked).fetchall()
            seen += former
            if last is not None:
                connection.execute(DROP, [room, state.generation, last])
                state.gone = max(state.gone, last)
            oldest: list[Any] = connection.execute(OLDEST, [room]).fetchall()
            if not oldest and state.idle(now_ms):
                idle.append(room)
                continue
            state.swept(oldest[0][0] if oldest else None, more=seen >= left, now=now_ms)
            swept[room] = state
            if (left := left - seen) <= 0:
                break
        if idle:
            _next_generation(connection)
            connection.execute(f"DELETE FROM {ROOMS} WHERE room = ANY($1)", [idle])
        _keep_states(connection, swept)
        keys = connection.execute(OLD_KEYS, [now_ms - REQUESTS_KEEP_MS, STEP]).rowcount
    return left <= 0 or len(due) == ROOMS_A_STEP or keys == STEP


def _keep_states(connection: Connection, states: dict[str, RoomState]) -> None:
    rows = [(room, s.generation, s.head, s.gone, s.time, s.ttl, s.due) for room, s in states.items()]
    if rows:
        connection.execute(KEEP_STATES, _columns(rows, 7))


def _columns(rows: Iterable[Sequence[Any]], number: int) -> list[list[Any]]:
    """The rows as arrays of their values, for `unnest`."""
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(number)]


def _key_name(work: Work) -> KeyName:
    return without_nul(work.room), without_nul(work.user), without_nul(work.key or "")


def _next_generation(connection: psycopg.Connection[Any]) -> int:
    return int(connection.execute(NEXT_GENERATION).fetchall()[0][0])
