"""What Tidegate's own tables get in a transaction of a handler: who writes, and replies that are kept.

It knows the tables of both databases, and neither begins nor ends a transaction.
Invariant: every change of the transaction is logged as one of its author.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple, Protocol

import peewee

from tidegate.store.sqlite.changelog import LOG, REQUESTS

ACTOR = {False: "user", True: "actor"}
"""The column of the user in the table of kept replies, whether it is that of PostgreSQL."""


class Author(NamedTuple):
    """Who writes, as the change log has it."""

    user: str
    key: str | None


class AskedWithKey(Protocol):
    """A message with an idempotency key."""

    @property
    def user(self) -> str: ...

    @property
    def key(self) -> str: ...

    @property
    def digest(self) -> bytes: ...


def begin(database: Any, author: Author) -> int:
    """Say who writes, where the database has to know it before. Returns the head of SQLite's log."""
    of_postgres = isinstance(database, peewee.PostgresqlDatabase)
    if of_postgres:
        from tidegate.store.postgres.changelog import COMMITS  # noqa: PLC0415  # optional

        values = f"INSERT INTO {COMMITS} (xact, origin, actor) VALUES (pg_current_xact_id(), %s, %s)"
        database.execute_sql(values, [author.key, author.user])
        return 0
    ((head,),) = database.execute_sql(f"SELECT coalesce(max(seq), 0) FROM {LOG}").fetchall()
    return int(head)


def end(database: Any, author: Author, mark: int) -> None:
    """Say who wrote what SQLite's log got after `mark`."""
    of_sqlite = not isinstance(database, peewee.PostgresqlDatabase)
    if of_sqlite:
        sql = f"UPDATE {LOG} SET origin = ?, actor = ? WHERE seq > ?"
        database.execute_sql(sql, [author.key, author.user, mark])


def keep(database: Any, asked: AskedWithKey, reply: str) -> None:
    """Keep a reply. Raises peewee.IntegrityError where another one is kept under the key."""
    table, mark, more = _requests(database)
    values = [asked.user, asked.key, asked.digest, reply, int(time.time() * 1000)]
    database.execute_sql(f"INSERT INTO {table} VALUES ({', '.join([mark] * 5)}{more})", values)


def kept(database: Any, asked: AskedWithKey) -> tuple[bytes, str] | None:
    """The digest and the reply that are kept under a key."""
    table, mark, _ = _requests(database)
    where = f"{ACTOR[isinstance(database, peewee.PostgresqlDatabase)]} = {mark} AND key = {mark}"
    found = database.execute_sql(f"SELECT digest, reply FROM {table} WHERE {where}", [asked.user, asked.key]).fetchone()
    return None if found is None else (bytes(found[0]), found[1])


def _requests(database: peewee.Database) -> tuple[str, str, str]:
    """The table of kept replies with its columns, the mark of a value, and what its further columns get."""
    if isinstance(database, peewee.PostgresqlDatabase):
        from tidegate.store.postgres.changelog import REQUESTS as OF_POSTGRES  # noqa: PLC0415  # optional

        return OF_POSTGRES, "%s", ", 0"
    return REQUESTS, "?", ""
