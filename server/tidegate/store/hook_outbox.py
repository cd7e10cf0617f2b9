"""The outbox of webhooks in the gateway's database: the same tables and statements in SQLite and PostgreSQL.

It has its own connection, in one thread, so that a slow receiver delays no client. Implements `hooks.ports.Outbox`.
Invariant: an event is in the table from the transaction that recorded it until its receiver took it, it is dropped, or
it is dead and a person decides.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import peewee

from tidegate.hooks.events import Event
from tidegate.hooks.ports import Waiting
from tidegate.store import backends
from tidegate.store.errors import StoreError, Unmigrated
from tidegate.store.own_connection import own_connection
from tidegate.store.sqlite.connection import refuse_missing, sqlite_path

LOCK = 7_305_808_869_231_650_668
"""PostgreSQL's advisory lock of the process that sends: a number that no other program is likely to use."""
LEAD_S = 2.0
"""Seconds between two tries to become that process."""
WINDOW = 10_000
"""Of this many events of a hook that wait the first of each key are looked for."""
AT_ONCE = 500
"""Rows of one INSERT, at most: SQLite binds 32,766 values."""


class _Tables:
    """The two tables as peewee sees them, in one database."""

    def __init__(self, database: peewee.Database, schema: str | None) -> None:
        prefix = "" if schema else "tidegate_"
        about = {"database": database, "schema": schema}
        by_hook = {"indexes": ((("hook", "dead", "id"), False),)}
        self.events: Any = type("HookEvent", (peewee.Model,), {
            "id": peewee.BigAutoField() if schema else peewee.AutoField(),
            "hook": peewee.TextField(),
            "key": peewee.TextField(),
            "type": peewee.TextField(),
            "body": peewee.TextField(),
            "message": peewee.TextField(),
            "time": peewee.BigIntegerField(),
            "tries": peewee.IntegerField(default=0),
            "due": peewee.BigIntegerField(default=0),
            "problem": peewee.TextField(null=True),
            "dead": peewee.IntegerField(default=0),
            "Meta": type("Meta", (), {**about, **by_hook, "table_name": f"{prefix}hook_events"}),
        })  # fmt: skip
        self.hooks: Any = type("HookState", (peewee.Model,), {
            "hook": peewee.TextField(primary_key=True),
            "epoch": peewee.TextField(default=""),
            "seq": peewee.BigIntegerField(default=-1),
            "disabled": peewee.TextField(null=True),
            "Meta": type("Meta", (), {**about, "table_name": f"{prefix}hooks"}),
        })  # fmt: skip


class HookOutbox:
    """Of one database."""

    def __init__(self, url: str) -> None:
        """Opens no connection yet."""
        self._url = url
        self._postgres = backends.is_postgres(url)
        self._database = own_connection(url)
        self._schema = _postgres_schema() if self._postgres else None
        self._tables = _Tables(self._database, self._schema)
        self._lock_file: int | None = None
        self._leads = False
        self._tried = -LEAD_S

    def create(self) -> bool:
        """Make the tables, for `tidegate migrate`; returns whether one was missing. Raises StoreError."""
        with self._failing():
            before = set(self._database.get_tables(self._schema))
            self._database.create_tables([self._tables.events, self._tables.hooks], safe=True)
            return not {self._tables.events._meta.table_name, self._tables.hooks._meta.table_name} <= before

    def check(self) -> None:
        """Raises Unmigrated where the tables are not there, StoreError where the database cannot be asked."""
        if not self._postgres:
            refuse_missing(self._url)  # to ask SQLite would make the file
        with self._failing():
            for table in (self._tables.events, self._tables.hooks):
                if not table.table_exists():
                    raise Unmigrated("the tables of webhooks are missing; type: tidegate migrate")

    def lead(self) -> bool:
        if self._leads and (not self._postgres or not self._database.is_closed()):
            return True
        if (now := time.monotonic()) - self._tried < LEAD_S:
            return False
        self._tried, self._leads = now, self._take_lock()
        return self._leads

    def add(self, events: Sequence[Event], now: int) -> None:
        with self._database.atomic():
            self._insert(events, now)

    def position(self, hook: str) -> tuple[str, int] | None:
        found = self._tables.hooks.get_or_none(self._tables.hooks.hook == hook)
        return None if found is None or found.seq < 0 else (found.epoch, found.seq)

    def begin(self, hook: str, epoch: str, seq: int) -> None:
        table = self._tables.hooks
        table.insert(hook=hook, epoch=epoch, seq=seq).on_conflict(
            conflict_target=[table.hook], update={table.epoch: epoch, table.seq: seq}, where=table.seq < 0
        ).execute()

    def move(self, hook: str, epoch: str, seq: int, events: Sequence[Event], now: int) -> None:
        with self._database.atomic():
            self._insert(events, now)
            table = self._tables.hooks
            table.insert(hook=hook, epoch=epoch, seq=seq).on_conflict(
                conflict_target=[table.hook], update={table.epoch: epoch, table.seq: seq}
            ).execute()

    def waiting(self, hooks: Collection[str], limit: int) -> Sequence[Waiting]:
        table = self._tables.events
        return self._read(
            table.select().where(table.hook.in_(list(hooks)), table.dead == 0).order_by(table.id).limit(limit)
        )

    def due(self, hook: str, now: int, limit: int) -> Sequence[Waiting]:
        table = self._tables.events
        oldest = table.select(table.id, table.key).where(table.hook == hook, table.dead == 0)
        oldest = oldest.order_by(table.id).limit(WINDOW).alias("oldest")
        firsts = table.select(peewee.fn.MIN(oldest.c.id)).from_(oldest).group_by(oldest.c.key)
        return self._read(table.select().where(table.id.in_(firsts), table.due <= now).order_by(table.id).limit(limit))

    def count(self, hook: str) -> int:
        table = self._tables.events
        return int(table.select().where(table.hook == hook, table.dead == 0).count())

    def sent(self, id: int) -> None:
        self._tables.events.delete_by_id(id)

    def failed(self, id: int, tries: int, due: int | None, problem: str) -> None:
        changes = {"tries": tries, "problem": problem, "due": due or 0, "dead": int(due is None)}
        self._tables.events.update(**changes).where(self._tables.events.id == id).execute()

    def disabled(self) -> Mapping[str, str]:
        table = self._tables.hooks
        return {row.hook: row.disabled for row in table.select().where(table.disabled.is_null(False))}

    def disable(self, hook: str, why: str) -> None:
        self._set_disabled(hook, why)

    def enable(self, hook: str) -> None:
        self._set_disabled(hook, None)

    def dead(self, hook: str | None = None) -> Sequence[Waiting]:
        table = self._tables.events
        chosen = table.select().where(table.dead == 1)
        return self._read((chosen if hook is None else chosen.where(table.hook == hook)).order_by(table.id))

    def retry(self, ids: Collection[int], now: int) -> int:
        table = self._tables.events
        changes = {"dead": 0, "tries": 0, "due": now}
        return int(table.update(**changes).where(table.id.in_(list(ids)), table.dead == 1).execute())

    def names(self) -> Sequence[str]:
        """The hooks that the tables know, also those that the settings have no more."""
        tables = (self._tables.events, self._tables.hooks)
        return sorted({row.hook for table in tables for row in table.select(table.hook).distinct()})

    def forget(self, hook: str) -> int:
        """Drop all events of a hook and its position. Returns the number of events."""
        with self._database.atomic():
            self._tables.hooks.delete().where(self._tables.hooks.hook == hook).execute()
            return int(self._tables.events.delete().where(self._tables.events.hook == hook).execute())

    def drop(self, ids: Collection[int]) -> int:
        table = self._tables.events
        return int(table.delete().where(table.id.in_(list(ids))).execute())

    def close(self) -> None:
        self._leads = False
        if self._lock_file is not None:
            os.close(self._lock_file)
            self._lock_file = None
        with contextlib.suppress(peewee.PeeweeException):
            self._database.close()

    def _insert(self, events: Sequence[Event], now: int) -> None:
        rows = [
            {
                "hook": event.hook, "key": event.key, "type": event.type, "body": event.body.decode(),
                "message": f"msg_{secrets.token_hex(12)}", "time": now,
            }
            for event in events
        ]  # fmt: skip
        for start in range(0, len(rows), AT_ONCE):
            self._tables.events.insert_many(rows[start : start + AT_ONCE]).execute()

    def _set_disabled(self, hook: str, why: str | None) -> None:
        table = self._tables.hooks
        table.insert(hook=hook, disabled=why).on_conflict(
            conflict_target=[table.hook], update={table.disabled: why}
        ).execute()

    def _read(self, found: Any) -> list[Waiting]:
        return [
            Waiting(
                row.id, row.hook, row.key, row.type, row.body.encode(), row.message, row.time, row.tries, row.due,
                row.problem, bool(row.dead),
            )
            for row in found
        ]  # fmt: skip

    def _take_lock(self) -> bool:
        if self._postgres:
            self._database.connect(reuse_if_open=True)
            database: Any = self._database
            return bool(database.execute_sql("SELECT pg_try_advisory_lock(%s)", (LOCK,)).fetchone()[0])
        path = sqlite_path(self._url).resolve()
        if self._lock_file is None:
            self._lock_file = os.open(Path(f"{path}-hooks"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            self._database.connect(reuse_if_open=True)
            yield
        except peewee.PeeweeException as error:
            raise StoreError(f"the tables of webhooks: {str(error).strip()}") from None


def _postgres_schema() -> str:
    from tidegate.store.postgres.changelog import SCHEMA  # noqa: PLC0415  # psycopg may not be there

    return SCHEMA
