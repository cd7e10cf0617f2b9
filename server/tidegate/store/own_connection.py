"""A connection to the gateway's database for one thread, beside those of the store: for what few writes need.

peewee speaks to both databases. The names of Tidegate's tables differ, and so do the placeholders of values.
"""

from __future__ import annotations

from typing import Any

import peewee

from tidegate.store import backends
from tidegate.store.sqlite.changelog import META as SQLITE_META
from tidegate.store.sqlite.connection import BUSY_TIMEOUT_MS, PRAGMAS, Database, sqlite_path


def own_connection(url: str) -> peewee.Database:
    """It connects when it is first asked something, and again after it broke."""
    if backends.is_postgres(url):
        return peewee.PostgresqlDatabase(
            url.replace("postgres://", "postgresql://", 1), prefer_psycopg3=True, thread_safe=False, autoconnect=True
        )
    path = str(sqlite_path(url).resolve())
    return Database(path, pragmas=PRAGMAS, timeout=BUSY_TIMEOUT_MS / 1000, lock_type="IMMEDIATE", thread_safe=False)


def meta_table(url: str) -> str:
    """The table of Tidegate's own values, by their names."""
    if not backends.is_postgres(url):
        return SQLITE_META
    from tidegate.store.postgres.changelog import META  # noqa: PLC0415  # psycopg may not be there

    return META


def run(database: peewee.Database, sql: str, *values: object) -> Any:
    """`?` stands for a value, in both databases."""
    if isinstance(database, peewee.PostgresqlDatabase):
        sql = sql.replace("?", "%s")
    untyped: Any = database
    return untyped.execute_sql(sql, values)
