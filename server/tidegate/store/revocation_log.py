"""The revocations of tokens in the gateway's database, where each gateway finds those of the others and of before.

They are one value in Tidegate's own table, because there are few and all are needed at once. A gateway that starts
reads it; one that runs looks every few seconds whether it has changed, in case the engine did not tell it.
Implements `core.revocations.RevocationLog`. Invariant: a revocation that was added is there until it ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import msgspec
import peewee

from tidegate.core.errors import Refused
from tidegate.core.revocations import LIMIT, Revocation
from tidegate.store.own_connection import meta_table, own_connection, run

NAME = "revoked"
AWAY = "the database cannot be asked; nothing was kept of the revocation, so revoke again"

T = TypeVar("T")


class _Value(msgspec.Struct):
    version: int = 0
    kept: list[Revocation] = []


class StoredRevocations:
    """Of one database. It has a thread; `close` ends it."""

    def __init__(self, url: str, clock: Callable[[], float] = time.time) -> None:
        """Opens no connection yet. `clock`: seconds since the Unix epoch."""
        self._database = own_connection(url)
        self._meta = meta_table(url)
        self._postgres = isinstance(self._database, peewee.PostgresqlDatabase)
        self._clock = clock
        self._seen = ""
        """How the value began that was read last: with its version."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tidegate-revocations")

    async def add(self, revocation: Revocation) -> None:
        await self._in_thread(lambda: self._add(revocation))

    async def newer(self) -> Sequence[Revocation]:
        return await self._in_thread(self._newer)

    def close(self) -> None:
        self._thread.submit(self._database.close)
        self._thread.shutdown(wait=False)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except (peewee.PeeweeException, msgspec.MsgspecError, RuntimeError) as error:
            raise Refused("unavailable", AWAY, retry_after=1.0) from error

    def _add(self, revocation: Revocation) -> None:
        with self._connected(), self._database.atomic():
            run(
                self._database,
                f"INSERT INTO {self._meta} (name, value) VALUES (?, '') ON CONFLICT DO NOTHING",
                NAME,
            )
            lock = " FOR UPDATE" if self._postgres else ""
            ((text,),) = run(self._database, f"SELECT value FROM {self._meta} WHERE name = ?{lock}", NAME).fetchall()
            value, now = _value(text), self._clock()
            kept = [one for one in value.kept if one.until > now]
            if len(kept) >= LIMIT:
                raise Refused("limit_reached", f"{LIMIT:,} revocations are kept, and none of them has ended")
            value = _Value(value.version + 1, [*kept, revocation])
            text = msgspec.json.encode(value).decode()
            run(self._database, f"UPDATE {self._meta} SET value = ? WHERE name = ?", text, NAME)

    def _newer(self) -> Sequence[Revocation]:
        with self._connected():
            sql = f"SELECT substr(value, 1, 40) FROM {self._meta} WHERE name = ?"
            found = run(self._database, sql, NAME).fetchall()
            begin = found[0][0].partition(",")[0] if found else ""
            if begin == self._seen:
                return ()
            ((text,),) = run(self._database, f"SELECT value FROM {self._meta} WHERE name = ?", NAME).fetchall()
            self._seen = text[:40].partition(",")[0]
            return _value(text).kept

    @contextlib.contextmanager
    def _connected(self) -> Iterator[None]:
        try:
            self._database.connect(reuse_if_open=True)
            yield
        except peewee.PeeweeException:
            with contextlib.suppress(peewee.PeeweeException):
                self._database.close()  # the next one connects again
            raise


def _value(text: str) -> _Value:
    return msgspec.json.decode(text, type=_Value) if text else _Value()
